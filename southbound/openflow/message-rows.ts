/**
 * The table of OpenFlow 1.3 messages: wire type and body. A new message is a new row.
 * Source: OpenFlow 1.3.5 §7; ONF EXT-230 (bundles) and EXT-187 (flow monitor).
 * Neighbours: message.ts encodes and decodes by this table, multipart.ts has the multiparts' rows,
 * nicira-message.ts Open vSwitch's own.
 */
import { WireError } from '../wire/error.ts'
import { put } from '../wire/put.ts'
import {
  type AnyPart,
  fixed,
  list,
  nothing,
  type Part,
  record,
  rest,
  tlvs,
} from '../wire/record.ts'
import { hex16, hex32, hex64, mac, pad, struct, u8, u16, u32, u64 } from '../wire/struct.ts'
import { actionsPart } from './action.ts'
import { EXPERIMENTER_ERROR } from './error.ts'
import { ONF } from './experimenter.ts'
import { matchPart } from './match.ts'
import { bandsPart } from './meter.ts'
import { multipartReply, multipartRequest } from './multipart.ts'
import { niciraMessages } from './nicira-message.ts'
import { port } from './port.ts'
import { queueConfigReply, queueConfigRequest } from './queue.ts'

const REF = 'OpenFlow 1.3.5 §7.3'

/** `bytes` zero bytes, then the part. */
function behind<T>(bytes: number, part: Part<T>): Part<T> {
  return {
    read(b, start, end) {
      if (end - start < bytes) throw new WireError('truncated padding', start)
      return part.read(b, start + bytes, end)
    },
    write(writer, value) {
      writer.reserve(bytes)
      part.write(writer, value)
    },
    ...(part.shape && { shape: part.shape }),
  }
}

const words = list(fixed(struct('bitmap', REF, { bits: u32() })))
/** Bit v of the bitmaps: version v is spoken. */
const versions: Part<{ versions: readonly number[] }> = {
  read: (bytes, start, end) => ({
    versions: words
      .read(bytes, start, end)
      .flatMap(({ bits }, i) =>
        [...Array(32).keys()].filter((b) => (bits >>> b) & 1).map((b) => 32 * i + b),
      ),
  }),
  write(writer, value) {
    const bitmaps: { bits: number }[] = []
    for (const version of value.versions) {
      const at = version >>> 5
      while (bitmaps.length <= at) bitmaps.push({ bits: 0 })
      const bitmap = bitmaps[at] as { bits: number }
      bitmap.bits = (bitmap.bits | (1 << (version & 31))) >>> 0
    }
    words.write(writer, bitmaps)
  },
}

const errorHead = struct('error', REF, { error_type: u16(), code: u16() })
const word = struct('experimenter', REF, { experimenter: u32() })
/** An experimenter's error has its id between the code and the data. */
const error: Part<{ error_type: number; code: number; experimenter?: number; data: Uint8Array }> = {
  read(bytes, start, end) {
    if (end - start < 4) throw new WireError('truncated error', start)
    const value = errorHead.read(bytes, start)
    if (value.error_type !== EXPERIMENTER_ERROR || end - start < 8) {
      return { ...value, data: bytes.subarray(start + 4, end) }
    }
    const experimenter = word.get.experimenter(bytes, start + 4)
    return { ...value, experimenter, data: bytes.subarray(start + 8, end) }
  },
  write(writer, value) {
    put(writer, 4, errorHead.write, value)
    if (value.experimenter !== undefined) {
      put(writer, 4, word.write, { experimenter: value.experimenter })
    }
    writer.append(value.data)
  },
}

const role = fixed(
  struct('role', REF, { role: u32('controllerRole'), pad: pad(32), generation_id: hex64() }),
)
const config = fixed(struct('switch_config', REF, { flags: u16(), miss_send_len: u16('bytes') }))
/** Bit n: reason n is told; for [master or equal, slave]. */
const async = fixed(
  struct('async', REF, {
    packet_in: hex32(),
    packet_in_slave: hex32(),
    port_status: hex32(),
    port_status_slave: hex32(),
    flow_removed: hex32(),
    flow_removed_slave: hex32(),
  }),
)
/** A whole message inside another; what follows it are the bundle's properties. */
const inner: Part<Uint8Array> = {
  ...rest,
  end(bytes, start, end) {
    if (end - start < 8) throw new WireError('truncated message in a bundle', start)
    const length = ((bytes[start + 2] as number) << 8) | (bytes[start + 3] as number)
    if (length < 8 || start + length > end) throw new WireError('bad inner length', start + 2)
    return start + length
  },
}

