/** Time as switches and kept connections see it: passed in, so that a lab or a test may own it. */

export interface Clock {
  /** Milliseconds since some fixed moment, never going back. */
  now(): number
  /** Runs once after `ms`; returns how to cancel. Does not keep a process alive. */
  after(ms: number, run: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
