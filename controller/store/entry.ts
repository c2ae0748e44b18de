/**
 * What one revision did, as the journal keeps it: each object and counter it moved, before and
 * after. With both ends an entry can be walked in either direction, so that a revision of yesterday
 * is made from today's site at the cost of what changed since.
 *
 * Values are JSON with the properties in the order of model/resolve.ts.
 */
import type { Collection, Objects } from '../model/schema.ts'
import { type Change, Site, type Snapshot } from '../model/snapshot.ts'
import { StoreError } from './error.ts'

/** Who asked for a revision. */
export interface Author {
  /** The subject: 'rest', 'host h1', a token's name. */
  readonly who: string
  /** What follows one request through logs, journal and answers. */
  readonly requestId?: string
  /** The way it came: 'rest', 'document site.yaml'. */
  readonly via?: string
}

/** As a file can hold it: half a character would come back as another one, and the row would no longer be what was hashed. */
export const writable = ({ who, requestId, via }: Author): Author => ({
  who: who.toWellFormed(),
  ...(requestId !== undefined && { requestId: requestId.toWellFormed() }),
  ...(via !== undefined && { via: via.toWellFormed() }),
})

type Stored = Objects[Collection]

/** null before: created; null after: deleted. */
export type ObjectMove = readonly [
  collection: Collection,
  key: string,
  before: Stored | null,
  after: Stored | null,
]
/** null: no such counter. */
export type CounterMove = readonly [name: string, before: number | null, after: number | null]

export interface Entry {
  readonly objects: readonly ObjectMove[]
  readonly counters: readonly CounterMove[]
}

/** @param base the site before the changes */
export function entryOf(
  base: Snapshot,
  changes: readonly Change[],
  counters: ReadonlyMap<string, number | undefined>,
): Entry {
  return {
    objects: changes.map(({ collection, key, before, after }) => [
      ...([collection, key] as const),
      before ?? null,
      after ?? null,
    ]),
    counters: [...counters].map(([name, after]) => [
      name,
      base.counter(name) || null,
      after ?? null,
    ]),
  }
}

/** @throws StoreError naming the revision. Everything in it is frozen. */
export function parseEntry(text: string, revision: number, path: string): Entry {
  return parseFrozen(text, { path, revision, detail: `revision ${revision} is not JSON` }) as Entry
}

/** @throws StoreError with these facts when it is not JSON */
export function parseFrozen(
  text: string,
  facts: { readonly path: string; readonly detail: string; readonly revision?: number },
): unknown {
  try {
    return frozen(JSON.parse(text))
  } catch (cause) {
    throw new StoreError('damaged', { ...facts, cause })
  }
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const each of Object.values(value)) if (typeof each === 'object') frozen(each)
  return Object.freeze(value)
}

/** Objects and counters to be put on top of a site; what is put last under a name stays. */
export class Overlay {
  readonly #objects = new Map<Collection, Map<string, Stored | null>>()
  readonly #counters = new Map<string, number | null>()

  object(collection: Collection, key: string, value: Stored | null): void {
    const known = this.#objects.get(collection)
    if (known) known.set(key, value)
    else this.#objects.set(collection, new Map([[key, value]]))
  }

  counter(name: string, value: number | null): void {
    this.#counters.set(name, value)
  }

  /** Takes an entry forward, to what was after it, or back, to what was before. */
  entry({ objects, counters }: Entry, direction: 'forward' | 'back'): void {
    for (const [collection, key, before, after] of objects)
      this.object(collection, key, direction === 'forward' ? after : before)
    for (const [name, before, after] of counters)
      this.counter(name, direction === 'forward' ? after : before)
  }

  *objects(): Iterable<readonly [Collection, string, Stored | null]> {
    for (const [collection, values] of this.#objects)
      for (const [key, value] of values) yield [collection, key, value]
  }

  counters(): Iterable<readonly [string, number | null]> {
    return this.#counters
  }

  /** The site that has this and nothing else. */
  site(revision: number): Site {
    return Site.of(revision, this.#present(), numbersOf(this.#counters))
  }

  /** `base` with all of it, as that revision. */
  over(base: Site, revision: number): Site {
    const draft = base.draft()
    for (const [collection, key, value] of this.objects())
      if (value || draft.get(collection, key)) draft.put(collection, key, value ?? undefined)
    for (const [name, value] of this.#counters) draft.setCounter(name, value ?? undefined)
    return draft.site(revision)
  }

  *#present(): Iterable<readonly [Collection, string, Stored]> {
    for (const [collection, key, value] of this.objects()) if (value) yield [collection, key, value]
  }
}

function* numbersOf(
  counters: ReadonlyMap<string, number | null>,
): Iterable<readonly [string, number]> {
  for (const [name, value] of counters) if (value !== null) yield [name, value]
}
