/**
 * A copy of the store while it is written to. SQLite copies page by page and follows what changes
 * meanwhile; the copy gets its name when it has been verified like a store that is opened, and is
 * durable. It is one file, a store itself.
 */
import { existsSync, rmSync } from 'node:fs'
import { backup as copyPages, DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { checkPages, checkSchema } from './database.ts'
import { storeError } from './error.ts'
import { besides, putInPlace } from './files.ts'
import type { Hooks } from './hooks.ts'
import { Journal } from './journal.ts'
import { checkLog } from './log.ts'
import { verifyOld } from './migration.ts'
import { isSchema1 } from './tables.ts'
import { verify } from './verify.ts'

export interface Progress {
  readonly step: 'copy' | 'verify'
  /** Pages when copying, rows when verifying. */
  readonly done: number
  /** Not known of rows. */
  readonly of?: number
}

export interface BackupOptions {
  readonly progress?: (progress: Progress) => void
}

/**
 * Replaces what has that name. A store that is closed meanwhile stays locked until the backup is made.
 * @returns the revision that the backup ends with
 * @throws StoreError; then there is no file, or the one that was there before
 */
export async function backup(
  database: DatabaseSync,
  path: string,
  hooks: Hooks,
  { progress }: BackupOptions = {},
): Promise<number> {
  const part = `${path}.part`
  removeDatabase(part)
  try {
    await copyPages(database, part, {
      progress: ({ totalPages: of, remainingPages }) =>
        progress?.({ step: 'copy', done: of - remainingPages, of }),
    })
    hooks.at('backup-copied')
    const revision = await sealCopy(part, { ...(progress && { progress }) })
    hooks.at('backup-verified')
    putInPlace(part, path)
    return revision
  } catch (error) {
    removeDatabase(part)
    throw storeError(error, path, 'io_error')
  }
}

/**
 * Makes a copy one file without a log, and verifies it; also of an older schema, which is migrated
 * when it is opened. @returns its last revision. @throws StoreError when it is damaged
 */
export async function sealCopy(path: string, { progress }: BackupOptions): Promise<number> {
  checkLog(path)
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE')
    checkPages(database, path)
    const old = isSchema1(database)
    if (!old) checkSchema(database, path)
    const steps = old ? verifyOld(database, path) : verify(new Journal(database, path))
    let done = 0
    for (const rows of steps) {
      done = rows ?? done + 1
      if (rows === undefined && done % 1000 !== 0) continue
      progress?.({ step: 'verify', done })
      await setImmediate()
    }
    const last = database.prepare(
      old ? 'SELECT max(revision) AS revision FROM journal' : 'SELECT revision FROM head',
    )
    return Number(last.get()?.revision ?? 0)
  } catch (error) {
    throw storeError(error, path, 'damaged')
  } finally {
    database.close()
  }
}

/** With what SQLite may have left beside it. */
export function removeDatabase(path: string): void {
  for (const end of ['', '-journal', ...besides]) if (existsSync(path + end)) rmSync(path + end)
}
