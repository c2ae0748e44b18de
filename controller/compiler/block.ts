/**
 * A block: items that always travel together to the same hosts (one host's own, one network's, the site's).
 * Units add and remove items by reference count; `settle` tells what a commit really changed. Neighbour: `engine.ts`.
 */
import { ensure } from './maps.ts'
import type { Item } from './program.ts'

/** What a unit emitted: [block, item] and [host, block] pairs. */
export interface Outputs {
  items: readonly (readonly [block: string, item: Item])[]
  links: readonly (readonly [host: string, block: string])[]
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
  /** Items that left in the commit under way. */
  lastRemoved: Item[] = []
  readonly #items = new Map<string, Item>()
  /** Only of items that were emitted more than once; several variants only inside a commit, while a new one waits for the old to go. */
  readonly #variants = new Map<string, Variant[]>()
  readonly #before = new Map<string, Item | undefined>()

  constructor(id: string) {
    this.id = id
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

  add(item: Item): void {
    const { id } = item
    const present = this.#items.get(id)
    if (!this.#before.has(id)) this.#before.set(id, present)
    if (!present) {
      this.#items.set(id, item)
      return
    }
    const variants = ensure(this.#variants, id, () => [{ item: present, count: 1 }])
    const same = variants.find((variant) => sameItem(variant.item, item))
    if (same) same.count++
    else variants.push({ item, count: 1 })
  }

  remove(item: Item): void {
    const { id } = item
    if (!this.#before.has(id)) this.#before.set(id, this.#items.get(id))
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
  settle(): Item[] {
    const changed: Item[] = []
    for (const [id, before] of this.#before) {
      const variants = this.#variants.get(id)
      if (variants && variants.length > 1)
        throw new CompileConflict(variants.map(({ item }) => item))
      const after = this.#items.get(id)
      if (before && after && sameItem(before, after)) continue
      if (after) changed.push(after)
      else if (before) {
        changed.push(before)
        this.lastRemoved.push(before)
      }
    }
    this.#before.clear()
    return changed
  }
}

/** Equal in what a switch would see. */
export function sameItem(a: Item, b: Item): boolean {
  if (a === b) return true
  if (a.id !== b.id || a.cookie !== b.cookie || a.bytes.length !== b.bytes.length) return false
  for (let i = 0; i < a.bytes.length; i++) if (a.bytes[i] !== b.bytes[i]) return false
  return true
}
