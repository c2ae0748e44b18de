/** The topology that a command is about. Neighbours: open-lab.ts, ../document.ts. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseDocument, type TopologyDocument } from '../../controller/model/document.ts'
import { FileError, readText } from '../text-file.ts'

export interface Topology {
  readonly document: TopologyDocument
  /** As it was read. */
  readonly text: string
  /** SHA-256 of the text. */
  readonly digest: string
  /** Absolute; undefined: it came by standard input. */
  readonly documentFile: string | undefined
}

/** Those that Weft brings along. */
const OWN = fileURLToPath(new URL('../../topologies/', import.meta.url))
const TWO_TENANTS = join(OWN, 'two-tenants.yaml')

/** @param file as it was typed: `-` is standard input, undefined two-tenants. @throws FileError, DocumentError */
export function readTopology(file: string | undefined): Topology {
  const path = file ?? TWO_TENANTS
  if (/^[a-z][a-z-]*$/.test(path) && !existsSync(path)) throw new FileError(noFile(path))
  const text = readText(path)
  const digest = createHash('sha256').update(text).digest('hex')
  const documentFile = file === '-' ? undefined : resolve(path)
  const document = parseDocument(text, file ?? 'topologies/two-tenants.yaml')
  return { document, text, digest, documentFile }
}

/** A word: the name of a document, or a command that there is not. */
function noFile(word: string): string {
  const own = join(OWN, `${word}.yaml`)
  const meant = existsSync(own)
    ? `is ${relative('.', own)} meant?`
    : 'nor is it a command; weft lab --help has those there are'
  return `cannot read ${word}: no such file; ${meant}`
}
