/**
 * What the host should be like: networks and what was seen of the host -> facts. Pure. A network is a
 * bridge `weft-VNI` and a VXLAN device `vxVNI`; tagged frames come through VLAN devices.
 * Neighbours: facts.ts, bridges.ts (to physical networks), filter.ts (what may pass), diff.ts (what is to be changed).
 */
import { isIPv4, isIPv6 } from 'node:net'
import type { Drop } from '../backend.ts'
import type { Desired, Member, Network } from '../desired.ts'
import type { Fault } from '../fault.ts'
import { type PlannedBridges, patchMtu, planBridges } from './bridges.ts'
import type { Facts } from './facts.ts'
import { type FilteredPort, filterOf } from './filter.ts'
import {
  bridgeMac,
  bridgeName,
  isOwnName,
  isUsableName,
  sinkName,
  VXLAN_PORT,
  vlanName,
  vxlanName,
} from './names.ts'
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
  readonly shown: ReadonlyMap<string, Omit<Drop, 'packets'>>
  readonly faults: readonly Fault[]
  readonly bridges: PlannedBridges
}

/** What VXLAN adds to a guest's packet: outer Ethernet left out, inner Ethernet in (RFC 7348 §5). */
const overhead = (local: string) => (isIPv4(local) ? 50 : 70)
const DEFAULT_MTU = 1500
const FLOOD = '00:00:00:00:00:00'

export function planHost(desired: Desired, host: Host): Plan {
  const bridges = planBridges(desired, host)
  const facts = new Map(bridges.facts)
  const faults = [...bridges.faults]
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
      const { interface: port, vid, acl } = member
      const patch = bridges.patches.get(port)
      const carried = patch && unfit(network, member, patch.mtuBytes)
      if (carried) faults.push(carried)
      const fault = patch
        ? vid > 0 && !host.capabilities.has('vlan') && noVlans(network, member)
        : unusable(member, host, bridges)
      if (fault) {
        faults.push(fault)
        continue
      }
      const under = patch?.device ?? port
      const mtuBytes = patch
        ? patchMtu(network, patch)
        : (host.links.get(port)?.mtuBytes ?? DEFAULT_MTU)
      const device = vid === 0 ? under : vlanName(under, vid)
      if (vid > 0) vlanFacts(device, { under, vid, vni, mtuBytes }, facts)
      else facts.set(`${patch ? 'slave' : 'master'} ${under}`, bridgeName(vni))
      ports.push({ device, port, vid, network, mtuBytes: mtuOf(network, host), acl })
    }
  }
  const stranded = strandedOf(ports, bridges, facts)
  for (const device of stranded) sinkFacts(device, facts)
  if (host.capabilities.has('nftables')) {
    const filter = filterOf(networks, ports, { ...bridges, stranded })
    for (const [key, value] of filter.facts) facts.set(key, value)
    const { counters, shown } = filter
    return { facts, counters, shown, faults: [...faults, ...filter.faults], bridges }
  }
  for (const { bridge, uplink } of bridges.trunks) {
    const subject = { kind: 'bridge', name: bridge } as const
    faults.push({ code: 'trunk_unenforced', subject, detail: uplink })
  }
  for (const { port, acl } of ports) {
    const subject = { kind: 'port', name: port } as const
    if (acl.length > 0) faults.push({ code: 'anti_spoofing_unenforced', subject, detail: '' })
  }
  return { facts, counters: new Map(), shown: new Map(), faults, bridges }
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
      // Sticky: a frame that comes in elsewhere with that sender does not move it there.
      facts.set(`fdb ${vxlan} ${mac} master`, 'static sticky')
    }
  }
}

function vlanFacts(
  device: string,
  { under, vid, vni, mtuBytes }: { under: string; vid: number; vni: number; mtuBytes: number },
  facts: Map<string, string>,
): void {
  facts.set(`device ${device}`, `link ${under} type vlan id ${vid}`)
  facts.set(`link ${device} mtu`, `${mtuBytes}`)
  facts.set(`link ${device} addrgenmode`, 'none')
  facts.set(`link ${device} state`, 'up')
  facts.set(`slave ${device}`, bridgeName(vni))
}

/** Devices that are up and in no bridge: tagged frames of theirs are of networks, the others of nobody. */
function strandedOf(
  ports: readonly FilteredPort[],
  { patches }: PlannedBridges,
  facts: Facts,
): string[] {
  const near = [...patches.values()].map(({ device }) => device)
  const under = ports.filter(({ port, vid }) => vid > 0 && !patches.has(port))
  const stranded = [
    ...near.filter((name) => facts.has(`device ${name}`) && !facts.has(`slave ${name}`)),
    ...under.map(({ port }) => port).filter((name) => !facts.has(`master ${name}`)),
  ]
  return [...new Set(stranded)]
}

function sinkFacts(device: string, facts: Map<string, string>): void {
  const sink = sinkName(device)
  facts.set(`device ${sink}`, 'type bridge stp_state 0')
  facts.set(`link ${sink} addrgenmode`, 'none')
  facts.set(`link ${sink} state`, 'down')
  facts.set(`${isOwnName(device) ? 'slave' : 'master'} ${device}`, sink)
}

/** A bridge of the host's own, which is as large as it is. */
function unfit(
  { vni, mtuBytes = 0 }: Network,
  { interface: bridge }: Member,
  carried: number,
): Fault | undefined {
  if (mtuBytes <= carried) return undefined
  const detail = `${bridge} carries ${carried} of ${mtuBytes}`
  return { code: 'bridge_mtu_too_small', subject: { kind: 'network', vni }, detail }
}

/** The other networks of a bridge go on without this one. */
function noVlans({ vni }: Network, { interface: bridge, vid }: Member): Fault {
  const subject = { kind: 'network', vni } as const
  return { code: 'vlan_unsupported', subject, detail: `VID ${vid} of ${bridge}` }
}

/** Why an interface cannot be this member. */
function unusable(
  { interface: name, vid }: Member,
  host: Host,
  { uplinks }: PlannedBridges,
): Fault | undefined {
  const subject = { kind: 'port', name } as const
  const link = host.links.get(name)
  if (!link || !isUsableName(name)) return { code: 'interface_missing', subject, detail: name }
  if (vid > 0 && !host.capabilities.has('vlan')) {
    return { code: 'vlan_unsupported', subject, detail: `${vid}` }
  }
  const bridge = uplinks.get(name)
  const use = bridge === undefined ? otherUse(link, host.links) : `an uplink of ${bridge}`
  return use === undefined ? undefined : { code: 'interface_taken', subject, detail: use }
}

/** What an interface is for already; undefined: it may become a port, or is one. */
export function otherUse(link: Link, links: ReadonlyMap<string, Link>): string | undefined {
  if (link.isOwn) return 'made by the agent'
  if (link.isLoopback) return 'loopback'
  if (link.addresses.length > 0) return `has address ${link.addresses[0]}`
  if (link.carries !== undefined) return `carries ${link.carries}`
  if (link.kind === 'bridge' || link.kind === 'vxlan') return link.kind
  const { master } = link
  if (master === undefined) return undefined
  const isNetwork = links.get(master)?.isOwn === true && isOwnName(master)
  return isNetwork ? undefined : `a port of ${master}`
}
