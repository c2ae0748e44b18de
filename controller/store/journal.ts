/**
 * The one SQLite file behind a site. `journal` has one row per revision, each with the hash of the
 * one before; `object` and `counter` are what the journal adds up to, written in the same
 * transaction, so that opening parses the site and not its history. Opening still follows the
 * hashes of every revision. WAL and synchronous=FULL: when COMMIT returns, it is on the disk.
 *
 * Neighbours: store.ts is the only caller. Values are JSON with the properties in the order of
 * model/resolve.ts.
 */
import { createHash } from 'node:crypto'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Change } from '../model/snapshot.ts'
import type { Hooks } from './hooks.ts'

/** Raised with every change of the tables below. */
const schemaVersion = 1

const tables = `
  CREATE TABLE IF NOT EXISTS journal (
    revision INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,            -- milliseconds since 1970
    who TEXT NOT NULL,
    entry TEXT NOT NULL,            -- JSON of Entry
    hash BLOB NOT NULL              -- SHA-256 of the hash before, revision, at, who, entry
  ) STRICT;
  CREATE TABLE IF NOT EXISTS object (
    collection TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (collection, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS counter (
    name TEXT PRIMARY KEY, value INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`

/**
 * What one revision did: objects after it (null: deleted) and counters it moved (null: forgotten).
 */
export interface Entry {
  readonly objects: readonly (readonly [collection: string, key: string, value: unknown])[]
  readonly counters: Readonly<Record<string, number | null>>
}

export interface StoredObject {
  readonly collection: string
  readonly key: string
  readonly value: string
}

/** The file cannot be used: not ours, newer than we are, damaged, or open in another process. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
}

export class Journal {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #insertRevision: StatementSync
  readonly #putObject: StatementSync
  readonly #dropObject: StatementSync
  readonly #putCounter: StatementSync
  readonly #dropCounter: StatementSync
  #hash: Uint8Array = new Uint8Array(32)
  #revision = 0

  /** @throws StoreError */
  constructor(path: string) {
    this.#path = path
    this.#database = open(path)
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql)
    this.#insertRevision = prepare('INSERT INTO journal VALUES (?, ?, ?, ?, ?)')
    this.#putObject = prepare('INSERT OR REPLACE INTO object VALUES (?, ?, ?)')
    this.#dropObject = prepare('DELETE FROM object WHERE collection = ? AND key = ?')
    this.#putCounter = prepare('INSERT OR REPLACE INTO counter VALUES (?, ?)')
    this.#dropCounter = prepare('DELETE FROM counter WHERE name = ?')
    this.#verify()
  }

  /** The last revision; 0 when the file is new. */
  get revision(): number {
    return this.#revision
  }

  /**
   * Writes one revision in one transaction; on return it is durable. Throws what SQLite throws,
   * with nothing written.
   */
  append(
    revision: number,
    changes: readonly Change[],
    counters: ReadonlyMap<string, number | undefined>,
    by: { readonly who: string; readonly at: number },
    hooks: Hooks,
  ): void {
    const entry = JSON.stringify(entryOf(changes, counters))
    const hash = chain(this.#hash, revision, by.at, by.who, entry)
    hooks.at('before-write')
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      this.#insertRevision.run(revision, by.at, by.who, entry, hash)
      hooks.at('after-write')
      this.#writeState(changes, counters)
      hooks.at('before-fsync')
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
    this.#hash = hash
    this.#revision = revision
    hooks.at('after-fsync')
  }

  /** All objects, in the order of their keys within a collection. */
  *objects(): Generator<StoredObject> {
    const statement = this.#database.prepare('SELECT collection, key, value FROM object')
    for (const row of statement.iterate()) yield row as unknown as StoredObject
  }

  *counters(): Generator<{ readonly name: string; readonly value: number }> {
    for (const row of this.#database.prepare('SELECT name, value FROM counter').iterate()) {
      yield row as { name: string; value: number }
    }
  }

  /** Every revision in order. */
  *entries(): Generator<{
    readonly revision: number
    readonly who: string
    readonly entry: Entry
  }> {
    const statement = this.#database.prepare(
      'SELECT revision, who, entry FROM journal ORDER BY revision',
    )
    for (const row of statement.iterate()) {
      const { revision, who, entry } = row as { revision: number; who: string; entry: string }
      yield { revision, who, entry: JSON.parse(entry) as Entry }
    }
  }

  close(): void {
    this.#database.close()
  }

  #writeState(changes: readonly Change[], counters: ReadonlyMap<string, number | undefined>): void {
    for (const { collection, key, after } of changes) {
      if (after) this.#putObject.run(collection, key, JSON.stringify(after))
      else this.#dropObject.run(collection, key)
    }
    for (const [name, value] of counters) {
      if (value === undefined) this.#dropCounter.run(name)
      else this.#putCounter.run(name, value)
    }
  }

  /**
   * Follows the hashes from the first revision to the last. @throws StoreError naming the first
   * that does not follow
   */
  #verify(): void {
    const statement = this.#database.prepare('SELECT * FROM journal ORDER BY revision')
    for (const row of statement.iterate()) {
      const { revision, at, who, entry, hash } = row as unknown as {
        revision: number
        at: number
        who: string
        entry: string
        hash: Uint8Array
      }
      const right = chain(this.#hash, revision, at, who, entry)
      if (revision !== this.#revision + 1 || Buffer.compare(right, hash) !== 0) {
        this.close()
        throw new StoreError(`${this.#path} is damaged: revision ${revision} does not follow`)
      }
      this.#hash = right
      this.#revision = revision
    }
  }
}

/** Exclusive: a second controller on the same file is refused, not interleaved. */
function open(path: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path)
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF')
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as {
      user_version: number
    }
    if (version > schemaVersion) {
      throw new StoreError(`${path} was written by a newer Weft (schema ${version})`)
    }
    database.exec(`BEGIN IMMEDIATE; ${tables}; PRAGMA user_version = ${schemaVersion}; COMMIT`)
    return database
  } catch (cause) {
    database?.close()
    if (cause instanceof StoreError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    const hint = reason.includes('locked') ? ': another process has it open' : ''
    throw new StoreError(`${path} cannot be opened: ${reason}${hint}`, { cause })
  }
}

function entryOf(
  changes: readonly Change[],
  counters: ReadonlyMap<string, number | undefined>,
): Entry {
  return {
    objects: changes.map(({ collection, key, after }) => [collection, key, after ?? null] as const),
    counters: Object.fromEntries([...counters].map(([name, value]) => [name, value ?? null])),
  }
}

function chain(
  before: Uint8Array,
  revision: number,
  at: number,
  who: string,
  entry: string,
): Uint8Array {
  const rest = JSON.stringify([revision, at, who])
  return createHash('sha256').update(before).update(rest).update(entry).digest()
}
