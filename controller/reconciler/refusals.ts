/**
 * Events about peers that were turned away. Such a peer dials again every second or as fast as it likes, and must not
 * push everything else out of the event log: the same sentence is said once a minute. Neighbour: `events.ts`.
 */
import type { Clock } from '../../southbound/wire/clock.ts'
import type { EventLog, EventType } from './events.ts'

const REPEAT_MS = 60_000
/** Sentences remembered, and so the most that are said in a minute. */
const MOST = 256

export class Refusals {
  readonly #events: EventLog
  readonly #clock: Clock
  /** Sentence -> when it was said, oldest first. */
  readonly #said = new Map<string, number>()

  constructor(events: EventLog, clock: Clock) {
    this.#events = events
    this.#clock = clock
  }

  /** @param same what makes it the same as an earlier one: no port number or anything else that differs from one attempt to the next */
  add(
    type: EventType,
    host: string,
    message: string,
    fields: Readonly<Record<string, unknown>>,
    same = message,
  ): void {
    const said = `${type} ${same}`
    const now = this.#clock.now()
    for (const [sentence, at] of this.#said) {
      if (now - at < REPEAT_MS) break
      this.#said.delete(sentence)
    }
    if (this.#said.has(said) || this.#said.size >= MOST) return
    this.#said.set(said, now)
    this.#events.add(type, host, message, fields)
  }
}
