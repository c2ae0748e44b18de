/**
 * Whether the peer of a connection still lives: asked by echo when it was silent for an interval, given
 * up after three. Whole messages count as life, bytes do not: one byte a second is silence.
 * Neighbours: connection.ts.
 */

/** Intervals without a sign of life after which a peer is given up. */
const PATIENCE = 3

export interface KeepaliveActions {
  /** Whether silence is not held against the peer: nobody reads it, or it takes what waits for it. */
  isExcused(): boolean
  probe(): void
  /** The peer was silent for so many milliseconds. Called at each interval until stop(). */
  onSilent(ms: number): void
}

export class Keepalive {
  readonly #timer: NodeJS.Timeout
  #ticks = 0
  #lastHeard = 0

  constructor(intervalMs: number, { isExcused, probe, onSilent }: KeepaliveActions) {
    this.#timer = setInterval(() => {
      if (isExcused()) this.heard()
      const silence = ++this.#ticks - this.#lastHeard
      if (silence > PATIENCE) onSilent(PATIENCE * intervalMs)
      else if (silence > 0) probe()
    }, intervalMs)
  }

  /** A whole message has come. */
  heard(): void {
    this.#lastHeard = this.#ticks
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
