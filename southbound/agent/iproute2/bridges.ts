/**
 * Bridges to physical networks: what was asked for and what was seen of the host -> facts. Pure.
 *
 *   eth1 ── br-office ── weft-qX ═ veth ═ weft-pX ── weft-N       of a flat network
 *                                            └── weft-vY (VLAN device) ── weft-M       of one with a VID
 *
 * The pair is what a patch port is on Open vSwitch; networks see `weft-pX` where a Member names the bridge. A bridge has
 * one uplink: with two it would be a loop, for nobody here speaks a protocol against those. What the host
 * has of its own is never taken: a device of the bridge's name, an uplink that is something else already.
 * Neighbours: plan.ts calls, filter.ts fences, names.ts knows our own again.
 */
import type { Desired, Network } from '../desired.ts'
import type { Fault, FaultCode } from '../fault.ts'
import { formatSpan, type PhysicalBridge } from '../physical-bridge.ts'
import { patchDevice } from './facts.ts'
import { isOwnName, isUsableName, patchNames, physicalMac } from './names.ts'
import type { Capability, Link } from './seen.ts'

/** Where networks meet a bridge. */
export interface Patch {
  /** In place of the interface of a Member. */
  readonly device: string
  readonly mtuBytes: number
}

/** An uplink that carries some VIDs only, as nft writes them. */
export interface Trunk {
  readonly uplink: string
  readonly bridge: string
  readonly vids: string
}

export interface PlannedBridges {
  readonly facts: ReadonlyMap<string, string>
  readonly faults: readonly Fault[]
  /** By name of the bridge; of those that are there or will be. */
  readonly patches: ReadonlyMap<string, Patch>
  /** What is not to be a port of a network: uplink -> bridge. */
  readonly uplinks: ReadonlyMap<string, string>
  /** Devices between which and the host nothing passes. */
  readonly fenced: readonly string[]
  readonly trunks: readonly Trunk[]
  /** Whose device this is: a bridge of ours by name of the device. */
  readonly owners: ReadonlyMap<string, string>
}

type Links = ReadonlyMap<string, Link>
const DEFAULT_MTU = 1500

export function planBridges(
  { bridges, networks }: Desired,
  { links, capabilities }: { links: Links; capabilities: ReadonlySet<Capability> },
): PlannedBridges {
  const facts = new Map<string, string>()
  const faults: Fault[] = []
  const patches = new Map<string, Patch>()
  const uplinks = new Map<string, string>()
  const fenced: string[] = []
  const trunks: Trunk[] = []
  const owners = new Map<string, string>()
  const used = new Set(
    networks.flatMap(({ members }) =>
      members.flatMap(({ interface: name, vid }) =>
        vid === 0 || capabilities.has('vlan') ? [name] : [],
      ),
    ),
  )
  for (const bridge of bridges) {
    const { name, isOurs, mtuBytes, vids } = bridge
    const fault = (code: FaultCode, detail: string) =>
      void faults.push({ code, subject: { kind: 'bridge', name }, detail })
    const taken = unusableBridge(bridge, links)
    if (taken) {
      fault(...taken)
      continue
    }
    owners.set(name, name)
    if (isOurs) bridgeFacts(bridge, facts)
    let active: string | undefined
    for (const uplink of bridge.uplinks) {
      const holder = bridges.find((other) => other.name === links.get(uplink)?.master)
      const isHeld = holder !== undefined && holder !== bridge && holder.uplinks.includes(uplink)
      const objection: Objection | undefined = isHeld
        ? ['uplink_taken', `${uplink} is a port of ${holder.name}`]
        : unusableUplink(uplink, name, links, uplinks)
      if (objection) {
        fault(...objection)
        continue
      }
      if (active !== undefined) {
        fault('uplinks_loop', `${uplink} besides ${active}`)
        continue
      }
      active = uplink
      uplinks.set(uplink, name)
      owners.set(uplink, name)
      fenced.push(uplink)
      if (vids) {
        const spans = ['0', ...vids.map(formatSpan)].join(', ')
        trunks.push({ uplink, bridge: name, vids: spans })
      }
      facts.set(`found ${uplink}`, links.get(uplink)?.found ?? '')
      if (mtuBytes !== undefined) facts.set(`uplink ${uplink} mtu`, `${mtuBytes}`)
      facts.set(`uplink ${uplink} state`, 'up')
      facts.set(`master ${uplink}`, name)
    }
    const { near, far } = patchNames(name)
    const carried = mtuBytes ?? links.get(name)?.mtuBytes ?? DEFAULT_MTU
    const patch = { device: near, mtuBytes: carried }
    patches.set(name, patch)
    if (!used.has(name)) continue
    if (isOurs) fenced.push(far)
    for (const end of [near, far]) owners.set(end, name)
    const members = networks.filter((each) => each.members.some((of) => of.interface === name))
    const needed = Math.max(...members.map((each) => patchMtu(each, patch)))
    patchFacts(name, { [near]: needed, [far]: carried }, facts)
  }
  return { facts, faults, patches, uplinks, fenced, trunks, owners }
}

