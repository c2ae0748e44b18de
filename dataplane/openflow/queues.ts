/**
 * The queues of ports: their configuration and counters, asked for in two messages (OpenFlow 1.3.5
 * §7.3.6, §7.3.5.8). OpenFlow makes none: a port has the queues of its QoS row, and none without.
 * Neighbours: queues/shaper.ts counts.
 */
import type { MessageOf } from '../../southbound/openflow/message.ts'
import type { ReplyElement } from '../../southbound/openflow/multipart.ts'
import { ANY } from '../../southbound/openflow/port.ts'
import { ALL_QUEUES, NO_RATE } from '../../southbound/openflow/queue.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { QueueCounters } from '../queues/queue.ts'
import type { Shaper } from '../queues/shaper.ts'
import type { Bridge } from '../switch/bridge.ts'
import { duration } from './duration.ts'

interface QueueOfPort {
  readonly ofport: number
  readonly shaper: Shaper
  readonly queue: QueueCounters
}

/** Bytes of a queue with two properties, and what a message of them has in front. */
const CONFIG_SIZE = 48
const LARGEST_CONFIG = 65_535 - 16

function queuesOf(bridge: Bridge, wanted: number): QueueOfPort[] {
  const port = bridge.ports.get(wanted)
  if (!port && wanted !== ANY) refuse('queue_op_failed.bad_port', `${wanted}`)
  return (port ? [port] : [...bridge.ports.values()]).flatMap(({ ofport, egress }) => {
    const shaper = egress?.shaper
    return shaper ? [...shaper.queues.values()].map((queue) => ({ ofport, shaper, queue })) : []
  })
}

/** In tenths of a percent of what all queues have together: the port's max-rate is its speed here. */
function rateOf(rate: number, shaper: Shaper): number {
  return Math.max(1, Math.round((rate / shaper.plan.maxRate) * 1000))
}

/** @throws Refusal for a port that is not there, and when there are more queues than a reply can hold */
export function queueConfig(
  bridge: Bridge,
  { port }: { readonly port: number },
): Pick<MessageOf<'queue_get_config_reply'>, 'port' | 'queues'> {
  const queues = queuesOf(bridge, port).map(({ ofport, shaper, queue: { plan } }) => ({
    queue_id: plan.queue_id,
    port: ofport,
    properties: [
      {
        kind: 'min_rate',
        rate: plan.minRate > 0 ? rateOf(plan.minRate, shaper) : NO_RATE,
      } as const,
      {
        kind: 'max_rate',
        rate: plan.maxRate < shaper.plan.maxRate ? rateOf(plan.maxRate, shaper) : NO_RATE,
      } as const,
    ],
  }))
  if (queues.length * CONFIG_SIZE > LARGEST_CONFIG) {
    refuse('bad_request.multipart_buffer_overflow', `${queues.length} queues in one message`)
  }
  return { port, queues }
}

/** @throws Refusal for a port that is not there, or a queue that no port has */
export function queueStatistics(
  bridge: Bridge,
  { port_no, queue_id }: { readonly port_no: number; readonly queue_id: number },
): ReplyElement<'queue'>[] {
  const found = queuesOf(bridge, port_no)
    .filter(({ queue: { plan } }) => queue_id === ALL_QUEUES || plan.queue_id === queue_id)
    .map(({ ofport, queue }) => ({
      port_no: ofport,
      queue_id: queue.plan.queue_id,
      tx_bytes: BigInt(queue.bytes),
      tx_packets: BigInt(queue.packets),
      tx_errors: BigInt(queue.errors),
      ...duration(bridge.clock.now() - queue.createdAt),
    }))
  if (found.length === 0 && queue_id !== ALL_QUEUES) {
    refuse('queue_op_failed.bad_queue', `${queue_id}`)
  }
  return found
}
