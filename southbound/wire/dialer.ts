/**
 * Keeps one connection to a target: dials, serves, and dials again with growing pauses until it
 * is told to stop. Managers and controllers of a host are reached so.
 * Neighbours: remote.ts says whom; what is spoken over the stream is the caller's.
 */
import type { Duplex } from 'node:stream'
import type { Clock } from './clock.ts'

/** Opens a stream to a target such as `tcp:127.0.0.1:6640`. Rejects when nobody answers. */
export type Dial = (target: string, signal: AbortSignal) => Promise<Duplex>

/** What is spoken over a stream: `close` ends it, `ended` resolves (with the reason) when it is over. */
export interface Served {
  readonly ended: Promise<unknown>
  close(): void
}

export type DialState = 'CONNECTING' | 'ACTIVE' | 'BACKOFF'

export interface DialerOptions {
  readonly target: string
  readonly dial: Dial
  readonly clock: Clock
  /** The longest pause between attempts, ms; asked before each. */
  maxBackoffMs(): number
  serve(stream: Duplex): Promise<Served>
  /** What it is about to do; with BACKOFF, why the last attempt or connection ended. */
  onState(state: DialState, error?: Error): void
}

const FIRST_PAUSE_MS = 250

/** Starts at once; returns how to stop, which closes the connection. */
export function keepDialing(options: DialerOptions): () => void {
  const { target, dial, clock } = options
  const controller = new AbortController()
  const { signal } = controller
  let cancelTimer = () => {}
  let pause = FIRST_PAUSE_MS

  const again = (error?: Error) => {
    if (signal.aborted) return
    options.onState('BACKOFF', error)
    pause = Math.min(pause, options.maxBackoffMs())
    cancelTimer = clock.after(pause, attempt)
    pause *= 2
  }
  const attempt = () => {
    options.onState('CONNECTING')
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
    else {
      pause = FIRST_PAUSE_MS
      options.onState('ACTIVE')
    }
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
