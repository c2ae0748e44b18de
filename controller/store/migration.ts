/**
 * From the tables of older versions to those of tables.ts, in one transaction, after a copy of the
 * file is durable beside it. A kill leaves the old store or the new one.
 *
 * Schema 1 had the site of the head in `object` and `counter`, and a journal whose entries said only
 * what was after: [collection, key, after] and {counter: after}. Its revisions keep their numbers,
 * times and authors, and get the hashes of the chain as it is now.
 */
import { createHash } from 'node:crypto'
import { copyFileSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { link, noHash, sameBytes } from './chain.ts'
import type { Entry } from './entry.ts'
import { StoreError } from './error.ts'
import { freeName, putInPlace } from './files.ts'
import type { Hooks } from './hooks.ts'
import { createTables } from './tables.ts'

interface OldRow {
  readonly revision: number
  readonly at: number
  readonly who: string
  readonly entry: string
  readonly hash: Uint8Array
}

/** @throws StoreError when the old store is damaged, and what files throw; the store is then as it was */
export function migrate(database: DatabaseSync, path: string, hooks: Hooks): void {
  for (const _ of verifyOld(database, path));
  if (path !== ':memory:') {
    keepCopy(database, path)
    hooks.at('migration-copied')
  }
  database.exec('BEGIN IMMEDIATE')
  try {
    database.exec('ALTER TABLE journal RENAME TO old; DROP TABLE object; DROP TABLE counter')
    createTables(database)
    rewrite(database)
    database.exec('DROP TABLE old')
    hooks.at('before-migrated')
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
  hooks.at('after-migrated')
}

/** The log is brought into the file first, so that the file alone is the store. */
function keepCopy(database: DatabaseSync, path: string): void {
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  const copy = freeName(`${path}.schema1.bak`)
  copyFileSync(path, `${copy}.part`)
  putInPlace(`${copy}.part`, copy)
}

function rewrite(database: DatabaseSync): void {
  const insert = database.prepare('INSERT INTO journal VALUES (?, ?, ?, NULL, NULL, ?, ?)')
  const state = new OldState()
  let head = { revision: 0, hash: noHash }
  for (const { revision, at, who, entry: old } of rowsOf(database, 'old')) {
    const row = { revision, at, who, entry: JSON.stringify(state.take(old)) }
    head = { revision, hash: link(head.hash, row) }
    insert.run(revision, at, who, row.entry, head.hash)
  }
  database.prepare('UPDATE head SET revision = ?, hash = ?').run(head.revision, head.hash)
}

/**
 * Holds the old journal against its hashes, and the old objects and counters against what the
 * journal adds up to. Yields after each revision. @throws StoreError naming the first bad one
 */
export function* verifyOld(database: DatabaseSync, path: string): Generator<void, void> {
  const state = new OldState()
  let before: Uint8Array = noHash
  let last = 0
  for (const { revision, at, who, entry, hash } of rowsOf(database, 'journal')) {
    const rest = JSON.stringify([revision, at, who])
    const right = createHash('sha256').update(before).update(rest).update(entry).digest()
    if (revision !== ++last || !sameBytes(right, hash)) {
      const detail = `revision ${last} does not follow`
      throw new StoreError('damaged', { path, detail, revision: last })
    }
    before = hash
    state.take(entry)
    yield
  }
  const wrong = state.wrongIn(database)
  const detail = `${wrong} is not what the journal says at revision ${last}`
  if (wrong) throw new StoreError('damaged', { path, detail, revision: last })
}

function rowsOf(database: DatabaseSync, table: 'journal' | 'old'): Iterable<OldRow> {
  const rows = database.prepare(`SELECT * FROM ${table} ORDER BY revision`).iterate()
  return rows as Iterable<unknown> as Iterable<OldRow>
}

/** What an old journal adds up to, revision by revision. */
class OldState {
  readonly #objects = new Map<string, string>()
  readonly #counters = new Map<string, number>()

  /** An entry of schema 1 as one of now. */
  take(text: string): Entry {
    const { objects, counters } = JSON.parse(text) as {
      readonly objects: readonly (readonly [string, string, object | null])[]
      readonly counters: Readonly<Record<string, number | null>>
    }
    return {
      objects: objects.map(([collection, key, after]) => {
        const name = nameOf(collection, key)
        const before = this.#objects.get(name)
        if (after) this.#objects.set(name, JSON.stringify(after))
        else this.#objects.delete(name)
        return [collection, key, before === undefined ? null : JSON.parse(before), after]
      }) as unknown as Entry['objects'],
      counters: Object.entries(counters).map(([name, after]) => {
        const before = this.#counters.get(name) ?? null
        if (after === null) this.#counters.delete(name)
        else this.#counters.set(name, after)
        return [name, before, after]
      }),
    }
  }

  /** The first object or counter that differs; undefined when none does. */
  wrongIn(database: DatabaseSync): string | undefined {
    const objects = new Map(this.#objects)
    for (const row of database.prepare('SELECT collection, key, value FROM object').iterate()) {
      const name = nameOf(String(row.collection), String(row.key))
      if (objects.get(name) !== row.value) return name
      objects.delete(name)
    }
    const counters = new Map(this.#counters)
    for (const { name, value } of database.prepare('SELECT name, value FROM counter').iterate()) {
      if (counters.get(String(name)) !== value) return `counter ${name}`
      counters.delete(String(name))
    }
    const [lost] = [...objects.keys(), ...[...counters.keys()].map((name) => `counter ${name}`)]
    return lost
  }
}

function nameOf(collection: string, key: string): string {
  return `${collection} ${key}`
}
