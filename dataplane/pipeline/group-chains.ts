/**
 * Which groups name which, by forwarding to them or watching them, and how far that goes on.
 * Neighbours: groups.ts.
 */
import { refuse } from './refusal.ts'

const NONE: ReadonlySet<number> = new Set()

/** Who names whom, by who is named. */
export function backReferences() {
  const byNamed = new Map<number, Set<number>>()
  return {
    of: (named: number): ReadonlySet<number> => byNamed.get(named) ?? NONE,
    replace(id: number, before: readonly number[] = [], after: readonly number[] = []) {
      for (const named of before) {
        const ids = byNamed.get(named)!
        ids.delete(id)
        if (ids.size === 0) byNamed.delete(named)
      }
      for (const named of after) {
        const ids = byNamed.get(named)
        if (ids) ids.add(id)
        else byNamed.set(named, new Set([id]))
      }
    },
  }
}

/** Groups in the longest chain from one of `ids` on; throws a Refusal where one comes to `origin`. */
export function longest(
  ids: Iterable<number>,
  next: (id: number) => Iterable<number>,
  origin: number,
  known = new Map<number, number>(),
): number {
  let most = 0
  for (const id of ids) {
    if (id === origin) refuse('group_mod_failed.loop', `group ${id}`)
    let length = known.get(id)
    if (length === undefined) {
      length = 1 + longest(next(id), next, origin, known)
      known.set(id, length)
    }
    most = Math.max(most, length)
  }
  return most
}
