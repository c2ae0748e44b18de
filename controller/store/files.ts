/** What it takes for a file to be there after the power came back: fsync of the file and of its folder. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  statfsSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Also for a folder: then the names in it are durable. */
export function fsyncPath(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Gives a finished file its name: whoever looks sees what was there before, or the whole of it. */
export function putInPlace(from: string, to: string): void {
  fsyncPath(from)
  renameSync(from, to)
  fsyncPath(dirname(to))
}

/** The path itself, or with '-2', '-3' … behind it: a name that nothing has yet. */
export function freeName(path: string): string {
  let name = path
  for (let count = 2; existsSync(name); count++) name = `${path}-${count}`
  return name
}

/** The files that SQLite keeps beside a database: log and its index. */
export const besides = ['-wal', '-shm'] as const

/** Bytes that a store takes, with its log, and those that its disk has left for it. Empty when there is no file. */
export function roomOf(path: string): { readonly bytes?: number; readonly freeBytes?: number } {
  const file = statSync(path, { throwIfNoEntry: false })
  if (!file) return {}
  const { bavail, bsize } = statfsSync(path)
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false })
  return { bytes: file.size + (log?.size ?? 0), freeBytes: bavail * bsize }
}
