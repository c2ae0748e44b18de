/**
 * The linear matcher: every flow in turn, highest priority first. Slow and obvious, the oracle of
 * the faster one. Neighbours: matcher.ts, tuple-space.ts.
 */
import { type Matchable, type Matcher, matches } from './matcher.ts'

export function linearMatcher<F extends Matchable>(): Matcher<F> {
  /** Flows of one priority each, highest first. */
  const levels: { readonly priority: number; readonly flows: Set<F> }[] = []
  const find = (priority: number) => {
    let low = 0
    let high = levels.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (levels[middle]!.priority > priority) low = middle + 1
      else high = middle
    }
    return low
  }
  return {
    lookup(key) {
      for (let i = 0; i < levels.length; i++) {
        for (const flow of levels[i]!.flows) if (matches(flow.compiled, key)) return flow
      }
      return undefined
    },
    each(key, visit) {
      for (const { flows } of levels) {
        for (const flow of flows) if (matches(flow.compiled, key)) visit(flow)
      }
    },
    insert(flow) {
      const at = find(flow.priority)
      const level = levels[at]
      if (level?.priority === flow.priority) level.flows.add(flow)
      else levels.splice(at, 0, { priority: flow.priority, flows: new Set([flow]) })
    },
    remove(flow) {
      const at = find(flow.priority)
      const level = levels[at]
      if (level?.priority !== flow.priority) return
      level.flows.delete(flow)
      if (level.flows.size === 0) levels.splice(at, 1)
    },
  }
}
