/**
 * Whether the peer of a connection still lives: asked by echo when it was silent for an interval, given
 * up after three. Whole messages count as life, bytes do not: one byte a second is silence. An interval
 * in which we were too busy ourselves to read says nothing of the peer. Neighbours: connection.ts.
 */

/** Intervals without a sign of life after which a peer is given up. */
const PATIENCE = 3
/** When a tick comes this late we were busy, and may have heard nobody. Milliseconds. */
const LATE_MS = 1000

export interface KeepaliveActions {
  /** Whether silence is not held against the peer: nobody reads it, or it takes what waits for it. */
  isExcused(): boolean
  probe(): void
  /** The peer was silent for so many milliseconds. Called at each interval until stop(). */
  onSilent(ms: number): void
}

export class Keepalive {
  readonly #timer: NodeJS.Timeout
  readonly #intervalMs: number
  readonly #actions: KeepaliveActions
  #ticks = 0
  #lastHeard = 0
  #lastTick = performance.now()
  #isStopped = false

  constructor(intervalMs: number, actions: KeepaliveActions) {
    this.#intervalMs = intervalMs
    this.#actions = actions
    // What has come by now and is not read yet is read before.
    this.#timer = setInterval(() => setImmediate(() => this.#tick()), intervalMs)
  }

  /** A whole message has come. */
  heard(): void {
    this.#lastHeard = this.#ticks
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
  }

  #tick(): void {
    if (this.#isStopped) return
    const { isExcused, probe, onSilent } = this.#actions
    const now = performance.now()
    if (isExcused() || now - this.#lastTick > this.#intervalMs + LATE_MS) this.heard()
    this.#lastTick = now
    const silence = ++this.#ticks - this.#lastHeard
    if (silence > PATIENCE) onSilent(PATIENCE * this.#intervalMs)
    else if (silence > 0) probe()
  }
}
