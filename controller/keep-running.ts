/** Work in the background that may fail: nothing that it throws ends the process. Neighbours: `../southbound/wire/clock.ts`, `reconciler/log.ts`. */
import type { Clock } from '../southbound/wire/clock.ts'
import type { Logger } from './reconciler/log.ts'

export interface KeepRunningOptions {
  /** What it is, for the log. */
  readonly name: string
  readonly clock: Clock
  readonly log: Logger
  /** Ends it. */
  readonly signal: AbortSignal
}

/** Before it is begun again. Milliseconds. */
const AGAIN_MS = 1000

/**
 * Runs `work` until it is done. What it throws is logged, and a second later it is begun again, until the signal aborts.
 * Never rejects.
 */
export async function keepRunning(
  work: (signal: AbortSignal) => Promise<void>,
  { name, clock, log, signal }: KeepRunningOptions,
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await work(signal)
    } catch (error) {
      if (signal.aborted) return
      log.warn({ work: name, error: `${(error as Error).stack ?? error}` }, 'failed; begun again')
    }
    try {
      await clock.sleep(AGAIN_MS, signal)
    } catch {
      // Aborted; a clock that fails otherwise would let us spin.
      return
    }
  }
}
