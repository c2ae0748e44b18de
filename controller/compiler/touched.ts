/**
 * What one commit changed, for each host: the items to look at again. Level-based: `Engine.lookup` says what should be.
 * A change of a block is one array that all hosts share which link it; a host's own map is made when it is asked for.
 * Neighbours: `engine.ts` fills it, the reconciler reads it.
 */
import type { Block } from './block.ts'
import { ensure } from './maps.ts'
import type { Item } from './program.ts'

interface Part {
  readonly changed: (readonly Item[])[]
  readonly blocks: Block[]
}

export class Touched {
  readonly #parts = new Map<string, Part>()
  readonly #isHeld: (host: string, item: Item) => boolean

  /** @param isHeld whether a host has an item as before by another block; asked of those that several blocks may have */
  constructor(isHeld: (host: string, item: Item) => boolean) {
    this.#isHeld = isHeld
  }

  add(host: string, changed: readonly Item[]): void {
    ensure(this.#parts, host, newPart).changed.push(changed)
  }

  /** A block that the host gained or lost. */
  addBlock(host: string, block: Block): void {
    ensure(this.#parts, host, newPart).blocks.push(block)
  }

  /** How many hosts. */
  get size(): number {
    return this.#parts.size
  }

  has(host: string): boolean {
    return this.#parts.has(host)
  }

  /** The hosts. */
  keys(): Iterable<string> {
    return this.#parts.keys()
  }

  /** By id; of what is gone the last value. To be asked for before the next commit is compiled. */
  get(host: string): ReadonlyMap<string, Item> | undefined {
    const part = this.#parts.get(host)
    if (!part) return undefined
    const items = new Map<string, Item>()
    const take = (item: Item) => {
      if (!item.isShared || !this.#isHeld(host, item)) items.set(item.id, item)
    }
    for (const changed of part.changed) for (const item of changed) take(item)
    for (const block of part.blocks) for (const item of block.itemsAndLeft()) take(item)
    return items
  }
}

const newPart = (): Part => ({ changed: [], blocks: [] })
