/** What it takes for a file to be there after the power came back: fsync of the file and of its folder. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync } from 'node:fs'
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
