/** Writes a store as Weft wrote it before its journal kept both ends of a change: schema 1, literally. */
import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import type { Commit } from '../../../controller/store/store.ts'

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

/** Counters that the old store wrote beside the objects; here those of numbers and VNIs. */
export function writeSchema1(path: string, commits: readonly Commit[]): void {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL')
  database.exec(`BEGIN IMMEDIATE; ${tables}; PRAGMA user_version = 1; COMMIT`)
  let hash: Uint8Array = new Uint8Array(32)
  for (const { snapshot, changes, who } of commits) {
    const { revision } = snapshot
    const at = 1_790_000_000_000 + revision
    const objects = changes.map(({ collection, key, after }) => [collection, key, after ?? null])
    const names = ['network.number', 'port.number', 'vni']
    const counters = Object.fromEntries(names.map((name) => [name, snapshot.counter(name) || null]))
    const entry = JSON.stringify({ objects, counters })
    const rest = JSON.stringify([revision, at, who])
    hash = createHash('sha256').update(hash).update(rest).update(entry).digest()
    database.exec('BEGIN IMMEDIATE')
    database
      .prepare('INSERT INTO journal VALUES (?, ?, ?, ?, ?)')
      .run(revision, at, who, entry, hash)
    for (const { collection, key, after } of changes) {
      if (after) {
        const value = JSON.stringify(after)
        database
          .prepare('INSERT OR REPLACE INTO object VALUES (?, ?, ?)')
          .run(collection, key, value)
      } else {
        database.prepare('DELETE FROM object WHERE collection = ? AND key = ?').run(collection, key)
      }
    }
    for (const [name, value] of Object.entries(counters)) {
      if (value === null) database.prepare('DELETE FROM counter WHERE name = ?').run(name)
      else database.prepare('INSERT OR REPLACE INTO counter VALUES (?, ?)').run(name, value)
    }
    database.exec('COMMIT')
  }
  database.close()
}
