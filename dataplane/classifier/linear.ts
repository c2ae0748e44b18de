/**
 * The linear matcher: every flow in turn, the one that wins first. Slow and obvious, the oracle of
 * the faster one. Neighbours: matcher.ts, tuple-space.ts.
 */
import { isBefore, type Matchable, type Matcher, matches } from './matcher.ts'

export function linearMatcher<F extends Matchable>(): Matcher<F> {
  const flows: F[] = []
  /** Where the flow is, or belongs. */
  const find = (flow: F) => {
    let low = 0
    let high = flows.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (isBefore(flows[middle]!, flow)) low = middle + 1
      else high = middle
    }
    return low
  }
  return {
    lookup(key) {
      for (const flow of flows) if (matches(flow.compiled, key)) return flow
      return undefined
    },
    each(key, visit) {
      for (const flow of flows) if (matches(flow.compiled, key)) visit(flow)
    },
    insert(flow) {
      flows.splice(find(flow), 0, flow)
    },
    remove(flow) {
      const at = find(flow)
      if (flows[at] === flow) flows.splice(at, 1)
    },
  }
}
