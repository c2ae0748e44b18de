/**
 * Matches as text: `tcp,nw_src=10.0.0.0/24,tp_dst=80`. Printed in the order of ovs-ofctl; read in any
 * order and by every name of ovs-fields(7). Where ovs-ofctl silently forgets a field whose
 * prerequisites are not there, the parser refuses it. Neighbours: text-value.ts, text-field.ts, text.ts.
 */
import { type Match, missingPrerequisite } from './match.ts'
import { type FieldName, fieldOf, type OxmField } from './oxm.ts'
import { ambiguous, fieldByName, matchName } from './text-field.ts'
import {
  cut,
  fail,
  type Item,
  itemsOf,
  nameOf,
  parseUint,
  type Span,
  spanOf,
  textOf,
} from './text-span.ts'
import {
  type Entry,
  formatMasked,
  formatValue,
  hex,
  parseEntry,
  textFor,
  type Value,
} from './text-value.ts'

/** eth_type and ip_proto by one word; the first that fits is printed. */
export const protocols: readonly (readonly [string, eth: number, ip?: number])[] = [
  ['icmp', 0x0800, 1],
  ['tcp', 0x0800, 6],
  ['udp', 0x0800, 17],
  ['sctp', 0x0800, 132],
  ['icmp6', 0x86dd, 58],
  ['tcp6', 0x86dd, 6],
  ['udp6', 0x86dd, 17],
  ['sctp6', 0x86dd, 132],
  ['ip', 0x0800],
  ['ipv6', 0x86dd],
  ['ip6', 0x86dd],
  ['arp', 0x0806],
  ['rarp', 0x8035],
  ['mpls', 0x8847],
  ['mplsm', 0x8848],
]

/** The order in which ovs-ofctl prints what has no place by itself; before the protocol, and behind. */
const front =
  'pkt_mark recirc_id dp_hash conj_id actset_output ct_state ct_zone ct_mark ct_label ct_nw_src ct_nw_dst ct_ipv6_src ct_ipv6_dst ct_nw_proto ct_tp_src ct_tp_dst packet_type'.split(
    ' ',
  ) as FieldName[]
const middle =
  'tunnel_id tun_src tun_dst tun_ipv6_src tun_ipv6_dst tun_gbp_id tun_gbp_flags tun_flags metadata in_port vlan_vid vlan_pcp eth_src eth_dst eth_type ipv6_src ipv6_dst ipv4_src ipv4_dst arp_spa arp_tpa ip_proto arp_op arp_sha arp_tha ip_dscp ip_ecn nw_ttl ipv6_flabel mpls_label mpls_tc mpls_ttl mpls_bos ip_frag'.split(
    ' ',
  ) as FieldName[]

/** Empty for a match that takes every packet. */
export function formatMatch(match: Match): string {
  const out: string[] = []
  const names = Object.keys(match) as FieldName[]
  const left = new Set(names.sort((a, b) => fieldOf[a].rank - fieldOf[b].rank))
  const put = (name: FieldName) => {
    const entry = match[name]
    if (entry === undefined || !left.delete(name)) return
    out.push(special[name]?.(match, left) ?? formatField(name, entry, match))
  }
  for (const name of front) put(name)
  const { eth_type, ip_proto } = match
  const short = protocols.find(([, eth, ip]) => eth === eth_type && (ip ?? ip_proto) === ip_proto)
  const loose = short ?? protocols.find(([, eth, ip]) => eth === eth_type && ip === undefined)
  if (loose) {
    out.push(loose[0])
    left.delete('eth_type')
    if (loose[2] !== undefined) left.delete('ip_proto')
  }
  for (const name of [...left]) if (/^x*reg/.test(name)) put(name)
  for (const name of middle) put(name)
  for (const name of [...left]) put(name)
  return out.join(',')
}

