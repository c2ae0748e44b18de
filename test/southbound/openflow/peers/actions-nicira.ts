/** Examples of Open vSwitch's actions. Neighbours: action-example.ts, actions.ts. */
import { type ActionExample, bits, bytes, NO_CLASS, one } from './action-example.ts'

export const niciraActionExamples: readonly ActionExample[] = [
  one({ kind: 'resubmit_port', in_port: 4 }, 'resubmit:4', { NXActionResubmit: { in_port: 4 } }),
  one({ kind: 'resubmit', in_port: 0xfff8, table_id: 9 }, 'resubmit(,9)', {
    NXActionResubmitTable: { in_port: 0xfff8, table_id: 9 },
  }),
  one({ kind: 'resubmit_ct', in_port: 0xfff8, table_id: 9 }, 'resubmit(,9,ct)', NO_CLASS),
  one({ kind: 'set_tunnel', tun_id: 0x1234 }, 'set_tunnel:0x1234', {
    NXActionSetTunnel: { tun_id: 0x1234 },
  }),
  one({ kind: 'set_tunnel64', tun_id: 0x1_0000_0000n }, 'set_tunnel64:0x100000000', {
    NXActionSetTunnel64: { tun_id: 0x1_0000_0000 },
  }),
  one({ kind: 'pop_queue' }, 'pop_queue', { NXActionPopQueue: {} }),
  one(
    {
      kind: 'move',
      src: { field: 'eth_src', ofs: 0, n_bits: 48 },
      dst: { field: 'eth_dst', ofs: 0, n_bits: 48 },
    },
    'move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]',
    {
      NXActionRegMove: {
        src_field: 'eth_src_nxm',
        dst_field: 'eth_dst_nxm',
        n_bits: 48,
        src_ofs: 0,
        dst_ofs: 0,
      },
    },
  ),
  one(
    {
      kind: 'copy_field',
      src: { field: 'reg1', ofs: 0, n_bits: 16 },
      dst: { field: 'reg2', ofs: 16, n_bits: 16 },
    },
    'move:NXM_NX_REG1[0..15]->NXM_NX_REG2[16..31]',
    NO_CLASS,
  ),
  one(
    { kind: 'load', dst: { field: 'reg1', ofs: 4, n_bits: 8 }, value: 0xabn },
    'load:0xab->NXM_NX_REG1[4..11]',
    {
      NXActionRegLoad: { ofs_nbits: bits(4, 8), dst: 'reg1', value: 0xab },
    },
  ),
  one({ kind: 'load2', field: 'reg1', value: 0x12, mask: 0xff }, 'set_field:0x12/0xff->reg1', {
    NXActionRegLoad2: { dst: 'reg1', value: 0x12, mask: 0xff },
  }),
  one(
    { kind: 'note', note: bytes('0102030405060708090a0b0c0d0e') },
    'note:01.02.03.04.05.06.07.08.09.0a.0b.0c.0d.0e',
    {
      NXActionNote: { note: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14] },
    },
  ),
  one(
    {
      kind: 'multipath',
      fields: 1,
      basis: 50,
      algorithm: 0,
      max_link: 7,
      arg: 0,
      dst: { field: 'reg3', ofs: 0, n_bits: 16 },
    },
    'multipath(symmetric_l4,50,modulo_n,8,0,NXM_NX_REG3[0..15])',
    {
      NXActionMultipath: {
        fields: 1,
        basis: 50,
        algorithm: 0,
        max_link: 7,
        arg: 0,
        ofs_nbits: bits(0, 16),
        dst: 'reg3',
      },
    },
  ),
  one(
    { kind: 'bundle', algorithm: 1, fields: 1, basis: 60, members: [2, 3] },
    'bundle(symmetric_l4,60,hrw,ofport,members:2,3)',
    {
      NXActionBundle: {
        algorithm: 1,
        fields: 1,
        basis: 60,
        slave_type: 2,
        n_slaves: 2,
        ofs_nbits: 0,
        dst: 0,
        slaves: [2, 3],
      },
    },
  ),
  one(
    {
      kind: 'bundle_load',
      algorithm: 0,
      fields: 0,
      basis: 0,
      members: [4, 8],
      dst: { field: 'reg0', ofs: 0, n_bits: 32 },
    },
    'bundle_load(eth_src,0,active_backup,ofport,NXM_NX_REG0[],members:4,8)',
    {
      NXActionBundleLoad: {
        algorithm: 0,
        fields: 0,
        basis: 0,
        slave_type: 2,
        n_slaves: 2,
        ofs_nbits: bits(0, 32),
        dst: 'reg0',
        slaves: [4, 8],
      },
    },
  ),
  one(
    { kind: 'output_reg', src: { field: 'reg1', ofs: 5, n_bits: 6 }, max_len: 0xffff },
    'output:NXM_NX_REG1[5..10]',
    { NXActionOutputReg: { ofs_nbits: bits(5, 6), src: 'reg1', max_len: 0xffff } },
  ),
  one(
    { kind: 'output_reg2', src: { field: 'reg1', ofs: 5, n_bits: 6 }, max_len: 0xffff },
    'output:NXM_NX_REG1[5..10]',
    { NXActionOutputReg2: { ofs_nbits: bits(5, 6), src: 'reg1', max_len: 0xffff } },
  ),
  one(
    { kind: 'output_reg2', src: { field: 'actset_output', ofs: 0, n_bits: 16 }, max_len: 0xffff },
    'output:ONFOXM_ET_ACTSET_OUTPUT[0..15]',
    'leaves the experimenter’s id out of a field’s header',
  ),
  one({ kind: 'exit' }, 'exit', { NXActionExit: {} }),
  one(
    { kind: 'fin_timeout', fin_idle_timeout: 10, fin_hard_timeout: 20 },
    'fin_timeout(idle_timeout=10,hard_timeout=20)',
    {
      NXActionFinTimeout: { fin_idle_timeout: 10, fin_hard_timeout: 20 },
    },
  ),
  one(
    { kind: 'controller', max_len: 1234, controller_id: 5, reason: 2 },
    'controller(reason=invalid_ttl,max_len=1234,id=5)',
    {
      NXActionController: { max_len: 1234, controller_id: 5, reason: 2 },
    },
  ),
  one(
    {
      kind: 'controller2',
      properties: [
        { kind: 'max_len', max_len: 1234 },
        { kind: 'controller_id', controller_id: 5678 },
        { kind: 'reason', reason: 2 },
        { kind: 'userdata', userdata: bytes('0102030405') },
        { kind: 'pause' },
        { kind: 'meter_id', meter_id: 3 },
      ],
    },
    'controller(reason=invalid_ttl,max_len=1234,id=5678,userdata=01.02.03.04.05,pause,meter_id=3)',
    'has no property meter_id',
  ),
  one(
    {
      kind: 'controller2',
      properties: [
        { kind: 'max_len', max_len: 1234 },
        { kind: 'controller_id', controller_id: 5678 },
        { kind: 'reason', reason: 2 },
        { kind: 'userdata', userdata: bytes('0102030405060708090a0b0c') },
        { kind: 'pause' },
      ],
    },
    'controller(reason=invalid_ttl,max_len=1234,id=5678,userdata=01.02.03.04.05.06.07.08.09.0a.0b.0c,pause)',
    {
      NXActionController2: {
        max_len: 1234,
        controller_id: 5678,
        reason: 2,
        userdata: Buffer.from('0102030405060708090a0b0c', 'hex').toString('base64'),
        pause: true,
      },
    },
  ),
  one({ kind: 'dec_ttl_cnt_ids', ids: [1, 2, 3] }, 'dec_ttl(1,2,3)', {
    NXActionDecTtlCntIds: { cnt_ids: [1, 2, 3] },
  }),
  one({ kind: 'push', src: { field: 'reg2', ofs: 0, n_bits: 16 } }, 'push:NXM_NX_REG2[0..15]', {
    NXActionStackPush: { field: 'reg2', start: 0, end: 16 },
  }),
  one(
    { kind: 'pop', dst: { field: 'ct_label', ofs: 32, n_bits: 96 } },
    'pop:NXM_NX_CT_LABEL[32..127]',
    { NXActionStackPop: { field: 'ct_label', start: 32, end: 96 } },
  ),
  one(
    {
      kind: 'sample',
      probability: 12345,
      collector_set_id: 23456,
      obs_domain_id: 34567,
      obs_point_id: 45678,
    },
    'sample(probability=12345,collector_set_id=23456,obs_domain_id=34567,obs_point_id=45678)',
    {
      NXActionSample: {
        probability: 12345,
        collector_set_id: 23456,
        obs_domain_id: 34567,
        obs_point_id: 45678,
      },
    },
  ),
  ...(['sample2', 'sample3'] as const).map((kind) =>
    one(
      {
        kind,
        probability: 12345,
        collector_set_id: 23456,
        obs_domain_id: 34567,
        obs_point_id: 45678,
        sampling_port: 5,
        direction: kind === 'sample3' ? 2 : 0,
      },
      `sample(probability=12345,collector_set_id=23456,obs_domain_id=34567,obs_point_id=45678,sampling_port=5${kind === 'sample3' ? ',egress' : ''})`,
      kind === 'sample3'
        ? NO_CLASS
        : {
            NXActionSample2: {
              probability: 12345,
              collector_set_id: 23456,
              obs_domain_id: 34567,
              obs_point_id: 45678,
              sampling_port: 5,
            },
          },
    ),
  ),
  one({ kind: 'conjunction', clause: 1, n_clauses: 3, id: 0x1234 }, 'conjunction(4660,2/3)', {
    NXActionConjunction: { clause: 1, n_clauses: 3, id: 0x1234 },
  }),
  one({ kind: 'output_trunc', port: 8, max_len: 100 }, 'output(port=8,max_len=100)', {
    NXActionOutputTrunc: { port: 8, max_len: 100 },
  }),
  one({ kind: 'ct_clear' }, 'ct_clear', { NXActionCTClear: {} }),
  one(
    { kind: 'encap', hdr_size: 0, new_pkt_type: 0, properties: new Uint8Array(0) },
    'encap(ethernet)',
    {
      NXActionEncapEther: {},
    },
  ),
  one(
    { kind: 'encap', hdr_size: 0, new_pkt_type: 0x1894f, properties: bytes('0004010501000000') },
    'encap(nsh(md_type=1))',
    'writes its own properties',
  ),
  one({ kind: 'decap', new_pkt_type: 0xfffe }, 'decap()', NO_CLASS),
  one({ kind: 'dec_nsh_ttl' }, 'dec_nsh_ttl', { NXActionDecNshTtl: {} }),
  one(
    { kind: 'check_pkt_larger', pkt_len: 1514, dst: { field: 'reg4', ofs: 0 } },
    'check_pkt_larger(1514)->NXM_NX_REG4[0]',
    NO_CLASS,
  ),
  one({ kind: 'delete_field', field: 'tun_metadata3' }, 'delete_field:tun_metadata3', NO_CLASS),
]
