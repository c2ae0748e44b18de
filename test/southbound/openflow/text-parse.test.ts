import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CONTROLLER } from '../../../southbound/openflow/port.ts'
import {
  formatFlow,
  parseActions,
  parseFlow,
  parseMatch,
  TextError,
} from '../../../southbound/openflow/text.ts'
import { parseGroup } from '../../../southbound/openflow/text-group.ts'
import { parseMeter } from '../../../southbound/openflow/text-meter.ts'
import { runs } from '../../random.ts'
import { acceptedActions } from './text-values.ts'

describe('what is read', () => {
  test('a flow as people write it', () => {
    const flow = parseFlow(
      'table=0,priority=100,in_port=1,ip,nw_src=10.0.0.0/24 actions=set_field:5->reg1,goto_table:1',
    )
    expect(flow).toEqual({
      table_id: 0,
      priority: 100,
      cookie: 0n,
      match: { in_port: 1, eth_type: 0x800, ipv4_src: [0x0a000000, 0xffffff00] },
      instructions: [
        { kind: 'apply_actions', actions: [{ kind: 'set_field', field: 'reg1', value: 5 }] },
        { kind: 'goto_table', table_id: 1 },
      ],
    })
  })

  test('a flow as dump-flows reports it, without its counters', () => {
    const flow = parseFlow(
      ' cookie=0x57, duration=3.2s, table=5, n_packets=1, n_bytes=42, idle_timeout=9, send_flow_rem idle_age=3, priority=7,tcp,tp_dst=80 actions=drop',
    )
    expect(flow).toEqual({
      ...{ table_id: 5, priority: 7, cookie: 0x57n, idle_timeout: 9, flags: 1 },
      match: { eth_type: 0x800, ip_proto: 6, tcp_dst: 80 },
      instructions: [],
    })
  })

  test.each([
    ['tp_src=80,udp6', { eth_type: 0x86dd, ip_proto: 17, udp_src: 80 }],
    ['arp,nw_src=10.0.0.1,nw_proto=2', { eth_type: 0x806, arp_spa: 0x0a000001, arp_op: 2 }],
    ['icmp6,icmp_type=135', { eth_type: 0x86dd, ip_proto: 58, icmpv6_type: 135 }],
    ['ip,nw_tos=184,ip_ecn=1', { eth_type: 0x800, ip_dscp: 46, ip_ecn: 1 }],
    ['dl_vlan=5,dl_vlan_pcp=3', { vlan_vid: 0x1005, vlan_pcp: 3 }],
    ['dl_vlan_pcp=3', { vlan_vid: [0x1000, 0x1000], vlan_pcp: 3 }],
    ['vlan_tci=0x1000/0x1000', { vlan_vid: [0x1000, 0x1000] }],
    ['dl_vlan=0xffff', { vlan_vid: 0 }],
    ['ct_state=+trk+est-inv', { ct_state: [0x22, 0x32] }],
    ['ct_state=trk|est', { ct_state: [0x22, 0xff] }],
    ['tcp,tcp_flags=+syn-ack', { eth_type: 0x800, ip_proto: 6, tcp_flags: [2, 0x12] }],
    ['tcp,tcp_flags=syn|ack', { eth_type: 0x800, ip_proto: 6, tcp_flags: 0x12 }],
    ['ip,nw_frag=not_later', { eth_type: 0x800, ip_frag: [0, 2] }],
    ['ip,ip_frag=later', { eth_type: 0x800, ip_frag: 3 }],
    ['in_port=LOCAL', { in_port: 0xfffffffe }],
    ['ip,nw_src=10.0.0.1/255.0.255.0', { eth_type: 0x800, ipv4_src: [0x0a000000, 0xff00ff00] }],
    ['ip,nw_dst=0.0.0.0/0', { eth_type: 0x800 }],
    ['ipv6,ipv6_src=fe80::/10', { eth_type: 0x86dd, ipv6_src: [0xfe80n << 112n, 0xffcn << 116n] }],
    ['tun_ipv6_dst=::ffff:10.0.0.1', { tun_ipv6_dst: 0xffff0a000001n }],
    ['dl_dst=01:00:00:00:00:00/01:00:00:00:00:00', { eth_dst: [2 ** 40, 2 ** 40] }],
    ['metadata=5/7', { metadata: [5n, 7n] }],
    ['reg1=0x70/0xf0', { reg1: [0x70, 0xf0] }],
  ])('the match %s', (text, match) => {
    expect(parseMatch(text)).toEqual(match)
  })

  test.each([
    ['controller', { kind: 'output', port: CONTROLLER, max_len: 65535 }],
    ['5', { kind: 'output', port: 5, max_len: 0 }],
    ['in_port', { kind: 'output', port: 0xfffffff8, max_len: 0 }],
    ['strip_vlan', { kind: 'pop_vlan' }],
    [
      'mod_dl_src:02:00:00:00:00:01',
      { kind: 'set_field', field: 'eth_src', value: 0x020000000001 },
    ],
    ['set_field:1/1->reg4', { kind: 'load2', field: 'reg4', value: 1, mask: 1 }],
    ['resubmit(,6)', { kind: 'resubmit', in_port: 0xfff8, table_id: 6 }],
    [
      'move:reg0[0..7]->NXM_NX_REG1[8..15]',
      {
        kind: 'move',
        src: { field: 'reg0', ofs: 0, n_bits: 8 },
        dst: { field: 'reg1', ofs: 8, n_bits: 8 },
      },
    ],
    [
      'ct(commit,zone=7,nat(src=[::1]-[::9]:5-6),exec(set_field:1->ct_mark))',
      {
        kind: 'ct',
        flags: 1,
        zone: 7,
        recirc_table: 255,
        alg: 0,
        actions: [
          { kind: 'nat', flags: 1, ipv6_min: 1n, ipv6_max: 9n, proto_min: 5, proto_max: 6 },
          { kind: 'set_field', field: 'ct_mark', value: 1 },
        ],
      },
    ],
    ['note:0102', { kind: 'note', note: new Uint8Array([1, 2, 0, 0, 0, 0]) }],
    // Open vSwitch refuses bits outside of the mask.
    ['set_field:0xff/0xf->reg4', { kind: 'load2', field: 'reg4', value: 0xf, mask: 0xf }],
    [
      'set_field:10.1.2.3/8->ip_src',
      { kind: 'load2', field: 'ipv4_src', value: 0x0a000000, mask: 0xff000000 },
    ],
    ['set_vlan_vid:7', { kind: 'set_field', field: 'vlan_vid', value: 0x1007 }],
    ['set_vlan_pcp:2', { kind: 'set_field', field: 'vlan_pcp', value: 2 }],
    ['set_tunnel:0x1ffffffff', { kind: 'set_tunnel64', tun_id: 0x1ffffffffn }],
    ['resubmit=2', { kind: 'resubmit', in_port: 2, table_id: 255 }],
    ['output:65534', { kind: 'output', port: 0xfffffffe, max_len: 0 }],
  ])('the action %s', (text, action) => {
    expect(parseActions(text)).toEqual([action])
  })

  test('a field that may be anything, and a reserved port by its number of OpenFlow 1.0', () => {
    expect(parseMatch('ip,nw_dst=*,in_port=*,dl_vlan=*')).toEqual({ eth_type: 0x800 })
    expect(parseMatch('in_port=65534')).toEqual({ in_port: 0xfffffffe })
  })

  test.each(['resubmit:in_port', 'resubmit(,)'])('no %s, which is to itself', (text) => {
    expect(() => parseActions(text)).toThrow(TextError)
  })

  test('no bucket without a word', () => {
    expect(() => parseGroup('group_id=1,type=all,bucket=')).toThrow(TextError)
  })

  test('a group and a meter', () => {
    expect(
      parseGroup('group_id=1,type=all,bucket=actions=output:1,bucket=clone(output:2),3'),
    ).toEqual({
      group_id: 1,
      group_type: 0,
      buckets: [
        {
          weight: 0,
          watch_port: 0xffffffff,
          watch_group: 0xffffffff,
          actions: parseActions('output:1'),
        },
        {
          weight: 0,
          watch_port: 0xffffffff,
          watch_group: 0xffffffff,
          actions: parseActions('clone(2),3'),
        },
      ],
    })
    expect(parseMeter('meter=3 pktps burst stats bands=\ntype=drop rate=9 burst_size=4')).toEqual({
      meter_id: 3,
      flags: 14,
      bands: [{ kind: 'drop', rate: 9, burst_size: 4 }],
    })
  })
})

