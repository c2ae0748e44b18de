/**
 * Random actions of every kind, as they are valid in a packet of the right protocol. For tests of the
 * text. Neighbour: text-values.ts (flows of them).
 */
import fc from 'fast-check'
import type { Action } from '../../../southbound/openflow/action.ts'
import { type FieldName, fieldOf } from '../../../southbound/openflow/oxm.ts'
import { CONTROLLER, IN_PORT, LOCAL } from '../../../southbound/openflow/port.ts'
import { oxmValue } from './values.ts'

const int = (min: number, max: number) => fc.integer({ min, max })
const u8 = int(0, 0xff)
const u16 = int(0, 0xffff)
const u32 = int(0, 0xffffffff)
const wide = (bits: number) => fc.bigInt(0n, (1n << BigInt(bits)) - 1n)
const port = int(1, 0xfeff)
const register = fc.constantFrom<FieldName>(
  'reg0',
  'reg7',
  'xreg3',
  'xxreg2',
  'pkt_mark',
  'metadata',
)
const bitsOf = (name: FieldName, most = 64) =>
  int(1, Math.min(most, fieldOf[name].bits)).chain((n_bits) =>
    int(0, fieldOf[name].bits - n_bits).map((ofs) => ({ field: name, ofs, n_bits })),
  )
const subfield = register.chain((name) => bitsOf(name))
const bit = register.chain((field) =>
  int(0, fieldOf[field].bits - 1).map((ofs) => ({ field, ofs })),
)

/** Fields that may be set in a TCP packet over IPv4 with a tag. */
const settable = fc.constantFrom<FieldName>(
  ...([
    'reg1',
    'xreg2',
    'xxreg3',
    'eth_src',
    'eth_dst',
    'tunnel_id',
    'tun_src',
    'tun_dst',
  ] as const),
  ...(['tun_ipv6_src', 'tun_ipv6_dst', 'tun_gbp_id', 'tun_gbp_flags', 'metadata'] as const),
  ...(['pkt_mark', 'ipv4_src', 'ipv4_dst', 'ip_dscp', 'ip_ecn', 'nw_ttl', 'tcp_src'] as const),
  ...(['tcp_dst', 'vlan_pcp', 'tun_erspan_idx'] as const),
)
const address = int(1, 0xfffffffe)
const hashes = int(0, 6)

export type Kind = Action['kind']
type Values = {
  readonly [K in Exclude<Kind, 'unknown'>]?: fc.Arbitrary<Extract<Action, { kind: K }>>
}
/** `kind` beside generated properties. */
const of = <K extends Kind, T extends object>(
  kind: K,
  shape: { [P in keyof T]: fc.Arbitrary<T[P]> },
) => fc.record(shape).map((rest) => ({ kind, ...rest }) as never)
const only = <K extends Kind>(kind: K) => fc.constant({ kind } as never)

