/**
 * What happened on the site that an operator wants to know: drift that was repaired, hosts that came and went, items a
 * switch refused. A bounded log in memory, newest last; northbound serves it.
 */
import type { Clock } from '../clock.ts'
import type { ControllerEvent } from '../northbound/realization.ts'

/** The types of event, each with what it says. */
export const eventTypes = {
  host_connected: 'A host dialled in and its bridge is driven.',
  host_disconnected: 'A session with a host ended; the host keeps forwarding.',
  host_pending: 'A host dialled in whose system-id the model does not name; it gets nothing.',
  drift: 'A flow, group or meter was not as desired and has been put right.',
  item_failed: 'A switch refused an item; the intents behind it are named.',
  rows_failed: 'A host refused a change of its Open_vSwitch rows; tried again later.',
  port_bound: 'A workload was plugged in.',
  port_unbound: 'A workload was unplugged.',
  binding_refused: 'An iface-id on a host names no port.',
} as const
export type EventType = keyof typeof eventTypes

const KEPT = 10_000

export class EventLog {
  readonly #clock: Clock
  readonly #listeners = new Set<(event: ControllerEvent) => void>()
  #events: ControllerEvent[] = []
  #next = 1

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @param message one sentence for people; fields are for programs */
  add(
    type: EventType,
    host: string,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ): void {
    const at = new Date(this.#clock.now()).toISOString()
    const event: ControllerEvent = Object.freeze({
      ...fields,
      id: this.#next++,
      at,
      type,
      host,
      message,
    })
    this.#events.push(event)
    if (this.#events.length >= 2 * KEPT) this.#events = this.#events.slice(-KEPT)
    for (const listener of this.#listeners) listener(event)
  }

  /** Events with an id above `since`, oldest first; at least the newest 10,000 are kept. */
  since(since = 0): readonly ControllerEvent[] {
    const first = this.#events.findIndex((event) => event.id > since)
    return first < 0 ? [] : this.#events.slice(first)
  }

  /** @returns a function that ends the listening. */
  onEvent(listener: (event: ControllerEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