describe('an error says where, what and what would be right', () => {
  test.each<[string, number, string, string]>([
    [
      'nw_src=10.0.0.1 actions=drop',
      0,
      'nw_src=10.0.0.1',
      'ip, arp, rarp in the match, which says what nw_src is',
    ],
    [
      'tp_dst=80 actions=drop',
      0,
      'tp_dst=80',
      'tcp, tcp6, udp, udp6, sctp, sctp6 in the match, which says what tp_dst is',
    ],
    [
      'udp,tcp_dst=80 actions=drop',
      4,
      'tcp_dst=80',
      'its prerequisite in the match: tcp_dst needs ip_proto=0x6',
    ],
    [
      'ip,nw_src=10.0.0.300 actions=drop',
      10,
      '10.0.0.300',
      'an IPv4 address, four numbers from 0 to 255',
    ],
    ['ip,nw_src=10.0.0.0/33 actions=drop', 19, '33', 'a prefix from 0 to 32'],
    ['ip,nw_ecn=4 actions=drop', 10, '4', 'a number from 0 to 3, decimal or 0x…'],
    ['reg1=1,reg1=2 actions=drop', 7, 'reg1=2', 'reg1 once, and it is there with another value'],
    ['in_port=1/1 actions=drop', 0, 'in_port=1/1', 'no mask for in_port'],
    ['colour=red actions=drop', 0, 'colour', 'a field, a protocol or a setting of a flow'],
    ['ct_state=+blue actions=drop', 10, 'blue', 'one of new, est, rel, rpl, inv, trk, snat, dnat'],
    ['reg1=1', 0, 'reg1=1', 'actions=ACTIONS at the end (actions=drop for none)'],
    ['actions=resubmit(,6', 17, ',6', "a ')' at the end"],
    ['actions=set_field:5->reg99', 21, 'reg99', 'the name of a field'],
    ['actions=load:16->reg0[0..3]', 13, '16', 'a number from 0 to 15, decimal or 0x…'],
    ['actions=move:reg0[0..3]->reg1', 13, 'reg0[0..3]->reg1', '4 bits on both sides'],
    [
      'actions=push:reg0[8..40]',
      13,
      'reg0[8..40]',
      'bits of reg0 as [], [bit] or [first..last] below 32',
    ],
    ['actions=explode', 8, 'explode', 'an action as ovs-actions(7) has it'],
    [
      'actions=goto_table:5,output:1',
      21,
      'output:1',
      'it once and in the order meter, apply_actions, clear_actions, write_actions, write_metadata, goto_table',
    ],
  ])('%s', (text, at, value, expected) => {
    try {
      parseFlow(text)
    } catch (error) {
      if (!(error instanceof TextError)) throw error
      expect({ at: error.at, value: error.value, expected: error.expected }).toEqual({
        at,
        value,
        expected,
      })
      expect(error.message).toBe(`'${value}' at character ${at}: expected ${expected}`)
      return
    }
    throw new Error('was accepted')
  })

  test('and damaged text throws nothing else', () => {
    const pieces = fc.constantFrom(
      ...[
        'tcp',
        'nw_src=',
        '10.0.0.1',
        '/',
        ',',
        '(',
        ')',
        '->',
        '=',
        ':',
        'actions=',
        'ct(',
        'learn(',
        'reg0',
        '[',
        ']',
        '..',
      ],
      ...[
        'set_field:',
        'nat(src=',
        'load:',
        '0x',
        '5',
        '-',
        '|',
        '+trk',
        'ct_state=',
        'controller(',
        'bundle(',
        'vlan_tci=',
        ' ',
      ],
      ...[
        'unknown(type=',
        'clone(',
        'note:',
        'resubmit(',
        'packet_type=(',
        'tun_metadata0=',
        'sample(',
        'conjunction(',
        '1/2',
        'bucket=',
      ],
    )
    const wild = fc.array(fc.oneof(pieces, fc.string({ maxLength: 3 })), { maxLength: 14 })
    fc.assert(
      fc.property(wild, acceptedActions, fc.nat(), fc.nat(), (words, flow, at, take) => {
        const text = formatFlow(flow)
        const cut = at % text.length
        const damaged = text.slice(0, cut) + words.join('') + text.slice(cut + (take % 9))
        for (const [parse, one] of [
          [parseFlow, damaged],
          [parseFlow, `${words.join('')} actions=${words.join('')}`],
          [parseGroup, `group_id=1,type=all,bucket=${words.join('')}`],
          [parseMeter, `meter=1,bands=${words.join('')}`],
        ] as const) {
          try {
            parse(one)
          } catch (error) {
            if (!(error instanceof TextError)) throw new Error(`${one}: ${error}`, { cause: error })
          }
        }
      }),
      runs(3000),
    )
  })
})
