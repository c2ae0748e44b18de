/**
 * Multipart requests and answers, one row per kind (OpenFlow 1.3.5 §7.3.5): a request in many
 * messages is put together, a long answer is cut into messages that fit the header's 16-bit length.
 * Neighbours: agent.ts; statistics.ts, group-statistics.ts, queues.ts, table-features.ts have the
 * answers; southbound/openflow/multipart.ts declares the bytes.
 */
import { NICIRA, ONF } from '../../southbound/openflow/experimenter.ts'
import { decode, encode, type MessageOf } from '../../southbound/openflow/message.ts'
import type { MultipartKind, ReplyElement } from '../../southbound/openflow/multipart.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { Bridge } from '../switch/bridge.ts'
import {
  describeGroups,
  groupFeatures,
  groupStatistics,
  meterConfigs,
  meterFeatures,
  meterStatistics,
} from './group-statistics.ts'
import type { Send } from './post.ts'
import { queueStatistics } from './queues.ts'
import { flowSize, groupDescSize, groupSize } from './reply-size.ts'
import {
  aggregateStatistics,
  describePort,
  describeSwitch,
  flowStatistics,
  portStatistics,
  tableStatistics,
} from './statistics.ts'
import { setTableFeatures, tableFeatures, tableFeaturesSize } from './table-features.ts'

export type MultipartRequest = MessageOf<'multipart_request'>
type Requested<K extends MultipartKind> = Extract<MultipartRequest, { readonly kind: K }>['body']
/** A list of elements with the bytes of one, or the one body of a reply that is no list. */
type Answer<K extends MultipartKind> = (
  bridge: Bridge,
  body: Requested<K>,
) =>
  | { one: ReplyElement<K> }
  | { list: readonly ReplyElement<K>[]; size: (element: ReplyElement<K>) => number }

/** Room for elements in a message of 65,535 bytes, with some to spare. */
const BUDGET = 64_000

/** Every kind but the flow monitor's, which flow-monitors.ts answers. */
const answers: { readonly [K in Exclude<MultipartKind, 'flow_monitor'>]: Answer<K> } = {
  desc: (bridge) => ({ one: describeSwitch(bridge) }),
  flow: (bridge, filter) => ({ list: flowStatistics(bridge, filter), size: flowSize }),
  aggregate: (bridge, filter) => ({ one: aggregateStatistics(bridge, filter) }),
  table: (bridge) => ({ list: tableStatistics(bridge), size: () => 24 }),
  port_stats: (bridge, request) => ({ list: portStatistics(bridge, request), size: () => 112 }),
  port_desc: (bridge) => ({
    list: [...bridge.ports.values()].map(describePort),
    size: () => 64,
  }),
  queue: (bridge, request) => ({ list: queueStatistics(bridge, request), size: () => 40 }),
  group: (bridge, request) => ({
    list: groupStatistics(bridge, request),
    size: ({ bucket_stats }) => groupSize(bucket_stats.length),
  }),
  group_desc: (bridge) => ({
    list: describeGroups(bridge),
    size: ({ buckets }) => groupDescSize(buckets.length),
  }),
  group_features: (bridge) => ({ one: groupFeatures(bridge) }),
  meter: (bridge, request) => ({
    list: meterStatistics(bridge, request),
    size: ({ band_stats }) => 40 + 16 * band_stats.length,
  }),
  meter_config: (bridge, request) => ({
    list: meterConfigs(bridge, request),
    size: ({ bands }) => 8 + 16 * bands.length,
  }),
  meter_features: (bridge) => ({ one: meterFeatures(bridge) }),
  table_features(bridge, wanted) {
    if (wanted.length > 0) setTableFeatures(bridge, wanted)
    return { list: tableFeatures(bridge), size: tableFeaturesSize }
  },
  ipfix_bridge: () => refuse('stats_failed.not_configured'),
  ipfix_flow: () => refuse('stats_failed.not_configured'),
}

/** Answers every request but the flow monitor's; throws a Refusal for what is unknown. */
export function answerMultipart(bridge: Bridge, request: MultipartRequest, send: Send): void {
  const { kind, xid } = request
  if (kind === 'experimenter') {
    const isKnown = request.experimenter === ONF || request.experimenter === NICIRA
    const code = isKnown ? 'bad_exp_type' : 'bad_experimenter'
    return refuse(`bad_request.${code}`, `${request.experimenter} ${request.exp_type}`)
  }
  if (kind === 'unknown') return refuse('bad_request.bad_multipart', `${request.multipart_type}`)
  const answer = answers[kind as keyof typeof answers] as Answer<'flow'>
  const result = answer(bridge, request.body as Requested<'flow'>)
  const reply = (body: unknown, more: boolean) =>
    send({ type: 'multipart_reply', xid, kind, body, more } as never)
  if ('one' in result) return reply(result.one, false)
  let part: unknown[] = []
  let room = BUDGET
  for (const element of result.list) {
    const size = result.size(element)
    if (size > room && part.length > 0) {
      reply(part, true)
      part = []
      room = BUDGET
    }
    part.push(element)
    room -= size
  }
  reply(part, false)
}

/** Requests of one controller that have not come whole yet. */
const MAX_OPEN = 4

/**
 * Puts requests together: answers the whole one with its last message, undefined before. Throws a
 * Refusal, after which the request is forgotten.
 */
export function multipartAssembler(
  maxBytes: number,
): (request: MultipartRequest) => MultipartRequest | undefined {
  const open = new Map<number, { first: MultipartRequest; bodies: unknown[]; bytes: number }>()
  return (request) => {
    const { xid, kind, more = false } = request
    const begun = open.get(xid)
    if (!begun && !more) return request
    const overflow = (why: string): never => {
      open.delete(xid)
      return refuse('bad_request.multipart_buffer_overflow', why)
    }
    // What is kept outlives the connection's buffer.
    const bytes = encode(request)
    const kept = decode(bytes) as MultipartRequest
    const one = begun ?? { first: kept, bodies: [], bytes: 0 }
    if (!begun && open.size >= MAX_OPEN) return overflow('too many unfinished requests')
    if (one.first.kind !== kind) {
      open.delete(xid)
      return refuse('bad_request.bad_multipart', `${kind} within ${one.first.kind}`)
    }
    one.bytes += bytes.length
    if (one.bytes > maxBytes) return overflow(`over ${maxBytes} bytes`)
    if (Array.isArray(kept.body)) one.bodies.push(...kept.body)
    else if (Object.keys(kept.body).length > 0 && one.bodies.push(kept.body) > 1) {
      open.delete(xid)
      refuse('bad_request.bad_len', `${kind} asks for one thing`)
    }
    open.set(xid, one)
    if (more) return undefined
    open.delete(xid)
    const body = Array.isArray(kept.body) ? one.bodies : (one.bodies[0] ?? {})
    return { ...kept, body } as MultipartRequest
  }
}
