/**
 * The last frame that vanished of each port, from the samples that hosts send (`../compiler/sample-units.ts`). The reason
 * and the intents are in the flow's cookie, the port in the register of the sender. Neighbours: `port-counters.ts`,
 * `reconciler.ts` (hands packet-ins in).
 */
import { decodeMatch } from '../../southbound/openflow/match.ts'
import type { MessageOf } from '../../southbound/openflow/message.ts'
import type { Clock } from '../clock.ts'
import { reasonOf } from '../compiler/cookie.ts'
import { register } from '../compiler/stages.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { LastDrop } from '../northbound/realization.ts'
import type { EventLog } from './events.ts'
import { formatTuple, frameTuple } from './frame-tuple.ts'

/** Ports that are remembered; the one that was silent longest goes first. */
const MOST_PORTS = 10_000
/** Of one port and reason an event is told so often at most. Milliseconds. */
const QUIET_MS = 60_000

export class LastDrops {
  readonly #snapshot: () => Snapshot
  readonly #events: EventLog
  readonly #clock: Clock
  /** Key of the port -> its last drop, and when each reason was told of. */
  readonly #ports = new Map<string, { last: LastDrop; told: Map<string, number> }>()
  /** Number of a port -> its key; numbers are never given again. */
  readonly #keys = new Map<number, string>()

  constructor(snapshot: () => Snapshot, events: EventLog, clock: Clock) {
    this.#snapshot = snapshot
    this.#events = events
    this.#clock = clock
  }

  /** Takes a packet-in that is no probe; what is no sample of ours is ignored. */
  sampled(hostId: string, message: MessageOf<'packet_in'>): void {
    const reason = reasonOf(message.cookie)
    const tuple = reason && frameTuple(message.data)
    if (!reason || !tuple) return
    const number = decodeMatch(message.match)[register.source]
    const port = typeof number === 'number' ? this.#portOf(number) : undefined
    if (port === undefined) return
    const network = `network/${port.slice(0, port.indexOf('/'))}/${this.#snapshot().get('port', port)?.network}`
    const from = reason === 'mtu_exceeded' ? [network] : [`port/${port}`]
    const now = this.#clock.now()
    const frameBytes = message.total_len
    const at = new Date(now).toISOString()
    const last: LastDrop = { at, reason, host: hostId, frameBytes, ...tuple, from }
    const told = this.#ports.get(port)?.told ?? new Map<string, number>()
    this.#ports.delete(port)
    this.#ports.set(port, { last, told })
    const [oldest] = this.#ports.keys()
    if (this.#ports.size > MOST_PORTS && oldest !== undefined) this.#ports.delete(oldest)
    if (now - (told.get(reason) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return
    told.set(reason, now)
    const message_ = `frames of ${port} are dropped on ${hostId}: ${reason}; ${formatTuple(tuple)}, ${frameBytes} bytes`
    this.#events.add('frames_dropped', hostId, message_, { port, reason, from, ...tuple })
  }

  of(portKey: string): LastDrop | undefined {
    return this.#ports.get(portKey)?.last
  }

  #portOf(number: number): string | undefined {
    const known = this.#keys.get(number)
    if (known !== undefined && this.#snapshot().get('port', known)?.number === number) return known
    for (const [key, port] of this.#snapshot().list('port')) this.#keys.set(port.number, key)
    const key = this.#keys.get(number)
    return key !== undefined && this.#snapshot().get('port', key)?.number === number
      ? key
      : undefined
  }
}
