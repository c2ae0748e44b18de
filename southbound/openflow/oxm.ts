/**
 * OXM: every match field, one row each. Codec, text, prerequisites, flow key and fuzzers read the rows;
 * a new field is a new row. Classes: OpenFlow basic (0x8000), Nicira NXM_1 (0x0001), packet registers
 * (0x8001), experimenter (0xffff, here the ONF's). Sources: OpenFlow 1.3.5 §7.2.3.7, Open vSwitch
 * ovs-fields(7). Neighbours: match.ts (a set of fields), action.ts (fields as operands).
 */
import { struct, uint, wide } from '../wire/struct.ts'

/** How a value is written in the text syntax of ovs-ofctl. */
export type OxmFormat = 'dec' | 'hex' | 'mac' | 'ipv4' | 'ipv6' | 'port'

/** Other fields that must be in the same match, each with one of these values. */
export type Needs = Readonly<Record<string, readonly number[]>>

export interface OxmRow<T extends number | bigint = number | bigint> {
  readonly class: number
  readonly field: number
  /** Significant bits; the wire may carry more, which are 0. */
  readonly bits: number
  /** Bytes on the wire of a value (a masked field carries two). */
  readonly size: number
  readonly maskable: boolean
  readonly needs: Needs
  readonly format: OxmFormat
  /** Name in ovs-ofctl's text where it is not ours. */
  readonly text?: string
  /** Class and field as an operand of Nicira's actions, where Open vSwitch has an older name. */
  readonly operand?: readonly [oxmClass: number, field: number]
  /** Class 0xffff only: the experimenter whose field this is. */
  readonly experimenter?: number
  /** Phantom: the JavaScript type of a value, a number up to 48 bits. */
  readonly value?: T
}

interface Options {
  mask?: boolean
  size?: number
  needs?: Needs
  format?: OxmFormat
  text?: string
  operand?: readonly [oxmClass: number, field: number]
  experimenter?: number
}

const row = <T extends number | bigint>(
  oxmClass: number,
  field: number,
  bits: number,
  options: Options = {},
): OxmRow<T> => ({
  class: oxmClass,
  field,
  bits,
  size: options.size ?? (bits + 7) >> 3,
  maskable: options.mask ?? false,
  needs: options.needs ?? {},
  format: options.format ?? 'dec',
  ...(options.text !== undefined && { text: options.text }),
  ...(options.operand !== undefined && { operand: options.operand }),
  ...(options.experimenter !== undefined && { experimenter: options.experimenter }),
})
const basic = (field: number, bits: number, o?: Options) => row<number>(0x8000, field, bits, o)
const basicWide = (field: number, bits: number, o?: Options) => row<bigint>(0x8000, field, bits, o)
const nxm = (field: number, bits: number, o?: Options) => row<number>(0x0001, field, bits, o)
const nxmWide = (field: number, bits: number, o?: Options) => row<bigint>(0x0001, field, bits, o)
const reg = (n: number) => nxm(n, 32, { mask: true, format: 'hex' })
const xreg = (n: number) => row<bigint>(0x8001, n, 64, { mask: true, format: 'hex' })
const xxreg = (n: number) => nxmWide(111 + n, 128, { mask: true, format: 'hex' })

