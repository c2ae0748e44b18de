/**
 * What a switch answers in multiparts about itself, its tables, ports, groups and meters.
 * Source: OpenFlow 1.3.5 §7.3.5. Neighbours: multipart.ts lists them; flows are there.
 */
import { fixed, list, record, rest } from '../wire/record.ts'
import { hex32, pad, struct, text, u8, u16, u32, u64 } from '../wire/struct.ts'
import { bandsPart } from './meter.ts'

const REF = 'OpenFlow 1.3.5 §7.3.5'

export const desc = struct('desc', REF, {
  mfr_desc: text(256),
  hw_desc: text(256),
  sw_desc: text(256),
  serial_num: text(32),
  dp_desc: text(256),
})
export const portStats = struct('port_stats', REF, {
  port_no: u32(),
  pad: pad(32),
  rx_packets: u64(),
  tx_packets: u64(),
  rx_bytes: u64(),
  tx_bytes: u64(),
  rx_dropped: u64(),
  tx_dropped: u64(),
  rx_errors: u64(),
  tx_errors: u64(),
  rx_frame_err: u64(),
  rx_over_err: u64(),
  rx_crc_err: u64(),
  collisions: u64(),
  duration_sec: u32(),
  duration_nsec: u32(),
})
export const tableStats = struct('table_stats', REF, {
  table_id: u8(),
  pad: pad(24),
  active_count: u32(),
  lookup_count: u64(),
  matched_count: u64(),
})
export const aggregate = struct('aggregate', REF, {
  packet_count: u64(),
  byte_count: u64(),
  flow_count: u32(),
  pad: pad(32),
})
export const groupStats = record(
  struct('group_stats', REF, {
    length: u16(),
    pad1: pad(16),
    group_id: u32(),
    ref_count: u32(),
    pad2: pad(32),
    packet_count: u64(),
    byte_count: u64(),
    duration_sec: u32(),
    duration_nsec: u32(),
  }),
  {
    bucket_stats: list(
      fixed(struct('bucket_stats', REF, { packet_count: u64(), byte_count: u64() })),
    ),
  },
  { length: 'self' },
)
/** A group as GroupBytes. */
export const groupDesc = record(
  struct('group_desc', REF, { length: u16(), group_type: u8(), pad: pad(8), group_id: u32() }),
  { buckets: rest },
  { length: 'self' },
)
export const groupFeatures = struct('group_features', REF, {
  types: hex32('bit n: group type n'),
  capabilities: hex32(),
  max_groups_all: u32(),
  max_groups_select: u32(),
  max_groups_indirect: u32(),
  max_groups_ff: u32(),
  actions_all: hex32('bit n: action type n'),
  actions_select: hex32(),
  actions_indirect: hex32(),
  actions_ff: hex32(),
})
export const meterStats = record(
  struct('meter_stats', REF, {
    meter_id: u32(),
    len: u16(),
    pad: pad(48),
    flow_count: u32(),
    packet_in_count: u64('packets that came to the meter'),
    byte_in_count: u64(),
    duration_sec: u32(),
    duration_nsec: u32(),
  }),
  {
    band_stats: list(
      fixed(struct('band_stats', REF, { packet_band_count: u64(), byte_band_count: u64() })),
    ),
  },
  { len: 'self' },
)
export const meterConfig = record(
  struct('meter_config', REF, { length: u16(), flags: u16('meterFlags'), meter_id: u32() }),
  { bands: bandsPart },
  { length: 'self' },
)
export const meterFeatures = struct('meter_features', REF, {
  max_meter: u32(),
  band_types: hex32('bit n: band type n'),
  capabilities: hex32('meterFlags'),
  max_bands: u8(),
  max_color: u8(),
  pad: pad(16),
})
export const groupRequest = fixed(struct('group_request', REF, { group_id: u32(), pad: pad(32) }))
export const meterRequest = fixed(struct('meter_request', REF, { meter_id: u32(), pad: pad(32) }))
export const portRequest = fixed(
  struct('port_stats_request', REF, { port_no: u32(), pad: pad(32) }),
)