/** Of every kind, what is valid in a TCP packet over IPv4 that has a tag. */
export const actionValues: Values = {
  output: fc.oneof(
    port.map((one) => ({ kind: 'output' as const, port: one, max_len: 0 })),
    fc.constant({ kind: 'output' as const, port: IN_PORT, max_len: 0 }),
    fc.constant({ kind: 'output' as const, port: LOCAL, max_len: 0 }),
    u16.map((max_len) => ({ kind: 'output' as const, port: CONTROLLER, max_len })),
  ),
  group: fc.constant({ kind: 'group', group_id: 1 }),
  set_queue: of('set_queue', { queue_id: u32 }),
  pop_queue: only('pop_queue'),
  set_nw_ttl: of('set_nw_ttl', { nw_ttl: u8 }),
  dec_nw_ttl: only('dec_nw_ttl'),
  dec_ttl_cnt_ids: of('dec_ttl_cnt_ids', { ids: fc.array(u16, { minLength: 1, maxLength: 4 }) }),
  set_field: settable.chain((field) =>
    oxmValue(fieldOf[field]).map((value) => ({ kind: 'set_field' as const, field, value })),
  ),
  // The header of an experimenter's field is too long for a load.
  load: settable
    .filter((field) => fieldOf[field].experimenter === undefined)
    .chain((field) =>
      bitsOf(field).chain((dst) =>
        wide(dst.n_bits).map((value) => ({ kind: 'load' as const, dst, value })),
      ),
    ),
  move: fc.tuple(register, settable).chain(([from, to]) => {
    const most = Math.min(fieldOf[from].bits, fieldOf[to].bits)
    return int(1, most).map((n_bits) => ({
      kind: 'move' as const,
      src: { field: from, ofs: fieldOf[from].bits - n_bits, n_bits },
      dst: { field: to, ofs: 0, n_bits },
    }))
  }),
  load2: fc
    .constantFrom<FieldName>('reg3', 'xreg1', 'eth_dst', 'tun_dst', 'ipv4_src')
    .chain((field) =>
      fc
        .tuple(oxmValue(fieldOf[field]), oxmValue(fieldOf[field]))
        .filter(([, mask]) => BigInt(mask) !== 0n && mask !== fieldOf[field].ones)
        .map(([value, mask]) => {
          const cut = BigInt(value) & BigInt(mask)
          return {
            kind: 'load2' as const,
            field,
            value: typeof value === 'number' ? Number(cut) : cut,
            mask,
          }
        }),
    ),
  push: of('push', { src: subfield }),
  pop: of('pop', { dst: subfield }),
  check_pkt_larger: of('check_pkt_larger', { pkt_len: u16, dst: bit }),
  delete_field: fc.constant({ kind: 'delete_field', field: 'tun_metadata0' }),
  output_reg: of('output_reg', {
    src: register.chain((name) => bitsOf(name, 32)),
    max_len: fc.constant(0xffff),
  }),
  output_reg2: of('output_reg2', {
    src: fc.constant({ field: 'nsh_spi', ofs: 0, n_bits: 16 } as const),
    max_len: fc.constant(0xffff),
  }),
  output_trunc: of('output_trunc', { port, max_len: int(14, 0xffffffff) }),
  controller: of('controller', {
    max_len: u16,
    controller_id: int(1, 0xffff),
    reason: fc.constantFrom(0, 1, 2),
  }),
  controller2: fc
    .record({ userdata: fc.uint8Array({ minLength: 1, maxLength: 20 }), max_len: int(0, 0xfffe) })
    .chain(({ userdata, max_len }) =>
      fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean()).map(([a, b, c, d]) => ({
        kind: 'controller2' as const,
        properties: [
          ...(a ? [{ kind: 'max_len' as const, max_len }] : []),
          ...(b ? [{ kind: 'controller_id' as const, controller_id: 7 }] : []),
          ...(c ? [{ kind: 'reason' as const, reason: 2 }] : []),
          { kind: 'userdata' as const, userdata },
          ...(d ? [{ kind: 'pause' as const }] : []),
        ],
      })),
    ),
  resubmit: of('resubmit', { in_port: fc.oneof(port, fc.constant(0xfff8)), table_id: int(0, 253) }),
  resubmit_port: of('resubmit_port', { in_port: port }),
  conjunction: int(2, 64).chain((n_clauses) =>
    of('conjunction', {
      clause: int(0, n_clauses - 1),
      n_clauses: fc.constant(n_clauses),
      id: u32,
    }),
  ),
  note: fc
    .tuple(int(0, 3), fc.uint8Array({ minLength: 30, maxLength: 30 }))
    .map(([n, bytes]) => ({ kind: 'note', note: bytes.slice(0, 6 + 8 * n) })),
  exit: only('exit'),
  ct_clear: only('ct_clear'),
  fin_timeout: of('fin_timeout', { fin_idle_timeout: u16, fin_hard_timeout: u16 }),
  multipath: of('multipath', {
    fields: hashes,
    basis: u16,
    algorithm: int(0, 3),
    max_link: int(0, 100),
    arg: u16,
    dst: bitsOf('reg4').filter(({ n_bits }) => n_bits > 7),
  }),
  bundle: of('bundle', {
    fields: hashes,
    basis: u16,
    algorithm: int(0, 1),
    members: fc.array(port, { minLength: 1, maxLength: 5 }),
  }),
  bundle_load: of('bundle_load', {
    fields: hashes,
    basis: u16,
    algorithm: int(0, 1),
    members: fc.array(port, { minLength: 1, maxLength: 5 }),
    dst: bitsOf('reg4').filter(({ n_bits }) => n_bits > 15),
  }),
  sample: of('sample', {
    probability: int(1, 0xffff),
    collector_set_id: u32,
    obs_domain_id: u32,
    obs_point_id: u32,
  }),
  sample2: of('sample2', {
    probability: int(1, 0xffff),
    collector_set_id: u32,
    obs_domain_id: u32,
    obs_point_id: u32,
    sampling_port: port,
    direction: fc.constant(0),
  }),
  sample3: of('sample3', {
    probability: int(1, 0xffff),
    collector_set_id: u32,
    obs_domain_id: u32,
    obs_point_id: u32,
    sampling_port: fc.oneof(port, fc.constant(0xffff)),
    direction: int(1, 2),
  }),
  learn: of('learn', {
    idle_timeout: u16,
    hard_timeout: u16,
    priority: u16,
    cookie: wide(64),
    flags: int(0, 3),
    table_id: int(0, 253),
    fin_idle_timeout: u16,
    fin_hard_timeout: u16,
    specs: fc.array(
      fc.oneof(
        fc.constant({
          kind: 'match' as const,
          n_bits: 16,
          src: 0x0800n,
          dst: { field: 'eth_type' as const, ofs: 0 },
        }),
        fc.constant({
          kind: 'match' as const,
          n_bits: 48,
          src: { field: 'eth_src' as const, ofs: 0 },
          dst: { field: 'eth_dst' as const, ofs: 0 },
        }),
        bitsOf('reg5').map(({ field, ofs, n_bits }) => {
          const dst = { field, ofs }
          return { kind: 'match' as const, n_bits, src: dst, dst }
        }),
        bitsOf('reg6').chain(({ field, ofs, n_bits }) =>
          wide(n_bits).map((src) => ({ kind: 'match' as const, n_bits, src, dst: { field, ofs } })),
        ),
        bitsOf('xxreg1', 128).chain(({ field, ofs, n_bits }) =>
          wide(n_bits).map((src) => ({ kind: 'load' as const, n_bits, src, dst: { field, ofs } })),
        ),
        bitsOf('reg6', 16).map(({ ofs, n_bits }) => ({
          kind: 'load' as const,
          n_bits,
          src: { field: 'nxm_in_port' as const, ofs: 0 },
          dst: { field: 'reg6' as const, ofs },
        })),
        bitsOf('nxm_in_port').map(({ field, ofs, n_bits }) => ({
          kind: 'output' as const,
          n_bits,
          src: { field, ofs },
        })),
      ),
      { maxLength: 4 },
    ),
  }),
  learn2: of('learn2', {
    idle_timeout: u16,
    hard_timeout: u16,
    priority: u16,
    cookie: wide(64),
    flags: fc.constant(4),
    table_id: int(0, 253),
    fin_idle_timeout: u16,
    fin_hard_timeout: u16,
    limit: u32,
    result_dst: bit,
    specs: fc.constant([]),
  }),
  ct: fc
    .record({
      commit: int(0, 1),
      zone: fc.oneof(
        u16,
        bitsOf('reg2', 16).filter(({ n_bits }) => n_bits === 16),
      ),
      recirc_table: fc.constantFrom(255, 3, 44),
      alg: fc.constantFrom(0, 21),
      nat: int(0, 5),
      address,
      proto: int(1, 60_000),
      mark: u32,
      force: fc.boolean(),
    })
    .map(({ commit, zone, recirc_table, alg, nat, address, proto, mark, force }) => ({
      kind: 'ct' as const,
      flags: commit ? (force ? 3 : 1) : 0,
      zone,
      recirc_table,
      alg: commit ? alg : 0,
      actions: [
        ...(nat === 0 ? [{ kind: 'nat' as const, flags: 0 }] : []),
        ...(nat === 1 && commit ? [{ kind: 'nat' as const, flags: 1, ipv4_min: address }] : []),
        ...(nat === 2 && commit
          ? [
              {
                kind: 'nat' as const,
                flags: 2 | 4 | 8,
                ipv4_min: address,
                ipv4_max: address + 1,
                proto_min: proto,
                proto_max: proto + 5,
              },
            ]
          : []),
        ...(nat === 3 && commit
          ? [{ kind: 'nat' as const, flags: 1 | 16, ipv4_min: address, proto_min: proto }]
          : []),
        ...(commit ? [{ kind: 'set_field' as const, field: 'ct_mark' as const, value: mark }] : []),
        ...(commit && nat > 3
          ? [
              {
                kind: 'load' as const,
                dst: { field: 'ct_label' as const, ofs: 3, n_bits: 8 },
                value: 5n,
              },
            ]
          : []),
      ],
    })),
  clone: of('clone', {
    actions: fc.array(
      fc.oneof(
        port.map((one) => ({ kind: 'output' as const, port: one, max_len: 0 })),
        u32.map((value) => ({ kind: 'set_field' as const, field: 'reg0' as const, value })),
      ),
      { maxLength: 3 },
    ),
  }),
  push_vlan: of('push_vlan', { ethertype: fc.constantFrom(0x8100, 0x88a8) }),
  pop_vlan: only('pop_vlan'),
  push_mpls: of('push_mpls', { ethertype: fc.constantFrom(0x8847, 0x8848) }),
  pop_mpls: of('pop_mpls', { ethertype: fc.constantFrom(0x0800, 0x86dd, 0x8847) }),
  set_mpls_ttl: of('set_mpls_ttl', { mpls_ttl: u8 }),
  dec_mpls_ttl: only('dec_mpls_ttl'),
  dec_nsh_ttl: only('dec_nsh_ttl'),
  decap: of('decap', { new_pkt_type: fc.constantFrom(0xfffe, 0, 0x10800) }),
  resubmit_ct: of('resubmit_ct', {
    in_port: fc.oneof(port, fc.constant(0xfff8)),
    table_id: int(0, 253),
  }),
  set_tunnel: of('set_tunnel', { tun_id: u32 }),
  set_tunnel64: of('set_tunnel64', { tun_id: wide(64) }),
  push_pbb: of('push_pbb', { ethertype: u16 }),
  pop_pbb: only('pop_pbb'),
  copy_ttl_in: only('copy_ttl_in'),
  copy_ttl_out: only('copy_ttl_out'),
  copy_field: bitsOf('reg6').map((bits) => ({
    kind: 'copy_field',
    src: bits,
    dst: { ...bits, field: 'reg7' },
  })),
  encap: fc
    .constantFrom(
      '',
      '0004010501000000', // nsh(md_type=1)
      '0004010502000000' + '0004021010000a04' + '1234567800000000', // nsh(md_type=2,tlv(…))
    )
    .map((properties) => ({
      kind: 'encap',
      hdr_size: 0,
      new_pkt_type: 0x1894f,
      properties: new Uint8Array(Buffer.from(properties, 'hex')),
    })),
}
