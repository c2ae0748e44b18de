/**
 * The items that one switch has refused, each with its error, found by id or by the intent behind it. Neighbours:
 * `flow-channel.ts` keeps it, `item-numbers.ts` and `host-answer.ts` ask.
 */
import type { OpenflowError } from '../../southbound/openflow/error.ts'
import { ensure } from '../compiler/maps.ts'
import type { SwitchItem } from '../compiler/program.ts'

export interface RefusedItem {
  readonly item: SwitchItem
  /** 'OpenFlow error bad_action.bad_out_port'. Without its place in a bundle, which is another one at each attempt. */
  readonly reason: string
  /** 'bad_action.bad_out_port (type 2, code 4)'. */
  readonly error: string
  /** Desired when it was refused last. */
  readonly revision: number
}

export class RefusedItems {
  readonly #items = new Map<string, RefusedItem>()
  readonly #byIntent = new Map<string, Set<string>>()

  get size(): number {
    return this.#items.size
  }

  has(id: string): boolean {
    return this.#items.has(id)
  }

  get(id: string): RefusedItem | undefined {
    return this.#items.get(id)
  }

  ids(): Iterable<string> {
    return this.#items.keys()
  }

  /** @returns what was known of it before */
  add(item: SwitchItem, { reason: name, type, code }: OpenflowError, revision: number) {
    const { id } = item
    const known = this.#items.get(id)
    this.delete(id)
    const reason = `OpenFlow error ${name}`
    const error = `${name} (type ${type}, code ${code})`
    const refused: RefusedItem = { item, reason, error, revision }
    this.#items.set(id, refused)
    for (const intent of item.from) ensure(this.#byIntent, intent, () => new Set()).add(id)
    return { refused, known }
  }

  delete(id: string): void {
    const known = this.#items.get(id)
    if (!known) return
    this.#items.delete(id)
    for (const intent of known.item.from) {
      const ids = this.#byIntent.get(intent)
      ids?.delete(id)
      if (ids?.size === 0) this.#byIntent.delete(intent)
    }
  }

  /** Those of an intent. */
  *of(intent: string): Generator<RefusedItem> {
    for (const id of this.#byIntent.get(intent) ?? []) {
      const refused = this.#items.get(id)
      if (refused) yield refused
    }
  }
}
