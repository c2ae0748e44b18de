/**
 * An immutable ordered map from strings: a B-tree whose nodes are copied on the way down and shared
 * otherwise. `set` and `delete` cost O(log n) and return a new map, the old one stays as it was;
 * keys are ordered by UTF-16 code units.
 *
 * One structure serves the objects (listed in order, later paged by cursor), and the indexes, whose
 * entries are found by range and whose extremes (smallest underlay, largest MTU) are the first and
 * last key.
 */

/** Keys per leaf and children per branch. */
const limit = 32

interface Leaf<V> {
  readonly keys: readonly string[]
  readonly values: readonly V[]
  readonly children: undefined
  readonly size: number
}
/**
 * `keys[i]` is not above the smallest key of `children[i]` and above every key of `children[i -
 * 1]`.
 */
interface Branch<V> {
  readonly keys: readonly string[]
  readonly values: undefined
  readonly children: readonly Node<V>[]
  readonly size: number
}
type Node<V> = Leaf<V> | Branch<V>

export class PersistentMap<V> implements ReadonlyMap<string, V> {
  readonly #root: Node<V>

  private constructor(root: Node<V>) {
    this.#root = root
  }

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(leaf([], []))
  }

  /**
   * All entries at once, in any order: several times faster than setting one after the other. Of a
   * key that is there twice the last entry stays.
   */
  static of<V>(entries: readonly (readonly [string, V])[]): PersistentMap<V> {
    const ordered = inOrder(entries)
    if (ordered.length === 0) return PersistentMap.empty()
    let nodes: Node<V>[] = chunks(ordered).map((chunk) =>
      leaf(
        chunk.map(([key]) => key),
        chunk.map(([, value]) => value),
      ),
    )
    while (nodes.length > 1) nodes = chunks(nodes).map(branch)
    return new PersistentMap(nodes[0] as Node<V>)
  }

  get size(): number {
    return this.#root.size
  }

  get(key: string): V | undefined {
    let node = this.#root
    while (node.children) node = node.children[childAt(node.keys, key)] as Node<V>
    const at = lowerBound(node.keys, key)
    return node.keys[at] === key ? node.values[at] : undefined
  }

  has(key: string): boolean {
    let node = this.#root
    while (node.children) node = node.children[childAt(node.keys, key)] as Node<V>
    return node.keys[lowerBound(node.keys, key)] === key
  }

  /** The same map when the key already has this very value. */
  set(key: string, value: V): PersistentMap<V> {
    const [first, second] = insert(this.#root, key, value)
    if (first === this.#root) return this
    return new PersistentMap(second ? branch([first, second]) : first)
  }

  /** The same map when the key is absent. */
  delete(key: string): PersistentMap<V> {
    let root = remove(this.#root, key)
    if (root === this.#root) return this
    while (root.children?.length === 1) root = root.children[0] as Node<V>
    return new PersistentMap(root.children?.length === 0 ? leaf<V>([], []) : root)
  }

  /** Entries with `from <= key < to` in order; without bounds all. */
  range(from = '', to?: string): Generator<[string, V], undefined> {
    return walk(this.#root, from, to)
  }

  /** How many entries have `from <= key < to`; costs O(log n). */
  count(from = '', to?: string): number {
    const below = rank(this.#root, from)
    return Math.max(0, (to === undefined ? this.size : rank(this.#root, to)) - below)
  }

  first(): [string, V] | undefined {
    let node = this.#root
    while (node.children) node = node.children[0] as Node<V>
    return node.keys.length > 0 ? [node.keys[0] as string, node.values[0] as V] : undefined
  }

  last(): [string, V] | undefined {
    let node = this.#root
    while (node.children) node = node.children[node.children.length - 1] as Node<V>
    const at = node.keys.length - 1
    return at >= 0 ? [node.keys[at] as string, node.values[at] as V] : undefined
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    each(this.#root, (value, key) => visit(value, key, this))
  }

  entries(): Generator<[string, V], undefined> {
    return this.range()
  }

  *keys(): Generator<string, undefined> {
    for (const [key] of this.range()) yield key
  }

  *values(): Generator<V, undefined> {
    for (const [, value] of this.range()) yield value
  }

  [Symbol.iterator](): Generator<[string, V], undefined> {
    return this.range()
  }
}

type Entries<V> = readonly (readonly [string, V])[]

/** By key, each once. Entries of a store come nearly in order, which a merge sort makes use of; those of uuids do not. */
function inOrder<V>(entries: Entries<V>): Entries<V> {
  const keyAt = (at: number): string => entries[at]?.[0] ?? ''
  let descents = 0
  for (let at = 1; at < entries.length; at++) if (keyAt(at - 1) >= keyAt(at)) descents++
  if (descents === 0) return entries
  if (descents > entries.length / 8) {
    const last = new Map(entries)
    return [...last.keys()].sort().map((key) => [key, last.get(key) as V])
  }
  const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return sorted.filter(([key], at) => key !== sorted[at + 1]?.[0])
}

/** Of equal size and with room for more, none of them small. */
function chunks<T>(items: readonly T[]): (readonly T[])[] {
  const count = Math.ceil(items.length / (limit * 0.75))
  const bound = (chunk: number): number => Math.round((items.length * chunk) / count)
  return Array.from({ length: count }, (_, at) => items.slice(bound(at), bound(at + 1)))
}

function leaf<V>(keys: readonly string[], values: readonly V[]): Leaf<V> {
  return { keys, values, children: undefined, size: keys.length }
}

function branch<V>(children: readonly Node<V>[]): Branch<V> {
  let size = 0
  for (const child of children) size += child.size
  return {
    keys: children.map((child) => child.keys[0] as string),
    values: undefined,
    children,
    size,
  }
}

/** Index of the first key that is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}

/** Index of the child that has the key, if any has it. */
function childAt(keys: readonly string[], key: string): number {
  const at = lowerBound(keys, key)
  return at > 0 && keys[at] !== key ? at - 1 : at
}

function insert<V>(node: Node<V>, key: string, value: V): [Node<V>, Node<V>?] {
  if (!node.children) {
    const at = lowerBound(node.keys, key)
    if (node.keys[at] === key) {
      return node.values[at] === value ? [node] : [leaf(node.keys, node.values.with(at, value))]
    }
    return split(leaf(node.keys.toSpliced(at, 0, key), node.values.toSpliced(at, 0, value)))
  }
  const at = childAt(node.keys, key)
  const child = node.children[at] as Node<V>
  const [first, second] = insert(child, key, value)
  if (first === child) return [node]
  if (!second) return [withChild(node, at, first)]
  return split(branch(node.children.toSpliced(at, 1, first, second)))
}

/** The same keys where they hold still: most of what a write costs is the copy of them. */
function withChild<V>(node: Branch<V>, at: number, child: Node<V>): Branch<V> {
  const [smallest = ''] = child.keys
  const keys = smallest < (node.keys[at] as string) ? node.keys.with(at, smallest) : node.keys
  const size = node.size - (node.children[at] as Node<V>).size + child.size
  return { keys, values: undefined, children: node.children.with(at, child), size }
}

function split<V>(node: Node<V>): [Node<V>, Node<V>?] {
  if (node.keys.length <= limit) return [node]
  const half = node.keys.length >>> 1
  if (node.children)
    return [branch(node.children.slice(0, half)), branch(node.children.slice(half))]
  return [
    leaf(node.keys.slice(0, half), node.values.slice(0, half)),
    leaf(node.keys.slice(half), node.values.slice(half)),
  ]
}

function remove<V>(node: Node<V>, key: string): Node<V> {
  if (!node.children) {
    const at = lowerBound(node.keys, key)
    if (node.keys[at] !== key) return node
    return leaf(node.keys.toSpliced(at, 1), node.values.toSpliced(at, 1))
  }
  const at = childAt(node.keys, key)
  const child = node.children[at] as Node<V>
  const rest = remove(child, key)
  if (rest === child) return node
  if (rest.keys.length === 0) return branch(node.children.toSpliced(at, 1))
  if (rest.keys.length >= limit / 4) return withChild(node, at, rest)
  return branch(mergeSmall(node.children.with(at, rest), at))
}

/**
 * The child at `at` has become small: it joins a neighbour with room, so that deletions leave no
 * tree of near-empty nodes.
 */
function mergeSmall<V>(children: readonly Node<V>[], at: number): readonly Node<V>[] {
  const left = at > 0 ? at - 1 : at
  const a = children[left]
  const b = children[left + 1]
  if (!a || !b || a.keys.length + b.keys.length > limit) return children
  return children.toSpliced(left, 2, join(a, b))
}

function join<V>(a: Node<V>, b: Node<V>): Node<V> {
  if (a.children && b.children) return branch([...a.children, ...b.children])
  return leaf([...a.keys, ...b.keys], [...(a as Leaf<V>).values, ...(b as Leaf<V>).values])
}

function* walk<V>(
  node: Node<V>,
  from: string,
  to: string | undefined,
): Generator<[string, V], undefined> {
  if (node.children) {
    for (let at = childAt(node.keys, from); at < node.children.length; at++) {
      if (to !== undefined && (node.keys[at] as string) >= to) return
      yield* walk(node.children[at] as Node<V>, from, to)
    }
    return
  }
  for (let at = lowerBound(node.keys, from); at < node.keys.length; at++) {
    const key = node.keys[at] as string
    if (to !== undefined && key >= to) return
    yield [key, node.values[at] as V]
  }
}

function each<V>(node: Node<V>, visit: (value: V, key: string) => void): void {
  if (node.children) for (const child of node.children) each(child, visit)
  else
    node.keys.forEach((key, at) => {
      visit(node.values[at] as V, key)
    })
}

/** How many keys of the tree are below this one. */
function rank<V>(root: Node<V>, key: string): number {
  let count = 0
  let node = root
  while (node.children) {
    const at = childAt(node.keys, key)
    for (const child of node.children.slice(0, at)) count += child.size
    node = node.children[at] as Node<V>
  }
  return count + lowerBound(node.keys, key)
}
