/**
 * One revision of the site, frozen. Revisions share structure (persistent-map.ts): a commit costs
 * by its change, and an object that did not change is the same object, so identity is version. A
 * draft is the next revision in the making.
 *
 * Neighbours: indexes.ts declares the ways to find objects, edit.ts makes the next revision,
 * controller/store keeps it.
 */
import { entryBounds, entryKey, type IndexName, indexNames, indexRowsOf } from './indexes.ts'
import { PersistentMap } from './persistent-map.ts'
import { type Collection, collectionNames, type Objects } from './schema.ts'

/** What a commit did to one object; `before` undefined: created, `after` undefined: deleted. */
export type Change<C extends Collection = Collection> = C extends Collection
  ? {
      readonly collection: C
      readonly key: string
      readonly before: Objects[C] | undefined
      readonly after: Objects[C] | undefined
    }
  : never

/** Reading a site, be it a frozen revision or a draft of the next. */
export interface View {
  get<C extends Collection>(collection: C, key: string): Objects[C] | undefined
  /** Ordered by key. */
  list<C extends Collection>(collection: C): PersistentMap<Objects[C]>
  /** Keys of the objects that have exactly this value in the index, in order. */
  find(index: IndexName, value: string): Iterable<string>
  /**
   * The index itself, for ranges and extremes: entry key by `entryKey`, entry value the object's
   * key.
   */
  index(index: IndexName): PersistentMap<string>
  /** The last number given by this counter; 0 if none. */
  counter(name: string): number
}

/** The objects below a parent: of a host its bridges, of a tenant what it has made; in order. */
export function* objectsUnder<C extends Collection>(
  view: View,
  collection: C,
  parent: string,
): Generator<Objects[C]> {
  for (const [, object] of view.list(collection).range(`${parent}/`, `${parent}0`)) yield object
}

export interface Snapshot extends View {
  /** Grows by one with every commit that changed something; 0 is the empty site. */
  readonly revision: number
}

type Tables = { [C in Collection]: PersistentMap<Objects[C]> }
type Indexes = { [I in IndexName]: PersistentMap<string> }

export class Site implements Snapshot {
  readonly revision: number
  readonly #tables: Readonly<Tables>
  readonly #indexes: Readonly<Indexes>
  readonly #counters: PersistentMap<number>

  constructor(revision: number, tables: Tables, indexes: Indexes, counters: PersistentMap<number>) {
    this.revision = revision
    this.#tables = tables
    this.#indexes = indexes
    this.#counters = counters
  }

  static readonly empty: Site = new Site(
    0,
    Object.fromEntries(collectionNames.map((name) => [name, PersistentMap.empty()])) as Tables,
    Object.fromEntries(indexNames.map((name) => [name, PersistentMap.empty()])) as Indexes,
    PersistentMap.empty(),
  )

  /** The site with these objects and counters, made at once; what is there twice stays as given last. */
  static of(
    revision: number,
    objects: Iterable<readonly [Collection, string, Objects[Collection]]>,
    counters: Iterable<readonly [string, number]>,
  ): Site {
    const tables = new Gathered<Objects[Collection]>(collectionNames)
    const indexes = new Gathered<string>(indexNames)
    for (const [collection, key, object] of objects) {
      tables.add(collection, key, object)
      for (const { name, values } of indexRowsOf(collection)) {
        const held = heldBy(name, collection, key)
        for (const value of values(object)) indexes.add(name, entryKey(value, held), held)
      }
    }
    const numbers = PersistentMap.of([...counters])
    return new Site(revision, tables.maps() as Tables, indexes.maps() as Indexes, numbers)
  }

  get<C extends Collection>(collection: C, key: string): Objects[C] | undefined {
    return this.#tables[collection].get(key)
  }

  list<C extends Collection>(collection: C): PersistentMap<Objects[C]> {
    return this.#tables[collection]
  }

  find(index: IndexName, value: string): Iterable<string> {
    return find(this.#indexes[index], value)
  }

  index(index: IndexName): PersistentMap<string> {
    return this.#indexes[index]
  }

  counter(name: string): number {
    return this.#counters.get(name) ?? 0
  }

  draft(): Draft {
    return new Draft({ ...this.#tables }, { ...this.#indexes }, this.#counters)
  }
}

/** The next revision while it is made. Reads see what was written before. */
export class Draft implements View {
  readonly #tables: Tables
  readonly #indexes: Indexes
  #counters: PersistentMap<number>
  /** Counters that this draft moved, with their new value; undefined: forgotten. */
  readonly movedCounters = new Map<string, number | undefined>()

  constructor(tables: Tables, indexes: Indexes, counters: PersistentMap<number>) {
    this.#tables = tables
    this.#indexes = indexes
    this.#counters = counters
  }

  get<C extends Collection>(collection: C, key: string): Objects[C] | undefined {
    return this.#tables[collection].get(key)
  }

  list<C extends Collection>(collection: C): PersistentMap<Objects[C]> {
    return this.#tables[collection]
  }

  find(index: IndexName, value: string): Iterable<string> {
    return find(this.#indexes[index], value)
  }

  index(index: IndexName): PersistentMap<string> {
    return this.#indexes[index]
  }

  counter(name: string): number {
    return this.#counters.get(name) ?? 0
  }

  setCounter(name: string, value: number | undefined): void {
    this.#counters =
      value === undefined ? this.#counters.delete(name) : this.#counters.set(name, value)
    this.movedCounters.set(name, value)
  }

  /** Puts or, with undefined, removes an object, and keeps the indexes. */
  put<C extends Collection>(collection: C, key: string, object: Objects[C] | undefined): void {
    const before = this.get(collection, key)
    const table = this.#tables[collection]
    this.#tables[collection] = (object ? table.set(key, object) : table.delete(key)) as Tables[C]
    for (const { name, values } of indexRowsOf(collection)) {
      const old = before ? values(before) : []
      const now = object ? values(object) : []
      const held = heldBy(name, collection, key)
      let index = this.#indexes[name]
      for (const value of old) if (!now.includes(value)) index = index.delete(entryKey(value, held))
      for (const value of now)
        if (!old.includes(value)) index = index.set(entryKey(value, held), held)
      this.#indexes[name] = index
    }
  }

  site(revision: number): Site {
    return new Site(revision, { ...this.#tables }, { ...this.#indexes }, this.#counters)
  }
}

/** What an index holds of an object. */
function heldBy(index: IndexName, collection: Collection, key: string): string {
  return index === 'referrer' ? `${collection} ${key}` : key
}

/** Entries of several maps, until all are there. */
class Gathered<V> {
  readonly #entries: ReadonlyMap<string, (readonly [string, V])[]>

  constructor(names: readonly string[]) {
    this.#entries = new Map(names.map((name) => [name, []]))
  }

  add(name: string, key: string, value: V): void {
    this.#entries.get(name)?.push([key, value])
  }

  maps(): Record<string, PersistentMap<V>> {
    const made = [...this.#entries].map(([name, all]) => [name, PersistentMap.of(all)] as const)
    return Object.fromEntries(made)
  }
}

function* find(index: PersistentMap<string>, value: string): Generator<string> {
  for (const [, key] of index.range(...entryBounds(value))) yield key
}
