/**
 * Time, passed in wherever it is needed, so that a lab or a test may own it: a memory lab with a seed has a virtual clock, and
 * nothing in it asks the machine for the time. Neighbours: topologies/lab/memory (the virtual one), test/clock.test.ts (holds it).
 */
import { setTimeout as delay } from 'node:timers/promises'

export interface Clock {
  /** Milliseconds since some fixed moment, never going back. */
  now(): number
  /** Milliseconds since 1970, as calendars have it; an integer. */
  wall(): number
  /** Runs once after `ms`; returns how to cancel. Does not keep a process alive. */
  after(ms: number, run: () => void): () => void
  /** Resolves after `ms`; keeps a process alive. @throws AbortError when the signal aborts first */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
  sleep: (ms, signal) => delay(ms, undefined, { ...(signal && { signal }) }),
}

/** Runs every `ms` until cancelled. Does not keep a process alive. */
export function every(clock: Clock, ms: number, run: () => void): () => void {
  let cancel = clock.after(ms, tick)
  function tick(): void {
    cancel = clock.after(ms, tick)
    run()
  }
  return () => cancel()
}

/** Aborts after `ms` with a TimeoutError, as AbortSignal.timeout does. */
export function deadline(clock: Clock, ms: number): AbortSignal {
  const end = new AbortController()
  const late = () =>
    end.abort(new DOMException(`The operation was aborted due to timeout`, 'TimeoutError'))
  clock.after(ms, late)
  return end.signal
}
