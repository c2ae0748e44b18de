/**
 * The site's memory: one current snapshot, one way to change it. A commit is checked by the model,
 * written to the journal, and only then published; what was answered is durable. Commits have one
 * order, that of being asked for.
 *
 *   edits -> group-commit.ts (staged, in order) -> journal.ts (one transaction, one fsync)
 *         -> published, listeners told -> answered -> compaction.ts when history has grown
 *
 * Neighbours: model/edit.ts decides what an edit means, history.ts reads the past, backup.ts copies
 * the file, restore.ts puts a copy in its place; the compiler listens.
 */
import { type Clock, systemClock } from '../../southbound/wire/clock.ts'
import { uuids } from '../../southbound/wire/random.ts'
import { applyEdits, type Edited } from '../model/edit.ts'
import type { Edit } from '../model/schema.ts'
import type { Site, Snapshot } from '../model/snapshot.ts'
import { type BackupOptions, backup } from './backup.ts'
import { compact, type Keep, keepByDefault } from './compaction.ts'
import { openDatabase } from './database.ts'
import { type Author, type Entry, parseEntry } from './entry.ts'
import { StoreError } from './error.ts'
import { type Commit, type Conditions, type Edits, type Request, stage } from './group-commit.ts'
import { History, type Revision } from './history.ts'
import { type Hooks, noHooks } from './hooks.ts'
import { Journal } from './journal.ts'
import { load } from './load.ts'
import { Publication } from './publication.ts'

export type { Commit } from './group-commit.ts'

export interface StoreOptions {
  readonly hooks?: Hooks
  /** Random, never repeating. */
  readonly uuid?: () => string
  /** What revisions are dated with. */
  readonly clock?: Clock
  /** How much history stays readable. */
  readonly keep?: Partial<Keep>
}

/** Revisions between two looks at whether history has outgrown its bounds. */
const compactionInterval = 256

export class Store {
  readonly #journal: Journal
  readonly #history: History
  readonly #hooks: Hooks
  readonly #uuid: () => string
  readonly #clock: Clock
  readonly #keep: Keep
  readonly #publication: Publication
  /** Asked for, not yet written. */
  #waiting: Request[] = []
  /** On which the next commit builds: all that is durable. */
  #head: Site
  #problem: StoreError | undefined
  #sinceCompaction = 0
  #closed = false

  private constructor(journal: Journal, site: Site, options: StoreOptions) {
    this.#journal = journal
    this.#head = site
    this.#publication = new Publication(site)
    this.#history = new History(journal, () => this.#publication.site)
    this.#hooks = options.hooks ?? noHooks
    this.#uuid = options.uuid ?? uuids()
    this.#clock = options.clock ?? systemClock
    this.#keep = { ...keepByDefault, ...options.keep }
  }

  /**
   * @param path of the SQLite file, made when absent; ':memory:' keeps nothing. An older schema is
   *   migrated, after a copy is kept beside it as PATH.schema1.bak
   * @throws StoreError
   */
  static open(path: string, options: StoreOptions = {}): Store {
    const database = openDatabase(path, options.hooks ?? noHooks)
    try {
      const journal = new Journal(database, path)
      return new Store(journal, load(journal), options)
    } catch (error) {
      database.close()
      throw error
    }
  }

  get snapshot(): Snapshot {
    return this.#publication.site
  }

  /** Of its file; ':memory:' has none. */
  get path(): string {
    return this.#journal.path
  }

  /** Why the last write, or compaction, failed on the disk; undefined once one has succeeded. */
  get problem(): StoreError | undefined {
    return this.#problem
  }

