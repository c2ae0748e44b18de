/**
 * The language of the compiler: inputs, indexes, units, items. `units.ts` is the program written in it; `engine.ts`
 * runs it incrementally and `full.ts` from scratch. No clock, no I/O: the same inputs give the same items.
 */
import type { FlowBytes } from '../../southbound/openflow/flow.ts'
import type { GroupBytes } from '../../southbound/openflow/group.ts'
import type { Bridge, Host, Network, PhysicalNetwork, Port, Quarantined } from '../model/schema.ts'
import type { VtepRow } from './rows.ts'

/**
 * Where on its host: an OpenFlow port number of br-int; an interface of a vtep host and a VID (0: untagged); or inside a
 * trunk, whose guest tags the frames with `vid`, behind an OpenFlow port number.
 */
export type PlacedAt =
  | { readonly kind: 'ofport'; readonly ofport: number }
  | { readonly kind: 'vtep'; readonly interface: string; readonly vid: number }
  | { readonly kind: 'subport'; readonly ofport: number; readonly vid: number }

/** Where a port is: from its binding (seen on a host) or declared in its spec. Derived, see `placement.ts`. */
export interface Placement {
  readonly port: Port
  readonly hostId: string
  readonly at: PlacedAt
}

/** The collections that units may read. Keys: 'acme/web', 'h1', 'h1/br-office', 'vid office 7', 'acme/vm1'. */
export interface Collections {
  physicalNetwork: PhysicalNetwork
  network: Network
  host: Host
  bridge: Bridge
  quarantined: Quarantined
  placement: Placement
}
export type CollectionName = keyof Collections

/** One object as it is now; undefined: it is gone. */
export interface Input<C extends CollectionName = CollectionName> {
  readonly collection: C
  readonly key: string
  readonly value: Collections[C] | undefined
}

/**
 * Pairs [key, member] that an object of a collection contributes. Several objects may contribute the same pair, also of
 * several collections: then the index has a declaration for each.
 */
export interface Index<C extends CollectionName = CollectionName> {
  readonly of: C
  pairs(object: Collections[C], key: string): Iterable<readonly [key: string, member: string]>
}

interface ItemBase {
  /** Unique on a host; says what the item is: 'f…' a flow's identity, 'g7' a group, 'm7' a meter, 'r…' a row. */
  readonly id: string
  /** What a switch would see of it, to compare. */
  readonly bytes: Uint8Array
  /** Zero for what has none: groups, meters, rows. */
  readonly cookie: bigint
  /** Several blocks of one host may have it. */
  readonly isShared?: boolean
  /** Whether another one of the same id has the same bytes, where that is known without making them. */
  hasBytesOf?(other: Item): boolean
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
  /** Packets a second that pass. */
  readonly pktps: number
}
/** A row of hardware_vtep; its id begins with 'r'. */
export interface RowItem extends ItemBase {
  readonly kind: 'row'
  readonly row: VtepRow
}
/** What a host of kind `ovs` gets. */
export type SwitchItem = FlowItem | GroupItem | MeterItem
export type Item = SwitchItem | RowItem

export const isRow = (item: Item): item is RowItem => item.kind === 'row'
export const isSwitchItem = (item: Item): item is SwitchItem => item.kind !== 'row'

/** Reading the inputs and their indexes. */
export interface Reader {
  get<C extends CollectionName>(collection: C, key: string): Collections[C] | undefined
  index(name: string, key: string): ReadonlySet<string>
}

/** What a unit may do: read inputs, indexes and what is derived of them, emit items into blocks, link hosts to blocks. */
export interface Emitter extends Reader {
  derive<T>(derivation: Derivation<T>, key: string): T
  emit(block: string, item: Item): void
  link(host: string, block: string): void
}

/** A value that many units would compute alike. Whoever reads it runs again only where it is not the same. */
export interface Derivation<T> {
  readonly name: string
  run(view: Reader, key: string): T
  same(a: T, b: T): boolean
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
  readonly indexes: Readonly<Record<string, readonly Index[]>>
  readonly units: readonly Unit[]
}

/** Declares an index; keeps the type of the collection inside the declaration. */
export function index<C extends CollectionName>(of: C, pairs: Index<C>['pairs']): readonly [Index] {
  return [{ of, pairs } as Index<C> as unknown as Index]
}
