/**
 * Tells operators whose object was in the way of an edit that the model refused; the tenant who made it reads in the
 * answer no more than that there is one. Neighbours: ../model/errors.ts (`named`), `refusals.ts`.
 */
import type { Clock } from '../../southbound/wire/clock.ts'
import { nounOf, splitKey } from '../model/collections.ts'
import type { Problem } from '../model/errors.ts'
import type { EventLog } from './events.ts'
import { Refusals } from './refusals.ts'

/** Gives what is to be called with the problems of each edit that was refused. */
export function claimTeller(
  events: EventLog,
  clock: Clock,
): (problems: readonly Problem[]) => void {
  const refusals = new Refusals(events, clock)
  return (problems) => {
    for (const { collection, key = '', named } of problems) {
      if (collection === undefined || named === undefined) continue
      const message = `${nounOf(collection)} ${key} was refused: ${named}`
      refusals.add('claim_refused', '', message, { tenant: splitKey(key).parent })
    }
  }
}
