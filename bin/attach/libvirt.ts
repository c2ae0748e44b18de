/**
 * An <interface> for the <devices> of a domain, also a document of its own: `virsh attach-device DOMAIN FILE --persistent`.
 * libvirt, Domain XML format, "Network interfaces".
 *
 * Hosts of kind ovs: libvirt itself writes `interfaceid` into external_ids:iface-id. Hosts of kind vtep: the agent goes by
 * the ifalias, which libvirt cannot set; so the tap is made beforehand (`managed='no'`) and has it before the guest starts.
 */
import { type Attachment, INTEGRATION_BRIDGE } from './attachment.ts'
import { segmentNotes, vlanNotes } from './guest.ts'

export function libvirt(attachment: Attachment): string[] {
  const { hostKind, mac, uuid, device, deviceMtuBytes } = attachment
  const isOvs = hostKind === 'ovs'
  const place = isOvs
    ? [
        `  <source bridge='${INTEGRATION_BRIDGE}'/>`,
        `  <virtualport type='openvswitch'>`,
        `    <parameters interfaceid='${uuid}'/>`,
        '  </virtualport>',
      ]
    : [`  <target dev='${device}' managed='no'/>`]
  return [
    ...comment([
      ...(isOvs ? [] : tapNotes(attachment)),
      ...vlanNotes(attachment),
      ...segmentNotes(attachment),
    ]),
    `<interface type='${isOvs ? 'bridge' : 'ethernet'}'>`,
    `  <mac address='${mac}'/>`,
    ...place,
    `  <model type='virtio'/>`,
    `  <mtu size='${deviceMtuBytes}'/>`,
    '</interface>',
  ]
}

function tapNotes({ hostId = 'the host', device, deviceMtuBytes, uuid, boundBy }: Attachment) {
  const alias = boundBy === 'ifalias' ? ` alias ${uuid}` : ''
  return [
    `Before the guest starts, as root, once after each boot of ${hostId}:`,
    `  ip tuntap add dev ${device} mode tap`,
    `  ip link set dev ${device} mtu ${deviceMtuBytes}${alias}`,
    `  ip link set dev ${device} up`,
  ]
}

/** Two hyphens, which ids may have, would end a comment of XML. */
function comment(lines: readonly string[]): string[] {
  if (lines.length === 0) return []
  return ['<!--', ...lines.map((line) => `  ${line.replaceAll('--', '- -')}`), '-->']
}
