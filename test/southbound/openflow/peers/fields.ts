/**
 * A match on every field, exact and masked where it can be, with what it needs beside it: what
 * ovs-ofctl prints for it, and the same in os-ken's form. Derived from the rows of oxm.ts; here are
 * the names by which the peers know a field otherwise, and what they do not know.
 */
import type { Match } from '../../../../southbound/openflow/match.ts'
import {
  type FieldName,
  fieldNames,
  fieldOf,
  type OxmField,
} from '../../../../southbound/openflow/oxm.ts'
import { ipv4, mac } from '../../../../southbound/wire/struct.ts'
import { tlv } from './example.ts'

type Value = number | bigint

/** What Open vSwitch 3.1 answers to a match on these. */
export const refusedByOvs: Partial<Readonly<Record<FieldName, string>>> = {
  in_phy_port: 'OFPBMC_BAD_FIELD',
  pbb_isid: 'OFPBMC_BAD_FIELD',
  ipv6_exthdr: 'OFPBMC_BAD_FIELD',
}

/** How ovs-ofctl prints these: exact, masked. Half of a prefix of an address is /64, not a mask. */
const printed: Partial<Readonly<Record<FieldName, readonly [exact: string, masked?: string]>>> = {
  eth_type: ['dl_type=0x0015'],
  vlan_vid: ['vlan_tci=0x0015/0x1fff', 'vlan_tci=0x0014/0x00fe'],
  ip_dscp: ['nw_tos=84'],
  ipv6_flabel: ['ipv6_label=0x00015', 'ipv6_label=0x00014/0x000fe'],
  ip_frag: ['nw_frag=first', 'nw_frag=not_later'],
  tun_flags: ['tun_flags=+oam', 'tun_flags=+oam'],
  ct_state: ['ct_state=new|rel|inv', 'ct_state=-est+rel-rpl+inv-trk-snat-dnat'],
  tcp_flags: ['tcp_flags=fin|rst|ack', 'tcp_flags=-syn+rst-psh+ack-urg-ece-cwr'],
  nxm_in_port: ['in_port=21'],
  vlan_tci: ['vlan_tci=0x0015', 'vlan_tci=0x0014/0x00fe'],
  nw_tos: ['nw_tos=84'],
  packet_type: ['packet_type=(0,0x15)'],
  // Of these it prints no masks.
  tun_gbp_flags: ['tun_gbp_flags=0x15', 'tun_gbp_flags=0x14'],
  tun_erspan_idx: ['tun_erspan_idx=0x15', 'tun_erspan_idx=0x14'],
  tun_erspan_ver: ['tun_erspan_ver=5', 'tun_erspan_ver=4'],
  tun_erspan_hwid: ['tun_erspan_hwid=0x15', 'tun_erspan_hwid=0x14'],
  tun_gtpu_flags: ['gtpu_flags=0x15', 'gtpu_flags=0x14'],
  tun_gtpu_msgtype: ['gtpu_msgtype=21', 'gtpu_msgtype=20'],
}
/** Values that Open vSwitch takes, where it does not take any. */
const values: Partial<Readonly<Record<FieldName, readonly [number, number]>>> = {
  nw_tos: [84, 0],
  nsh_mdtype: [1, 0],
  tun_flags: [1, 1],
}
/** Without these it does not print the field. */
const beside: Partial<Readonly<Record<FieldName, Match>>> = {
  tun_erspan_idx: { tun_erspan_ver: 1 },
  tun_erspan_dir: { tun_erspan_ver: 2 },
  tun_erspan_hwid: { tun_erspan_ver: 2 },
  nsh_c1: { nsh_mdtype: 1 },
  nsh_c2: { nsh_mdtype: 1 },
  nsh_c3: { nsh_mdtype: 1 },
  nsh_c4: { nsh_mdtype: 1 },
}

export const osKenNames: Partial<Readonly<Record<FieldName, string>>> = {
  tun_src: 'tun_ipv4_src',
  tun_dst: 'tun_ipv4_dst',
  nxm_in_port: 'in_port_nxm',
  recirc_id: '_recirc_id',
}

/** Fields that os-ken 2.5 does not have on OpenFlow 1.3. */
export const unknownToOsKen =
  /^(dp_hash|packet_type|ct_(nw|ipv6|tp)_.*|nd_(reserved|options_type)|tun_(erspan|gtpu|metadata).*)$/

