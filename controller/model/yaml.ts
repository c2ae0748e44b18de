/**
 * YAML with positions: a text becomes plain values, and every path into them leads back to a line
 * and a column. Only what a document needs is taken: one YAML 1.2 document, no tags, no merge keys,
 * few aliases, no key twice.
 */
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
} from 'yaml'
import { parseJsonText } from './json-text.ts'

/** Both count from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

export interface YamlText {
  readonly value: unknown
  /** Syntax errors; `value` is undefined when there are any. */
  readonly errors: readonly (Position & { readonly message: string })[]
  /**
   * Where the value at a path stands, or the nearest there is above it. `part`: the key or the
   * value of the last step.
   */
  position(path: readonly string[], part: 'key' | 'value'): Position
}

export function parseYaml(text: string): YamlText {
  const json = parseJsonText(text)
  if (!json) return parseNodes(text)
  let nodes: YamlText | undefined
  // Most documents are right, and nobody asks for a line.
  const position: YamlText['position'] = (...at) => {
    nodes ??= parseNodes(text)
    return nodes.position(...at)
  }
  return { value: json.value, errors: [], position }
}

function parseNodes(text: string): YamlText {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // The library compares each key of a map with each; keys are looked at below.
    uniqueKeys: false,
  })
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const errors = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    ...at(pos[0]),
    message,
  }))
  if (errors.length === 0)
    errors.push(...badKeys(document.contents).map(([pos, message]) => ({ ...at(pos), message })))
  let value: unknown
  if (errors.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: 100 })
    } catch (error) {
      errors.push({ line: 1, column: 1, message: (error as Error).message })
    }
  }

  const resolved = (node: unknown): Node | undefined => {
    const target = isAlias(node) ? node.resolve(document) : node
    return isNode(target) ? target : undefined
  }
  const position: YamlText['position'] = (path, part) => {
    let node: unknown = document.contents
    let found = start(node) ?? 0
    for (const [depth, step] of path.entries()) {
      const here = resolved(node)
      const last = depth === path.length - 1
      if (isMap(here)) {
        const pair = here.items.find(({ key }) => isScalar(key) && String(key.value) === step)
        if (!pair) break
        found = pairOffset(pair, last ? part : 'key') ?? found
        node = pair.value
      } else if (isSeq(here)) {
        node = here.items[Number(step)]
        found = start(node) ?? found
      } else break
    }
    return at(found)
  }
  return { value, errors, position }
}

/** Keys that are there twice, or are no text; costs by the document. */
function badKeys(contents: unknown): (readonly [offset: number, message: string])[] {
  const found: (readonly [number, string])[] = []
  const left = [contents]
  while (left.length > 0) {
    const node = left.pop()
    if (isSeq(node)) for (const item of node.items) left.push(item)
    if (!isMap(node)) continue
    const names = new Set<string>()
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : undefined
      const offset = start(key) ?? start(node) ?? 0
      if (name === undefined) found.push([offset, 'a key is a text'])
      else if (names.has(name)) found.push([offset, `${name} is there twice`])
      else names.add(name)
      left.push(value)
    }
  }
  return found.sort(([a], [b]) => a - b)
}

function start(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}

function pairOffset(pair: Pair, part: 'key' | 'value'): number | undefined {
  return part === 'value' ? (start(pair.value) ?? start(pair.key)) : start(pair.key)
}
