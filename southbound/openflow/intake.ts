/**
 * Whether a connection reads its peer: not while the peer leaves much unread itself, so that a slow
 * reader cannot make us queue answers, nor while a listener asked to wait. Neighbours: connection.ts.
 */
import type { Duplex } from 'node:stream'

/** While more than this waits to be sent, nothing is read. */
const PAUSE_BYTES = 4 << 20

export class Intake {
  readonly #duplex: Duplex
  readonly #queued: () => number
  #holds = 0

  /** `queued`: bytes that the peer has not taken. */
  constructor(duplex: Duplex, queued: () => number) {
    this.#duplex = duplex
    this.#queued = queued
  }

  get isHeld(): boolean {
    return this.#holds > 0
  }

  /** Reads on, or pauses, as things stand: to be called when they may have changed. */
  regulate(): void {
    const duplex = this.#duplex
    const wait = this.isHeld || this.#queued() > PAUSE_BYTES
    if (wait !== duplex.isPaused()) wait ? duplex.pause() : duplex.resume()
  }

  /** Nothing is read until the returned function is called. */
  hold(): () => void {
    let held = true
    this.#holds++
    this.regulate()
    return () => {
      if (!held) return
      held = false
      this.#holds--
      if (!this.#duplex.destroyed) this.regulate()
    }
  }
}
