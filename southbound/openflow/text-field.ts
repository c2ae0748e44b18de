/**
 * What ovs-ofctl calls the fields, one row each where that is not our name: in a match, in set_field
 * and as an operand `NAME[from..to]`. Sources: ovs-fields(7), Open vSwitch 3.1. Neighbours: oxm.ts
 * (the fields), text-match.ts and text-action.ts (who prints and reads them).
 */
import type { Subfield } from './operand.ts'
import { type FieldName, fieldNames, fieldOf, type OxmField } from './oxm.ts'
import { cut, fail, type Span, textOf } from './text-span.ts'

/** Names in set_field and learn, where they are not ours. */
const setNames: Readonly<Partial<Record<FieldName, string>>> = {
  // ovs-ofctl's in_port is the one of 16 bits wherever it is an operand.
  in_port: 'in_port_oxm',
  nxm_in_port: 'in_port',
  ipv4_src: 'ip_src',
  ipv4_dst: 'ip_dst',
  ip_proto: 'nw_proto',
  ip_ecn: 'nw_ecn',
  tunnel_id: 'tun_id',
  icmpv4_type: 'icmp_type',
  icmpv4_code: 'icmp_code',
  ipv6_flabel: 'ipv6_label',
  ipv6_nd_target: 'nd_target',
  ipv6_nd_sll: 'nd_sll',
  ipv6_nd_tll: 'nd_tll',
}
export const setName = (name: FieldName): string => setNames[name] ?? name

/** Names that are read beside ours and those that are printed. */
const aliases: Readonly<Partial<Record<FieldName, string>>> = {
  ipv4_src: 'nw_src',
  ipv4_dst: 'nw_dst',
  eth_src: 'dl_src',
  eth_dst: 'dl_dst',
  eth_type: 'dl_type',
  ip_frag: 'nw_frag',
  vlan_pcp: 'dl_vlan_pcp',
  nsh_spi: 'nsp',
  nsh_si: 'nsi',
  // So dump-flows prints them, and ovs-ofctl does not read it.
  tun_gtpu_flags: 'gtpu_flags',
  tun_gtpu_msgtype: 'gtpu_msgtype',
}

/**
 * Names that mean one field or another, whichever has its prerequisites in the match; nw_src and its
 * like also stand for ARP's.
 */
export const ambiguous: Readonly<Record<string, readonly FieldName[]>> = {
  tp_src: ['tcp_src', 'udp_src', 'sctp_src'],
  tp_dst: ['tcp_dst', 'udp_dst', 'sctp_dst'],
  icmp_type: ['icmpv4_type', 'icmpv6_type'],
  icmp_code: ['icmpv4_code', 'icmpv6_code'],
  nw_src: ['ipv4_src', 'arp_spa'],
  nw_dst: ['ipv4_dst', 'arp_tpa'],
  nw_proto: ['ip_proto', 'arp_op'],
}

/** Names as an operand, where they are not a prefix and our name. */
const operandNames: Readonly<Partial<Record<FieldName, string>>> = {
  nxm_in_port: 'NXM_OF_IN_PORT',
  nw_tos: 'NXM_OF_IP_TOS',
  ipv4_src: 'NXM_OF_IP_SRC',
  ipv4_dst: 'NXM_OF_IP_DST',
  icmpv4_type: 'NXM_OF_ICMP_TYPE',
  icmpv4_code: 'NXM_OF_ICMP_CODE',
  ipv6_flabel: 'NXM_NX_IPV6_LABEL',
  ipv6_nd_target: 'NXM_NX_ND_TARGET',
  ipv6_nd_sll: 'NXM_NX_ND_SLL',
  ipv6_nd_tll: 'NXM_NX_ND_TLL',
  nd_reserved: 'ERICOXM_OF_ICMPV6_ND_RESERVED',
  nd_options_type: 'ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE',
  tunnel_id: 'NXM_NX_TUN_ID',
  tun_src: 'NXM_NX_TUN_IPV4_SRC',
  tun_dst: 'NXM_NX_TUN_IPV4_DST',
  nw_ttl: 'NXM_NX_IP_TTL',
  actset_output: 'ONFOXM_ET_ACTSET_OUTPUT',
}
function prefixed({ name, operandHeader }: OxmField): string {
  const upper = name.toUpperCase()
  switch (operandHeader >>> 16) {
    case 0:
      return `NXM_OF_${upper}`
    case 1:
      return `NXM_NX_${upper}`
    case 0x8001:
      return upper.replace('XREG', 'OXM_OF_PKT_REG')
    case 0xffff:
      return upper.startsWith('NSH_') ? `NXOXM_${upper}` : `NXOXM_ET_${upper.replace('TUN_', '')}`
    default:
      return `OXM_OF_${upper}`
  }
}
export const operandName = (name: FieldName): string =>
  operandNames[name] ?? prefixed(fieldOf[name])

