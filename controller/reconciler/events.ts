/**
 * What happened on the site that an operator wants to know: drift that was repaired, hosts that came and went, items a
 * switch refused. A bounded log in memory, newest last; northbound serves it. Where it is full, who says most makes room:
 * a host, or the guests of a tenant on one, cannot push out what others have said. Neighbour: `fair-queue.ts`.
 */
import type { Clock } from '../../southbound/wire/clock.ts'
import type { ControllerEvent } from '../northbound/realization.ts'
import { FairQueue } from './fair-queue.ts'

/** The types of event, each with what it says. */
export const eventTypes = {
  host_connected: 'A host dialled in and is driven.',
  host_disconnected: 'A session with a host ended; the host keeps forwarding.',
  host_pending: 'A host dialled in whose system-id the model does not name; it gets nothing.',
  host_duplicate:
    'A second machine says that it is a host which is there; it waits and gets nothing.',
  host_ambiguous:
    'A machine has Manager rows towards us in two databases; the message says by which it is driven.',
  bridge_foreign:
    'A host has a br-int that somebody else has filled; it is left alone until the host has `adopt`.',
  host_draining: 'A workload was plugged into a host that is draining, and is served there.',
  host_drained: 'Nothing runs any longer on a host that is draining.',
  host_removed:
    'A host that the model has lost is as Weft found it; or what somebody has plugged into br-int, which stays as long.',
  drift: 'A flow, group, meter or row was not as desired and has been put right.',
  item_failed: 'A switch refused an item; the intents behind it are named.',
  rows_failed: 'A host refused a change of its rows, or did not carry it out; tried again later.',
  physical_network_missing:
    'A host offers no bridge to a physical network that networks on it are on; said again when it was there and went.',
  offer_refused:
    'A host names a bridge of its own for a physical network that cannot lead there; the message says why.',
  rows_foreign:
    'A vtep host has Logical_Switches or bound VLANs of somebody else; they are left alone.',
  device_fault:
    'A vtep host cannot do what rows ask of it, or says so; the intents concerned are named.',
  rows_contested: 'Somebody else keeps changing rows that are ours; written again once a second.',
  frames_dropped:
    'Frames of a port are dropped; the message has the reason and one of them. Once a minute for a port and reason.',
  mtu_limited:
    'An interface or the path between two VTEPs carries less than networks over it need; the message says what passes.',
  mtu_restored: 'What limited the size of packets is no longer so.',
  port_bound: 'A workload was plugged in.',
  port_unbound: 'A workload was unplugged.',
  binding_refused: 'An interface with an iface-id is not bound; the message says why.',
  claim_refused:
    'A tenant asked for what an object of another tenant, or a host in quarantine, has; the tenant was not told which. Once a minute for the same.',
  tls_refused:
    'A peer showed no certificate, or one that is not valid here; nothing was said to it.',
  identity_refused:
    'A session claimed to be another host, or a bridge of one, than its certificate.',
  certificate_expiring:
    "A certificate ends soon: a connected host's, our own or a CA's. Said 30 days, 7 days and 1 day before.",
  certificate_expired:
    'A certificate has run out: of an open session, which was closed, or our own or that of a CA.',
} as const
export type EventType = keyof typeof eventTypes

/** Of these the host is what a peer calls itself, who may do so by many names: all of them are one source. */
const ofStrangers: ReadonlySet<string> = new Set<EventType>([
  'host_pending',
  'tls_refused',
  'identity_refused',
])

const KEPT = 10_000
/** Characters of a text; longer ones come from a host and are cut. */
const LONGEST = 2000

export class EventLog {
  readonly #clock: Clock
  readonly #listeners = new Set<(event: ControllerEvent) => void>()
  readonly #events = new FairQueue<ControllerEvent>(KEPT)
  #next: number

  /** Ids start at the time of the start, in hundredths of a millisecond, so that `since` of an earlier life misses nothing. */
  constructor(clock: Clock) {
    this.#clock = clock
    this.#next = Math.floor(clock.wall()) * 100
  }

  /** @param message one sentence for people; fields are for programs */
  add(
    type: EventType,
    host: string,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ): void {
    const at = new Date(this.#clock.wall()).toISOString()
    const event: ControllerEvent = Object.freeze({
      id: this.#next++,
      at,
      type,
      host: host.slice(0, LONGEST),
      message: message.slice(0, LONGEST),
      ...short(fields),
    })
    this.#events.add(sourceOf(type, event.host ?? '', fields), event)
    for (const listener of this.#listeners) listener(event)
  }

  /**
   * Events with an id above `since`, oldest first. 10,000 are kept; of more, the oldest of one type, host and tenant that
   * have most.
   */
  since(since = 0): readonly ControllerEvent[] {
    return [...this.#events.values()].filter((event) => event.id > since)
  }

  /** @returns a function that ends the listening. */
  onEvent(listener: (event: ControllerEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** Whose share of the log an event is: a host's or, where it is about a port, a tenant's on it. */
function sourceOf(
  type: EventType,
  host: string,
  { tenant = '', port }: Readonly<Record<string, unknown>>,
): string {
  const owner = typeof port === 'string' ? port.replace(/\/.*/, '') : tenant
  return `${type} ${ofStrangers.has(type) ? '' : host} ${owner}`
}

function short(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' ? value.slice(0, LONGEST) : value,
    ]),
  )
}
