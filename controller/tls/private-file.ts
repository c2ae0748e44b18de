/**
 * Files that only their owner reads (mode 0600), written so that a reader sees an old one or a new one, never a part,
 * and that what is read after a power failure is one of the two. Neighbours: pki-folder.ts, authority.ts.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

export type FileText = readonly [file: string, text: string]

/** Replaces all of them or makes them; they change one right after the other, once all are on the disk. */
export function replaceFiles(...files: readonly FileText[]): void {
  moveAll(files, renameSync)
}

/** Makes a file. @throws Error (EEXIST) when there is one, however late it came */
export function createFile(...file: FileText): void {
  moveAll([file], linkSync)
}

function moveAll(files: readonly FileText[], move: (from: string, to: string) => void): void {
  // Nobody else can have made a file or a link of that name: 'wx' refuses what is there.
  const parts = files.map(([file, text]) => ({
    ...{ file, text, part: `${file}.${randomBytes(6).toString('hex')}.part` },
  }))
  try {
    for (const { file, text, part } of parts) {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      writeFileSync(part, text, { mode: 0o600, flag: 'wx', flush: true })
    }
    for (const { file, part } of parts) move(part, file)
    for (const folder of new Set(files.map(([file]) => dirname(file)))) flushFolder(folder)
  } finally {
    for (const { part } of parts) rmSync(part, { force: true })
  }
}

/** A rename is on the disk once its folder is. */
function flushFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
