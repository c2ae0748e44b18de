/**
 * Conjunctive matches (ovs-fields(7), "Conjunctive Match Fields") over any matcher: flows that are
 * clauses take no packet themselves; where all clauses of one id are met at one priority, the
 * packet is looked up again with that conj_id. Rules on sets of addresses and sets of ports then
 * cost the sum of both, not the product.
 * Neighbours: matcher.ts; flow-table.ts makes one per table.
 */
import { keyField } from '../packet/key-layout.ts'
import type { Matchable, Matcher, NewMatcher } from './matcher.ts'

const CONJ_ID = keyField.conj_id.slot

/** The clauses of one id that a packet has met, at one priority. */
interface Met {
  readonly priority: number
  readonly id: number
  readonly size: number
  readonly clauses: Set<number>
}

/** A matcher of whole flows with a second one beside it, for those that are clauses. */
export function conjunctiveMatcher<F extends Matchable>(newMatcher: NewMatcher): Matcher<F> {
  const whole = newMatcher<F>()
  const clauses = newMatcher<F>()
  let clauseFlows = 0

  /** Looks for a conjunction of higher priority than the whole flow that was found. */
  const conjoined = (key: Uint32Array, floor: number): F | undefined => {
    for (const { id } of metBy(clauses, key, floor)) {
      const before = key[CONJ_ID]!
      key[CONJ_ID] = id
      const flow = whole.lookup(key)
      key[CONJ_ID] = before
      if (flow) return flow
    }
    return undefined
  }

  return {
    lookup(key) {
      const flow = whole.lookup(key)
      if (clauseFlows === 0) return flow
      return conjoined(key, flow?.priority ?? -1) ?? flow
    },
    each: whole.each,
    insert(flow) {
      if (flow.clauses === undefined) return whole.insert(flow)
      clauses.insert(flow)
      clauseFlows++
    },
    remove(flow) {
      if (flow.clauses === undefined) return whole.remove(flow)
      clauses.remove(flow)
      clauseFlows--
    },
  }
}

/** Conjunctions all of whose clauses the packet meets, highest priority first. */
function metBy<F extends Matchable>(matcher: Matcher<F>, key: Uint32Array, floor: number): Met[] {
  const met = new Map<string, Met>()
  matcher.each(key, ({ priority, clauses }) => {
    if (priority <= floor) return
    for (const { id, clause, size } of clauses ?? []) {
      const name = `${priority} ${id} ${size}`
      let one = met.get(name)
      if (!one) {
        one = { priority, id, size, clauses: new Set() }
        met.set(name, one)
      }
      one.clauses.add(clause)
    }
  })
  return [...met.values()]
    .filter(({ clauses, size }) => clauses.size === size)
    .sort((a, b) => b.priority - a.priority || a.id - b.id)
}
