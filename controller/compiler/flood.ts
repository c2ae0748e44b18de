/**
 * Groups that flood a network: to the ports of it on a host, to the VTEPs of its other hosts, to the physical network. The
 * VTEPs are one list for all hosts of the network, from which each leaves out its own when its group is sent: a host that
 * comes to a network of 1,000 costs one list, not 1,000 groups of 1,000 buckets. Neighbour: `network-units.ts`.
 */
import type { Action } from '../../southbound/openflow/action.ts'
import { sameBytes } from '../../southbound/openflow/flow.ts'
import { encodeGroup, type GroupBytes, groupType } from '../../southbound/openflow/group.ts'
import { type Families, tunnelBetween, type Vtep } from '../model/tunnel.ts'
import { groupItemId } from './items.ts'
import { ensure } from './maps.ts'
import { output, resubmit, set } from './parts.ts'
import type { Derivation, GroupItem, Item, PlacedAt } from './program.ts'
import { register, TUNNEL_OFPORT, table } from './stages.ts'
import { toVtep } from './ways.ts'

/** Buckets to the hosts of a network, in the order of their VTEPs; the bucket of `hosts[i]` ends at `ends[i]`. */
export interface Peers {
  readonly hosts: readonly string[]
  readonly ends: readonly number[]
  readonly buckets: Uint8Array
}

/** Hosts with addresses that stand for any like them. */
const likeThem: { readonly [F in Families]: Vtep } = {
  4: { vtepAddress: '192.0.2.0' },
  6: { vtepAddress: '2001:db8::' },
  46: { vtepAddress: '192.0.2.0', alternateVtepAddress: '2001:db8::' },
}

export const peersKey = (families: Families, network: string): string => `${families} ${network}`

/** All hosts of a network whom one of these families reaches, itself too. */
export const peers: Derivation<Peers> = {
  name: 'peers',
  run(view, key) {
    const space = key.indexOf(' ')
    const self = likeThem[key.slice(0, space) as Families]
    const reached: { host: string; vtep: string }[] = []
    for (const host of view.index('hostsOfNetwork', key.slice(space + 1))) {
      const peer = view.get('host', host)
      const tunnel = peer && tunnelBetween(self, peer)
      if (tunnel) reached.push({ host, vtep: tunnel.remote })
    }
    reached.sort((a, b) => (a.vtep < b.vtep ? -1 : 1))
    const parts = reached.map(({ vtep }) => bucketTo(vtep))
    let end = 0
    const ends = parts.map(({ length }) => (end += length))
    return { hosts: reached.map(({ host }) => host), ends, buckets: Buffer.concat(parts) }
  },
  same: (a, b) => sameBytes(a.buckets, b.buckets) && a.hosts.join() === b.hosts.join(),
}

/** Encoded once for all networks; hosts are few. */
const bucketsTo = new Map<string, Uint8Array>()
const KEPT = 10_000

function bucketTo(vtep: string): Uint8Array {
  if (bucketsTo.size > KEPT) bucketsTo.clear()
  return ensure(bucketsTo, vtep, () => encodeBuckets([[toVtep(vtep), output(TUNNEL_OFPORT)]]))
}

/** Key: network and host, as in the index. */
export const localBuckets: Derivation<Uint8Array> = {
  name: 'localBuckets',
  run(view, key) {
    const ports: LocalPort[] = []
    for (const port of view.index('portsOfNetworkOnHost', key)) {
      const place = view.get('placement', port)
      if (place && place.at.kind !== 'vtep') ports.push({ ...place.at, number: place.port.number })
    }
    // In ascending order, so that the same ports give the same bytes.
    ports.sort((a, b) => a.ofport - b.ofport || (a.vid ?? 0) - (b.vid ?? 0))
    return encodeBuckets(ports.map(toLocalPort))
  },
  same: sameBytes,
}

type LocalPort = Exclude<PlacedAt, { kind: 'vtep' }> & { readonly vid?: number; number: number }

/** To a sub-port by the flow that counts what it gets; the others have an interface that counts. */
function toLocalPort({ ofport, vid, number }: LocalPort): Action[] {
  if (vid === undefined) return [output(ofport)]
  return [set(register.destination, number), resubmit(table.output)]
}

export function encodeBuckets(buckets: readonly (readonly Action[])[]): Uint8Array {
  if (buckets.length === 0) return none
  return encodeGroup({ group_id: 0, group_type: groupType.all, buckets }).buckets.slice()
}
const none = new Uint8Array()

/** A group of type all whose bytes are put together when somebody asks for them. */
export class FloodGroup implements GroupItem {
  readonly id: string
  readonly from: readonly string[]
  readonly #groupId: number
  readonly #self: string
  readonly #before: Uint8Array
  readonly #peers: Peers | undefined
  readonly #after: Uint8Array

  /** @param self the host whose group it is, which is left out of `peers` */
  constructor(
    from: readonly string[],
    groupId: number,
    self: string,
    buckets: { before: Uint8Array; peers?: Peers | undefined; after?: Uint8Array },
  ) {
    this.id = groupItemId(groupId)
    this.from = from
    this.#groupId = groupId
    this.#self = self
    this.#before = buckets.before
    this.#peers = buckets.peers
    this.#after = buckets.after ?? none
  }

  get kind(): 'group' {
    return 'group'
  }

  get cookie(): bigint {
    return 0n
  }

  get bytes(): Uint8Array {
    const [from, to] = this.#own
    const { buckets } = this.#peers ?? nobody
    const others = [buckets.subarray(0, from), buckets.subarray(to)]
    return Buffer.concat([this.#before, ...others, this.#after])
  }

  get group(): GroupBytes {
    return { group_id: this.#groupId, group_type: groupType.all, buckets: this.bytes }
  }

  hasBytesOf(other: Item): boolean {
    if (!(other instanceof FloodGroup)) return sameBytes(this.bytes, other.bytes)
    const isSameList = this.#peers === other.#peers && this.#self === other.#self
    if (isSameList && this.#before === other.#before && this.#after === other.#after) return true
    return this.#length === other.#length && sameBytes(this.bytes, other.bytes)
  }

  get #length(): number {
    const [from, to] = this.#own
    const others = (this.#peers?.buckets.length ?? 0) - (to - from)
    return this.#before.length + others + this.#after.length
  }

  /** Where the bucket of the host itself is among all. */
  get #own(): readonly [from: number, to: number] {
    const { hosts, ends } = this.#peers ?? nobody
    const own = hosts.indexOf(this.#self)
    return own < 0 ? [0, 0] : [ends[own - 1] ?? 0, ends[own] ?? 0]
  }
}

const nobody: Peers = { hosts: [], ends: [], buckets: none }
