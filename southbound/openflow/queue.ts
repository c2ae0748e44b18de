/**
 * Queues of ports: their configuration and statistics. OpenFlow 1.3.5 §7.3.6, §7.3.5.8.
 * Neighbours: message-rows.ts, multipart.ts carry these; action set_queue uses one.
 */
import { fixed, list, record, rest, tlvs } from '../wire/record.ts'
import { pad, struct, u16, u32, u64 } from '../wire/struct.ts'

const REF = 'OpenFlow 1.3.5 §7.3.6'
/** queue_id of every queue, in requests. */
export const ALL_QUEUES = 0xffffffff
/** Rate of a queue that has none: the property counts for nothing. */
export const NO_RATE = 0xffff

const rate = (name: string) =>
  fixed(
    struct(name, REF, {
      pad1: pad(32),
      rate: u16('tenths of a percent of the port; over 1000 = none'),
      pad2: pad(48),
    }),
  )
export const queueProperties = {
  min_rate: [1, rate('min_rate')],
  max_rate: [2, rate('max_rate')],
  experimenter: [
    0xffff,
    record(struct('experimenter', REF, { pad1: pad(32), experimenter: u32(), pad2: pad(32) }), {
      data: rest,
    }),
  ],
} as const

const packetQueue = record(
  struct('packet_queue', REF, { queue_id: u32(), port: u32(), len: u16(), pad: pad(48) }),
  { properties: tlvs(queueProperties) },
  { len: 'self' },
)
export const queueConfigRequest = fixed(
  struct('queue_get_config_request', REF, { port: u32('ANY: all'), pad: pad(32) }),
)
export const queueConfigReply = record(
  struct('queue_get_config_reply', REF, { port: u32(), pad: pad(32) }),
  { queues: list(packetQueue) },
)

export const queueStatsRequest = fixed(
  struct('queue_stats_request', REF, {
    port_no: u32('ANY: all'),
    queue_id: u32('ALL_QUEUES: all'),
  }),
)
export const queueStats = fixed(
  struct('queue_stats', REF, {
    port_no: u32(),
    queue_id: u32(),
    tx_bytes: u64(),
    tx_packets: u64(),
    tx_errors: u64('dropped for want of room'),
    duration_sec: u32(),
    duration_nsec: u32(),
  }),
)
