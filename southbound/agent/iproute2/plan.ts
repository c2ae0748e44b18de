/**
 * What the host should be like: networks and what was seen of the host -> facts. Pure. A network is a
 * bridge `weft-VNI` and a VXLAN device `vxVNI`; tagged frames come through VLAN devices.
 * Neighbours: facts.ts, filter.ts (what may pass), diff.ts (what is to be changed).
 */
import { isIPv4, isIPv6 } from 'node:net'
import type { Drop } from '../backend.ts'
import type { Desired, Member, Network } from '../desired.ts'
import type { Fault } from '../fault.ts'
import type { Facts } from './facts.ts'
import { type FilteredPort, filterOf } from './filter.ts'
import { bridgeMac, bridgeName, isUsableName, VXLAN_PORT, vlanName, vxlanName } from './names.ts'
import type { Capability, Link } from './seen.ts'

export interface Host {
  readonly capabilities: ReadonlySet<Capability>
  readonly links: ReadonlyMap<string, Link>
  readonly hasIpv6: boolean
  /** MTU of the device with the VTEP's address. */
  readonly underlayMtuBytes: number | undefined
}

export interface Plan {
  readonly facts: Facts
  readonly counters: ReadonlyMap<string, Omit<Drop, 'packets'>>
  readonly faults: readonly Fault[]
}

/** What VXLAN adds to a guest's packet: outer Ethernet left out, inner Ethernet in (RFC 7348 §5). */
const overhead = (local: string) => (isIPv4(local) ? 50 : 70)
const DEFAULT_MTU = 1500
const FLOOD = '00:00:00:00:00:00'

export function planHost(desired: Desired, host: Host): Plan {
  const facts = new Map<string, string>()
  const faults: Fault[] = []
  const networks: Network[] = []
  const ports: FilteredPort[] = []
  for (const network of desired.networks) {
    const { vni } = network
    const taken = [bridgeName(vni), vxlanName(vni)].find(
      (name) => host.links.get(name)?.isOwn === false,
    )
    if (taken !== undefined) {
      faults.push({ code: 'name_taken', subject: { kind: 'network', vni }, detail: taken })
      continue
    }
    networks.push(network)
    bridgeFacts(network, host, facts)
    tunnelFacts(network, host, facts)
    for (const member of network.members) {
      const fault = unusable(member, host)
      if (fault) {
        faults.push(fault)
        continue
      }
      const { interface: port, vid, acl } = member
      const device = vid === 0 ? port : vlanName(port, vid)
      if (vid === 0) facts.set(`master ${port}`, bridgeName(vni))
      else vlanFacts(device, member, vni, host, facts)
      ports.push({ device, port, vid, network, acl })
    }
  }
  if (host.capabilities.has('nftables')) {
    const filter = filterOf(networks, ports)
    for (const [key, value] of filter.facts) facts.set(key, value)
    return { facts, counters: filter.counters, faults: [...faults, ...filter.faults] }
  }
  for (const { port, acl } of ports) {
    const subject = { kind: 'port', name: port } as const
    if (acl.length > 0) faults.push({ code: 'anti_spoofing_unenforced', subject, detail: '' })
  }
  return { facts, counters: new Map(), faults }
}

function mtuOf({ mtuBytes, local }: Network, { underlayMtuBytes }: Host): number {
  if (mtuBytes !== undefined) return mtuBytes
  if (local === undefined || underlayMtuBytes === undefined) return DEFAULT_MTU
  return underlayMtuBytes - overhead(local)
}

