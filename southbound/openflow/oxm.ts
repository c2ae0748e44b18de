/**
 * OXM: every match field, one row each. Codec, text, prerequisites, flow key and fuzzers read the rows;
 * a new field is a new row. Here are OpenFlow's own 40 (class 0x8000) and the table of all of them.
 * Source: OpenFlow 1.3.5 §7.2.3.7. Neighbours: oxm-nicira.ts (Open vSwitch's fields), oxm-row.ts,
 * match.ts (a set of fields), action.ts (fields as operands).
 */
import { compile, struct, uint, wide } from '../wire/struct.ts'
import type { Writer } from '../wire/writer.ts'
import { niciraFields } from './oxm-nicira.ts'
import {
  ADVERT,
  ARP,
  ICMP,
  ICMPV6,
  IP,
  IPV4,
  IPV6,
  MPLS,
  ND,
  type OxmRow,
  type RowOptions,
  row,
  SCTP,
  SOLICIT,
  TAGGED,
  TCP,
  UDP,
} from './oxm-row.ts'

export type { Needs, OxmFormat, OxmRow } from './oxm-row.ts'

const basic = (field: number, bits: number, o?: RowOptions) => row<number>(0x8000, field, bits, o)
const basicWide = (field: number, bits: number, o?: RowOptions) =>
  row<bigint>(0x8000, field, bits, o)

export const oxm = {
  in_port: basic(0, 32, { format: 'port' }),
  in_phy_port: basic(1, 32, { needs: { in_port: [] }, format: 'port' }),
  metadata: basicWide(2, 64, { mask: true, format: 'hex' }),
  eth_dst: basic(3, 48, { mask: true, format: 'mac', text: 'dl_dst', operand: [0, 1] }),
  eth_src: basic(4, 48, { mask: true, format: 'mac', text: 'dl_src', operand: [0, 2] }),
  eth_type: basic(5, 16, { format: 'hex', text: 'dl_type', operand: [0, 3] }),
  vlan_vid: basic(6, 13, { mask: true }),
  vlan_pcp: basic(7, 3, { needs: TAGGED, text: 'dl_vlan_pcp' }),
  ip_dscp: basic(8, 6, { needs: IP }),
  ip_ecn: basic(9, 2, { needs: IP, text: 'nw_ecn', operand: [1, 28] }),
  ip_proto: basic(10, 8, { needs: IP, text: 'nw_proto', operand: [0, 6] }),
  ipv4_src: basic(11, 32, {
    mask: true,
    needs: IPV4,
    format: 'ipv4',
    text: 'nw_src',
    operand: [0, 7],
  }),
  ipv4_dst: basic(12, 32, {
    mask: true,
    needs: IPV4,
    format: 'ipv4',
    text: 'nw_dst',
    operand: [0, 8],
  }),
  tcp_src: basic(13, 16, { mask: true, needs: TCP, text: 'tp_src', operand: [0, 9] }),
  tcp_dst: basic(14, 16, { mask: true, needs: TCP, text: 'tp_dst', operand: [0, 10] }),
  udp_src: basic(15, 16, { mask: true, needs: UDP, text: 'tp_src', operand: [0, 11] }),
  udp_dst: basic(16, 16, { mask: true, needs: UDP, text: 'tp_dst', operand: [0, 12] }),
  sctp_src: basic(17, 16, { mask: true, needs: SCTP, text: 'tp_src' }),
  sctp_dst: basic(18, 16, { mask: true, needs: SCTP, text: 'tp_dst' }),
  icmpv4_type: basic(19, 8, { needs: ICMP, text: 'icmp_type', operand: [0, 13] }),
  icmpv4_code: basic(20, 8, { needs: ICMP, text: 'icmp_code', operand: [0, 14] }),
  arp_op: basic(21, 16, { needs: ARP, operand: [0, 15] }),
  arp_spa: basic(22, 32, { mask: true, needs: ARP, format: 'ipv4', operand: [0, 16] }),
  arp_tpa: basic(23, 32, { mask: true, needs: ARP, format: 'ipv4', operand: [0, 17] }),
  arp_sha: basic(24, 48, { mask: true, needs: ARP, format: 'mac', operand: [1, 17] }),
  arp_tha: basic(25, 48, { mask: true, needs: ARP, format: 'mac', operand: [1, 18] }),
  ipv6_src: basicWide(26, 128, { mask: true, needs: IPV6, format: 'ipv6', operand: [1, 19] }),
  ipv6_dst: basicWide(27, 128, { mask: true, needs: IPV6, format: 'ipv6', operand: [1, 20] }),
  ipv6_flabel: basic(28, 20, {
    size: 4,
    mask: true,
    needs: IPV6,
    format: 'hex',
    text: 'ipv6_label',
    operand: [1, 27],
  }),
  icmpv6_type: basic(29, 8, { needs: ICMPV6, text: 'icmp_type', operand: [1, 21] }),
  icmpv6_code: basic(30, 8, { needs: ICMPV6, text: 'icmp_code', operand: [1, 22] }),
  ipv6_nd_target: basicWide(31, 128, {
    mask: true,
    needs: ND,
    format: 'ipv6',
    text: 'nd_target',
    operand: [1, 23],
  }),
  ipv6_nd_sll: basic(32, 48, {
    mask: true,
    needs: SOLICIT,
    format: 'mac',
    text: 'nd_sll',
    operand: [1, 24],
  }),
  ipv6_nd_tll: basic(33, 48, {
    mask: true,
    needs: ADVERT,
    format: 'mac',
    text: 'nd_tll',
    operand: [1, 25],
  }),
  mpls_label: basic(34, 20, { size: 4, needs: MPLS }),
  mpls_tc: basic(35, 3, { needs: MPLS }),
  mpls_bos: basic(36, 1, { needs: MPLS }),
  pbb_isid: basic(37, 24, { mask: true, needs: { eth_type: [0x88e7] } }),
  tunnel_id: basicWide(38, 64, { mask: true, format: 'hex', text: 'tun_id', operand: [1, 16] }),
  ipv6_exthdr: basic(39, 9, { mask: true, needs: IPV6, format: 'hex' }),

  ...niciraFields,
} as const satisfies Record<string, OxmRow>

