/**
 * A block: items that always travel together to the same hosts (one host's own, one network's, the site's).
 * Units add and remove items by reference count; `settle` tells what a commit really changed. Neighbour: `engine.ts`.
 */
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

interface Held {
  readonly item: Item
  count: number
}

export class Block {
  readonly id: string
  readonly hosts = new Set<string>()
  /** Items that left in the commit under way. */
  lastRemoved: Item[] = []
  /** id -> the variants held now; more than one only inside a commit, while the new one waits for the old to go. */
  readonly #held = new Map<string, Held[]>()
  readonly #before = new Map<string, Item | undefined>()

  constructor(id: string) {
    this.id = id
  }

  get size(): number {
    return this.#held.size
  }

  get(id: string): Item | undefined {
    return this.#held.get(id)?.[0]?.item
  }

  *items(): Iterable<Item> {
    for (const [first] of this.#held.values()) if (first) yield first.item
  }

  add(item: Item): void {
    const variants = this.#held.get(item.id)
    this.#remember(item.id)
    if (!variants) {
      this.#held.set(item.id, [{ item, count: 1 }])
      return
    }
    const same = variants.find((held) => sameItem(held.item, item))
    if (same) same.count++
    else variants.push({ item, count: 1 })
  }

  remove(item: Item): void {
    const variants = this.#held.get(item.id) as Held[]
    this.#remember(item.id)
    const at = variants.findIndex((held) => sameItem(held.item, item))
    const held = variants[at] as Held
    if (--held.count === 0) variants.splice(at, 1)
    if (variants.length === 0) this.#held.delete(item.id)
  }

  /** The items whose value differs from before the commit (the old value where it is gone). @throws CompileConflict */
  settle(): Item[] {
    const changed: Item[] = []
    for (const [id, before] of this.#before) {
      const variants = this.#held.get(id)
      if (variants && variants.length > 1)
        throw new CompileConflict(variants.map((held) => held.item))
      const after = variants?.[0]?.item
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

  #remember(id: string): void {
    if (!this.#before.has(id)) this.#before.set(id, this.get(id))
  }
}

/** Equal in what a switch would see. */
export function sameItem(a: Item, b: Item): boolean {
  if (a === b) return true
  if (a.id !== b.id || a.cookie !== b.cookie || a.bytes.length !== b.bytes.length) return false
  for (let i = 0; i < a.bytes.length; i++) if (a.bytes[i] !== b.bytes[i]) return false
  return true
}
