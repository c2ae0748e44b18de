/** A topology document from a file that somebody named on the command line. Neighbours: text-file.ts, commands/lab.ts, commands/serve.ts. */
import { parseDocument, type TopologyDocument } from '../controller/model/document.ts'
import { readText } from './text-file.ts'

/**
 * Reads and parses. @param shown how messages name the file; left out, as it was given
 * @throws FileError, DocumentError
 */
export function readDocument(file: string, shown = file): TopologyDocument {
  return parseDocument(readText(file), shown)
}