export type FieldName = keyof typeof oxm
/** The JavaScript type of a field's value: number up to 48 bits, else bigint. */
export type FieldValue<K extends FieldName> = (typeof oxm)[K] extends OxmRow<infer T> ? T : never

// One accessor per width on the wire, shared by all rows of that width.
const cells = new Map(
  [1, 2, 3, 4, 6, 8, 16].map((size) => {
    const cell = struct('value', '', { value: size > 6 ? wide(8 * size) : uint(8 * size) })
    return [size, cell] as const
  }),
)

/** A row with what the codec needs at hand. */
export interface OxmField extends OxmRow {
  readonly name: FieldName
  /** The u32 header of the unmasked field: class, field, mask bit, length. */
  readonly header: number
  /** The u32 header as an operand of Nicira's actions. */
  readonly operandHeader: number
  /** Place in the canonical order of a match. */
  readonly rank: number
  /** Bytes between the header and the value: 4 for an experimenter's field, else 0. */
  readonly prefix: number
  /** All significant bits set. */
  readonly ones: number | bigint
  /** `length`: bytes of the value, for variable fields. */
  get(bytes: Uint8Array, offset: number, length?: number): number | bigint
  set(bytes: Uint8Array, offset: number, value: number | bigint, length?: number): void
  /** Appends header and value, an exact match, with nothing checked; not for variable fields. */
  append(writer: Writer, value: number | bigint): void
}

/**
 * The canonical order: class 0x8000 first, since fields of other classes have prerequisites there and
 * Open vSwitch wants a prerequisite before what needs it; then by class and field.
 */
export const rankOf = (header: number): number => (header >>> 9) ^ (0x8000 << 7)

function getVariable(bytes: Uint8Array, offset: number, length = 0): bigint {
  let value = 0n
  for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(bytes[offset + i] as number)
  return value
}
function setVariable(bytes: Uint8Array, at: number, value: number | bigint, length = 0): void {
  let left = BigInt(value)
  for (let i = length - 1; i >= 0; i--, left >>= 8n) bytes[at + i] = Number(left & 255n)
}
const variableCell = { get: { value: getVariable }, set: { value: setVariable } }

/** Generated, with the header's bytes as constants: half the time of writing them from the row. */
function appender(words: readonly number[], size: number, set: OxmField['set']): never {
  const bytes = words.flatMap((word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 255))
  const statements = bytes.map((byte, i) => `b[o+${i}]=${byte};`).join('')
  const claim = `const o=w.claim(${bytes.length + size}),b=w.bytes;`
  return compile('w,v', `${claim}${statements}set(b,o+${bytes.length},v)`, { set }) as never
}

function complete(name: FieldName, from: OxmRow): OxmField {
  const cell = from.variable ? variableCell : cells.get(from.size)
  if (!cell) throw new Error(`${name}: no cell of ${from.size} bytes`)
  const prefix = from.experimenter === undefined ? 0 : 4
  const set = cell.set.value as OxmField['set']
  const header = from.class * 65536 + (from.field << 9) + from.size + prefix
  // Spelled out: one shape for all fields, which the codec's reads of them are fast by.
  return {
    name,
    class: from.class,
    field: from.field,
    bits: from.bits,
    size: from.size,
    maskable: from.maskable,
    needs: from.needs,
    format: from.format,
    text: from.text,
    operand: from.operand,
    experimenter: from.experimenter,
    variable: from.variable,
    header,
    operandHeader: from.operand
      ? from.operand[0] * 65536 + (from.operand[1] << 9) + from.size
      : header,
    rank: rankOf(header),
    prefix,
    ones: from.bits > 48 ? (1n << BigInt(from.bits)) - 1n : 2 ** from.bits - 1,
    get: cell.get.value,
    set,
    append: appender(
      from.experimenter === undefined ? [header] : [header, from.experimenter],
      from.size,
      set,
    ),
  }
}

/** All fields by name. */
export const fieldOf: Readonly<Record<FieldName, OxmField>> = Object.fromEntries(
  Object.entries(oxm).map(([name, from]) => [name, complete(name as FieldName, from)]),
) as never
export const fieldNames = Object.keys(oxm) as readonly FieldName[]
/** The same as a Map: fast where every call has another name. */
export const fieldByName: ReadonlyMap<string, OxmField> = new Map(Object.entries(fieldOf))

const byKind = new Map(fieldNames.map((name) => [fieldOf[name].header >>> 9, fieldOf[name]]))
const byOperand = new Map(fieldNames.map((name) => [fieldOf[name].operandHeader, fieldOf[name]]))

/** The field that a u32 header names as an operand, by its older name or as in a match. */
export const fieldByOperand = (header: number): OxmField | undefined =>
  byOperand.get(header) ?? fieldByHeader(header)

/** The field that a u32 OXM header names, masked or not; undefined for one without a row. */
export const fieldByHeader = (header: number): OxmField | undefined => byKind.get(header >>> 9)
