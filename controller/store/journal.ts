/**
 * The rows of the file: one per revision in `journal`, and `snapshot`, from which they go on. Reading
 * follows the hashes; writing is one transaction, and one fsync, for as many revisions as there are.
 *
 * Neighbours: tables.ts declares the tables, compaction.ts moves the snapshot, store.ts is the writer.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type Linked, link, type Sealed, sameBytes, seal } from './chain.ts'
import type { Author } from './entry.ts'
import { StoreError, storeError } from './error.ts'
import type { Hooks } from './hooks.ts'

/** A revision with the hash that its row has. */
export interface Row extends Linked {
  readonly hash: Uint8Array
}

export interface Head {
  readonly revision: number
  readonly hash: Uint8Array
}

interface StoredRow {
  readonly revision: number
  readonly at: number
  readonly who: string
  readonly request_id: string | null
  readonly via: string | null
  readonly entry: string
  readonly hash: Uint8Array
}

export class Journal {
  readonly database: DatabaseSync
  readonly path: string
  readonly #insert: StatementSync
  readonly #moveHead: StatementSync
  readonly #range: StatementSync
  #head: Head

  /** On a database whose schema was checked. @throws StoreError */
  constructor(database: DatabaseSync, path: string) {
    this.database = database
    this.path = path
    this.#insert = database.prepare('INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)')
    this.#moveHead = database.prepare('UPDATE head SET revision = ?, hash = ?')
    this.#range = database.prepare(
      'SELECT * FROM journal WHERE revision BETWEEN ? AND ? ORDER BY revision',
    )
    const head = database.prepare('SELECT revision, hash FROM head').get()
    if (!head) throw this.damaged('where the journal ends is missing')
    this.#head = head as unknown as Head
  }

  /** The last revision that is written. */
  get head(): Head {
    return this.#head
  }

  /**
   * The revision on which the journal builds: history begins here. @throws StoreError when its row
   * is damaged
   */
  snapshot(): Sealed {
    const found = this.database.prepare('SELECT * FROM snapshot').get()
    const row = found as unknown as (Sealed & { readonly seal: Uint8Array }) | undefined
    if (!row || !sameBytes(seal(row), row.seal)) throw this.damaged('its snapshot is damaged')
    return row
  }

  /**
   * Writes revisions that follow the head, all in one transaction; on return they are durable.
   * @throws StoreError, or what a hook throws, with nothing written
   */
  append(revisions: readonly Linked[], hooks: Hooks): void {
    let head = this.#head
    this.transaction(() => {
      hooks.at('before-write')
      for (const each of revisions) {
        const { revision, at, who, requestId = null, via = null, entry } = each
        head = { revision, hash: link(head.hash, each) }
        this.#insert.run(revision, at, who, requestId, via, entry, head.hash)
        hooks.at('after-write')
      }
      this.#moveHead.run(head.revision, head.hash)
      hooks.at('before-fsync')
    })
    this.#head = head
    hooks.at('after-fsync')
  }

  /** All of it or, when it throws, nothing. @throws StoreError for what SQLite throws */
  transaction(work: () => void): void {
    try {
      this.database.exec('BEGIN IMMEDIATE')
      work()
      this.database.exec('COMMIT')
    } catch (error) {
      if (this.database.isTransaction) this.database.exec('ROLLBACK')
      throw storeError(error, this.path, 'io_error')
    }
  }

  /**
   * Rows from one revision to another, both included, in order, each verified against the one
   * before. All of them must be kept. @throws StoreError naming the first that does not follow
   */
  *rows(from: number, to: number): Generator<Row> {
    let before = this.#hashAt(from - 1)
    let revision = from - 1
    for (const stored of this.#range.iterate(from, to)) {
      const row = rowOf(stored as unknown as StoredRow)
      if (row.revision !== ++revision || !sameBytes(link(before, row), row.hash))
        throw this.#breaks(revision)
      before = row.hash
      yield row
    }
    if (revision < to) throw this.#breaks(revision + 1)
  }

  /** The last revision made at that time or before it; undefined: none that is kept. */
  lastAt(ms: number): number | undefined {
    const newest = 'SELECT revision FROM journal WHERE at <= ? ORDER BY revision DESC LIMIT 1'
    return this.database.prepare(newest).get(ms)?.revision as number | undefined
  }

  /** The first kept revision made at that time or after it; undefined: all are older. */
  firstSince(ms: number): number | undefined {
    const oldest = 'SELECT revision FROM journal WHERE at >= ? ORDER BY revision LIMIT 1'
    return this.database.prepare(oldest).get(ms)?.revision as number | undefined
  }

  damaged(detail: string, revision?: number): StoreError {
    const facts = { path: this.path, detail }
    return new StoreError('damaged', revision === undefined ? facts : { ...facts, revision })
  }

  #hashAt(revision: number): Uint8Array {
    const { revision: base, hash } = this.snapshot()
    if (revision === base) return hash
    const row = this.database.prepare('SELECT hash FROM journal WHERE revision = ?').get(revision)
    if (!row) throw this.#breaks(revision)
    return row.hash as Uint8Array
  }

  #breaks(revision: number): StoreError {
    return this.damaged(`revision ${revision} does not follow`, revision)
  }
}

function rowOf({ revision, at, who, request_id, via, entry, hash }: StoredRow): Row {
  const author: Author = {
    who,
    ...(request_id !== null && { requestId: request_id }),
    ...(via !== null && { via }),
  }
  return Object.assign(author, { revision, at, entry, hash })
}