function formatField(name: FieldName, entry: Entry, match: Match): string {
  const label = matchName(name)
  // A name with several meanings says nothing where the prerequisites do not decide.
  const clear = !Object.hasOwn(ambiguous, label) || chosen(label, match)?.name === name
  const head = clear ? label : name
  const field = fieldOf[name]
  if (typeof entry === 'object') return `${head}=${formatMasked(name, entry[0], entry[1])}`
  if (textFor(field).known === undefined) return `${head}=${formatValue(name, entry)}`
  return `${head}=${hex(entry)}/${hex(field.ones)}`
}

type Special = (match: Match, left: Set<FieldName>) => string | undefined
const special: Readonly<Partial<Record<FieldName, Special>>> = {
  ip_dscp: ({ ip_dscp }) => `nw_tos=${(ip_dscp as number) << 2}`,
  vlan_vid: formatVlan,
}

const TAG = 0x1000
const tci = (value: number) => `0x${value.toString(16).padStart(4, '0')}`

/** Bit 12 of vlan_vid says that there is a tag; ovs-ofctl prints tag and priority as one. */
function formatVlan(match: Match, left: Set<FieldName>): string {
  const entry = match.vlan_vid as number | readonly [number, number]
  const pcp = match.vlan_pcp as number | undefined
  const [value, mask] = typeof entry === 'object' ? entry : [entry, 0x1fff]
  const priority = pcp === undefined ? '' : `dl_vlan_pcp=${pcp}`
  if (value & TAG || pcp === undefined || mask !== 0x1fff) left.delete('vlan_pcp')
  else return `vlan_vid=${value}`
  if (mask === 0x1fff && value & TAG) {
    return [`dl_vlan=${value & 0xfff}`, priority].filter(Boolean).join(',')
  }
  if (mask === TAG && value === TAG && pcp !== undefined) return priority
  const high = pcp === undefined ? 0 : 0xe000
  return `vlan_tci=${tci(value | ((pcp ?? 0) << 13))}/${tci(mask | high)}`
}

/** A match that is being read. */
interface Reading {
  readonly match: Partial<Record<FieldName, Entry>>
  /** Where a field was set. */
  readonly at: Map<FieldName, Span>
}

function set({ match, at }: Reading, name: FieldName, entry: Entry, span: Span): void {
  const canonical = canonicalEntry(fieldOf[name], entry, span)
  const before = match[name]
  if (before !== undefined && String(before) !== String(canonical)) {
    fail(span, `${name} once, and it is there with another value`)
  }
  if (canonical === undefined) return
  match[name] = canonical
  at.set(name, span)
}

/** As encodeMatch would have it: no bits outside the mask, no mask of all ones or of none. */
function canonicalEntry(field: OxmField, entry: Entry, span: Span): Entry | undefined {
  if (typeof entry !== 'object') return entry
  const [value, mask] = entry
  if (mask === field.ones) return value
  if (!field.maskable) fail(span, `no mask for ${field.name}`)
  if (Number(mask) === 0) return undefined
  const both = BigInt(value) & BigInt(mask)
  return [field.bits > 48 ? both : Number(both), mask]
}

type Reader = (item: Item, reading: Reading) => void

/** Names that are no field of OXM but one or two of them. */
const readers: Readonly<Record<string, Reader>> = {
  dl_vlan({ value, whole }, reading) {
    const vid = parseUint(value, 16)
    if (vid > 0xfff && vid !== 0xffff) fail(value, 'a VLAN from 0 to 4095, or 0xffff for no tag')
    set(reading, 'vlan_vid', vid === 0xffff ? 0 : TAG | vid, whole)
  },
  dl_vlan_pcp: readPriority,
  vlan_pcp: readPriority,
  vlan_tci({ value, whole }, reading) {
    const parts = cut(value, '/')
    const tag = parseUint(parts ? parts[0] : value, 16)
    const mask = parts ? parseUint(parts[1], 16) : 0xffff
    if (tag === 0 && mask === 0xffff) return set(reading, 'vlan_vid', 0, whole)
    const high = mask >>> 13
    if (high !== 0 && high !== 7) fail(value, 'a mask on all three bits of the priority, or none')
    set(reading, 'vlan_vid', [tag & 0x1fff, mask & 0x1fff], whole)
    if (high) set(reading, 'vlan_pcp', tag >>> 13, whole)
  },
  nw_tos({ value, whole }, reading) {
    const tos = parseUint(value, 8)
    if (tos & 3) fail(value, 'a multiple of 4 (its low bits are nw_ecn)')
    set(reading, 'ip_dscp', tos >>> 2, whole)
  },
}

