/** The smallest few of many: kept while they come, so that nothing is built or sorted for the others. */

export class Narrowest<T extends { readonly packetBytes: number }> {
  readonly #most: number
  /** Ascending; of equal ones the first that came. */
  readonly #items: T[] = []

  constructor(most: number) {
    this.#most = most
  }

  /** Whether one of this size would be among them. */
  takes(packetBytes: number): boolean {
    const last = this.#items[this.#most - 1]
    return last === undefined || packetBytes < last.packetBytes
  }

  add(item: T): void {
    if (!this.takes(item.packetBytes)) return
    const at = this.#items.findIndex(({ packetBytes }) => packetBytes > item.packetBytes)
    this.#items.splice(at < 0 ? this.#items.length : at, 0, item)
    if (this.#items.length > this.#most) this.#items.pop()
  }

  items(): readonly T[] {
    return this.#items
  }
}