const IP = { eth_type: [0x0800, 0x86dd] }
const IPV4 = { eth_type: [0x0800] }
const IPV6 = { eth_type: [0x86dd] }
const ARP = { eth_type: [0x0806, 0x8035] }
const MPLS = { eth_type: [0x8847, 0x8848] }
const TCP = { ...IP, ip_proto: [6] }
const UDP = { ...IP, ip_proto: [17] }
const SCTP = { ...IP, ip_proto: [132] }
const ICMP = { ...IPV4, ip_proto: [1] }
const ICMPV6 = { ...IPV6, ip_proto: [58] }
const SOLICIT = { ...ICMPV6, icmpv6_type: [135] }
const ADVERT = { ...ICMPV6, icmpv6_type: [136] }
/** An empty list: the field must be there, with any value. */
const TAGGED = { vlan_vid: [] }

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
    needs: { ...ICMPV6, icmpv6_type: [135, 136] },
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

  reg0: reg(0),
  reg1: reg(1),
  reg2: reg(2),
  reg3: reg(3),
  reg4: reg(4),
  reg5: reg(5),
  reg6: reg(6),
  reg7: reg(7),
  reg8: reg(8),
  reg9: reg(9),
  reg10: reg(10),
  reg11: reg(11),
  reg12: reg(12),
  reg13: reg(13),
  reg14: reg(14),
  reg15: reg(15),
  xreg0: xreg(0),
  xreg1: xreg(1),
  xreg2: xreg(2),
  xreg3: xreg(3),
  xreg4: xreg(4),
  xreg5: xreg(5),
  xreg6: xreg(6),
  xreg7: xreg(7),
  xxreg0: xxreg(0),
  xxreg1: xxreg(1),
  xxreg2: xxreg(2),
  xxreg3: xxreg(3),
  ip_frag: nxm(26, 2, { mask: true, needs: IP, format: 'hex' }),
  nw_ttl: nxm(29, 8, { needs: IP }),
  tun_src: nxm(31, 32, { mask: true, format: 'ipv4' }),
  tun_dst: nxm(32, 32, { mask: true, format: 'ipv4' }),
  pkt_mark: nxm(33, 32, { mask: true, format: 'hex' }),
  conj_id: nxm(37, 32),
  tun_flags: nxm(104, 16, { mask: true, format: 'hex' }),
  ct_state: nxm(105, 32, { mask: true, format: 'hex' }),
  ct_zone: nxm(106, 16, { format: 'hex' }),
  ct_mark: nxm(107, 32, { mask: true, format: 'hex' }),
  ct_label: nxmWide(108, 128, { mask: true, format: 'hex' }),
  tun_ipv6_src: nxmWide(109, 128, { mask: true, format: 'ipv6' }),
  tun_ipv6_dst: nxmWide(110, 128, { mask: true, format: 'ipv6' }),
  tcp_flags: row<number>(0xffff, 42, 16, {
    mask: true,
    needs: TCP,
    format: 'hex',
    experimenter: 0x4f4e4600,
    operand: [1, 34],
  }),
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
  get(bytes: Uint8Array, offset: number): number | bigint
  set(bytes: Uint8Array, offset: number, value: number | bigint): void
}

/**
 * The canonical order: class 0x8000 first, since fields of other classes have prerequisites there and
 * Open vSwitch wants a prerequisite before what needs it; then by class and field.
 */
export const rankOf = (header: number): number => (header >>> 9) ^ (0x8000 << 7)

function complete(name: FieldName, from: OxmRow): OxmField {
  const cell = cells.get(from.size)
  if (!cell) throw new Error(`${name}: no cell of ${from.size} bytes`)
  const prefix = from.experimenter === undefined ? 0 : 4
  const header = from.class * 65536 + (from.field << 9) + from.size + prefix
  return {
    ...from,
    name,
    header,
    operandHeader: from.operand
      ? from.operand[0] * 65536 + (from.operand[1] << 9) + from.size
      : header,
    rank: rankOf(header),
    prefix,
    ones: from.bits > 48 ? (1n << BigInt(from.bits)) - 1n : 2 ** from.bits - 1,
    get: cell.get.value,
    set: cell.set.value as (bytes: Uint8Array, offset: number, value: number | bigint) => void,
  }
}

/** All fields by name. */
export const fieldOf: Readonly<Record<FieldName, OxmField>> = Object.fromEntries(
  Object.entries(oxm).map(([name, from]) => [name, complete(name as FieldName, from)]),
) as never
export const fieldNames = Object.keys(oxm) as readonly FieldName[]

const byKind = new Map(fieldNames.map((name) => [fieldOf[name].header >>> 9, fieldOf[name]]))
const byOperand = new Map(fieldNames.map((name) => [fieldOf[name].operandHeader, fieldOf[name]]))

/** The field that a u32 header names as an operand, by its older name or as in a match. */
export const fieldByOperand = (header: number): OxmField | undefined =>
  byOperand.get(header) ?? fieldByHeader(header)

/** The field that a u32 OXM header names, masked or not; undefined for one without a row. */
export const fieldByHeader = (header: number): OxmField | undefined => byKind.get(header >>> 9)