/** Fields of which ovs-ofctl 3.1 prints the value under the mask, but no mask. */
export const maskNotPrinted = /^tun_(gbp_flags|erspan_.*|gtpu_.*)$/

export interface FieldExample {
  readonly field: OxmField
  readonly masked: boolean
  readonly match: Match
  readonly prints: string
  /** The TLV of the field itself. */
  readonly osKen: object
}

const formatMac = mac().format
const formatIpv4 = ipv4().format
/** As they are written alone and as they are written as a mask. */
const samples: Readonly<Record<OxmField['format'], readonly [Value, Value]>> = {
  mac: [0x020000000011, 0xffffff000000],
  ipv4: [0x0a010203, 0xffffff00],
  ipv6: [(0xfd00n << 112n) | 1n, ((1n << 64n) - 1n) << 64n],
  port: [3, 0],
  dec: [0x15, 0xfe],
  hex: [0x15, 0xfe],
}

function sample(field: OxmField): readonly [Value, Value] {
  const [value, mask] = values[field.name] ?? samples[field.format]
  const cutTo = (one: Value) => {
    const cut = BigInt(one) & BigInt(field.ones)
    return typeof field.ones === 'bigint' ? cut : Number(cut)
  }
  return [cutTo(value), cutTo(mask)]
}

function show(field: OxmField, value: Value, hexadecimal: boolean): string {
  if (field.format === 'mac') return formatMac(Number(value))
  if (field.format === 'ipv4') return formatIpv4(Number(value))
  if (field.format === 'ipv6') return value === samples.ipv6[0] ? 'fd00::1' : 'fd00::'
  if (field.format === 'hex' || hexadecimal) return `0x${value.toString(16)}`
  return String(value)
}

function showMasked(field: OxmField, value: Value, mask: Value): string {
  const prefix = { ipv4: '24', ipv6: '64' }[field.format as string]
  return `${show(field, value, true)}/${prefix ?? show(field, mask, true)}`
}

/** xreg and xxreg are printed as the registers that they are made of. */
function registers(name: FieldName, masked: boolean): string | undefined {
  const [, x, n] = /^(xx?)reg(\d)$/.exec(name) ?? []
  if (x === undefined) return undefined
  const count = x === 'x' ? 2 : 4
  const first = Number(n) * count
  if (masked) return `reg${first + count - 1}=0x14/0xfe`
  return Array.from(
    { length: count },
    (_, i) => `reg${first + i}=${i === count - 1 ? '0x15' : 0}`,
  ).join()
}

/** A value for everything that the field needs. */
function prerequisites(field: OxmField): Match {
  const out: Record<string, unknown> = {}
  for (const [name, allowed] of Object.entries(field.needs)) {
    const free = { ct_state: [0x22, 0x22], vlan_vid: 0x1005, in_port: 1 }[name]
    out[name] = allowed[0] ?? free
    Object.assign(out, prerequisites(fieldOf[name as FieldName]), { ...out })
  }
  return out as Match
}

function osKenValue(field: OxmField, value: Value): unknown {
  if (field.format === 'mac') return formatMac(Number(value))
  if (field.format === 'ipv4') return formatIpv4(Number(value))
  if (field.format !== 'ipv6') return Number(value)
  return value === samples.ipv6[1] ? 'ffff:ffff:ffff:ffff::' : show(field, value, false)
}

function example(name: FieldName, masked: boolean): FieldExample {
  const field = fieldOf[name]
  const [value, mask] = sample(field)
  const cut = BigInt(value) & BigInt(mask)
  const under = typeof value === 'bigint' ? cut : Number(cut)
  const label = field.text ?? name
  const own = printed[name]?.[masked ? 1 : 0] ?? registers(name, masked)
  const text = masked ? showMasked(field, under, mask) : show(field, value, false)
  return {
    field,
    masked,
    match: { ...prerequisites(field), ...beside[name], [name]: masked ? [under, mask] : value },
    prints: own ?? `${label}=${text}`,
    osKen: tlv(
      osKenNames[name] ?? name,
      osKenValue(field, masked ? under : value),
      masked ? osKenValue(field, mask) : null,
    ),
  }
}

export const fieldExamples: readonly FieldExample[] = fieldNames.flatMap((name) => [
  example(name, false),
  ...(fieldOf[name].maskable && fieldOf[name].bits > 1 ? [example(name, true)] : []),
])
