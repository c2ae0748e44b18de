/**
 * Places of one network that are realized and still do not reach each other: hosts whose VTEPs have no family of addresses
 * in common, and ports inside one trunk, since a switch gives no frame back to the port that it came by. The model takes
 * both, for each may be the step of a change; the status says so. Neighbour: `status.ts`.
 */
import type { Placement } from '../compiler/program.ts'
import type { Network, Port } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { type Families, familiesOf } from '../model/tunnel.ts'

/** How many names a reason has before it counts the rest. */
const NAMED = 5

type Apart = (hostId: string) => readonly string[]
const none: Apart = () => []
/** Of a page of ports, most are in networks that were asked for just before. */
const known = new WeakMap<Snapshot, WeakMap<object, Apart>>()

/**
 * The hosts among `hosts` that a host has no tunnel to, by that host; it costs by the hosts, not by their pairs.
 * @param hosts as the compiler has them for the snapshot; asked for again, it costs nothing
 */
export function hostsApart(
  snapshot: Snapshot,
  network: Network,
  hosts: ReadonlySet<string> | readonly string[],
): Apart {
  if (network.type !== 'vxlan') return none
  const ofSnapshot = known.get(snapshot) ?? new WeakMap<object, Apart>()
  known.set(snapshot, ofSnapshot)
  const before = ofSnapshot.get(hosts)
  if (before) return before
  const apart = apartAmong(snapshot, hosts)
  ofSnapshot.set(hosts, apart)
  return apart
}

function apartAmong(snapshot: Snapshot, hosts: Iterable<string>): Apart {
  const having: Record<Families, string[]> = { '4': [], '6': [], '46': [] }
  const families = new Map<string, Families>()
  for (const id of hosts) {
    const host = snapshot.get('host', id)
    if (!host) continue
    families.set(id, familiesOf(host))
    having[familiesOf(host)].push(id)
  }
  const others = { '4': having['6'], '6': having['4'], '46': [] }
  return (hostId) => others[families.get(hostId) ?? '46']
}

/**
 * Keys of the ports of the same network that share a trunk with this one, on hosts of kind ovs; of a port that is nowhere
 * yet those that will, if such a host has them.
 */
export function portsApart(
  snapshot: Snapshot,
  port: Port,
  placementOf: (key: string) => Placement | undefined,
): string[] {
  const { tenant, id, parent = id, network } = port
  // VLAN devices of a Linux bridge are ports of their own, which do reach each other.
  if (placementOf(`${tenant}/${id}`)?.at.kind === 'vtep') return []
  const trunk = `${tenant}/${parent}`
  const keys = [trunk]
  for (const by of snapshot.find('referrer', `port ${trunk}`)) keys.push(by.replace('port ', ''))
  return keys.filter(
    (key) => key !== `${tenant}/${id}` && snapshot.get('port', key)?.network === network,
  )
}

/** `no_common_family (h1, h2)`; undefined where there is nobody. */
export function apartFrom(reason: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : ''
  return `${reason} (${names.slice(0, NAMED).join(', ')}${more})`
}
