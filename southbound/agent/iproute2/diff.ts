/**
 * What should be, and what is -> lines to run, in the order of their phases. Pure. Neighbour: facts.ts.
 */
import { type Facts, factKinds, type Line } from './facts.ts'

export interface Difference {
  readonly key: string
  readonly was: string | undefined
  readonly now: string | undefined
  readonly lines: readonly Line[]
}

/** In no order: `inOrder` gives the lines theirs. */
export function differences(desired: Facts, actual: Facts): Difference[] {
  const lost = new Set<string>()
  for (const [key, was] of actual) {
    const [kind] = key.split(' ')
    if ((kind === 'device' || kind === 'table') && desired.get(key) !== was) lost.add(key)
  }
  /** Facts that go with the device or table that they belong to. */
  const goes = (key: string, value: string) => {
    const [kind = '', first = ''] = key.split(' ')
    // A VLAN device goes with the one below it.
    if (kind === 'device') return lost.has(`device ${/^link (\S+) /.exec(value)?.[1]}`)
    if (kind === 'fdb' && lost.has(`device ${first}`)) return true
    // A bridge that is made again has no ports.
    if (kind === 'master' || kind === 'slave') {
      return lost.has(`device ${first}`) || (lost.has(`device ${value}`) && desired.has(key))
    }
    const { container } = kindOf(kind)
    return container !== undefined && lost.has(`${container} ${first}`)
  }
  const found: Difference[] = []
  for (const [key, now] of desired) {
    const seen = actual.get(key)
    const was = seen !== undefined && goes(key, seen) ? undefined : seen
    if (was === now) continue
    const [kind = '', ...args] = key.split(' ')
    const lines = kindOf(kind).set(args, now, was)
    if (lines.length > 0) found.push({ key, was, now, lines })
  }
  for (const [key, was] of actual) {
    if (desired.has(key) || goes(key, was)) continue
    const [kind = '', ...args] = key.split(' ')
    const lines = kindOf(kind).unset(args, was)
    if (lines.length > 0) found.push({ key, was, now: undefined, lines })
  }
  return found
}

/** Lines of one phase keep the order of their differences. */
export function inOrder(
  found: readonly Difference[],
): { readonly line: Line; readonly of: Difference }[] {
  return found
    .flatMap((of) => of.lines.map((line) => ({ line, of })))
    .sort((a, b) => a.line[0] - b.line[0])
}

function kindOf(kind: string) {
  const found = factKinds[kind]
  if (!found) throw new Error(`no kind of fact is called ${kind}`)
  return found
}
