/**
 * Open vSwitch's own messages on OpenFlow 1.3 (experimenter 0x2320), one row each.
 * Source: Open vSwitch 3.1 nicira-ext.h, ofp-msgs.h. Neighbours: message-rows.ts joins them with
 * the others, action controller2 makes the switch send a packet_in2.
 */
import { fixed, list, nothing, type Part, record, rest, tlvs } from '../wire/record.ts'
import { hex16, hex32, hex64, pad, struct, u8, u16, u32, u64 } from '../wire/struct.ts'
import { NICIRA } from './experimenter.ts'
import { canonicalMatch } from './match.ts'

const REF = 'Open vSwitch 3.1 nicira-ext.h'
/** `format` of set_packet_in_format: packet_in, or packet_in2. */
export const packetInFormat = { standard: 0, nxt_packet_in: 1, nxt_packet_in2: 2 } as const
/** `command` of a tlv_table_mod. */
export const tlvTableCommand = { add: 0, delete: 1, clear: 2 } as const

const only = <F extends Parameters<typeof struct>[2]>(name: string, fields: F) =>
  fixed(struct(name, REF, fields))
/** Canonical TLVs without an ofp_match around them. */
const tlvsOfMatch: Part<Uint8Array> = {
  read: (bytes, start, end) => canonicalMatch(bytes.subarray(start, end)),
  write: (writer, value) => writer.append(value),
}

/** Properties of packet_in2 and resume, in the order in which Open vSwitch sends them. */
export const packetIn2Properties = {
  packet: [0, record(struct('packet', REF, {}), { packet: rest })],
  full_len: [1, only('full_len', { full_len: u32('bytes, when the packet was cut') })],
  buffer_id: [2, only('buffer_id', { buffer_id: u32() })],
  table_id: [3, only('table_id', { table_id: u8(), pad: pad(24) })],
  cookie: [4, only('cookie', { pad: pad(32), cookie: hex64() })],
  reason: [5, only('reason', { reason: u8('OFPR_*'), pad: pad(24) })],
  metadata: [6, record(struct('metadata', REF, {}), { metadata: tlvsOfMatch })],
  userdata: [7, record(struct('userdata', REF, {}), { userdata: rest })],
  /** The switch's state of a paused packet, to be sent back in a resume as it is. */
  continuation: [8, record(struct('continuation', REF, {}), { continuation: rest })],
} as const
const packetIn2 = record(struct('packet_in2', REF, {}), {
  properties: tlvs(packetIn2Properties, { padded: false }),
})

/** What a controller in each role is told: bit n = reason n. */
const asyncMask = only('async_mask', { mask: hex32() })
export const asyncProperties = {
  packet_in_slave: [0, asyncMask],
  packet_in_master: [1, asyncMask],
  port_status_slave: [2, asyncMask],
  port_status_master: [3, asyncMask],
  flow_removed_slave: [4, asyncMask],
  flow_removed_master: [5, asyncMask],
  role_status_slave: [6, asyncMask],
  role_status_master: [7, asyncMask],
  table_status_slave: [8, asyncMask],
  table_status_master: [9, asyncMask],
  requestforward_slave: [10, asyncMask],
  requestforward_master: [11, asyncMask],
} as const

const tlvMaps = list(
  only('tlv_map', {
    option_class: hex16('of Geneve'),
    option_type: u8(),
    option_len: u8('bytes, a multiple of 4'),
    index: u16('n of tun_metadata<n>'),
    pad: pad(16),
  }),
)

/** Of a tuple in ct_flush, what is to be compared. ICMP has an id, a type and a code in the place of ports. */
export const ctTupleProperties = {
  /** 16 bytes; IPv4 mapped into IPv6. */
  ct_src: [0, record(struct('ct_src', REF, {}), { address: rest })],
  ct_dst: [1, record(struct('ct_dst', REF, {}), { address: rest })],
  src_port: [2, only('src_port', { port: u16(), pad: pad(16) })],
  dst_port: [3, only('dst_port', { port: u16(), pad: pad(16) })],
  icmp_id: [4, only('icmp_id', { id: u16(), pad: pad(16) })],
  icmp_type: [5, only('icmp_type', { icmp_type: u8() })],
  icmp_code: [6, only('icmp_code', { icmp_code: u8() })],
} as const
const ctTuple = (name: string) =>
  record(struct(name, REF, { pad: pad(32) }), {
    tuple: tlvs(ctTupleProperties, { padded: false }),
  })
const ctFlushProperties = tlvs(
  {
    orig: [0, ctTuple('orig')],
    reply: [1, ctTuple('reply')],
    zone: [2, only('zone', { zone_id: u16(), pad: pad(16) })],
  },
  { padded: false },
)

/** The table of Open vSwitch's messages. */
export const niciraMessages = {
  flow_mod_table_id: [[NICIRA, 15], only('flow_mod_table_id', { set: u8(), pad: pad(56) })],
  set_packet_in_format: [
    [NICIRA, 16],
    only('set_packet_in_format', { format: u32('packetInFormat') }),
  ],
  set_controller_id: [
    [NICIRA, 20],
    only('set_controller_id', { pad: pad(48), controller_id: u16() }),
  ],
  tlv_table_mod: [
    [NICIRA, 24],
    record(struct('tlv_table_mod', REF, { command: u16('tlvTableCommand'), pad: pad(48) }), {
      maps: tlvMaps,
    }),
  ],
  tlv_table_request: [[NICIRA, 25], nothing],
  tlv_table_reply: [
    [NICIRA, 26],
    record(
      struct('tlv_table_reply', REF, {
        max_option_space: u32('bytes'),
        max_fields: u16(),
        pad: pad(80),
      }),
      { maps: tlvMaps },
    ),
  ],
  set_async2: [
    [NICIRA, 27],
    record(struct('set_async2', REF, {}), { properties: tlvs(asyncProperties, { padded: false }) }),
  ],
  resume: [[NICIRA, 28], packetIn2],
  ct_flush_zone: [[NICIRA, 29], only('ct_flush_zone', { pad: pad(48), zone_id: u16() })],
  packet_in2: [[NICIRA, 30], packetIn2],
  ct_flush: [
    [NICIRA, 32],
    record(struct('ct_flush', REF, { ip_proto: u8('0: any'), pad: pad(56) }), {
      properties: ctFlushProperties,
    }),
  ],
} as const

const ipfixStats = only('ipfix_stats', {
  total_flows: u64(),
  current_flows: u64(),
  pkts: u64(),
  ipv4_pkts: u64(),
  ipv6_pkts: u64(),
  error_pkts: u64(),
  ipv4_error_pkts: u64(),
  ipv6_error_pkts: u64(),
  tx_pkts: u64(),
  tx_errors: u64(),
  collector_set_id: u32('0 for a bridge'),
  pad: pad(32),
})
/** The table of Open vSwitch's multiparts. */
export const niciraMultiparts = {
  ipfix_bridge: [[NICIRA, 3], nothing, ipfixStats],
  ipfix_flow: [[NICIRA, 4], nothing, list(ipfixStats)],
} as const
