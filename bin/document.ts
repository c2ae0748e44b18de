/** A topology document from a file that somebody named on the command line. Neighbours: commands/lab.ts, commands/serve.ts. */
import { readFileSync } from 'node:fs'
import { parseDocument, type TopologyDocument } from '../controller/model/document.ts'

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

/**
 * Reads and parses. @param shown how messages name the file; left out, as it was given
 * @throws FileError, DocumentError
 */
export function readDocument(file: string, shown = file): TopologyDocument {
  return parseDocument(read(file), shown)
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException
    const reason = reasons[code]
    if (reason === undefined) throw new FileError(`cannot read ${file}: ${message}`, { cause })
    throw new FileError(`cannot read ${file}: ${reason}`)
  }
}