function bridgeFacts(network: Network, host: Host, facts: Map<string, string>): void {
  const bridge = bridgeName(network.vni)
  facts.set(`device ${bridge}`, 'type bridge stp_state 0')
  facts.set(`link ${bridge} mtu`, `${mtuOf(network, host)}`)
  facts.set(`link ${bridge} address`, bridgeMac(network.vni))
  facts.set(`link ${bridge} addrgenmode`, 'none')
  facts.set(`link ${bridge} state`, 'up')
  facts.set(`bridge ${bridge} mcast_snooping`, '0')
  facts.set(`bridge ${bridge} vlan_filtering`, '0')
  if (network.local === undefined) return
  for (const { mac, addresses } of network.macs) {
    for (const address of addresses) {
      if (isIPv4(address) || host.hasIpv6) facts.set(`neigh ${bridge} ${address}`, mac)
    }
  }
}

function tunnelFacts(network: Network, host: Host, facts: Map<string, string>): void {
  const { vni, local } = network
  if (local === undefined) return
  const vxlan = vxlanName(vni)
  const ways = isIPv6(local) ? 'udp6zerocsumtx udp6zerocsumrx' : 'df set noudpcsum'
  facts.set(
    `device ${vxlan}`,
    `type vxlan id ${vni} local ${local} dstport ${VXLAN_PORT} nolearning ${ways}`,
  )
  facts.set(`link ${vxlan} mtu`, `${mtuOf(network, host)}`)
  facts.set(`link ${vxlan} addrgenmode`, 'none')
  facts.set(`link ${vxlan} state`, 'up')
  facts.set(`slave ${vxlan}`, bridgeName(vni))
  facts.set(`port ${vxlan} learning`, 'off')
  facts.set(`port ${vxlan} flood`, network.floodsUnknown ? 'on' : 'off')
  if (host.capabilities.has('arp_suppression')) facts.set(`port ${vxlan} neigh_suppress`, 'on')
  for (const vtep of network.flood) facts.set(`fdb ${vxlan} ${FLOOD} self ${vtep}`, 'permanent')
  for (const { mac, vteps } of network.macs) {
    const isGroup = Number.parseInt(mac.slice(1, 2), 16) % 2 === 1
    if (isGroup) {
      for (const vtep of vteps) facts.set(`fdb ${vxlan} ${mac} self ${vtep}`, 'permanent')
    } else {
      facts.set(`fdb ${vxlan} ${mac} self`, `${vteps[0]} static`)
      facts.set(`fdb ${vxlan} ${mac} master`, 'static')
    }
  }
}

function vlanFacts(
  device: string,
  { interface: port, vid }: Member,
  vni: number,
  { links }: Host,
  facts: Map<string, string>,
): void {
  facts.set(`device ${device}`, `link ${port} type vlan id ${vid}`)
  facts.set(`link ${device} mtu`, `${links.get(port)?.mtuBytes ?? DEFAULT_MTU}`)
  facts.set(`link ${device} addrgenmode`, 'none')
  facts.set(`link ${device} state`, 'up')
  facts.set(`slave ${device}`, bridgeName(vni))
}

/** Why an interface cannot be this member. */
function unusable({ interface: name, vid }: Member, host: Host): Fault | undefined {
  const subject = { kind: 'port', name } as const
  const link = host.links.get(name)
  if (!link || !isUsableName(name)) return { code: 'interface_missing', subject, detail: name }
  if (vid > 0 && !host.capabilities.has('vlan')) {
    return { code: 'vlan_unsupported', subject, detail: `${vid}` }
  }
  const use = otherUse(link, host.links)
  return use === undefined ? undefined : { code: 'interface_taken', subject, detail: use }
}

/** What an interface is for already; undefined: it may become a port, or is one. */
export function otherUse(link: Link, links: ReadonlyMap<string, Link>): string | undefined {
  if (link.isOwn) return 'made by the agent'
  if (link.isLoopback) return 'loopback'
  if (link.addresses.length > 0) return `has address ${link.addresses[0]}`
  if (link.kind === 'bridge' || link.kind === 'vxlan') return link.kind
  if (link.master !== undefined && links.get(link.master)?.isOwn !== true) {
    return `a port of ${link.master}`
  }
  return undefined
}
