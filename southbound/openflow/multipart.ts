/**
 * Multipart requests and replies, one row each: wire type, request body, reply body. A reply body
 * that is a list may come in many messages (connection.ts puts them together).
 * Source: OpenFlow 1.3.5 §7.3.5. Neighbours: message.ts carries them.
 */
import { WireError } from '../wire/error.ts'
import {
  type AnyPart,
  fixed,
  list,
  nothing,
  type Part,
  type PartOf,
  record,
  rest,
  tlvs,
} from '../wire/record.ts'
import { hex16, hex32, hex64, pad, struct, text, u8, u16, u32, u64 } from '../wire/struct.ts'
import { flowMonitorRequest, flowUpdate } from './flow-update.ts'
import { ANY_GROUP } from './group.ts'
import { matchPart } from './match.ts'
import { bandsPart } from './meter.ts'
import { ANY, port } from './port.ts'

const REF = 'OpenFlow 1.3.5 §7.3.5'
export const ONF = 0x4f4e4600

/** The body of a request for all flows (or some: override fields). */
export const allFlows = (some: Partial<PartOf<typeof flowRequest>> = {}): FlowRequest => ({
  table_id: 0xff,
  out_port: ANY,
  out_group: ANY_GROUP,
  cookie: 0n,
  cookie_mask: 0n,
  match: new Uint8Array(0),
  ...some,
})
const flowRequest = record(
  struct('flow_request', REF, {
    table_id: u8('0xff: all'),
    pad1: pad(24),
    out_port: u32('ANY: all'),
    out_group: u32('ANY_GROUP: all'),
    pad2: pad(32),
    cookie: hex64(),
    cookie_mask: hex64('0: all'),
  }),
  { match: matchPart },
)

export type FlowRequest = PartOf<typeof flowRequest>

/** One flow with its counters: a FlowBytes. `instructions` and `match` are views of the message. */
const flowEntry = record(
  struct('flow', REF, {
    length: u16(),
    table_id: u8(),
    pad1: pad(8),
    duration_sec: u32('s'),
    duration_nsec: u32('ns beyond duration_sec'),
    priority: u16(),
    idle_timeout: u16('s; 0 = never'),
    hard_timeout: u16('s; 0 = never'),
    flags: hex16('flowFlags'),
    pad2: pad(32),
    cookie: hex64(),
    packet_count: u64(),
    byte_count: u64(),
  }),
  { match: matchPart, instructions: rest },
  { length: 'self' },
)
export type FlowEntry = PartOf<typeof flowEntry>

