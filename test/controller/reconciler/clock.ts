/** Time that stands still until a test lets it pass. */
import type { Clock } from '../../../controller/clock.ts'

export interface TestClock extends Clock {
  /** Lets time pass; who slept until then wakes. */
  advance(ms: number): void
}

export function testClock(): TestClock {
  let now = Date.UTC(2026, 0, 1)
  const sleepers = new Set<{ readonly until: number; readonly wake: () => void }>()
  return {
    now: () => now,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const abort = () => {
          sleepers.delete(sleeper)
          reject(signal.reason)
        }
        const wake = () => {
          sleepers.delete(sleeper)
          signal.removeEventListener('abort', abort)
          resolve()
        }
        const sleeper = { until: now + ms, wake }
        sleepers.add(sleeper)
        signal.addEventListener('abort', abort, { once: true })
      })
    },
    advance(ms) {
      now += ms
      for (const { until, wake } of [...sleepers]) if (until <= now) wake()
    },
  }
}
