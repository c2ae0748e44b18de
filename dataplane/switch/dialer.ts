/**
 * Keeps one connection to a target: dials, serves, and dials again with growing pauses until it
 * is told to stop. Managers and controllers of a switch are reached so.
 * Neighbours: switch.ts says whom; what is spoken over the stream is the caller's.
 */
import type { Duplex } from 'node:stream'
import type { Clock } from './clock.ts'

/** Opens a stream to a target such as `tcp:127.0.0.1:6640`. Rejects when nobody answers. */
export type Dial = (target: string, signal: AbortSignal) => Promise<Duplex>

export interface DialerOptions {
  readonly target: string
  readonly dial: Dial
  readonly clock: Clock
  /** The longest pause between attempts, ms. */
  readonly maxBackoffMs: number
  /** Speaks over a stream; `close` ends it, `ended` resolves when it is over. */
  serve(stream: Duplex): Promise<{ readonly ended: Promise<unknown>; close(): void }>
  /** Tells whether there is a connection, and why the last one ended. */
  onState(connected: boolean, error?: Error): void
}

const FIRST_PAUSE_MS = 250

/** Starts at once; returns how to stop, which closes the connection. */
export function keepDialing(options: DialerOptions): () => void {
  const { target, dial, clock, maxBackoffMs } = options
  const controller = new AbortController()
  const { signal } = controller
  let cancelTimer = () => {}
  let pause = Math.min(FIRST_PAUSE_MS, maxBackoffMs)

  const again = (error?: Error) => {
    if (signal.aborted) return
    options.onState(false, error)
    cancelTimer = clock.after(pause, attempt)
    pause = Math.min(pause * 2, maxBackoffMs)
  }
  const attempt = () => {
    once().then(
      (error) => again(error instanceof Error ? error : undefined),
      (error: Error) => again(error),
    )
  }
  const once = async (): Promise<unknown> => {
    const stream = await dial(target, signal)
    if (signal.aborted) {
      stream.destroy()
      return undefined
    }
    const served = await options.serve(stream)
    const close = () => served.close()
    signal.addEventListener('abort', close, { once: true })
    if (signal.aborted) close()
    pause = Math.min(FIRST_PAUSE_MS, maxBackoffMs)
    options.onState(true)
    const reason = await served.ended
    signal.removeEventListener('abort', close)
    return reason
  }
  attempt()
  return () => {
    controller.abort()
    cancelTimer()
  }
}
