/**
 * The language of the compiler: inputs, indexes, units, items. `units.ts` is the program written in it; `engine.ts`
 * runs it incrementally and `full.ts` from scratch. No clock, no I/O: the same inputs give the same items.
 */
import type { FlowBytes } from '../../southbound/openflow/flow.ts'
import type { GroupBytes } from '../../southbound/openflow/group.ts'
import type { Host, Network, Port } from '../model/schema.ts'

/** Where a port is: from its binding (seen on a host) or declared in its spec. Derived, see `placement.ts`. */
export interface Placement {
  readonly port: Port
  readonly hostId: string
  /** OpenFlow port number on that host's br-int. */
  readonly ofport: number
}

/** The collections that units may read. Keys: 'acme/web', 'h1', 'acme/vm1'. */
export interface Collections {
  network: Network
  host: Host
  placement: Placement
}
export type CollectionName = keyof Collections

/** One object as it is now; undefined: it is gone. */
export interface Input<C extends CollectionName = CollectionName> {
  readonly collection: C
  readonly key: string
  readonly value: Collections[C] | undefined
}

/** Pairs [key, member] that an object of a collection contributes. Several objects may contribute the same pair. */
export interface Index<C extends CollectionName = CollectionName> {
  readonly of: C
  pairs(object: Collections[C], key: string): Iterable<readonly [key: string, member: string]>
}

interface ItemBase {
  /** Unique on a host; says what the item is: 'f…' a flow's identity, 'g7' a group, 'm7' a meter. */
  readonly id: string
  /** What a switch would see of it, to compare. */
  readonly bytes: Uint8Array
  /** Zero for groups and meters, which have none. */
  readonly cookie: bigint
  /** Provenance: the intents behind it ('port/acme/vm1'); never empty. */
  readonly from: readonly string[]
}
export interface FlowItem extends ItemBase {
  readonly kind: 'flow'
  readonly flow: FlowBytes
}
export interface GroupItem extends ItemBase {
  readonly kind: 'group'
  readonly group: GroupBytes
}
export interface MeterItem extends ItemBase {
  readonly kind: 'meter'
  readonly meterId: number
}
export type Item = FlowItem | GroupItem | MeterItem

/** What a unit may do: read inputs and indexes, emit items into blocks, link hosts to blocks. */
export interface Emitter {
  get<C extends CollectionName>(collection: C, key: string): Collections[C] | undefined
  index(name: string, key: string): ReadonlySet<string>
  emit(block: string, item: Item): void
  link(host: string, block: string): void
}

/** Runs once for the site, for each object of a collection, or for each pair of an index. */
export type Unit = {
  readonly name: string
  run(view: Emitter, key: string, member: string): void
} & (
  | { readonly on: 'site' }
  | { readonly on: 'each'; readonly of: CollectionName }
  | { readonly on: 'pair'; readonly of: string }
)

export interface Program {
  readonly indexes: Readonly<Record<string, Index>>
  readonly units: readonly Unit[]
}

/** Declares an index; keeps the type of the collection inside the declaration. */
export function index<C extends CollectionName>(of: C, pairs: Index<C>['pairs']): Index {
  return { of, pairs } as Index<C> as unknown as Index
}
