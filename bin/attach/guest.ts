/** What is done to the interfaces inside of a guest: the same for all guests that have iproute2. */
import { rangeOf } from '../../controller/model/cidr.ts'
import type { Attachment, GuestVlan } from './attachment.ts'

const NIC = 'eth0'

/** Sets the guest's own address and its VLANs. @param ip how `ip` is called inside of the guest */
export function guestCommands(ip: string, attachment: Attachment): string[] {
  const { addresses, vlans } = attachment
  return [
    `${ip} link set dev lo up`,
    `${ip} link set dev ${NIC} up`,
    ...addresses.map((address) => `${ip} address add ${address} dev ${NIC}`),
    ...routeCommands(ip, attachment),
    ...vlans.flatMap((vlan) => vlanCommands(ip, vlan)),
  ]
}

/** The NIC of a trunk is as large as the largest of its VLANs; what it sends untagged must not be. */
function routeCommands(ip: string, { addresses, mtuBytes, deviceMtuBytes }: Attachment): string[] {
  if (mtuBytes === deviceMtuBytes) return []
  return addresses.map((address) => {
    const [own] = address.split('/')
    const { canonical } = rangeOf(address)
    return `${ip} route replace ${canonical} dev ${NIC} src ${own} mtu ${mtuBytes}`
  })
}

/** A VLAN device of the guest, which is a sub-port. */
function vlanCommands(ip: string, { vid, mac, mtuBytes, addresses }: GuestVlan): string[] {
  const device = `${NIC}.${vid}`
  return [
    `${ip} link add link ${NIC} name ${device} address ${mac} mtu ${mtuBytes} type vlan id ${vid}`,
    `${ip} link set dev ${device} up`,
    ...addresses.map((address) => `${ip} address add ${address} dev ${device}`),
  ]
}

/** A sentence per sub-port and the commands for a Linux guest, to be put into comments; empty without sub-ports. */
export function vlanNotes(attachment: Attachment): string[] {
  const { key, network, mtuBytes, deviceMtuBytes, vlans } = attachment
  const smaller = [
    `Inside the guest untagged is ${key}, whose network ${network.id} takes ${mtuBytes} bytes, not ${deviceMtuBytes}:`,
    ...routeCommands('ip', attachment).map((line) => `  ${line}`),
  ]
  return [
    ...(mtuBytes < deviceMtuBytes ? smaller : []),
    ...vlans.flatMap((vlan) => [
      `Inside the guest (its NIC called ${NIC}) VLAN ${vlan.vid} is ${vlan.key}:`,
      ...vlanCommands('ip', vlan).map((line) => `  ${line}`),
    ]),
  ]
}

/** Of a vtep host that none of these networks is on yet: the controller cannot say whether it leads to where they are. */
export function segmentNotes({ hostKind, hostId, network, vlans }: Attachment): string[] {
  if (hostKind === 'ovs' || hostId === undefined) return []
  const unseen = [network, ...vlans.map((vlan) => vlan.network)].filter(
    ({ type, status }) => type !== 'vxlan' && status?.hosts?.[hostId] === undefined,
  )
  return [...new Set(unseen.map(({ physicalNetwork }) => physicalNetwork))].map(
    (id) =>
      `${hostId} has to have a bridge to physical network ${id}: status of the port says so if it has none.`,
  )
}
