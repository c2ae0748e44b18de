/**
 * Every shape of flow that the pipeline of br-int uses, and the group and meter with them; for tests
 * of what Open vSwitch makes of them.
 */
import { moveField } from '../../../southbound/openflow/action.ts'
import { encodeFlow, type Flow, type FlowBytes } from '../../../southbound/openflow/flow.ts'
import { encodeGroup } from '../../../southbound/openflow/group.ts'
import type { Instruction } from '../../../southbound/openflow/instruction.ts'
import { dropBand, meterFlags } from '../../../southbound/openflow/meter.ts'
import { IN_PORT } from '../../../southbound/openflow/port.ts'

const COOKIE = 0x5701_0000_0000_0001n
const MAC = 0x0200_0000_0011
const ADDRESS = 0x0a00000b
const PEER = 0xc000020c
const METER = 3
const GROUP = 7
const VNI = 5001n

const goto = (table_id: number): Instruction => ({ kind: 'goto_table', table_id })
type Shape = Pick<Flow, 'table_id' | 'match' | 'instructions'>

const shapes: Readonly<Record<string, Shape>> = {
  'classify: a port': {
    table_id: 0,
    match: { in_port: 1 },
    instructions: [
      {
        kind: 'apply_actions',
        actions: [
          { kind: 'set_field', field: 'reg1', value: 7 },
          { kind: 'set_field', field: 'reg2', value: 9 },
          { kind: 'check_pkt_larger', pkt_len: 9014, dst: { field: 'reg4', ofs: 0 } },
        ],
      },
      goto(1),
    ],
  },
  'classify: the tunnel port': { table_id: 0, match: { in_port: 10 }, instructions: [goto(7)] },
  'drop all': { table_id: 0, match: {}, instructions: [] },
  'drop through a meter': {
    table_id: 1,
    match: { reg1: 7, reg4: [1, 1] },
    instructions: [{ kind: 'meter', meter_id: METER }],
  },
  'any VLAN tag': { table_id: 1, match: { vlan_vid: [0x1000, 0x1000] }, instructions: [] },
  'one VLAN': { table_id: 1, match: { vlan_vid: 0x1005 }, instructions: [] },
  'no VLAN tag': { table_id: 1, match: { vlan_vid: 0 }, instructions: [goto(2)] },
  'port security: MAC and IPv4 address': {
    table_id: 2,
    match: { reg2: 9, eth_src: MAC, eth_type: 0x0800, ipv4_src: ADDRESS },
    instructions: [goto(4)],
  },
  'port security: ARP sender': {
    table_id: 2,
    match: { reg2: 9, eth_src: MAC, eth_type: 0x0806, arp_sha: MAC, arp_spa: ADDRESS },
    instructions: [goto(4)],
  },
  'port security: DHCP': {
    table_id: 2,
    match: {
      reg2: 9,
      eth_src: MAC,
      eth_type: 0x0800,
      ipv4_src: 0,
      ip_proto: 17,
      udp_src: 68,
      udp_dst: 67,
    },
    instructions: [goto(4)],
  },
  'port security: a subnet': {
    table_id: 2,
    match: { reg2: 9, eth_type: 0x0800, ipv4_dst: [0x0a000000, 0xffffff00] },
    instructions: [],
  },
  'port security: neighbour solicitation': {
    table_id: 2,
    match: {
      reg2: 9,
      eth_type: 0x86dd,
      ip_proto: 58,
      icmpv6_type: 135,
      ipv6_src: 0xfe80_0000_0000_0000_0000_0000_0000_0011n,
    },
    instructions: [],
  },
  'ARP responder': {
    table_id: 4,
    match: { reg1: 7, eth_type: 0x0806, arp_op: 1, arp_tpa: ADDRESS },
    instructions: [
      {
        kind: 'apply_actions',
        actions: [
          moveField('eth_src', 'eth_dst'),
          { kind: 'set_field', field: 'eth_src', value: MAC },
          { kind: 'set_field', field: 'arp_op', value: 2 },
          moveField('arp_sha', 'arp_tha'),
          { kind: 'set_field', field: 'arp_sha', value: MAC },
          moveField('arp_spa', 'arp_tpa'),
          { kind: 'set_field', field: 'arp_spa', value: ADDRESS },
          { kind: 'output', port: IN_PORT, max_len: 0 },
        ],
      },
    ],
  },
  'L2: a MAC': {
    table_id: 5,
    match: { reg1: 7, eth_dst: MAC },
    instructions: [
      { kind: 'apply_actions', actions: [{ kind: 'set_field', field: 'reg3', value: 4 }] },
      goto(6),
    ],
  },
  'L2: the multicast bit': {
    table_id: 5,
    match: { reg1: 7, reg0: 0, eth_dst: [0x0100_0000_0000, 0x0100_0000_0000] },
    instructions: [
      {
        kind: 'apply_actions',
        actions: [
          { kind: 'set_field', field: 'tunnel_id', value: VNI },
          { kind: 'group', group_id: GROUP },
        ],
      },
    ],
  },
  'output: local': {
    table_id: 6,
    match: { reg3: 4 },
    instructions: [{ kind: 'apply_actions', actions: [{ kind: 'output', port: 1, max_len: 0 }] }],
  },
  'output: remote': {
    table_id: 6,
    match: { reg0: 0, reg3: 5 },
    instructions: [
      {
        kind: 'apply_actions',
        actions: [
          { kind: 'set_field', field: 'tunnel_id', value: VNI },
          { kind: 'set_field', field: 'tun_dst', value: PEER },
          { kind: 'output', port: 10, max_len: 0 },
        ],
      },
    ],
  },
  'tunnel: a VNI': {
    table_id: 7,
    match: { tunnel_id: VNI },
    instructions: [
      {
        kind: 'apply_actions',
        actions: [
          { kind: 'set_field', field: 'reg1', value: 7 },
          { kind: 'set_field', field: 'reg0', value: 1 },
        ],
      },
      goto(8),
    ],
  },
  'tunnel: a VTEP': { table_id: 8, match: { reg1: 7, tun_src: PEER }, instructions: [goto(9)] },
  'masked metadata, all instructions': {
    table_id: 9,
    match: { metadata: [5n, 0xffn], reg1: [0x70, 0xf0] },
    instructions: [
      goto(11),
      { kind: 'write_metadata', metadata: 5n, metadata_mask: 0xffn },
      { kind: 'write_actions', actions: [{ kind: 'output', port: 2, max_len: 0 }] },
      { kind: 'clear_actions' },
      { kind: 'apply_actions', actions: [{ kind: 'output', port: 1, max_len: 0 }] },
      { kind: 'meter', meter_id: METER },
    ],
  },
  'loads, VLAN tags, TTL': {
    table_id: 9,
    match: { eth_type: 0x0800, ip_proto: 6, tcp_dst: [0x50, 0xf0], nw_ttl: 64 },
    instructions: [
      {
        kind: 'apply_actions',
        actions: [
          { kind: 'load2', field: 'reg4', value: 1, mask: 1 },
          { kind: 'load', dst: { field: 'reg5', ofs: 4, n_bits: 4 }, value: 3n },
          {
            kind: 'move',
            src: { field: 'reg5', ofs: 0, n_bits: 8 },
            dst: { field: 'reg6', ofs: 8, n_bits: 8 },
          },
          { kind: 'dec_nw_ttl' },
          { kind: 'push_vlan', ethertype: 0x8100 },
          { kind: 'set_field', field: 'vlan_vid', value: 0x1005 },
          { kind: 'output', port: 2, max_len: 0 },
          { kind: 'pop_vlan' },
          { kind: 'set_queue', queue_id: 4 },
          { kind: 'resubmit', in_port: 0xfff8, table_id: 11 },
        ],
      },
    ],
  },
}

/** name: flow; priorities differ, so that all can be there at once. */
export const pipelineFlows: Readonly<Record<string, FlowBytes>> = Object.fromEntries(
  Object.entries(shapes).map(([name, shape], i) => [
    name,
    encodeFlow({ priority: 100 + i, cookie: COOKIE, ...shape }),
  ]),
)

export const floodGroup = encodeGroup({
  group_id: GROUP,
  group_type: 0,
  buckets: [
    [{ kind: 'output', port: 1, max_len: 0 }],
    [
      { kind: 'set_field', field: 'tun_dst', value: PEER },
      { kind: 'output', port: 10, max_len: 0 },
    ],
  ],
})

/** Counts exactly and lets everything pass: packets a second, statistics kept, a rate never reached. */
export const countingMeter = {
  meter_id: METER,
  flags: meterFlags.pktps | meterFlags.stats,
  bands: [dropBand(0xffffffff)],
}
