/**
 * Opening the file: made whole under another name when there is none, locked for one process, of a
 * schema that we know, and sound as SQLite sees it. What the rows say is verified by verify.ts.
 */
import { accessSync, chmodSync, constants, existsSync, rmSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { StoreError, storeError } from './error.ts'
import { besides, putInPlace } from './files.ts'
import type { Hooks } from './hooks.ts'
import { checkLog } from './log.ts'
import { migrate } from './migration.ts'
import {
  applicationId,
  createTables,
  headerNumber,
  isSchema1,
  schemaVersion,
  wrongTable,
} from './tables.ts'

/** WAL and synchronous=FULL: when COMMIT returns, it is on the disk. @throws StoreError */
export function openDatabase(path: string, hooks: Hooks): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    const inMemory = path === ':memory:'
    if (!inMemory) makeWhenAbsent(path)
    checkLog(path)
    database = new DatabaseSync(path)
    if (inMemory) createTables(database)
    // Exclusive: a second controller on the same file is refused, not interleaved.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF')
    // The log is as long as the longest transaction was; this gives the disk back.
    database.exec('PRAGMA journal_size_limit = 16777216')
    if (isSchema1(database)) migrate(database, path, hooks)
    checkSchema(database, path)
    checkPages(database, path)
    checkWritable(database, path)
    return database
  } catch (error) {
    database?.close()
    throw storeError(error, path, 'unreadable')
  }
}

/** @throws StoreError unless the tables are ours and of this version */
export function checkSchema(database: DatabaseSync, path: string): void {
  const version = headerNumber(database, 'user_version')
  if (version > schemaVersion) throw new StoreError('newer', { path, detail: String(version) })
  const id = headerNumber(database, 'application_id')
  const detail = `its header says application ${id}, schema ${version}`
  if (version !== schemaVersion || id !== applicationId)
    throw new StoreError('foreign', { path, detail })
  const table = wrongTable(database)
  if (table)
    throw new StoreError('damaged', { path, detail: `table ${table} is not as it is made` })
}

/**
 * Pages that two trees claim, or that are free and in use, read well until a write destroys them.
 * @throws StoreError
 */
export function checkPages(database: DatabaseSync, path: string): void {
  const [found] = database.prepare('PRAGMA quick_check(1)').all()
  const detail = String(Object.values(found ?? {})[0])
  if (detail !== 'ok') throw new StoreError('damaged', { path, detail })
}

/** SQLite reads a file whose header tells of a format to come, and refuses the first write. */
function checkWritable(database: DatabaseSync, path: string): void {
  try {
    database.exec('BEGIN IMMEDIATE; UPDATE head SET id = id; ROLLBACK')
  } catch (cause) {
    throw new StoreError('damaged', { path, detail: 'its header forbids writing', cause })
  }
}

/** SQLite takes anything smaller for no database yet, and begins one. */
const smallestDatabase = 512

/**
 * An empty file, and a log whose file is gone, are what is left of a store: never taken for a new
 * site, which would take everything off the hosts. Therefore a new one never starts as an empty file.
 */
function makeWhenAbsent(path: string): void {
  if (existsSync(path)) {
    accessSync(path, constants.W_OK)
    const { size } = statSync(path)
    if (size >= smallestDatabase) return
    throw new StoreError('damaged', { path, detail: `it has ${size} bytes` })
  }
  if (existsSync(`${path}-wal`))
    throw new StoreError('damaged', { path, detail: `only its log ${path}-wal is there` })
  const provisional = `${path}.new`
  for (const end of ['', '-journal', ...besides]) rmSync(provisional + end, { force: true })
  const database = new DatabaseSync(provisional)
  try {
    database.exec('BEGIN')
    createTables(database)
    database.exec('COMMIT')
  } finally {
    database.close()
  }
  // Hashes of tokens and all of the site; SQLite gives its log the same mode.
  chmodSync(provisional, 0o600)
  putInPlace(provisional, path)
}
