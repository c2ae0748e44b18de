/** `weft backup` and `weft restore`. Neighbours: backup-options.ts, ../../controller/store/restore.ts. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { restore } from '../../controller/store/restore.ts'
import { withProgress } from '../print/terminal.ts'
import { FileError } from '../text-file.ts'
import type { RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface BackupArguments extends RestArguments {
  readonly file: string
  readonly signal: AbortSignal
}
export interface RestoreArguments {
  readonly file: string
  readonly store: string
  readonly force: boolean
}

/** @returns the exit code */
export async function backup({ file, signal, ...options }: BackupArguments): Promise<number> {
  const folder = dirname(file)
  if (!existsSync(folder)) throw new FileError(`cannot write ${file}: there is no folder ${folder}`)
  const rest = openSession(options, signal)
  await withProgress('copying the store', rest.download('/v1:backup', file))
  process.stdout.write(`${file} has the store of ${rest.controller}\n`)
  return 0
}

/** @throws StoreError; the store is then as it was. @returns the exit code */
export async function restoreStore({ file, store, force }: RestoreArguments): Promise<number> {
  const { revision, aside } = await withProgress('restoring', restore(file, store, { force }))
  const kept = aside === undefined ? '' : `; the store that was there is ${aside}`
  process.stdout.write(`${store} is at revision ${revision}${kept}\n`)
  return 0
}
