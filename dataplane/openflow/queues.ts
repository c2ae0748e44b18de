/**
 * The queues of ports: their configuration and counters, asked for in two messages (OpenFlow 1.3.5
 * §7.3.6, §7.3.5.8). OpenFlow makes none, and nor does the database: ports have the queues that the
 * process puts into BridgePort.queues, in a running switch none. They count and shape nothing. A packet
 * for a queue that a port has not leaves by the port's default (§5.12 leaves that open).
 * Neighbours: bridge.ts counts what leaves by them.
 */
import type { MessageOf } from '../../southbound/openflow/message.ts'
import type { ReplyElement } from '../../southbound/openflow/multipart.ts'
import { ANY } from '../../southbound/openflow/port.ts'
import { ALL_QUEUES, NO_RATE } from '../../southbound/openflow/queue.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { Bridge } from '../switch/bridge.ts'
import type { BridgePort } from '../switch/bridge-port.ts'
import { duration } from './duration.ts'

/** A queue of a port. Rates in tenths of a percent of the port's speed; undefined = none. */
export interface Queue {
  readonly queue_id: number
  readonly minRate: number | undefined
  readonly maxRate: number | undefined
  packets: number
  bytes: number
  /** Milliseconds on the switch's clock. */
  readonly createdAt: number
}

export const newQueue = (
  queue_id: number,
  now: number,
  rates: { readonly minRate?: number; readonly maxRate?: number } = {},
): Queue => ({
  queue_id,
  minRate: rates.minRate,
  maxRate: rates.maxRate,
  packets: 0,
  bytes: 0,
  createdAt: now,
})

const portsOf = (bridge: Bridge, wanted: number): BridgePort[] => {
  if (wanted === ANY) return [...bridge.ports.values()]
  const port = bridge.ports.get(wanted)
  return port ? [port] : refuse('queue_op_failed.bad_port', `${wanted}`)
}

const queuesOf = (port: BridgePort) => [...port.queues.values()]

export function queueConfig(
  bridge: Bridge,
  { port: wanted }: { readonly port: number },
): Pick<MessageOf<'queue_get_config_reply'>, 'port' | 'queues'> {
  const queues = portsOf(bridge, wanted).flatMap((port) =>
    queuesOf(port).map(({ queue_id, minRate, maxRate }) => ({
      queue_id,
      port: port.ofport,
      properties: [
        { kind: 'min_rate', rate: minRate ?? NO_RATE } as const,
        { kind: 'max_rate', rate: maxRate ?? NO_RATE } as const,
      ],
    })),
  )
  return { port: wanted, queues }
}

export function queueStatistics(
  bridge: Bridge,
  { port_no, queue_id }: { readonly port_no: number; readonly queue_id: number },
): ReplyElement<'queue'>[] {
  const found = portsOf(bridge, port_no).flatMap((port) =>
    queuesOf(port)
      .filter((queue) => queue_id === ALL_QUEUES || queue.queue_id === queue_id)
      .map((queue) => ({
        port_no: port.ofport,
        queue_id: queue.queue_id,
        tx_bytes: BigInt(queue.bytes),
        tx_packets: BigInt(queue.packets),
        tx_errors: 0n,
        ...duration(bridge.clock.now() - queue.createdAt),
      })),
  )
  if (found.length === 0 && queue_id !== ALL_QUEUES) {
    refuse('queue_op_failed.bad_queue', `${queue_id}`)
  }
  return found
}
