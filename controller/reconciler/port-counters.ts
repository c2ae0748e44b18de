/**
 * What a port sent, got and lost: `counters` of its status. Asked of its host when somebody looks at the port, at most
 * every 5 s, and never otherwise: one request for the statistics of its interface, one for the few flows that carry the
 * port's cookie: those that drop, and of a sub-port those that take and give its frames. Neighbours: `last-drops.ts`, `drops.ts`; `status.ts` asks.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import { allFlows, type FlowEntry } from '../../southbound/openflow/multipart.ts'
import { type Clock, deadline } from '../../southbound/wire/clock.ts'
import { cookieOf, dropCookie, ourCookie, reasonOf } from '../compiler/cookie.ts'
import type { Placement } from '../compiler/program.ts'
import { COUNTED_PRIORITY, table } from '../compiler/stages.ts'
import type { DropCount, PortCounters, Traffic } from '../northbound/realization.ts'

/** How long an answer is good for. Milliseconds. */
const FRESH_MS = 5000
/** Answers that are kept. */
const MOST = 10_000

/** How long a host may take to count. Milliseconds. */
const ANSWER_MS = 2000

const HASH_MASK = 0xffff_ffff_ffffn

export type Counted = Omit<PortCounters, 'lastDrop'>

export interface Asked {
  readonly key: string
  readonly place: Placement
}

/** A vtep host, as it is asked. */
export interface CountingDevice {
  drops(): readonly DropCount[]
  /** Undefined: it does not count for this binding. */
  traffic(
    name: string,
    vid: number,
    signal: AbortSignal,
  ): Promise<{ readonly sent: Traffic; readonly received: Traffic } | undefined>
}

export class CounterReader {
  readonly #clock: Clock
  readonly #answers = new Map<string, { readonly at: number; readonly answer: Promise<Counted> }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Of an ovs host; rejects when it does not answer. */
  read(connection: Connection, asked: Asked): Promise<Counted> {
    return this.#once(asked, (wall, signal) => readCounters(connection, asked, wall, signal))
  }

  /** Of a vtep host, from what it says by itself; rejects when it does not answer. */
  readDevice(device: CountingDevice, asked: Asked): Promise<Counted> {
    return this.#once(asked, async (wall, signal) => {
      const { key, place } = asked
      if (place.at.kind !== 'vtep') throw new Error(`${key} is on no device`)
      const traffic = await device.traffic(place.at.interface, place.at.vid, signal)
      const drops = device.drops().filter(({ port }) => port === key)
      return {
        at: new Date(wall).toISOString(),
        ...(traffic ?? { uncounted: 'the device has no statistics of this binding' }),
        drops: byReason(drops),
      }
    })
  }

  #once(
    asked: Asked,
    ask: (wall: number, signal: AbortSignal) => Promise<Counted>,
  ): Promise<Counted> {
    const now = this.#clock.now()
    const at = `${asked.key} ${asked.place.hostId}`
    const known = this.#answers.get(at)
    if (known && now - known.at < FRESH_MS) return known.answer
    const answer = ask(this.#clock.wall(), deadline(this.#clock, ANSWER_MS))
    this.#answers.delete(at)
    this.#answers.set(at, { at: now, answer })
    const [oldest] = this.#answers.keys()
    if (this.#answers.size > MOST && oldest !== undefined) this.#answers.delete(oldest)
    answer.catch(() => this.#answers.delete(at))
    return answer
  }
}

async function readCounters(
  connection: Connection,
  { key, place: { at } }: Asked,
  wall: number,
  signal: AbortSignal,
): Promise<Counted> {
  // A sub-port has no interface of its own: the flows that take and give its frames count them.
  const isSubport = at.kind === 'subport'
  const { cookie, mask } = isSubport ? ourCookie : dropCookie
  const ours = {
    cookie: cookie | (cookieOf([`port/${key}`]) & HASH_MASK),
    cookie_mask: mask | HASH_MASK,
  }
  const [flows, [stats]] = await Promise.all([
    connection.multipart({ kind: 'flow', body: allFlows(ours) }, { signal }),
    at.kind !== 'ofport'
      ? []
      : connection.multipart({ kind: 'port_stats', body: { port_no: at.ofport } }, { signal }),
  ])
  const dropped = flows.flatMap(({ cookie, packet_count }) => {
    const reason = reasonOf(cookie)
    return reason && packet_count > 0n ? [{ reason, packets: Number(packet_count) }] : []
  })
  const got = ({ table_id, priority }: FlowEntry) =>
    (table_id === table.output || table_id === table.answer) && priority === COUNTED_PRIORITY
  return {
    at: new Date(wall).toISOString(),
    ...(at.kind === 'ofport' && ofInterface(stats)),
    ...(isSubport && {
      sent: sum(flows.filter(({ table_id }) => table_id === table.classify)),
      received: sum(flows.filter(got)),
    }),
    drops: byReason(dropped),
  }
}

type PortStats = Readonly<
  Record<'rx_packets' | 'rx_bytes' | 'tx_packets' | 'tx_bytes', number | bigint>
>
/** OpenFlow 1.3.5 §7.3.5.6: "If a counter is unsupported, set the field to all ones." */
const UNSUPPORTED = 0xffff_ffff_ffff_ffffn

/** What the switch received is what the workload sent. Open vSwitch counts nothing once the device of a port is gone. */
function ofInterface(
  stats: PortStats | undefined,
): Pick<Counted, 'sent' | 'received' | 'uncounted'> {
  const values = stats && [stats.rx_packets, stats.rx_bytes, stats.tx_packets, stats.tx_bytes]
  if (!values || values.some((value) => BigInt(value) === UNSUPPORTED))
    return { uncounted: 'the switch has no statistics of its interface: is the device there?' }
  const [sent = 0, sentBytes = 0, received = 0, receivedBytes = 0] = values.map(Number)
  return {
    sent: { frames: sent, bytes: sentBytes },
    received: { frames: received, bytes: receivedBytes },
  }
}

/** Several flows or rows may drop for one reason. */
function byReason(counts: readonly Pick<DropCount, 'reason' | 'packets'>[]): Counted['drops'] {
  const sums = new Map<string, number>()
  for (const { reason, packets } of counts) sums.set(reason, (sums.get(reason) ?? 0) + packets)
  return [...sums].map(([reason, packets]) => ({ reason, packets, of: 'port' }))
}

function sum(flows: readonly FlowEntry[]): Traffic {
  return {
    frames: flows.reduce((all, { packet_count }) => all + Number(packet_count), 0),
    bytes: flows.reduce((all, { byte_count }) => all + Number(byte_count), 0),
  }
}
