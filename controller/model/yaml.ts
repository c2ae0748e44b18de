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
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
  })
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const errors = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    ...at(pos[0]),
    message,
  }))
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

function start(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}

function pairOffset(pair: Pair, part: 'key' | 'value'): number | undefined {
  return part === 'value' ? (start(pair.value) ?? start(pair.key)) : start(pair.key)
}
