/** Files that somebody named on the command line. Neighbours: document.ts, commands/. */
import { readFileSync } from 'node:fs'

/** A file that cannot be read: one sentence for whoever named it. */
export class FileError extends Error {
  override readonly name = 'FileError'
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EISDIR: 'it is a folder',
  ENOTDIR: 'part of the path is no folder',
  EACCES: 'permission denied',
}

/** @param file a path, or - for standard input @throws FileError */
export function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException
    const reason = reasons[code]
    if (reason === undefined) throw new FileError(`cannot read ${file}: ${message}`, { cause })
    throw new FileError(`cannot read ${file}: ${reason}`)
  }
}
