/**
 * PowerShell for a Hyper-V host whose switch has the Open vSwitch extension: the port of that switch gets a name, and
 * Open vSwitch knows the VM's NIC by it (Open vSwitch on Windows, "Add virtual interfaces"; its module OVS.psm1).
 */
import { type Attachment, INTEGRATION_BRIDGE, nameOf, segmentOf } from './attachment.ts'

/** Sizes of frames that the NIC of a Hyper-V guest can be set to take beside the usual 1514 bytes. */
const jumboFrameBytes = [4088, 9014] as const
const ETHERNET_HEADER_BYTES = 14

export function hyperv(attachment: Attachment): string[] {
  const { key, mac, uuid, device, vlans } = attachment
  const vids = vlans.map(({ vid }) => vid).join(',')
  const tags =
    vlans.length > 0 ? `-Trunk -AllowedVlanIdList '${vids}' -NativeVlanId 0` : '-Untagged'
  return [
    '# Names of yours: the VM, which is off because its MAC is set; the Hyper-V switch with the Open vSwitch extension.',
    `$vm = '${nameOf(key)}'`,
    "$switch = 'OVS-Extended-Switch'",
    '# A module of Open vSwitch, in its folder datapath-windows\\misc.',
    'Import-Module .\\OVS.psm1',
    '$nic = @(Get-VMNetworkAdapter -VMName $vm)[0]',
    `Set-VMNetworkAdapter -VMNetworkAdapter $nic -StaticMacAddress ${mac.replaceAll(':', '')}`,
    `Set-VMNetworkAdapterVlan -VMNetworkAdapter $nic ${tags}`,
    'Disconnect-VMNetworkAdapter -VMNetworkAdapter $nic',
    `$nic | Set-VMNetworkAdapterOVSPort -OVSPortName ${device}`,
    'Connect-VMNetworkAdapter -VMNetworkAdapter $nic -SwitchName $switch',
    `ovs-vsctl --may-exist add-port ${INTEGRATION_BRIDGE} ${device}`,
    `ovs-vsctl set Interface ${device} external_ids:iface-id=${uuid}`,
    ...mtuNotes(attachment),
    ...vlans.map(({ vid, key: port }) => `# Inside the guest VLAN ${vid} is ${port}.`),
    ...plainSwitchNotes(attachment),
  ]
}

function mtuNotes({ deviceMtuBytes }: Attachment): string[] {
  const frame = deviceMtuBytes + ETHERNET_HEADER_BYTES
  const jumbo = jumboFrameBytes.find((bytes) => bytes >= frame) ?? jumboFrameBytes[1]
  const mtu = Math.min(deviceMtuBytes, jumboFrameBytes[1] - ETHERNET_HEADER_BYTES)
  return [
    `# Inside the guest, for its MTU${mtu < deviceMtuBytes ? ` (of ${deviceMtuBytes} such a NIC takes ${mtu})` : ''}:`,
    ...(mtu > 1500
      ? [
          `#   Set-NetAdapterAdvancedProperty -Name Ethernet -RegistryKeyword '*JumboPacket' -RegistryValue ${jumbo}`,
        ]
      : []),
    `#   netsh interface ipv4 set subinterface Ethernet mtu=${mtu} store=persistent`,
  ]
}

/** A network on a physical one reaches a Hyper-V switch without Open vSwitch too, which then tags by itself. */
function plainSwitchNotes({ network, vlans }: Attachment): string[] {
  const segment = segmentOf(network)
  if (!segment || vlans.length > 0) return []
  const mode = segment.vid === undefined ? '-Untagged' : `-Access -VlanId ${segment.vid}`
  return [
    `# Instead, on a Hyper-V switch without Open vSwitch whose uplink is on ${segment.physicalNetwork} (Weft then sees no port):`,
    `#   Set-VMNetworkAdapterVlan -VMNetworkAdapter $nic ${mode}`,
  ]
}