const desc = struct('desc', REF, {
  mfr_desc: text(256),
  hw_desc: text(256),
  sw_desc: text(256),
  serial_num: text(32),
  dp_desc: text(256),
})
const portStats = struct('port_stats', REF, {
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
const tableStats = struct('table_stats', REF, {
  table_id: u8(),
  pad: pad(24),
  active_count: u32(),
  lookup_count: u64(),
  matched_count: u64(),
})
const aggregate = struct('aggregate', REF, {
  packet_count: u64(),
  byte_count: u64(),
  flow_count: u32(),
  pad: pad(32),
})
const groupStats = record(
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
const groupDesc = record(
  struct('group_desc', REF, { length: u16(), group_type: u8(), pad: pad(8), group_id: u32() }),
  { buckets: rest },
  { length: 'self' },
)
const groupFeatures = struct('group_features', REF, {
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
const meterStats = record(
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
const meterConfig = record(
  struct('meter_config', REF, { length: u16(), flags: u16('meterFlags'), meter_id: u32() }),
  { bands: bandsPart },
  { length: 'self' },
)
const meterFeatures = struct('meter_features', REF, {
  max_meter: u32(),
  band_types: hex32('bit n: band type n'),
  capabilities: hex32('meterFlags'),
  max_bands: u8(),
  max_color: u8(),
  pad: pad(16),
})
const tableFeatures = record(
  struct('table_features', REF, {
    length: u16(),
    table_id: u8(),
    pad: pad(40),
    name: text(32),
    metadata_match: hex64(),
    metadata_write: hex64(),
    config: u32(),
    max_entries: u32(),
  }),
  { properties: tlvs({}, { padded: false }) },
  { length: 'self' },
)
const groupRequest = fixed(struct('group_request', REF, { group_id: u32(), pad: pad(32) }))
const meterRequest = fixed(struct('meter_request', REF, { meter_id: u32(), pad: pad(32) }))
const portRequest = fixed(struct('port_stats_request', REF, { port_no: u32(), pad: pad(32) }))

/** kind: [wire type (or experimenter and its type), request body, reply body]. */
export const multipartRows = {
  desc: [0, nothing, fixed(desc)],
  flow: [1, flowRequest, list(flowEntry)],
  aggregate: [2, flowRequest, fixed(aggregate)],
  table: [3, nothing, list(fixed(tableStats))],
  port_stats: [4, portRequest, list(fixed(portStats))],
  group: [6, groupRequest, list(groupStats)],
  group_desc: [7, nothing, list(groupDesc)],
  group_features: [8, nothing, fixed(groupFeatures)],
  meter: [9, meterRequest, list(meterStats)],
  meter_config: [10, meterRequest, list(meterConfig)],
  meter_features: [11, nothing, fixed(meterFeatures)],
  table_features: [12, list(tableFeatures), list(tableFeatures)],
  port_desc: [13, nothing, list(fixed(port))],
  flow_monitor: [[ONF, 1870], list(flowMonitorRequest), list(flowUpdate)],
} as const satisfies Record<string, readonly [number | readonly [number, number], AnyPart, AnyPart]>

export type MultipartKind = keyof typeof multipartRows
type Bodies<Side extends 1 | 2> =
  | {
      [K in MultipartKind]: {
        readonly kind: K
        readonly body: PartOf<(typeof multipartRows)[K][Side]>
      }
    }[MultipartKind]
  /** A type that no row declares; `body` is what follows the header, experimenter id included. */
  | { readonly kind: 'unknown'; readonly multipart_type: number; readonly body: Uint8Array }
/** `more`: another message of this multipart follows (OFPMPF_*_MORE). */
export type MultipartRequest = Bodies<1> & { readonly more?: boolean }
export type MultipartReply = Bodies<2> & { readonly more?: boolean }
export type RequestBody<K extends MultipartKind> = PartOf<(typeof multipartRows)[K][1]>
/** One element of the reply to a request of this kind. */
export type ReplyElement<K extends MultipartKind> =
  PartOf<(typeof multipartRows)[K][2]> extends readonly (infer T)[]
    ? T
    : PartOf<(typeof multipartRows)[K][2]>

const EXPERIMENTER = 0xffff
const head = struct('multipart', REF, { multipart_type: u16(), flags: u16(), pad: pad(32) })
const vendor = struct('multipart experimenter', REF, { experimenter: u32(), exp_type: u32() })
const byType = new Map(
  Object.entries(multipartRows).map(([kind, [type]]) => [String(type), kind as MultipartKind]),
)

/** The body of a multipart message: side 1 requests, side 2 replies. */
function multipartPart<Side extends 1 | 2>(side: Side): Part<Bodies<Side> & { more?: boolean }> {
  return {
    read(bytes, start, end) {
      if (end - start < head.size) throw new WireError('truncated multipart', start)
      const { multipart_type, flags } = head.read(bytes, start)
      const more = (flags & 1) !== 0
      let at = start + head.size
      let key = String(multipart_type)
      if (multipart_type === EXPERIMENTER && end - at >= vendor.size) {
        const { experimenter, exp_type } = vendor.read(bytes, at)
        key = `${experimenter},${exp_type}`
      }
      const kind = byType.get(key)
      if (kind === undefined) {
        return { kind: 'unknown', multipart_type, more, body: bytes.subarray(at, end) } as never
      }
      if (multipart_type === EXPERIMENTER) at += vendor.size
      const part: AnyPart = multipartRows[kind][side]
      return { kind, more, body: part.read(bytes, at, end) } as never
    },
    write(writer, value) {
      const at = writer.reserve(head.size)
      head.set.flags(writer.bytes, at, value.more ? 1 : 0)
      if (value.kind === 'unknown') {
        writer.patch16(at, value.multipart_type)
        writer.append(value.body)
        return
      }
      const row: readonly [number | readonly [number, number], AnyPart, AnyPart] =
        multipartRows[value.kind]
      const [type] = row
      if (typeof type === 'number') writer.patch16(at, type)
      else {
        writer.patch16(at, EXPERIMENTER)
        const [experimenter, exp_type] = type
        const id = writer.reserve(vendor.size)
        vendor.write(writer.bytes, id, { experimenter, exp_type })
      }
      row[side].write(writer, value.body)
    },
  }
}

export const multipartRequest = multipartPart(1)
export const multipartReply = multipartPart(2)
