/**
 * Which branches of the decoders were taken: the two sides of every decision of the source, seen by
 * V8's block counts. The source is parsed, because V8 tells only of blocks that differ from what is
 * around them, and says nothing of an `if` that was never false. Start before the files are loaded:
 * node strips types in place, so that offsets are those of the source. Neighbours: scope.ts (what
 * counts), unreached.ts (what cannot be reached), run.ts.
 */
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { fileURLToPath } from 'node:url'
import { parseAst } from 'vitest/node'

export interface Branch {
  /** Relative to the root of the project. */
  readonly file: string
  readonly line: number
  /** The source from the decision on, one line of it. */
  readonly text: string
  /** Which side: `then`, `else`, `right` (of && || ??), `left` (alone), `body`, `call` … */
  readonly side: string
  /** The names of the functions and classes around it, outermost first. */
  readonly functions: readonly string[]
  readonly isTaken: boolean
}

export interface Branches {
  take(): Promise<Branch[]>
}

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}
interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}
const root = new URL('../../', import.meta.url).href

/** Of these files, relative to the root, whether they will be loaded or not. */
export async function countBranches(files: readonly string[]): Promise<Branches> {
  // As they are now: somebody may write them while they run.
  const sources = files.map(
    (file) => [file, readFileSync(fileURLToPath(root + file), 'utf8')] as const,
  )
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  return {
    async take() {
      const { result } = await session.post('Profiler.takePreciseCoverage')
      session.disconnect()
      return sources.flatMap(([file, source]) => {
        const script = result.find(({ url }) => url === root + file)
        const counted = (script?.functions ?? []).map(({ ranges }) => ranges)
        return branchesOf(file, source, counted)
      })
    },
  }
}

/** Every branch in the functions of a file; what runs when it is loaded is no decoder. */
function branchesOf(
  file: string,
  source: string,
  counted: readonly (readonly Range[])[],
): Branch[] {
  const out: Branch[] = []
  const lineOf = (at: number) => source.slice(0, at).split('\n').length

  /** `loop`: of whose condition the node is a part. */
  function walk(node: Node, names: readonly string[], ranges: readonly Range[], loop?: Node): void {
    // How often the code at `at` ran. A condition runs once more than V8 says for each round.
    const count = (at: number): number => {
      const range = rangeAt(ranges, at)
      const again = loop && range === rangeAt(ranges, loop.start) ? (loop.body as Node).start : -1
      return (range?.count ?? 0) + (rangeAt(ranges, again)?.count ?? 0)
    }
    const add = (at: number, side: string, isTaken: boolean) => {
      if (names.length === 0) return
      const text = (source.slice(at).split('\n', 1)[0] ?? '').trim()
      out.push({ file, line: lineOf(at), text, side, functions: names, isTaken })
    }
    for (const [side, at, taken] of sides(node, count)) add(at, side, taken)
    for (const { child, name } of children(node)) {
      if (!isFunction(child)) {
        const inside = isClass(child) && name ? [...names, name] : names
        const isTest = node.body !== undefined && child === node.test
        walk(child, inside, ranges, isTest ? node : node.type === LOGICAL ? loop : undefined)
        continue
      }
      const inside = [...names, name ?? 'function']
      const own = rangesOf(counted, child)
      const text = (source.slice(child.start).split('\n', 1)[0] ?? '').trim()
      const isTaken = (own[0]?.count ?? 0) > 0
      out.push({ file, line: lineOf(child.start), text, side: 'call', functions: inside, isTaken })
      walk(child, inside, own)
    }
  }
  walk(parseAst(source, { lang: 'ts' }) as unknown as Node, [], [])
  return out
}

const LOGICAL = 'LogicalExpression'
type Side = readonly [side: string, at: number, isTaken: boolean]

/** The sides of a decision: none of a node that decides nothing. */
function sides(node: Node, count: (at: number) => number): Side[] {
  const at = node.start
  const part = (name: string) => node[name] as Node
  switch (node.type) {
    case 'IfStatement': {
      const then = count(part('consequent').start)
      const isElse = node.alternate ? count(part('alternate').start) : count(at) - then
      return [
        ['then', at, then > 0],
        ['else', at, isElse > 0],
      ]
    }
    case 'ConditionalExpression':
      return [
        ['then', at, count(part('consequent').start) > 0],
        ['else', at, count(part('alternate').start) > 0],
      ]
    case LOGICAL: {
      const left = part('left')
      const same = left.type === LOGICAL && left.operator === node.operator
      const before = count((same ? (left.right as Node) : left).start)
      const right = count(part('right').start)
      return [
        ['right', part('right').start, right > 0],
        ['left', part('right').start, before - right > 0],
      ]
    }
    case 'SwitchCase':
      return [['case', at, count(at) > 0]]
    case 'ForStatement':
    case 'ForOfStatement':
    case 'ForInStatement':
    case 'WhileStatement':
      return [['body', at, count(part('body').start) > 0]]
    case 'CatchClause':
      return [['catch', at, count(part('body').start) > 0]]
    default:
      return []
  }
}

const isFunction = ({ type }: Node) =>
  type === 'FunctionDeclaration' ||
  type === 'FunctionExpression' ||
  type === 'ArrowFunctionExpression'
const isClass = ({ type }: Node) => type === 'ClassDeclaration' || type === 'ClassExpression'
const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'

/** The nodes below one, types left out; a function comes with the name that it has or is given. */
function* children(node: Node): Generator<{ child: Node; name?: string | undefined }> {
  const called = nameOf(node.id ?? node.key)
  for (const [key, value] of Object.entries(node)) {
    if (key.startsWith('type') && key !== 'type') continue
    const list = Array.isArray(value) ? value : [value]
    for (const [i, one] of list.entries()) {
      if (!isNode(one) || one.type.startsWith('TS')) {
        // `x as T` and `x!` hold an expression.
        if (isNode(one) && isNode(one.expression)) yield { child: one, name: called }
        continue
      }
      const own = nameOf(one.id)
      const argument = key === 'arguments' ? `${nameOf(node.callee) ?? ''}[${i}]` : undefined
      yield { child: one, name: own ?? argument ?? called }
    }
  }
}
function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === 'MemberExpression') return nameOf(node.property)
  return (node.name ?? node.value) as string | undefined
}

/**
 * V8 begins a method elsewhere than the parser does, so functions are matched by their end; one that
 * ends with `as T` ends before that for V8, and is matched by its start.
 */
function rangesOf(counted: readonly (readonly Range[])[], { start, end }: Node): readonly Range[] {
  const near = ([whole]: readonly Range[]) => Math.abs((whole?.startOffset ?? Infinity) - start)
  const isSame = ([whole]: readonly Range[]) =>
    whole?.endOffset === end || (whole?.startOffset === start && whole.endOffset < end)
  return counted.filter(isSame).sort((a, b) => near(a) - near(b))[0] ?? []
}

/** The innermost one. */
function rangeAt(ranges: readonly Range[], at: number): Range | undefined {
  let best: Range | undefined
  for (const one of ranges) {
    if (at < one.startOffset || at >= one.endOffset) continue
    if (!best || one.endOffset - one.startOffset <= best.endOffset - best.startOffset) best = one
  }
  return best
}
