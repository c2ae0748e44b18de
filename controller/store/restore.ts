/**
 * A backup in the place of a store, while no controller runs. The store that was there, whole or
 * damaged, keeps its bytes under another name.
 */
import { existsSync, linkSync, rmSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type BackupOptions, removeDatabase, sealCopy } from './backup.ts'
import { StoreError, storeError } from './error.ts'
import { besides, freeName, fsyncPath, putInPlace } from './files.ts'
import { type Hooks, noHooks } from './hooks.ts'

export interface RestoreOptions extends BackupOptions {
  /** Replace a store that is there. */
  readonly force?: boolean
  readonly hooks?: Hooks
}

export interface Restored {
  readonly revision: number
  /** Where the store is kept that was there. */
  readonly aside?: string
}

/**
 * Puts a verified copy of `from` at `to`; `from` is only read. @throws StoreError (`absent`, `exists`,
 * `locked`, `damaged` …); `to` is then as it was
 */
export async function restore(
  from: string,
  to: string,
  { force = false, hooks = noHooks, ...options }: RestoreOptions = {},
): Promise<Restored> {
  if (!existsSync(from)) throw new StoreError('absent', { path: from })
  const replaces = existsSync(to)
  if (replaces && !force) throw new StoreError('exists', { path: to })
  if (replaces) refuseInUse(to)

  const part = `${to}.part`
  removeDatabase(part)
  try {
    await copyFile(from, part)
    if (existsSync(`${from}-wal`)) await copyFile(`${from}-wal`, `${part}-wal`)
    const revision = await sealCopy(part, options)
    fsyncPath(part)
    hooks.at('restore-verified')
    const aside = replaces ? freeName(`${to}.replaced`) : undefined
    if (aside) keepAside(to, aside)
    hooks.at('restore-aside')
    putInPlace(part, to)
    hooks.at('restore-renamed')
    // Until here a kill leaves the old log beside the new file: that opens as damaged or as the old
    // store, and never as a site between the two.
    for (const end of besides) rmSync(to + end, { force: true })
    fsyncPath(dirname(to))
    return aside ? { revision, aside } : { revision }
  } catch (error) {
    removeDatabase(part)
    const failed = storeError(error, to, 'unreadable')
    if (!(failed instanceof StoreError) || failed.path !== part) throw failed
    // It is the backup that is damaged, not the copy of it that was made here.
    const { type, detail } = failed
    throw new StoreError(type, { path: from, detail, cause: failed })
  }
}

/** A second name for the same bytes; the first stays until the new file takes it. */
function keepAside(path: string, aside: string): void {
  linkSync(path, aside)
  if (existsSync(`${path}-wal`)) linkSync(`${path}-wal`, `${aside}-wal`)
  fsyncPath(dirname(path))
}

/** Reads only: what is damaged must stay as it is. @throws StoreError `locked` */
export function refuseInUse(path: string): void {
  const made = besides.filter((end) => !existsSync(path + end))
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { readOnly: true })
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
  } catch (cause) {
    const error = storeError(cause, path, 'damaged')
    if (error instanceof StoreError && error.type === 'locked') throw error
    if (!(error instanceof StoreError)) throw error
  } finally {
    database?.close()
  }
  // Reading made them; a store that is in use had them.
  for (const end of made) rmSync(path + end, { force: true })
}
