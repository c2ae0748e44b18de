/**
 * The last frame that vanished of each port, from the samples that ovs hosts send (`../compiler/sample-units.ts`: reason
 * and port are in registers) and what vtep hosts show (`vtep/shown-drops.ts`). Neighbours: `port-counters.ts`,
 * `reconciler.ts` (hands both in).
 */
import { formatTuple, frameTuple } from '../../southbound/openflow/frame-tuple.ts'
import { decodeMatch } from '../../southbound/openflow/match.ts'
import type { MessageOf } from '../../southbound/openflow/message.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
import { reasonOfCode } from '../compiler/reason.ts'
import { register, table } from '../compiler/stages.ts'
import { sortable } from '../model/indexes.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { LastDrop } from '../northbound/realization.ts'
import type { EventLog } from './events.ts'
import type { ShownDrop } from './vtep/shown-drops.ts'

/** Ports that are remembered; the one that was silent longest goes first. */
const MOST_PORTS = 10_000
/** Of one port and reason an event is told so often at most. Milliseconds. */
const QUIET_MS = 60_000

export class LastDrops {
  readonly #snapshot: () => Snapshot
  readonly #events: EventLog
  readonly #clock: Clock
  /**
   * Number of the port, which no other port ever has -> its last drop, when each reason was told of, and what vtep hosts
   * have shown by host and reason.
   */
  readonly #ports = new Map<
    number,
    { last: LastDrop; told: Map<string, number>; shown: Map<string, string> }
  >()

  constructor(snapshot: () => Snapshot, events: EventLog, clock: Clock) {
    this.#snapshot = snapshot
    this.#events = events
    this.#clock = clock
  }

  /** Takes a packet-in that is no probe; what is no sample of ours is ignored. */
  sampled(hostId: string, message: MessageOf<'packet_in'>): void {
    if (message.table_id !== table.sampled) return
    const match = decodeMatch(message.match)
    const [number, code] = [match[register.source], match[register.reason]]
    const reason = typeof code === 'number' ? reasonOfCode(code) : undefined
    const tuple = reason && frameTuple(message.data)
    const port = typeof number === 'number' ? this.#portOf(number) : undefined
    if (!reason || !tuple || port === undefined) return
    const at = new Date(this.#clock.wall()).toISOString()
    this.#take(hostId, { port, reason, at, frameBytes: message.total_len, tuple })
  }

  /**
   * Takes what a vtep host shows; that it shows a frame still is no news, and one from before its session was told of then.
   * @param since when the session began, milliseconds
   */
  shown(hostId: string, drops: readonly ShownDrop[], since: number): void {
    for (const drop of drops) {
      const number = this.#snapshot().get('port', drop.port)?.number
      if (number === undefined) continue
      const before = this.#ports.get(number)?.shown.get(`${hostId} ${drop.reason}`)
      if (before === drop.at) continue
      this.#take(hostId, drop, Date.parse(drop.at) >= since)
      this.#ports.get(number)?.shown.set(`${hostId} ${drop.reason}`, drop.at)
    }
  }

  #take(host: string, { port, reason, at, frameBytes, tuple }: ShownDrop, isNews = true): void {
    const now = this.#clock.now()
    const { number, network } = this.#snapshot().get('port', port) ?? {}
    if (number === undefined) return
    const tenant = port.slice(0, port.indexOf('/'))
    const from = [reason === 'mtu_exceeded' ? `network/${tenant}/${network}` : `port/${port}`]
    const size = frameBytes === undefined ? {} : { frameBytes }
    const last: LastDrop = { at, reason, host, ...size, ...tuple, from }
    const before = this.#ports.get(number)
    const { told, shown } = before ?? { told: new Map(), shown: new Map() }
    this.#ports.delete(number)
    const isOlder = before !== undefined && Date.parse(at) < Date.parse(before.last.at)
    this.#ports.set(number, { last: isOlder ? before.last : last, told, shown })
    const [oldest] = this.#ports.keys()
    if (this.#ports.size > MOST_PORTS && oldest !== undefined) this.#ports.delete(oldest)
    if (!isNews || now - (told.get(reason) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return
    told.set(reason, now)
    const bytes = frameBytes === undefined ? '' : `, ${frameBytes} bytes`
    const message = `frames of ${port} are dropped on ${host}: ${reason}; ${formatTuple(tuple)}${bytes}`
    this.#events.add('frames_dropped', host, message, { port, reason, from, ...tuple })
  }

  of(portKey: string): LastDrop | undefined {
    const number = this.#snapshot().get('port', portKey)?.number
    return number === undefined ? undefined : this.#ports.get(number)?.last
  }

  #portOf(number: number): string | undefined {
    const [key] = this.#snapshot().find('portByNumber', sortable(number))
    return key
  }
}
