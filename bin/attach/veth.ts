/** An interface of a namespace and its other end on the host: what netns.ts and docker.ts have in common. */
import { type Attachment, INTEGRATION_BRIDGE } from './attachment.ts'
import { segmentNotes } from './guest.ts'

/** Makes both ends and binds the host's. @param namespace a name or a pid, as `ip link` takes them */
export function vethCommands(namespace: string, attachment: Attachment): string[] {
  const { device, deviceMtuBytes: mtu, mac } = attachment
  return [
    `ip link add ${device} mtu ${mtu} type veth peer name eth0 address ${mac} mtu ${mtu} netns ${namespace}`,
    ...bindCommands(attachment),
    `ip link set dev ${device} up`,
  ]
}

function bindCommands({ boundBy, device, uuid, mac }: Attachment): string[] {
  if (boundBy === 'name') return []
  if (boundBy === 'ifalias') return [`ip link set dev ${device} alias ${uuid}`]
  return [
    `ovs-vsctl --may-exist add-port ${INTEGRATION_BRIDGE} ${device}` +
      ` -- set Interface ${device} external_ids:iface-id=${uuid} 'external_ids:attached-mac="${mac}"'`,
  ]
}

/** Comments: what one datapath needs beside, and how all of it is taken back. */
export function vethNotes(inside: string, remove: string, attachment: Attachment): string[] {
  const { boundBy, device } = attachment
  const checksums = [
    '# Open vSwitch with datapath_type=netdev needs whole checksums, or TCP never connects:',
    `# ${inside} ethtool -K eth0 tx off`,
  ]
  const unplug =
    boundBy === 'iface-id' ? ` && ovs-vsctl del-port ${INTEGRATION_BRIDGE} ${device}` : ''
  return [
    ...(boundBy === 'iface-id' ? checksums : []),
    ...segmentNotes(attachment).map((line) => `# ${line}`),
    `# Undo: ${remove}${unplug}`,
  ]
}