/** type: [number (or experimenter and its type), body]. */
export const messageRows = {
  hello: [
    0,
    record(struct('hello', REF, {}), {
      elements: tlvs({ version_bitmap: [1, versions] }, { padded: false }),
    }),
  ],
  error: [1, error],
  echo_request: [2, record(struct('echo', REF, {}), { data: rest })],
  echo_reply: [3, record(struct('echo', REF, {}), { data: rest })],
  features_request: [5, nothing],
  features_reply: [
    6,
    fixed(
      struct('features', REF, {
        datapath_id: hex64(),
        n_buffers: u32(),
        n_tables: u8(),
        auxiliary_id: u8('0: the main connection'),
        pad: pad(16),
        capabilities: hex32(),
        reserved: u32(),
      }),
    ),
  ],
  get_config_request: [7, nothing],
  get_config_reply: [8, config],
  set_config: [9, config],
  packet_in: [
    10,
    record(
      struct('packet_in', REF, {
        buffer_id: u32(),
        total_len: u16('bytes of the frame, which may be longer than data'),
        reason: u8('packetInReason'),
        table_id: u8(),
        cookie: hex64(),
      }),
      { match: matchPart, data: behind(2, rest) },
    ),
  ],
  flow_removed: [
    11,
    record(
      struct('flow_removed', REF, {
        cookie: hex64(),
        priority: u16(),
        reason: u8(),
        table_id: u8(),
        duration_sec: u32(),
        duration_nsec: u32(),
        idle_timeout: u16(),
        hard_timeout: u16(),
        packet_count: u64(),
        byte_count: u64(),
      }),
      { match: matchPart },
    ),
  ],
  port_status: [
    12,
    fixed(
      struct('port_status', REF, { reason: u8('portReason'), padding: pad(56), ...port.fields }),
    ),
  ],
  packet_out: [
    13,
    record(
      struct('packet_out', REF, {
        buffer_id: u32(),
        in_port: u32(),
        actions_len: u16(),
        pad: pad(48),
      }),
      { actions: actionsPart, data: rest },
      { actions_len: 'actions' },
    ),
  ],
  flow_mod: [
    14,
    record(
      struct('flow_mod', REF, {
        cookie: hex64(),
        cookie_mask: hex64('which bits must be equal, for modify and delete'),
        table_id: u8(),
        command: u8('flowCommand'),
        idle_timeout: u16('s; 0 = never'),
        hard_timeout: u16('s; 0 = never'),
        priority: u16(),
        buffer_id: u32(),
        out_port: u32('for delete; ANY: all'),
        out_group: u32('for delete; ANY_GROUP: all'),
        flags: hex16('flowFlags'),
        pad: pad(16),
      }),
      { match: matchPart, instructions: rest },
    ),
  ],
  group_mod: [
    15,
    record(
      struct('group_mod', REF, {
        command: u16('groupCommand'),
        group_type: u8('groupType'),
        pad: pad(8),
        group_id: u32(),
      }),
      { buckets: rest },
    ),
  ],
  port_mod: [
    16,
    fixed(
      struct('port_mod', REF, {
        port_no: u32(),
        pad1: pad(32),
        hw_addr: mac('must be the port’s'),
        pad2: pad(16),
        config: hex32('portConfig'),
        mask: hex32('bits of config to change'),
        advertise: hex32('features; 0 = unchanged'),
        pad3: pad(32),
      }),
    ),
  ],
  table_mod: [
    17,
    fixed(
      struct('table_mod', REF, { table_id: u8('0xff: all'), pad: pad(24), config: hex32('0') }),
    ),
  ],
  multipart_request: [18, multipartRequest],
  multipart_reply: [19, multipartReply],
  barrier_request: [20, nothing],
  barrier_reply: [21, nothing],
  queue_get_config_request: [22, queueConfigRequest],
  queue_get_config_reply: [23, queueConfigReply],
  role_request: [24, role],
  role_reply: [25, role],
  get_async_request: [26, nothing],
  get_async_reply: [27, async],
  set_async: [28, async],
  meter_mod: [
    29,
    record(
      struct('meter_mod', REF, {
        command: u16('meterCommand'),
        flags: u16('meterFlags'),
        meter_id: u32(),
      }),
      { bands: bandsPart },
    ),
  ],
  bundle_control: [
    [ONF, 2300],
    record(
      struct('bundle_control', 'ONF EXT-230', {
        bundle_id: u32(),
        control_type: u16('bundleControl'),
        flags: u16('bundleFlags'),
      }),
      { properties: rest },
    ),
  ],
  bundle_add: [
    [ONF, 2301],
    record(
      struct('bundle_add', 'ONF EXT-230', {
        bundle_id: u32(),
        pad: pad(16),
        flags: u16('bundleFlags'),
      }),
      { message: inner, properties: rest },
    ),
  ],
  flow_monitor_cancel: [[ONF, 1870], fixed(struct('cancel', 'ONF EXT-187', { id: u32() }))],
  flow_monitor_paused: [[ONF, 1871], nothing],
  flow_monitor_resumed: [[ONF, 1872], nothing],
  ...niciraMessages,
} as const satisfies Record<string, readonly [number | readonly [number, number], AnyPart]>
