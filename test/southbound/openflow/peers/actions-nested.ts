/** Examples of the actions that hold flows and actions: learn, ct, nat, clone. Neighbours: action-example.ts, actions.ts. */
import { type ActionExample, bits, NO_CLASS, one, tlv } from './action-example.ts'

export const nestedActionExamples: readonly ActionExample[] = [
  one(
    {
      kind: 'learn',
      idle_timeout: 10,
      hard_timeout: 60,
      priority: 1,
      cookie: 0x99n,
      flags: 1,
      table_id: 10,
      fin_idle_timeout: 2,
      fin_hard_timeout: 4,
      specs: [
        {
          kind: 'match',
          n_bits: 12,
          src: { field: 'vlan_tci', ofs: 0 },
          dst: { field: 'vlan_tci', ofs: 0 },
        },
        {
          kind: 'match',
          n_bits: 48,
          src: { field: 'eth_src', ofs: 0 },
          dst: { field: 'eth_dst', ofs: 0 },
        },
        { kind: 'match', n_bits: 16, src: 0x800n, dst: { field: 'eth_type', ofs: 0 } },
        {
          kind: 'load',
          n_bits: 16,
          src: { field: 'nxm_in_port', ofs: 0 },
          dst: { field: 'reg1', ofs: 16 },
        },
        { kind: 'load', n_bits: 8, src: 5n, dst: { field: 'reg2', ofs: 0 } },
        { kind: 'output', n_bits: 16, src: { field: 'nxm_in_port', ofs: 0 } },
      ],
    },
    'learn(table=10,idle_timeout=10,hard_timeout=60,fin_idle_timeout=2,fin_hard_timeout=4,priority=1,send_flow_rem,cookie=0x99,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],eth_type=0x800,load:NXM_OF_IN_PORT[]->NXM_NX_REG1[16..31],load:0x5->NXM_NX_REG2[0..7],output:NXM_OF_IN_PORT[])',
    {
      NXActionLearn: {
        idle_timeout: 10,
        hard_timeout: 60,
        priority: 1,
        cookie: 0x99,
        flags: 1,
        table_id: 10,
        fin_idle_timeout: 2,
        fin_hard_timeout: 4,
        specs: [
          { NXFlowSpecMatch: { src: ['vlan_tci', 0], dst: ['vlan_tci', 0], n_bits: 12 } },
          { NXFlowSpecMatch: { src: ['eth_src_nxm', 0], dst: ['eth_dst_nxm', 0], n_bits: 48 } },
          { NXFlowSpecMatch: { src: 0x800, dst: ['eth_type_nxm', 0], n_bits: 16 } },
          { NXFlowSpecLoad: { src: ['in_port_nxm', 0], dst: ['reg1', 16], n_bits: 16 } },
          { NXFlowSpecLoad: { src: 5, dst: ['reg2', 0], n_bits: 8 } },
          { NXFlowSpecOutput: { src: ['in_port_nxm', 0], dst: '', n_bits: 16 } },
        ],
      },
    },
  ),
  one(
    {
      kind: 'learn2',
      idle_timeout: 0,
      hard_timeout: 0,
      priority: 0x8000,
      cookie: 0n,
      flags: 4,
      table_id: 44,
      fin_idle_timeout: 0,
      fin_hard_timeout: 0,
      limit: 7,
      result_dst: { field: 'reg0', ofs: 3 },
      specs: [
        {
          kind: 'match',
          n_bits: 48,
          src: { field: 'eth_src', ofs: 0 },
          dst: { field: 'eth_dst', ofs: 0 },
        },
      ],
    },
    'learn(table=44,limit=7,result_dst=NXM_NX_REG0[3],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[])',
    NO_CLASS,
  ),
  one(
    {
      kind: 'ct',
      flags: 1,
      zone: { field: 'reg5', ofs: 16, n_bits: 16 },
      recirc_table: 4,
      alg: 21,
      actions: [
        { kind: 'set_field', field: 'ct_mark', value: 0x99 },
        { kind: 'set_field', field: 'ct_label', value: 0x123n },
        {
          kind: 'nat',
          flags: 5,
          ipv4_min: 0x0a000001,
          ipv4_max: 0x0a000009,
          proto_min: 1000,
          proto_max: 2000,
        },
      ],
    },
    'ct(commit,table=4,zone=NXM_NX_REG5[16..31],exec(set_field:0x99->ct_mark,set_field:0x123->ct_label,nat(src=10.0.0.1-10.0.0.9:1000-2000,persistent)),alg=ftp)',
    {
      NXActionCT: {
        flags: 1,
        zone_src: 'reg5',
        zone_ofs_nbits: bits(16, 16),
        recirc_table: 4,
        alg: 21,
        actions: [
          { OFPActionSetField: { field: tlv('ct_mark', 0x99) } },
          { OFPActionSetField: { field: tlv('ct_label', 0x123) } },
          {
            NXActionNAT: {
              flags: 5,
              range_ipv4_min: '10.0.0.1',
              range_ipv4_max: '10.0.0.9',
              range_proto_min: 1000,
              range_proto_max: 2000,
            },
          },
        ],
      },
    },
  ),
  one(
    {
      kind: 'ct',
      flags: 0,
      zone: 7,
      recirc_table: 255,
      alg: 0,
      actions: [{ kind: 'nat', flags: 0 }],
    },
    'ct(zone=7,nat)',
    {
      NXActionCT: {
        flags: 0,
        zone_src: '',
        zone_ofs_nbits: 7,
        recirc_table: 255,
        alg: 0,
        actions: [{ NXActionNAT: { flags: 0 } }],
      },
    },
  ),
  one(
    {
      kind: 'ct',
      flags: 3,
      zone: 0,
      recirc_table: 255,
      alg: 0,
      actions: [
        { kind: 'nat', flags: 10, ipv6_min: 0xfd00n << 112n, ipv6_max: (0xfd00n << 112n) | 9n },
      ],
    },
    'ct(commit,force,nat(dst=fd00::-fd00::9,hash))',
    {
      NXActionCT: {
        flags: 3,
        zone_src: '',
        zone_ofs_nbits: 0,
        recirc_table: 255,
        alg: 0,
        actions: [
          { NXActionNAT: { flags: 10, range_ipv6_min: 'fd00::', range_ipv6_max: 'fd00::9' } },
        ],
      },
    },
  ),
  one(
    {
      kind: 'ct',
      flags: 1,
      zone: 1,
      recirc_table: 255,
      alg: 0,
      actions: [{ kind: 'nat', flags: 17, ipv4_min: 0x0a000001 }],
    },
    'ct(commit,zone=1,nat(src=10.0.0.1,random))',
    {
      NXActionCT: {
        flags: 1,
        zone_src: '',
        zone_ofs_nbits: 1,
        recirc_table: 255,
        alg: 0,
        actions: [{ NXActionNAT: { flags: 17, range_ipv4_min: '10.0.0.1' } }],
      },
    },
  ),
  one(
    {
      kind: 'clone',
      actions: [
        { kind: 'push_vlan', ethertype: 0x8100 },
        { kind: 'clone', actions: [{ kind: 'output', port: 2, max_len: 0 }] },
      ],
    },
    'clone(push_vlan:0x8100,clone(output:2))',
    NO_CLASS,
  ),
]
