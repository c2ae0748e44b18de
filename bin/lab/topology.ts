/** The topology that a command is about. Neighbours: open-lab.ts, ../document.ts. */
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseDocument, type TopologyDocument } from '../../controller/model/document.ts'
import { readText } from '../text-file.ts'

export interface Topology {
  readonly document: TopologyDocument
  /** As it was read. */
  readonly text: string
  /** SHA-256 of the text. */
  readonly digest: string
  /** Absolute; undefined: it came by standard input. */
  readonly documentFile: string | undefined
}

const TWO_TENANTS = fileURLToPath(new URL('../../topologies/two-tenants.yaml', import.meta.url))

/** @param file as it was typed: `-` is standard input, undefined two-tenants. @throws FileError, DocumentError */
export function readTopology(file: string | undefined): Topology {
  const path = file ?? TWO_TENANTS
  const text = readText(path)
  const digest = createHash('sha256').update(text).digest('hex')
  const documentFile = file === '-' ? undefined : resolve(path)
  const document = parseDocument(text, file ?? 'topologies/two-tenants.yaml')
  return { document, text, digest, documentFile }
}
