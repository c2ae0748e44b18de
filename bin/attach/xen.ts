/**
 * The vif of a domain for xl: xl-network-configuration(5). All else is a comment, so that the text may be appended to an
 * xl.cfg.
 *
 * xl's script vif-openvswitch makes the Interface row anew at every start, writes attached-mac and the VM's name and uuid
 * into it, and neither iface-id nor MTU: whoever starts the domain adds them. `vifname` makes the name known beforehand.
 */
import { type Attachment, INTEGRATION_BRIDGE } from './attachment.ts'
import { vlanNotes } from './guest.ts'

export function xen(attachment: Attachment): string[] {
  const { mac, device, deviceMtuBytes: mtu, uuid } = attachment
  const keys = [
    `mac=${mac}`,
    `bridge=${INTEGRATION_BRIDGE}`,
    'script=vif-openvswitch',
    `vifname=${device}`,
    `mtu=${mtu}`,
  ]
  return [
    `vif = ['${keys.join(',')}']`,
    '# A guest of type hvm: also type=vif, or it has an emulated NIC beside this one, which is no port.',
    '# On the host, after each start of the domain:',
    `#   ovs-vsctl set Interface ${device} external_ids:iface-id=${uuid}`,
    `#   ip link set dev ${device} mtu ${mtu}`,
    ...vlanNotes(attachment).map((line) => `# ${line}`),
  ]
}
