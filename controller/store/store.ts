/**
 * The site's memory: one current snapshot, one way to change it. A commit is checked by the model,
 * written to the journal, and only then published; what `commit` returned is durable. Everything is
 * synchronous, so that commits have one order.
 *
 * Neighbours: model/edit.ts decides what an edit means, journal.ts keeps it, the compiler listens.
 */
import { randomUUID } from 'node:crypto'
import { applyEdits, type Edited } from '../model/edit.ts'
import type { Collection, Edit, Objects } from '../model/schema.ts'
import { type Change, Site, type Snapshot } from '../model/snapshot.ts'
import { type Hooks, noHooks } from './hooks.ts'
import { Journal, StoreError } from './journal.ts'

/** One published revision. */
export interface Commit {
  readonly snapshot: Snapshot
  readonly changes: readonly Change[]
  readonly who: string
}

export interface StoreOptions {
  readonly hooks?: Hooks
  /** Random, never repeating. */
  readonly uuid?: () => string
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

export class Store {
  readonly #journal: Journal
  readonly #hooks: Hooks
  readonly #uuid: () => string
  readonly #now: () => number
  readonly #listeners = new Set<(commit: Commit) => void>()
  #site: Site

  private constructor(journal: Journal, site: Site, options: StoreOptions) {
    this.#journal = journal
    this.#site = site
    this.#hooks = options.hooks ?? noHooks
    this.#uuid = options.uuid ?? randomUUID
    this.#now = options.now ?? Date.now
  }

  /**
   * @param path of the SQLite file, made when absent; ':memory:' keeps nothing. @throws StoreError
   */
  static open(path: string, options: StoreOptions = {}): Store {
    const journal = new Journal(path)
    return new Store(journal, load(journal), options)
  }

  get snapshot(): Snapshot {
    return this.#site
  }

  /**
   * All edits as one revision, or none. Durable on return. When every object is as asked already,
   * nothing is written and the snapshot stays the same. `who` goes into the journal.
   * @throws ModelError with everything that is wrong
   */
  commit(edits: readonly Edit[], { who }: { readonly who: string }): Snapshot {
    const { site, changes, counters } = applyEdits(this.#site, edits, this.#uuid)
    if (site === this.#site) return site
    this.#journal.append(site.revision, changes, counters, { who, at: this.#now() }, this.#hooks)
    this.#site = site
    this.#publish({ snapshot: site, changes, who })
    return site
  }

  /** What a commit would make of these edits; nothing is changed. New objects have a uuid of zeros. @throws ModelError */
  preview(edits: readonly Edit[]): Edited {
    return applyEdits(this.#site, edits, () => '00000000-0000-0000-0000-000000000000')
  }

  /**
   * As commit, for what hosts report. @throws ModelError when the port or the host does not exist
   */
  observe(edits: readonly Edit<'binding'>[], by: { readonly who: string }): Snapshot {
    return this.commit(edits, by)
  }

  /**
   * Called once per revision, in order, after it is durable, before `commit` returns. Gives the way
   * to stop.
   */
  onCommit(listener: (commit: Commit) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Every revision since the file was made, in order. */
  journal(): ReturnType<Journal['entries']> {
    return this.#journal.entries()
  }

  close(): void {
    this.#listeners.clear()
    this.#journal.close()
  }

  /**
   * The revision stands whatever a listener does: one that throws is a fault of the program, and
   * ends it as such.
   */
  #publish(commit: Commit): void {
    for (const listener of this.#listeners) {
      try {
        listener(commit)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}

function load(journal: Journal): Site {
  const draft = Site.empty.draft()
  for (const { collection, key, value } of journal.objects()) {
    draft.put(collection as Collection, key, revive(value, collection, key))
  }
  for (const { name, value } of journal.counters()) draft.setCounter(name, value)
  return draft.site(journal.revision)
}

function revive(text: string, collection: string, key: string): Objects[Collection] {
  try {
    return JSON.parse(text, (_, value) =>
      typeof value === 'object' ? Object.freeze(value) : value,
    ) as Objects[Collection]
  } catch (cause) {
    throw new StoreError(`the store is damaged: ${collection} ${key} is not JSON`, { cause })
  }
}
