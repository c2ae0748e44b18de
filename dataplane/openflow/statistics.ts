/**
 * Answers to multipart requests, one row per kind (OpenFlow 1.3.5 §7.3.5). Long lists are cut into
 * messages that fit the header's 16-bit length.
 * Neighbours: openflow-agent.ts; southbound/openflow/multipart.ts declares the bytes.
 */
import { ALL_GROUPS, groupType } from '../../southbound/openflow/group.ts'
import type { Body, MessageOf } from '../../southbound/openflow/message.ts'
import { ALL_METERS, meterFlags } from '../../southbound/openflow/meter.ts'
import type { MultipartKind, ReplyElement } from '../../southbound/openflow/multipart.ts'
import { ANY, portState } from '../../southbound/openflow/port.ts'
import type { Flow } from '../pipeline/flow-table.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { Bridge } from '../switch/bridge.ts'
import type { BridgePort } from '../switch/bridge-port.ts'
import { ACTION_TYPES, tableFeatures, tableFeaturesSize } from './table-features.ts'

export type Send = (message: Body & { xid?: number }) => void
type Request = MessageOf<'multipart_request'>
type Requested<K extends MultipartKind> = Extract<Request, { readonly kind: K }>['body']
/** A list of elements with the bytes of one, or the one body of a reply that is no list. */
type Answer<K extends MultipartKind> = (
  bridge: Bridge,
  body: Requested<K>,
) => { one: ReplyElement<K> } | { list: ReplyElement<K>[]; size: (element: never) => number }

/** Room for elements in a message of 65,535 bytes, with some to spare. */
const BUDGET = 64_000

/** Seconds and nanoseconds of a span of milliseconds. */
export function duration(ms: number): { duration_sec: number; duration_nsec: number } {
  const duration_sec = Math.floor(ms / 1000)
  return { duration_sec, duration_nsec: Math.floor((ms - duration_sec * 1000) * 1e6) }
}

export function describePort(port: BridgePort): ReplyElement<'port_desc'> {
  return {
    port_no: port.ofport,
    hw_addr: port.mac,
    name: port.name,
    config: 0,
    state: port.up ? portState.live : portState.link_down,
    curr: 0,
    advertised: 0,
    supported: 0,
    peer: 0,
    curr_speed: 0,
    max_speed: 0,
  }
}

const answers: { readonly [K in MultipartKind]?: Answer<K> } = {
  desc: (bridge) => ({
    one: {
      mfr_desc: 'Weft',
      hw_desc: 'userspace',
      sw_desc: 'weft switch',
      serial_num: 'None',
      dp_desc: bridge.name,
    },
  }),
  flow: (bridge, filter) => ({
    list: bridge.flows.select(filter).map((flow) => describeFlow(bridge, flow)),
    size: flowSize,
  }),
  aggregate(bridge, filter) {
    const flows = bridge.flows.select(filter)
    const sum = (of: (flow: Flow) => number) => flows.reduce((total, flow) => total + of(flow), 0)
    return {
      one: {
        packet_count: BigInt(sum((flow) => flow.packets)),
        byte_count: BigInt(sum((flow) => flow.bytes)),
        flow_count: flows.length,
      },
    }
  },
  table: (bridge) => ({
    list: bridge.flows.counts.map((count, table_id) => ({
      table_id,
      active_count: count.active,
      lookup_count: BigInt(count.lookups),
      matched_count: BigInt(count.matched),
    })),
    size: () => 24,
  }),
  port_stats(bridge, { port_no }) {
    if (port_no !== ANY && !bridge.ports.has(port_no)) refuse('bad_request.bad_port', `${port_no}`)
    const ports = [...bridge.ports.values()].filter((p) => port_no === ANY || p.ofport === port_no)
    return { list: ports.map((port) => countPort(bridge, port)), size: () => 112 }
  },
  port_desc: (bridge) => ({
    list: [...bridge.ports.values()].map(describePort),
    size: () => 64,
  }),
  group(bridge, { group_id }) {
    const wanted = [...bridge.groups.all.values()].filter(
      (group) => group_id === ALL_GROUPS || group.group_id === group_id,
    )
    const references = new Map<number, number>()
    for (const flow of bridge.flows.all()) {
      for (const id of flow.program.groups) references.set(id, (references.get(id) ?? 0) + 1)
    }
    const list = wanted.map((group) => ({
      group_id: group.group_id,
      ref_count: references.get(group.group_id) ?? 0,
      packet_count: BigInt(group.packets),
      byte_count: BigInt(group.byteCount),
      ...duration(bridge.clock.now() - group.createdAt),
      bucket_stats: group.buckets.map((bucket) => ({
        packet_count: BigInt(bucket.packets),
        byte_count: BigInt(bucket.bytes),
      })),
    }))
    return { list, size: (e: ReplyElement<'group'>) => 40 + 16 * e.bucket_stats.length }
  },
  group_desc: (bridge) => ({
    list: [...bridge.groups.all.values()].map(({ group_id, group_type, bytes }) => ({
      group_id,
      group_type,
      buckets: bytes,
    })),
    size: (element: ReplyElement<'group_desc'>) => 8 + element.buckets.length,
  }),
  group_features: () => ({
    one: {
      types: Object.values(groupType).reduce<number>((bits, type) => bits | (1 << type), 0),
      // Select by weight and by liveness, chaining, and loops are checked for.
      capabilities: 0xf,
      max_groups_all: 0xffffff00,
      max_groups_select: 0xffffff00,
      max_groups_indirect: 0xffffff00,
      max_groups_ff: 0xffffff00,
      actions_all: GROUP_ACTIONS,
      actions_select: GROUP_ACTIONS,
      actions_indirect: GROUP_ACTIONS,
      actions_ff: GROUP_ACTIONS,
    },
  }),
  meter(bridge, { meter_id }) {
    const used = new Map<number, number>()
    for (const { program } of bridge.flows.all()) {
      if (program.meter !== 0) used.set(program.meter, (used.get(program.meter) ?? 0) + 1)
    }
    const list = metersOf(bridge, meter_id).map((meter) => ({
      meter_id: meter.meter_id,
      flow_count: used.get(meter.meter_id) ?? 0,
      packet_in_count: BigInt(meter.packets),
      byte_in_count: BigInt(meter.bytes),
      ...duration(bridge.clock.now() - meter.createdAt),
      band_stats: meter.bands.map((band) => ({
        packet_band_count: BigInt(band.packets),
        byte_band_count: BigInt(band.bytes),
      })),
    }))
    return { list, size: (e: ReplyElement<'meter'>) => 40 + 16 * e.band_stats.length }
  },
  meter_config: (bridge, { meter_id }) => ({
    list: metersOf(bridge, meter_id).map((meter) => ({
      meter_id: meter.meter_id,
      flags: meter.flags,
      bands: meter.bands.map(({ band }) => band),
    })),
    size: (element: ReplyElement<'meter_config'>) => 8 + 16 * element.bands.length,
  }),
  meter_features: () => ({
    one: {
      max_meter: 0xffff0000,
      band_types: 1 << 1,
      capabilities: meterFlags.kbps | meterFlags.pktps | meterFlags.burst | meterFlags.stats,
      max_bands: 8,
      max_color: 0,
    },
  }),
  table_features: () => ({ list: tableFeatures(), size: tableFeaturesSize }),
}