  /**
   * All edits as one revision, or none. Durable on return. When every object is as asked already,
   * nothing is written and the snapshot stays the same. `by` goes into the journal. Writes what
   * waits in `commitDurably` first, with the same fsync.
   * @throws ModelError with everything that is wrong; StoreError when it cannot be written
   */
  commit(edits: Edits, by: Conditions): Snapshot {
    let outcome: { readonly commit?: Commit; readonly error?: unknown } = {}
    this.#waiting.push({
      ...{ edits, by },
      accept: (commit) => {
        outcome = { commit }
      },
      refuse: (error) => {
        outcome = { error }
      },
    })
    this.#flush()
    if (!outcome.commit) throw outcome.error
    return outcome.commit.snapshot
  }

  /**
   * As commit, in the order of the calls, sharing one transaction and one fsync with all who call
   * in the same turn of the event loop. Resolves when it is durable and listeners have been told.
   * @throws (rejects) ModelError, RevisionMismatch, what `edits` throws, or StoreError: then none of
   *   those who shared the fsync was written
   */
  commitDurably(edits: Edits, by: Conditions): Promise<Commit> {
    return new Promise((accept, refuse) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush())
      this.#waiting.push({ edits, by, accept, refuse })
    })
  }

  /**
   * What a commit would make of these edits; nothing is changed. New objects have uuids that are theirs in this preview alone
   * (a subnet counts the addresses that it gives by its uuid), and the same each time. @throws ModelError
   */
  preview(edits: readonly Edit[]): Edited {
    let count = 0
    const uuid = (): string => `00000000-0000-0000-0000-${(++count).toString(16).padStart(12, '0')}`
    return applyEdits(this.#publication.site, edits, uuid)
  }

  /**
   * As commit, for what hosts report. @throws ModelError when the port or the host does not exist
   */
  observe(edits: readonly Edit<'binding'>[], by: Author): Snapshot {
    return this.commit(edits, by)
  }

  /**
   * Called once per revision, in order, after it is durable, before it is answered; `snapshot` is
   * then that of the revision. A commit made by a listener is published after those before it, which
   * may be after it returned. Gives the way to stop.
   */
  onCommit(listener: (commit: Commit) => void): () => void {
    return this.#publication.onCommit(listener)
  }

  /** @throws RevisionGone, RevisionUnknown, StoreError when the journal is damaged */
  at(revision: number): Snapshot {
    return this.#history.at(revision)
  }

  /** The site at that time, milliseconds since 1970. @throws as at */
  atTime(ms: number): Snapshot {
    return this.#history.atTime(ms)
  }

  /** What a revision changed, and who asked for it. @throws as at */
  revision(revision: number): Revision {
    return this.#history.revision(revision)
  }

  /** In order; see History.revisions. @throws RevisionGone, StoreError */
  revisions(range: { readonly from?: number; readonly limit?: number } = {}): Revision[] {
    return this.#history.revisions(range)
  }

  /** The oldest revision that `at` can give; `revision` begins with the one after it. */
  get oldestRevision(): number {
    return this.#history.oldest
  }

  /** Every kept revision in order, as it is written. */
  *journal(): Generator<{
    readonly revision: number
    readonly who: string
    readonly entry: Entry
  }> {
    const { head, path } = this.#journal
    for (const { revision, who, entry } of this.#journal.rows(
      this.oldestRevision + 1,
      head.revision,
    ))
      yield { revision, who, entry: parseEntry(entry, revision, path) }
  }

  /** Takes what is beyond the bounds out of history now. @throws StoreError */
  compact(): void {
    while (compact(this.#journal, this.#keep, this.#clock.wall(), this.#hooks));
  }

  /** See backup.ts. Everything that was answered before the call is in it. */
  backup(path: string, options: BackupOptions = {}): Promise<number> {
    return backup(this.#journal.database, path, this.#hooks, options)
  }

  /** Writes and answers what waits. */
  close(): void {
    if (this.#closed) return
    this.#flush()
    this.#closed = true
    this.#publication.end()
    this.#journal.database.close()
  }

  #flush(): void {
    const requests = this.#waiting
    if (requests.length === 0) return
    this.#waiting = []
    const refuseAll = (error: unknown): void => {
      for (const { refuse } of requests) refuse(error)
    }
    if (this.#closed) return refuseAll(new StoreError('closed', { path: this.#journal.path }))
    const staged = stage(this.#head, requests, { uuid: this.#uuid, clock: this.#clock })
    try {
      if (staged.revisions.length > 0) this.#journal.append(staged.revisions, this.#hooks)
    } catch (error) {
      if (error instanceof StoreError) this.#problem = error
      return refuseAll(error)
    }
    this.#head = staged.site
    if (staged.revisions.length > 0) this.#problem = undefined
    const commits = staged.outcomes.flatMap(({ commit }) => commit ?? [])
    this.#publication.publish(commits.filter(({ changes }) => changes.length > 0))
    for (const { request, commit, error } of staged.outcomes)
      if (commit) request.accept(commit)
      else request.refuse(error)
    this.#compactSometimes(staged.revisions.length)
  }

  /** History that stays too long hurts nobody: a slice that fails is tried again later. */
  #compactSometimes(revisions: number): void {
    this.#sinceCompaction += revisions
    if (this.#sinceCompaction < compactionInterval) return
    this.#sinceCompaction = 0
    try {
      compact(this.#journal, this.#keep, this.#clock.wall(), this.#hooks)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#problem = error
    }
  }
}
