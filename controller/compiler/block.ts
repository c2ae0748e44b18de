/**
 * A block: items that always travel together to the same hosts (one host's own, one network's, the site's).
 * Units add and remove items by reference count; `settle` tells what a commit really changed. Neighbour: `engine.ts`.
 */

import { sameBytes } from '../../southbound/openflow/flow.ts'
import { ensure } from './maps.ts'
import type { Item } from './program.ts'

/** What a unit emitted: the item at some place of `items` into the block at that place of `places`; links alike. */
export interface Outputs {
  places: readonly Block[]
  items: readonly Item[]
  hosts: readonly string[]
  links: readonly Block[]
}

/** Two intents disagree about one flow, group or meter. Found before any switch sees it. */
export class CompileConflict extends Error {
  readonly items: readonly Item[]
  constructor(items: readonly Item[]) {
    super(
      `${items.map((item) => item.from.join(' + ')).join(' and ')} disagree about ${items[0]?.id ?? '?'}: ` +
        'two intents may share an item but not fight over it',
    )
    this.name = 'CompileConflict'
    this.items = items
  }
}

/** One value of an item and how many units emitted it. */
interface Variant {
  readonly item: Item
  count: number
}

export class Block {
  readonly id: string
  readonly hosts = new Set<string>()
  readonly #items = new Map<string, Item>()
  /** Only of items that were emitted more than once; several variants only inside a commit, while a new one waits for the old to go. */
  readonly #variants = new Map<string, Variant[]>()
  /** Of the commit under way: what was under each id that it touched. */
  readonly #before = new Map<string, Item | undefined>()
  /** What the last commit changed, until it is forgotten. */
  #changed: readonly Item[] = []
  /** New in the commit under way: all of it is changed. */
  #isNew = true
  readonly #families: Families

  /** @param among families of all blocks of this kind */
  constructor(id: string, among?: Families) {
    this.id = id
    this.#families = new Families(among)
  }

  get size(): number {
    return this.#items.size
  }

  get(id: string): Item | undefined {
    return this.#items.get(id)
  }

  items(): Iterable<Item> {
    return this.#items.values()
  }

  /** Its items, and those that left in the last commit. */
  *itemsAndLeft(): Generator<Item> {
    yield* this.#items.values()
    for (const item of this.#changed) if (!this.#items.has(item.id)) yield item
  }

  /** Whether the last commit changed the item with this id. */
  hasMoved(id: string): boolean {
    return this.#changed.some((item) => item.id === id)
  }

  /** The commit is over. */
  forget(): void {
    this.#changed = []
  }

  /** Families of some of its items. */
  familiesOf(items: readonly Item[]): Iterable<number> {
    return items.length < this.#items.size ? familiesOf(items) : this.#families.values()
  }

  /** Whether there may be an item with an id of one of these families; false is certain. */
  mayHaveOf(families: ReadonlySet<number>): boolean {
    return this.#families.meet(families)
  }

  add(item: Item): void {
    const { id } = item
    const present = this.#items.get(id)
    if (!this.#isNew && !this.#before.has(id)) this.#before.set(id, present)
    if (!present) {
      this.#items.set(id, item)
      this.#families.add(familyOf(id))
      return
    }
    const variants = ensure(this.#variants, id, () => [{ item: present, count: 1 }])
    const same = variants.find((variant) => sameItem(variant.item, item))
    if (same) same.count++
    else variants.push({ item, count: 1 })
  }

  remove(item: Item): void {
    const { id } = item
    if (!this.#isNew && !this.#before.has(id)) this.#before.set(id, this.#items.get(id))
    const variants = this.#variants.get(id)
    if (!variants) {
      this.#items.delete(id)
      return
    }
    const at = variants.findIndex((variant) => sameItem(variant.item, item))
    const variant = variants[at] as Variant
    if (--variant.count === 0) variants.splice(at, 1)
    const [first] = variants
    if (first) this.#items.set(id, first.item)
    if (variants.length === 1 && first?.count === 1) this.#variants.delete(id)
  }

  /** The items whose value differs from before the commit (the old value where it is gone). @throws CompileConflict */
  settle(): readonly Item[] {
    this.#changed = this.#isNew ? this.#settleAll() : this.#settleSome()
    this.#isNew = false
    this.#before.clear()
    return this.#changed
  }

  #settleAll(): Item[] {
    for (const id of this.#variants.keys()) this.#refuseVariants(id)
    return [...this.#items.values()]
  }

  #settleSome(): Item[] {
    const changed: Item[] = []
    for (const [id, before] of this.#before) {
      this.#refuseVariants(id)
      const after = this.#items.get(id)
      if (before && after && sameItem(before, after)) continue
      const item = after ?? before
      if (item) changed.push(item)
    }
    return changed
  }

  #refuseVariants(id: string): void {
    const variants = this.#variants.get(id)
    if (variants && variants.length > 1) throw new CompileConflict(variants.map(({ item }) => item))
  }
}

/** The families of items that there are, or have been: of a block; in `among` of all blocks of its kind. */
export class Families {
  readonly #members = new Set<number>()
  readonly #among: Families | undefined

  constructor(among?: Families) {
    this.#among = among
  }

  add(family: number): void {
    if (this.#members.has(family)) return
    this.#members.add(family)
    this.#among?.add(family)
  }

  common(families: Iterable<number>): ReadonlySet<number> {
    return new Set([...families].filter((family) => this.#members.has(family)))
  }

  meet(families: Iterable<number>): boolean {
    for (const family of families) if (this.#members.has(family)) return true
    return false
  }

  values(): Iterable<number> {
    return this.#members
  }
}

/**
 * Items of different families never have one id: what an id begins with, which is the table and the priority of a flow. A
 * block has few, so that most pairs of blocks are told apart without a look at their items.
 */
function familyOf(id: string): number {
  const byte = (at: number) => id.charCodeAt(at) & 0xff
  return ((byte(0) & 7) << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3)
}

function familiesOf(items: readonly Item[]): Set<number> {
  const families = new Set<number>()
  for (const { id } of items) families.add(familyOf(id))
  return families
}

/**
 * Holds what changed in a block against another.
 * @throws CompileConflict when that has an item with another value
 */
export function refuseConflict(changed: Block, items: readonly Item[], other: Block): void {
  // A host's own block is large when all of it is new, and the others are many.
  const fewest = other.size < items.length ? other.items() : items
  for (const { id } of fewest) {
    const [mine, theirs] = [changed.get(id), other.get(id)]
    if (mine && theirs && !sameItem(mine, theirs)) throw new CompileConflict([mine, theirs])
  }
}

/** Equal in what a switch would see. */
export function sameItem(a: Item, b: Item): boolean {
  if (a === b) return true
  if (a.id !== b.id || a.cookie !== b.cookie) return false
  return a.hasBytesOf ? a.hasBytesOf(b) : sameBytes(a.bytes, b.bytes)
}

/** Those items of a block that one of these intents is behind. */
export function itemsFrom(block: Block, intents: readonly string[]): Item[] {
  const found: Item[] = []
  // Items of one unit are neighbours, and share the array of their intents.
  let last: readonly string[] = []
  let isOf = false
  for (const item of block.items()) {
    if (item.from !== last) {
      last = item.from
      isOf = last.some((intent) => intents.includes(intent))
    }
    if (isOf) found.push(item)
  }
  return found
}