const GROUP_ACTIONS = ACTION_TYPES.reduce((bits, type) => bits | (1 << type), 0)

function metersOf(bridge: Bridge, meter_id: number) {
  if (meter_id === ALL_METERS) return [...bridge.meters.all.values()]
  const meter = bridge.meters.all.get(meter_id)
  return meter ? [meter] : refuse('meter_mod_failed.unknown_meter', `${meter_id}`)
}

function describeFlow(bridge: Bridge, flow: Flow): ReplyElement<'flow'> {
  return {
    table_id: flow.table_id,
    ...duration(bridge.clock.now() - flow.createdAt),
    priority: flow.priority,
    idle_timeout: flow.idle_timeout,
    hard_timeout: flow.hard_timeout,
    flags: flow.flags,
    cookie: flow.cookie,
    packet_count: BigInt(flow.packets),
    byte_count: BigInt(flow.bytes),
    match: flow.match,
    instructions: flow.instructions,
  }
}

/** At most: fixed part, match header and padding, match, instructions. */
const flowSize = (flow: ReplyElement<'flow'>) =>
  48 + 4 + 7 + flow.match.length + flow.instructions.length

function countPort(bridge: Bridge, port: BridgePort): ReplyElement<'port_stats'> {
  const { counters } = port
  return {
    port_no: port.ofport,
    rx_packets: BigInt(counters.rxPackets),
    tx_packets: BigInt(counters.txPackets),
    rx_bytes: BigInt(counters.rxBytes),
    tx_bytes: BigInt(counters.txBytes),
    rx_dropped: 0n,
    tx_dropped: BigInt(counters.txDropped),
    rx_errors: 0n,
    tx_errors: 0n,
    rx_frame_err: 0n,
    rx_over_err: 0n,
    rx_crc_err: 0n,
    collisions: 0n,
    ...duration(bridge.clock.now() - port.createdAt),
  }
}

/** Answers every request but the flow monitor's; throws a Refusal for what is unknown. */
export function answerMultipart(bridge: Bridge, request: Request, send: Send): void {
  const { kind, xid } = request
  const known = kind !== 'unknown' && kind !== 'experimenter'
  const answer = known ? (answers[kind] as Answer<'flow'> | undefined) : undefined
  if (!answer) return refuse('bad_request.bad_multipart', kind)
  const result = answer(bridge, request.body as Requested<'flow'>)
  const reply = (body: unknown, more: boolean) =>
    send({ type: 'multipart_reply', xid, kind, body, more } as never)
  if ('one' in result) return reply(result.one, false)
  let part: unknown[] = []
  let room = BUDGET
  for (const element of result.list) {
    const size = result.size(element as never)
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
