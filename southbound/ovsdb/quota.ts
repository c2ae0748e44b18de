/**
 * What one client's requests may hold on to at the server: transactions that wait and monitors, which
 * stay when their requests have been read. Neighbours: session.ts makes one, triggers.ts and
 * session-monitors.ts take from it.
 */
import { ovsdbError } from './error.ts'

export interface Quota {
  /** Throws OvsdbError 'resources exhausted' and takes nothing. */
  take(cost: number): void
  give(cost: number): void
}

/** Costs are bytes of requests; work that is done again at every commit has a price in bytes. */
export function makeQuota(limit: number): Quota {
  let taken = 0
  return {
    take(cost) {
      if (taken + cost > limit) {
        throw ovsdbError('resources exhausted', `what waits and watches costs over ${limit} bytes`)
      }
      taken += cost
    },
    give(cost) {
      taken -= cost
    },
  }
}