/** These are in matches under other names: in_port, vlan_vid and vlan_pcp, ip_dscp and ip_ecn. */
const operandsOnly = new Set<FieldName>(['nxm_in_port', 'vlan_tci', 'nw_tos'])
const matchNames: Readonly<Partial<Record<FieldName, string>>> = { ip_frag: 'nw_frag' }
/** Name in a match. */
export const matchName = (name: FieldName): string =>
  operandsOnly.has(name) ? operandName(name) : (fieldOf[name].text ?? matchNames[name] ?? name)

/** Every name that means one field by itself; the first of `names` that is free is taken first. */
function index(...names: readonly ((name: FieldName) => string | undefined)[]) {
  const out = new Map<string, OxmField>()
  for (const nameIn of names) {
    for (const field of fieldNames) {
      const name = nameIn(field)
      if (name !== undefined && !out.has(name)) out.set(name, fieldOf[field])
    }
  }
  return out
}
const own = (name: FieldName) => (operandsOnly.has(name) ? undefined : name)
const alias = (name: FieldName) => aliases[name]
const basic = (name: FieldName) => `OXM_OF_${name.toUpperCase()}`
const inMatch = index(matchName, own, alias, setName, operandName, basic)
const inActions = index(operandName, setName, alias, (name) => name, matchName, basic)

/** The field that a name means in a match, other than the ambiguous ones. */
export const fieldByName = (name: string): OxmField | undefined => inMatch.get(name)

/** The field that a name means as an operand. */
export const fieldByOperandName = (name: string): OxmField | undefined => inActions.get(name)
export const parseFieldName = (span: Span): OxmField =>
  inActions.get(textOf(span)) ?? fail(span, 'the name of a field')

/** Bits of a whole field `NAME[]`, where Open vSwitch counts fewer than the wire has. */
const wholes: Readonly<Partial<Record<FieldName, number>>> = {
  vlan_vid: 12,
  tcp_flags: 12,
  tun_flags: 1,
}
export const wholeBits = (name: FieldName): number => wholes[name] ?? fieldOf[name].bits

/** `NXM_NX_REG0[0..15]`, `NXM_NX_REG0[4]`, `NXM_NX_REG0[]`. */
export function formatOperand({ field, ofs, n_bits }: Subfield): string {
  const label = operandName(field)
  if (ofs === 0 && n_bits === wholeBits(field)) return `${label}[]`
  return n_bits === 1 ? `${label}[${ofs}]` : `${label}[${ofs}..${ofs + n_bits - 1}]`
}

/** As printed; also with the names that a match has, and a whole field without brackets. */
export function parseOperand(span: Span): Subfield {
  const parts = cut(span, '[')
  const { name, bits } = parseFieldName(parts ? parts[0] : span)
  if (!parts || textOf(parts[1]) === ']') return { field: name, ofs: 0, n_bits: wholeBits(name) }
  const range = /^(\d+)(?:\.\.(\d+))?\]$/.exec(textOf(parts[1]))
  const ofs = Number(range?.[1])
  const last = Number(range?.[2] ?? ofs)
  if (!range || last < ofs || last >= bits) {
    fail(span, `bits of ${name} as [], [bit] or [first..last] below ${bits}`)
  }
  return { field: name, ofs, n_bits: last - ofs + 1 }
}

/** Bits of an action that has 6 bits for their number. @throws {TextError} */
export function parseShortOperand(span: Span): Subfield {
  const bits = parseOperand(span)
  return bits.n_bits > 64 ? fail(span, 'at most 64 bits') : bits
}
