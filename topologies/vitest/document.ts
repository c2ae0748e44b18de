/** What a test brings up: a file beside it, text, or an object. Neighbours: lab.ts, ../../controller/model/document.ts (reads it). */
import { readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { cwd } from 'node:process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { parseDocument, type TopologyDocument } from '../../controller/model/document.ts'

export interface Given {
  readonly document: TopologyDocument
  readonly text: string
  /** Where it was read from. */
  readonly path?: string
}

/** @throws DocumentError, or Error of a file that cannot be read */
export function documentOf(given: string | URL | object): Given {
  if (given instanceof URL) return fromFile(fileURLToPath(given))
  // JSON is YAML.
  if (typeof given !== 'string') return fromText(JSON.stringify(given, undefined, 2))
  if (given.includes('\n')) return fromText(given)
  const { testPath } = expect.getState()
  return fromFile(resolve(testPath === undefined ? cwd() : dirname(testPath), given))
}

const fromText = (text: string): Given => ({ document: parseDocument(text, 'topology'), text })

function fromFile(path: string): Given {
  const text = readFileSync(path, 'utf8')
  return { document: parseDocument(text, relative(cwd(), path)), text, path }
}
