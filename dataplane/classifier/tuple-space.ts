/**
 * Tuple space search (Srinivasan, Suri, Varghese, SIGCOMM 1999, as in Open vSwitch's classifier):
 * flows with the same masks are one tuple, a hash table over the masked words. A lookup costs a
 * hash and a probe per tuple, whatever the number of flows; tuples stand in the order of their
 * highest priority, and the search ends where no later one could win.
 * Neighbours: matcher.ts, secret-hash.ts, linear.ts (the oracle).
 */
import { type CompiledMatch, isBefore, type Matchable, type Matcher, matches } from './matcher.ts'
import { hashOfKey, hashOfMatch, type Secret } from './secret-hash.ts'

interface Entry<F> {
  readonly flow: F
  readonly hash: number
  next: Entry<F> | undefined
}

interface Tuple<F> {
  readonly name: string
  readonly slots: Uint16Array
  readonly masks: Uint32Array
  /** Chains by hash, best flow first; the length is a power of two. */
  buckets: (Entry<F> | undefined)[]
  size: number
  /** Flows of each priority. */
  readonly priorities: Map<number, number>
  highest: number
}

const FIRST_BUCKETS = 8

export function tupleSpace<F extends Matchable>(secret: Secret): Matcher<F> {
  const byMasks = new Map<string, Tuple<F>>()
  /** Highest priority first. */
  const tuples: Tuple<F>[] = []
  const sort = () => tuples.sort((a, b) => b.highest - a.highest)

  const tupleOf = (match: CompiledMatch): Tuple<F> => {
    const name = nameOf(match)
    let tuple = byMasks.get(name)
    if (!tuple) {
      tuple = newTuple(name, match)
      byMasks.set(name, tuple)
      tuples.push(tuple)
    }
    return tuple
  }

  return {
    lookup(key) {
      let best: Entry<F> | undefined
      for (let i = 0; i < tuples.length; i++) {
        const tuple = tuples[i]!
        if (best !== undefined && tuple.highest < best.flow.priority) break
        const hash = hashOfKey(tuple.slots, tuple.masks, key, secret)
        let entry = tuple.buckets[hash & (tuple.buckets.length - 1)]
        while (entry && !(entry.hash === hash && matches(entry.flow.compiled, key))) {
          entry = entry.next
        }
        if (entry && (!best || isBefore(entry.flow, best.flow))) best = entry
      }
      return best?.flow
    },
    each(key, visit) {
      for (const tuple of tuples) {
        const hash = hashOfKey(tuple.slots, tuple.masks, key, secret)
        let entry = tuple.buckets[hash & (tuple.buckets.length - 1)]
        for (; entry; entry = entry.next) if (matches(entry.flow.compiled, key)) visit(entry.flow)
      }
    },
    insert(flow) {
      const tuple = tupleOf(flow.compiled)
      if (tuple.size === tuple.buckets.length) grow(tuple)
      const hash = hashOfMatch(flow.compiled, secret)
      chain(tuple.buckets, { flow, hash, next: undefined })
      tuple.size++
      tuple.priorities.set(flow.priority, (tuple.priorities.get(flow.priority) ?? 0) + 1)
      if (flow.priority > tuple.highest) {
        tuple.highest = flow.priority
        sort()
      }
    },
    remove(flow) {
      const tuple = byMasks.get(nameOf(flow.compiled))
      if (!tuple || !unchain(tuple.buckets, flow, secret)) return
      tuple.size--
      const left = tuple.priorities.get(flow.priority)! - 1
      if (left > 0) {
        tuple.priorities.set(flow.priority, left)
        return
      }
      tuple.priorities.delete(flow.priority)
      if (tuple.size === 0) {
        byMasks.delete(tuple.name)
        tuples.splice(tuples.indexOf(tuple), 1)
      } else if (flow.priority === tuple.highest) {
        tuple.highest = Math.max(...tuple.priorities.keys())
        sort()
      }
    },
  }
}

/** The masks of a match, by slot: what all flows of a tuple have in common. */
function nameOf(match: CompiledMatch): string {
  let name = ''
  for (let i = 0; i < match.length; i += 3) name += `${match[i]}/${match[i + 1]} `
  return name
}

function newTuple<F>(name: string, match: CompiledMatch): Tuple<F> {
  const length = match.length / 3
  return {
    name,
    slots: Uint16Array.from({ length }, (_, i) => match[3 * i]!),
    masks: Uint32Array.from({ length }, (_, i) => match[3 * i + 1]!),
    buckets: new Array(FIRST_BUCKETS).fill(undefined),
    size: 0,
    priorities: new Map(),
    highest: -1,
  }
}

/** Puts an entry into its chain, behind those that win over it. */
function chain<F extends Matchable>(buckets: (Entry<F> | undefined)[], entry: Entry<F>): void {
  const at = entry.hash & (buckets.length - 1)
  let before: Entry<F> | undefined
  let after = buckets[at]
  while (after && isBefore(after.flow, entry.flow)) {
    before = after
    after = after.next
  }
  entry.next = after
  if (before) before.next = entry
  else buckets[at] = entry
}

function unchain<F extends Matchable>(
  buckets: (Entry<F> | undefined)[],
  flow: F,
  secret: Secret,
): boolean {
  const at = hashOfMatch(flow.compiled, secret) & (buckets.length - 1)
  let before: Entry<F> | undefined
  for (let entry = buckets[at]; entry; before = entry, entry = entry.next) {
    if (entry.flow !== flow) continue
    if (before) before.next = entry.next
    else buckets[at] = entry.next
    return true
  }
  return false
}

function grow<F extends Matchable>(tuple: Tuple<F>): void {
  const buckets = new Array<Entry<F> | undefined>(tuple.buckets.length * 2).fill(undefined)
  for (const first of tuple.buckets) {
    for (let entry = first; entry; ) {
      const { next } = entry
      chain(buckets, entry)
      entry = next
    }
  }
  tuple.buckets = buckets
}
