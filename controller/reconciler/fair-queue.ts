/**
 * A bounded queue of things from many sources, in the order in which they came. When it is full, the oldest thing of the
 * source that has most makes room: who says little loses nothing to who says much. Constant time for each.
 * Neighbour: `events.ts`.
 */
export class FairQueue<T> {
  readonly #most: number
  /** In order; a number of its own for each thing. */
  readonly #things = new Map<number, T>()
  /** Source -> numbers of its things, oldest first. */
  readonly #sources = new Map<string, Set<number>>()
  /** So many things -> the sources that have so many, from whom came longest ago first. */
  readonly #bySize: Set<string>[] = []
  #next = 0

  constructor(most: number) {
    this.#most = most
  }

  add(source: string, thing: T): void {
    const number = this.#next++
    this.#things.set(number, thing)
    const own = this.#sources.get(source) ?? new Set()
    this.#sources.set(source, own.add(number))
    this.#resize(source, own.size - 1, own.size)
    if (this.#things.size > this.#most) this.#drop()
  }

  /** All of them, oldest first. */
  values(): Iterable<T> {
    return this.#things.values()
  }

  #drop(): void {
    const [source] = this.#bySize.at(-1) ?? []
    const own = source === undefined ? undefined : this.#sources.get(source)
    const [oldest] = own ?? []
    if (source === undefined || !own || oldest === undefined) return
    own.delete(oldest)
    this.#things.delete(oldest)
    if (own.size === 0) this.#sources.delete(source)
    this.#resize(source, own.size + 1, own.size)
  }

  #resize(source: string, before: number, now: number): void {
    this.#bySize[before]?.delete(source)
    const others = this.#bySize[now] ?? new Set()
    if (now > 0) this.#bySize[now] = others.add(source)
    while (this.#bySize.length > 0 && !this.#bySize.at(-1)?.size) this.#bySize.pop()
  }
}
