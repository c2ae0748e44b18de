/**
 * Multipart requests and replies, one row each: wire type, request body, reply body. A reply body
 * that is a list may come in many messages (connection.ts puts them together).
 * Source: OpenFlow 1.3.5 §7.3.5. Neighbours: message.ts carries them.
 */
import { WireError } from '../wire/error.ts'
import { put } from '../wire/put.ts'
import {
  type AnyPart,
  fixed,
  list,
  nothing,
  type Part,
  type PartOf,
  record,
  rest,
} from '../wire/record.ts'
import { hex16, hex64, pad, struct, u8, u16, u32, u64 } from '../wire/struct.ts'
import { ONF } from './experimenter.ts'
import { flowMonitorRequest, flowUpdate } from './flow-update.ts'
import { ALL_GROUPS, ANY_GROUP } from './group.ts'
import { matchPart } from './match.ts'
import { ALL_METERS } from './meter.ts'
import { niciraMultiparts } from './nicira-message.ts'
import { ANY, port } from './port.ts'
import { ALL_QUEUES, queueStats, queueStatsRequest } from './queue.ts'
import {
  aggregate,
  desc,
  groupDesc,
  groupFeatures,
  groupRequest,
  groupStats,
  meterConfig,
  meterFeatures,
  meterRequest,
  meterStats,
  portRequest,
  portStats,
  tableStats,
} from './statistics.ts'
import { tableFeatures } from './table-features.ts'

const REF = 'OpenFlow 1.3.5 §7.3.5'

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

/** kind: [wire type (or experimenter and its type), request body, reply body]. */
export const multipartRows = {
  desc: [0, nothing, fixed(desc)],
  flow: [1, flowRequest, list(flowEntry)],
  aggregate: [2, flowRequest, fixed(aggregate)],
  table: [3, nothing, list(fixed(tableStats))],
  port_stats: [4, portRequest, list(fixed(portStats))],
  queue: [5, queueStatsRequest, list(queueStats)],
  group: [6, groupRequest, list(groupStats)],
  group_desc: [7, nothing, list(groupDesc)],
  group_features: [8, nothing, fixed(groupFeatures)],
  meter: [9, meterRequest, list(meterStats)],
  meter_config: [10, meterRequest, list(meterConfig)],
  meter_features: [11, nothing, fixed(meterFeatures)],
  table_features: [12, list(tableFeatures), list(tableFeatures)],
  port_desc: [13, nothing, list(fixed(port))],
  flow_monitor: [[ONF, 1870], list(flowMonitorRequest), list(flowUpdate)],
  ...niciraMultiparts,
} as const satisfies Record<string, readonly [number | readonly [number, number], AnyPart, AnyPart]>

export type MultipartKind = keyof typeof multipartRows
type Bodies<Side extends 1 | 2> =
  | {
      [K in MultipartKind]: {
        readonly kind: K
        readonly body: PartOf<(typeof multipartRows)[K][Side]>
      }
    }[MultipartKind]
  /** An experimenter's multipart that no row declares. */
  | {
      readonly kind: 'experimenter'
      readonly experimenter: number
      readonly exp_type: number
      readonly body: Uint8Array
    }
  /** A type that no row declares; `body` is what follows the header. */
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

/** The bodies of requests that are for everything. */
const whole: { readonly [K in MultipartKind]?: RequestBody<K> } = {
  ...{ flow: allFlows(), aggregate: allFlows(), table_features: [] },
  port_stats: { port_no: ANY },
  queue: { port_no: ANY, queue_id: ALL_QUEUES },
  group: { group_id: ALL_GROUPS },
  ...{ meter: { meter_id: ALL_METERS }, meter_config: { meter_id: ALL_METERS } },
}
/** The body of a request for everything of a kind; undefined when there is no such thing. */
export function everything(kind: MultipartKind | 'experimenter'): object | undefined {
  if (kind === 'experimenter') return new Uint8Array(0)
  return whole[kind] ?? (multipartRows[kind]?.[1] === nothing ? {} : undefined)
}

/** The body of a multipart message: side 1 requests, side 2 replies. */
function multipartPart<Side extends 1 | 2>(side: Side): Part<Bodies<Side> & { more?: boolean }> {
  return {
    read(bytes, start, end) {
      if (end - start < head.size) throw new WireError('truncated multipart', start)
      const { multipart_type, flags } = head.read(bytes, start)
      const more = (flags & 1) !== 0
      let at = start + head.size
      let key = String(multipart_type)
      const owner =
        multipart_type === EXPERIMENTER && end - at >= vendor.size && vendor.read(bytes, at)
      if (owner) key = `${owner.experimenter},${owner.exp_type}`
      const kind = byType.get(key)
      if (kind === undefined && owner) {
        const body = bytes.subarray(at + vendor.size, end)
        return { kind: 'experimenter', ...owner, more, body } as never
      }
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
      if (value.kind === 'experimenter') {
        writer.patch16(at, EXPERIMENTER)
        put(writer, vendor.size, vendor.write, value)
        writer.append(value.body)
        return
      }
      const row: readonly [number | readonly [number, number], AnyPart, AnyPart] | undefined =
        multipartRows[value.kind]
      if (row === undefined) throw new RangeError(`no multipart is called ${value.kind}`)
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
