/**
 * What a port sent, got and lost: `counters` of its status. Asked of its host when somebody looks at the port, at most
 * every 5 s, and never otherwise: one request for the statistics of its interface, one for the few flows that carry the
 * port's cookie and drop, one for the meter of its network. Neighbours: `last-drops.ts`, `drops.ts`; `status.ts` asks.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import { allFlows } from '../../southbound/openflow/multipart.ts'
import type { Clock } from '../clock.ts'
import { cookieOf, dropCookie, reasonOf } from '../compiler/cookie.ts'
import type { Placement } from '../compiler/program.ts'
import { sizeMeter } from '../compiler/stages.ts'
import type { Network } from '../model/schema.ts'
import type { DropCount, PortCounters } from '../northbound/realization.ts'

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
  readonly network: Network
}

export class CounterReader {
  readonly #clock: Clock
  readonly #answers = new Map<string, { readonly at: number; readonly answer: Promise<Counted> }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Rejects when the host does not answer. */
  read(connection: Connection, asked: Asked): Promise<Counted> {
    const now = this.#clock.now()
    const at = `${asked.key} ${asked.place.hostId}`
    const known = this.#answers.get(at)
    if (known && now - known.at < FRESH_MS) return known.answer
    const answer = readCounters(connection, asked, now, AbortSignal.timeout(ANSWER_MS))
    this.#answers.delete(at)
    this.#answers.set(at, { at: now, answer })
    const [oldest] = this.#answers.keys()
    if (this.#answers.size > MOST && oldest !== undefined) this.#answers.delete(oldest)
    answer.catch(() => this.#answers.delete(at))
    return answer
  }

  /** Of a vtep host, from what it says by itself. */
  ofDevice(drops: readonly DropCount[], key: string): Counted {
    return {
      at: new Date(this.#clock.now()).toISOString(),
      drops: drops.flatMap(({ reason, packets, port }) =>
        port === key ? [{ reason, packets, of: 'port' as const }] : [],
      ),
    }
  }
}

async function readCounters(
  connection: Connection,
  { key, place, network }: Asked,
  now: number,
  signal: AbortSignal,
): Promise<Counted> {
  const cookie = dropCookie.cookie | (cookieOf([`port/${key}`]) & HASH_MASK)
  const cookie_mask = dropCookie.mask | HASH_MASK
  const meter_id = sizeMeter(network.number)
  const ofport = place.at.kind === 'ofport' ? place.at.ofport : undefined
  const [flows, meters, ports] = await Promise.all([
    connection.multipart({ kind: 'flow', body: allFlows({ cookie, cookie_mask }) }, { signal }),
    connection.multipart({ kind: 'meter', body: { meter_id } }, { signal }),
    ofport === undefined
      ? []
      : connection.multipart({ kind: 'port_stats', body: { port_no: ofport } }, { signal }),
  ])
  const counts = new Map<string, number>()
  for (const flow of flows) {
    const reason = reasonOf(flow.cookie)
    const packets = Number(flow.packet_count)
    if (reason && packets > 0) counts.set(reason, (counts.get(reason) ?? 0) + packets)
  }
  const drops: PortCounters['drops'][number][] = [...counts].map(([reason, packets]) => ({
    reason,
    packets,
    of: 'port',
  }))
  const tooLarge = meters.reduce((sum, { packet_in_count }) => sum + Number(packet_in_count), 0)
  if (tooLarge > 0) drops.push({ reason: 'mtu_exceeded', packets: tooLarge, of: 'network' })
  const [stats] = ports
  return {
    at: new Date(now).toISOString(),
    ...(stats && {
      // What the switch received is what the workload sent.
      sent: { frames: Number(stats.rx_packets), bytes: Number(stats.rx_bytes) },
      received: { frames: Number(stats.tx_packets), bytes: Number(stats.tx_bytes) },
    }),
    drops,
  }
}