function bridgeFacts({ name, mtuBytes }: PhysicalBridge, facts: Map<string, string>): void {
  facts.set(`device ${name}`, 'type bridge stp_state 0')
  if (mtuBytes !== undefined) facts.set(`link ${name} mtu`, `${mtuBytes}`)
  facts.set(`link ${name} address`, physicalMac(name))
  facts.set(`link ${name} addrgenmode`, 'none')
  facts.set(`link ${name} state`, 'up')
  facts.set(`bridge ${name} mcast_snooping`, '0')
  facts.set(`bridge ${name} vlan_filtering`, '0')
  // It has an uplink and a patch port: flooding is forwarding, and what is not learned cannot be forged.
  facts.set(`bridge ${name} ageing_time`, '0')
}

/** What a network has of a patch: no packet that is longer than its own leaves by it. Bytes. */
export function patchMtu({ mtuBytes, vlanTransparent }: Network, patch: Patch): number {
  // Tags are not told apart from what is longer.
  return vlanTransparent || mtuBytes === undefined
    ? patch.mtuBytes
    : Math.min(mtuBytes, patch.mtuBytes)
}

/** @param mtuBytes of the near end, then of the far one, by name */
function patchFacts(
  bridge: string,
  mtuBytes: Readonly<Record<string, number>>,
  facts: Map<string, string>,
): void {
  const [near = '', far = ''] = Object.keys(mtuBytes)
  facts.set(`device ${near}`, patchDevice(far))
  for (const [end, bytes] of Object.entries(mtuBytes)) {
    facts.set(`link ${end} mtu`, `${bytes}`)
    facts.set(`link ${end} addrgenmode`, 'none')
    facts.set(`link ${end} state`, 'up')
  }
  facts.set(`slave ${far}`, bridge)
}

type Objection = [code: FaultCode, detail: string]

function unusableBridge({ name, isOurs }: PhysicalBridge, links: Links): Objection | undefined {
  const link = links.get(name)
  if (!isUsableName(name) || isOwnName(name)) return ['bridge_invalid', name]
  if (isOurs) return link?.isOwn === false ? ['bridge_taken', name] : undefined
  return link?.kind === 'bridge' && !link.isOwn ? undefined : ['bridge_missing', name]
}

function unusableUplink(
  name: string,
  bridge: string,
  links: Links,
  claimed: ReadonlyMap<string, string>,
): Objection | undefined {
  const link = links.get(name)
  if (!link || !isUsableName(name)) return ['uplink_missing', name]
  const use = useOf(link, bridge, links, claimed)
  return use === undefined ? undefined : ['uplink_taken', `${name} ${use}`]
}

/** What an interface is for, other than to be an uplink of this bridge. */
function useOf(
  { name, isOwn, isLoopback, addresses, carries, kind, master }: Link,
  bridge: string,
  links: Links,
  claimed: ReadonlyMap<string, string>,
): string | undefined {
  const other = claimed.get(name)
  if (other !== undefined) return `is an uplink of ${other}`
  if (isOwn) return 'was made by the agent'
  if (isLoopback) return 'is the loopback'
  if (addresses.length > 0) return `has address ${addresses[0]}`
  if (carries !== undefined) return `carries ${carries}`
  if (kind === 'bridge') return 'is a bridge'
  if (master === undefined || master === bridge) return undefined
  // From another bridge to a physical network of ours it may move.
  const isOurs = links.get(master)?.isOwn === true && !isOwnName(master)
  return isOurs ? undefined : `is a port of ${master}`
}

/**
 * Ports by which a bridge of the host's own leads out. Guests of the host may be on it too: their taps are left out, and
 * pairs of namespaces where there is something else.
 */
export function outwardLinks(links: Links, bridge: string): readonly Link[] {
  const others = [...links.values()].filter(
    ({ master, isOwn, kind }) => master === bridge && !isOwn && kind !== 'tun',
  )
  const wired = others.filter(({ kind }) => kind !== 'veth')
  return wired.length > 0 ? wired : others
}
