/**
 * Looks whether a store is whole without touching it: a copy is made elsewhere, verified like a store that is opened, and
 * removed. Neighbours: backup.ts (how a copy is verified), restore.ts (what to do then).
 */
import { existsSync, statfsSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sealCopy } from './backup.ts'
import { StoreError, storeError } from './error.ts'
import { roomOf } from './files.ts'
import { refuseInUse } from './restore.ts'
import type { Store } from './store.ts'

/** Of a store that is open. @returns the last revision that was verified. @throws StoreError as `examineFile` */
export const verifiedCopy = (store: Store): Promise<number> =>
  inFolder(store.path, async (file) => await store.backup(file))

/**
 * Of a file that no process has open. @returns its last revision. @throws StoreError `absent`, `locked`, `damaged` (with the
 * first revision that cannot be trusted, where that is known), `disk_full` of the folder for the copy
 */
export async function examineFile(path: string): Promise<number> {
  if (!existsSync(path)) throw new StoreError('absent', { path })
  refuseInUse(path)
  return await inFolder(path, async (copy) => {
    try {
      await copyFile(path, copy)
      if (existsSync(`${path}-wal`)) await copyFile(`${path}-wal`, `${copy}-wal`)
      return await sealCopy(copy, {})
    } catch (error) {
      const found = storeError(error, path, 'unreadable')
      if (!(found instanceof StoreError)) throw found
      // What is said of the copy is true of the store.
      const { type, detail, revision } = found
      throw new StoreError(type, {
        path: type === 'disk_full' ? tmpdir() : path,
        detail,
        cause: found,
        ...(revision !== undefined && { revision }),
      })
    }
  })
}

/** Before the copy fills the folder of everybody, which may be memory. */
async function inFolder<T>(path: string, work: (file: string) => Promise<T>): Promise<T> {
  const { bavail, bsize } = statfsSync(tmpdir())
  if (bavail * bsize < 2 * (roomOf(path).bytes ?? 0))
    throw new StoreError('disk_full', { path: tmpdir() })
  const folder = await mkdtemp(join(tmpdir(), 'weft-examined-'))
  try {
    return await work(join(folder, 'copy.db'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
