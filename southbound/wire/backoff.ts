/**
 * Trying again: pauses that double up to a limit, each drawn at random from its upper half, so that
 * a thousand switches do not come back in one instant after an outage.
 * Neighbours: stream.ts (what is dialled), openflow/reconnect.ts.
 */
import { type Clock, systemClock } from './clock.ts'
import { type Random, systemRandom } from './random.ts'

export interface BackoffOptions {
  /** The longest first pause, ms. Default 250. */
  readonly firstMs?: number | undefined
  /** The longest pause, ms. Default 8,000, as Open vSwitch's `max_backoff`. */
  readonly maxMs?: number | undefined
  readonly random?: Random | undefined
}

export interface Backoff {
  /** The next pause, ms: longer from call to call. */
  next(): number
  /** After a success: the next pause is a first one again. */
  reset(): void
}

export function backoff(options: BackoffOptions = {}): Backoff {
  const { firstMs = 250, maxMs = 8000, random = systemRandom } = options
  const first = Math.min(firstMs, maxMs)
  let limit = first
  return {
    next() {
      const pause = limit / 2 + (random() * limit) / 2
      limit = Math.min(2 * limit, maxMs)
      return pause
    },
    reset() {
      limit = first
    },
  }
}

export interface PersistOptions extends BackoffOptions {
  /** Ends the attempts. */
  readonly signal: AbortSignal
  readonly clock?: Clock | undefined
  /** Told after each session: why it ended (undefined: the peer left) and the pause before the next. */
  readonly onEnd?: ((reason: Error | undefined, pauseMs: number) => void) | undefined
}

/**
 * Runs sessions one after another, with pauses between, until the signal aborts; resolves then. A
 * session rejects when it never came to be, and resolves when it is over, with the reason. One that
 * lasted longer than the pause before it is a success: the next pause is a first one again. `attempt`
 * counts from 0: which of n remotes is next is `attempt % n`.
 */
export async function persist(
  session: (attempt: number) => Promise<Error | undefined>,
  options: PersistOptions,
): Promise<void> {
  const { signal, clock = systemClock, onEnd } = options
  const pauses = backoff(options)
  let pauseMs = 0
  for (let attempt = 0; !signal.aborted; attempt++) {
    const began = clock.now()
    const over = (why: Error | undefined) => {
      if (clock.now() - began > pauseMs) pauses.reset()
      return why
    }
    const reason = await session(attempt).then(over, (error: Error) => error)
    if (signal.aborted) return
    pauseMs = pauses.next()
    onEnd?.(reason, pauseMs)
    await clock.sleep(pauseMs, signal).catch(() => {}) // only an abort ends it early
  }
}
