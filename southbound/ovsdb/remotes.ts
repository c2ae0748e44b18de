/**
 * Where next, and after what pause: several remotes of one database, in an order drawn once, each
 * tried once before anybody waits. Neighbours: remote-database.ts dials, ../wire/backoff.ts pauses.
 */
import { type BackoffOptions, backoff } from '../wire/backoff.ts'
import { systemRandom } from '../wire/random.ts'
import { ovsdbError } from './error.ts'

export interface Remotes {
  /** The remote to try now. */
  readonly current: string
  /** It failed, or its session ended. Returns the pause before the next may be tried, ms. */
  next(): number
  /** Its session has lasted: the next round is free again. */
  settled(): void
}

/** `random` draws the order too, so that clients spread over the servers. */
export function remotesOf(targets: readonly string[], options: BackoffOptions = {}): Remotes {
  const { random = systemRandom } = options
  if (targets.length === 0) throw ovsdbError('syntax error', 'a database needs at least one remote')
  const order = [...targets]
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j] as string, order[i] as string]
  }
  const pauses = backoff(options)
  let at = 0
  let tries = 0
  return {
    get current() {
      return order[at] as string
    },
    next() {
      at = (at + 1) % order.length
      tries++
      return tries % order.length === 0 ? pauses.next() : 0
    },
    settled() {
      tries = 0
      pauses.reset()
    },
  }
}
