/**
 * The tables of the file. `journal` has one row per kept revision; `object` and `counter` are the
 * whole site at the one revision that `snapshot` names, on which the journal builds; `head` says
 * where the journal ends, so that a row that is missing there is missed.
 */
import type { DatabaseSync } from 'node:sqlite'
import { noHash, seal } from './chain.ts'

/** Raised with every change of the tables below; migration.ts then has a step more. */
export const schemaVersion = 2

/** 'Weft', in the header of the file (PRAGMA application_id). */
export const applicationId = 0x57656674

/** SQLite keeps this text, and it is compared on opening. */
export const tables = {
  counter: `CREATE TABLE counter (
    name TEXT PRIMARY KEY, value INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  head: `CREATE TABLE head (
    id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL, hash BLOB NOT NULL
  ) STRICT`,
  journal: `CREATE TABLE journal (
    revision INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,            -- milliseconds since 1970
    who TEXT NOT NULL,
    request_id TEXT,
    via TEXT,
    entry TEXT NOT NULL,            -- JSON of Entry
    hash BLOB NOT NULL              -- SHA-256 of the hash before and of this row
  ) STRICT`,
  object: `CREATE TABLE object (
    collection TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (collection, key)
  ) STRICT, WITHOUT ROWID`,
  snapshot: `CREATE TABLE snapshot (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL,            -- of that revision
    hash BLOB NOT NULL,             -- of that revision, where the chain goes on
    digest BLOB NOT NULL,           -- of all rows of object and counter
    seal BLOB NOT NULL              -- SHA-256 of this row
  ) STRICT`,
} as const

/** Makes the tables of an empty site; the caller has the transaction. */
export function createTables(database: DatabaseSync): void {
  for (const sql of Object.values(tables)) database.exec(sql)
  const empty = { revision: 0, at: 0, hash: noHash, digest: noHash }
  database
    .prepare('INSERT INTO snapshot VALUES (1, 0, 0, ?, ?, ?)')
    .run(noHash, noHash, seal(empty))
  database.prepare('INSERT INTO head VALUES (1, 0, ?)').run(noHash)
  database.exec(`PRAGMA user_version = ${schemaVersion}; PRAGMA application_id = ${applicationId}`)
}

/** What in the schema is not as it is made; undefined when all is. */
export function wrongTable(database: DatabaseSync): string | undefined {
  const found = new Map(
    database
      .prepare('SELECT name, sql FROM sqlite_schema')
      .all()
      .map(({ name, sql }) => [String(name), sql]),
  )
  const expected = new Map<string, unknown>(Object.entries(tables))
  const names = new Set([...found.keys(), ...expected.keys()])
  return [...names].find((name) => found.get(name) !== expected.get(name))
}

/** Schema 1 was written before the header named the application. */
export function isSchema1(database: DatabaseSync): boolean {
  return (
    headerNumber(database, 'user_version') === 1 && headerNumber(database, 'application_id') === 0
  )
}

/** A number in the header of the file, by the name of its PRAGMA. */
export function headerNumber(
  database: DatabaseSync,
  name: 'user_version' | 'application_id',
): number {
  return Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0] as number
}