function readPriority({ value, whole }: Item, reading: Reading): void {
  const pcp = parseUint(value, 8)
  if (pcp > 7) fail(value, 'a priority from 0 to 7')
  set(reading, 'vlan_pcp', pcp, whole)
}

/** Of the fields that a name may mean, the one whose prerequisites are in the match. */
function chosen(name: string, match: Match): OxmField | undefined {
  const meets = ([other, values]: [string, readonly number[]]) =>
    values.includes(match[other as FieldName] as number)
  return ambiguous[name]
    ?.map((one) => fieldOf[one])
    .find(({ needs }) => Object.entries(needs).every(meets))
}

function readField({ value, whole }: Item, field: OxmField, reading: Reading): void {
  const entry: Entry = parseEntry(value, field)
  const { known } = textFor(field)
  const exact = typeof entry !== 'object' && known !== undefined
  set(reading, field.name, exact ? [entry as Value, known] : entry, whole)
}

/** Reads what it can of items, the protocol words first; `other` gets the items that are no match. */
export function readMatch(items: readonly Item[], other: (item: Item) => void): Match {
  const reading: Reading = { match: {}, at: new Map() }
  const match = reading.match as Match
  const later: Item[] = []
  for (const item of items) {
    const name = nameOf(item)
    const protocol = item.mark === '' ? protocols.find(([word]) => word === name) : undefined
    if (protocol) {
      set(reading, 'eth_type', protocol[1], item.whole)
      if (protocol[2] !== undefined) set(reading, 'ip_proto', protocol[2], item.whole)
      continue
    }
    const field = fieldByName(name)
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined
    if (!field && !reader && !Object.hasOwn(ambiguous, name)) other(item)
    else if (item.mark === '' || item.mark === '(') fail(item.whole, `${name}=VALUE`)
    else if (textOf(item.value) === '*') continue
    else if (reader) reader(item, reading)
    else if (Object.hasOwn(ambiguous, name)) later.push(item)
    else readField(item, field as OxmField, reading)
  }
  // nw_proto decides what tp_src is, and icmp_type whether there is an nd_target.
  later.sort((a, b) => Number(nameOf(b) === 'nw_proto') - Number(nameOf(a) === 'nw_proto'))
  for (const item of later) {
    const name = nameOf(item)
    const field = chosen(name, match)
    if (!field) fail(item.whole, whatDecides(name))
    else readField(item, field, reading)
  }
  if (match.vlan_pcp !== undefined && match.vlan_vid === undefined) {
    reading.match.vlan_vid = [TAG, TAG]
  }
  const missing = missingPrerequisite(match)
  if (missing !== undefined) {
    const span = reading.at.get(missing.split(' ')[0] as FieldName) as Span
    fail(span, `its prerequisite in the match: ${missing}`)
  }
  return match
}

/** `tcp, udp or sctp before tp_src`. */
function whatDecides(name: string): string {
  const meanings = ambiguous[name] as readonly FieldName[]
  const words = meanings.flatMap((one) => {
    const { eth_type, ip_proto } = fieldOf[one].needs
    return protocols
      .filter(([, eth, ip]) => eth_type?.includes(eth) && ip_proto?.[0] === ip)
      .map(([word]) => word)
  })
  return `${[...new Set(words)].join(', ')} in the match, which says what ${name} is`
}

/** The match of a text. @throws {TextError} with the position and what would be right */
export const parseMatch = (text: string): Match =>
  readMatch(itemsOf(spanOf(text)), ({ name }) => fail(name, 'a field or a protocol'))
