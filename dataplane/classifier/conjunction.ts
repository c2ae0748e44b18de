/**
 * Conjunctive matches (ovs-fields(7), "Conjunctive Match Fields") over any matcher: flows that are
 * clauses take no packet themselves; where all clauses of one id are met at one priority, the
 * packet is looked up again with that conj_id. Rules on sets of addresses and sets of ports then
 * cost the sum of both, not the product. A lookup makes no objects.
 * Neighbours: matcher.ts; flow-table.ts makes one per table.
 */
import { keyField } from '../packet/key-layout.ts'
import type { Clause, Matchable, Matcher, NewMatcher } from './matcher.ts'
import type { Secret } from './secret-hash.ts'

const CONJ_ID = keyField.conj_id.slot

/** Clauses of one id, priority and size, and how far the packet under way meets them. */
interface Conjunction {
  readonly name: string
  readonly priority: number
  readonly id: number
  readonly size: number
  /** Flows' clauses that are of it. */
  clauses: number
  /** The lookup that the next two are of. */
  turn: number
  /** A bit for each clause. */
  readonly met: Uint32Array
  missing: number
}

/** A flow of clauses in a matcher. */
interface Part extends Matchable {
  readonly clausesOf: readonly { readonly conjunction: Conjunction; readonly clause: number }[]
}

/** A matcher of whole flows with a second one beside it, for those that are clauses. */
export function conjunctiveMatcher<F extends Matchable>(
  newMatcher: NewMatcher,
  secret: Secret,
): Matcher<F> {
  const whole = newMatcher<F>(secret)
  const clauses = newMatcher<Part>(secret)
  const parts = new Map<F, Part>()
  const conjunctions = new Map<string, Conjunction>()
  // Of the lookup under way: conjunctions of a priority above the floor that are met, best first.
  const met: Conjunction[] = []
  let count = 0
  let floor = 0
  let turn = 0

  const meet = (conjunction: Conjunction, clause: number) => {
    if (conjunction.turn !== turn) {
      conjunction.turn = turn
      conjunction.met.fill(0)
      conjunction.missing = conjunction.size
    }
    const bits = conjunction.met[clause >> 5]!
    const bit = 1 << (clause & 31)
    if ((bits & bit) !== 0) return
    conjunction.met[clause >> 5] = bits | bit
    if (--conjunction.missing > 0) return
    let at = count++
    for (; at > 0 && isBetter(conjunction, met[at - 1]!); at--) met[at] = met[at - 1]!
    met[at] = conjunction
  }
  const visit = ({ priority, clausesOf }: Part) => {
    if (priority <= floor) return
    for (let i = 0; i < clausesOf.length; i++) meet(clausesOf[i]!.conjunction, clausesOf[i]!.clause)
  }

  /** Looks for a conjunction of higher priority than the whole flow that was found. */
  const conjoined = (key: Uint32Array): F | undefined => {
    count = 0
    turn++
    clauses.each(key, visit)
    const before = key[CONJ_ID]!
    let flow: F | undefined
    for (let i = 0; i < count && !flow; i++) {
      key[CONJ_ID] = met[i]!.id
      flow = whole.lookup(key)
    }
    key[CONJ_ID] = before
    return flow
  }

  const conjunctionOf = (priority: number, { id, size }: Clause): Conjunction => {
    const name = `${priority} ${id} ${size}`
    let found = conjunctions.get(name)
    if (!found) {
      const state = { clauses: 0, turn: 0, met: new Uint32Array(2), missing: size }
      found = { name, priority, id, size, ...state }
      conjunctions.set(name, found)
    }
    found.clauses++
    return found
  }

  return {
    lookup(key) {
      const flow = whole.lookup(key)
      if (parts.size === 0) return flow
      floor = flow?.priority ?? -1
      return conjoined(key) ?? flow
    },
    each: whole.each,
    insert(flow) {
      if (flow.clauses === undefined) return whole.insert(flow)
      const { priority, compiled, order } = flow
      const clausesOf = flow.clauses.map((clause) => ({
        conjunction: conjunctionOf(priority, clause),
        clause: clause.clause,
      }))
      const part: Part = { priority, compiled, order, clausesOf }
      parts.set(flow, part)
      clauses.insert(part)
    },
    remove(flow) {
      const part = parts.get(flow)
      if (!part) return whole.remove(flow)
      parts.delete(flow)
      clauses.remove(part)
      for (const { conjunction } of part.clausesOf) {
        if (--conjunction.clauses === 0) conjunctions.delete(conjunction.name)
      }
    },
  }
}

function isBetter(a: Conjunction, b: Conjunction): boolean {
  return a.priority > b.priority || (a.priority === b.priority && a.id < b.id)
}
