/**
 * Whether the peer of a connection still lives: asked by echo when it was silent for an interval, given
 * up after three. Whole messages count as life, bytes do not: one byte a second is silence. An interval
 * in which we were too busy ourselves to read says nothing of the peer. Neighbours: connection.ts.
 */

import { type Clock, every } from '../wire/clock.ts'

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
  readonly #clock: Clock
  readonly #cancel: () => void
  readonly #intervalMs: number
  readonly #actions: KeepaliveActions
  #ticks = 0
  #lastHeard = 0
  #lastTick: number
  #isDue = false
  #isStopped = false

  constructor(clock: Clock, intervalMs: number, actions: KeepaliveActions) {
    this.#clock = clock
    this.#lastTick = clock.now()
    this.#intervalMs = intervalMs
    this.#actions = actions
    this.#cancel = every(clock, intervalMs, () => {
      // Intervals that end in one turn of the event loop are one: nothing could be read between them.
      if (this.#isDue) return
      this.#isDue = true
      // What has come by now and is not read yet is read before.
      setImmediate(() => this.#tick())
    })
  }

  /** A whole message has come. */
  heard(): void {
    this.#lastHeard = this.#ticks
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  #tick(): void {
    this.#isDue = false
    if (this.#isStopped) return
    const { isExcused, probe, onSilent } = this.#actions
    const now = this.#clock.now()
    if (isExcused() || now - this.#lastTick > this.#intervalMs + LATE_MS) this.heard()
    this.#lastTick = now
    const silence = ++this.#ticks - this.#lastHeard
    if (silence > PATIENCE) onSilent(PATIENCE * this.#intervalMs)
    else if (silence > 0) probe()
  }
}
