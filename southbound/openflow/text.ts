/**
 * Text of flows, actions and groups in the syntax of ovs-ofctl, as `dump-flows --no-stats` prints
 * it: for events and people. Neighbours: oxm.ts (formats of values), flow.ts, action.ts.
 */
import { ipv4, mac } from '../wire/struct.ts'
import type { Action } from './action.ts'
import type { FlowBytes } from './flow.ts'
import { decodeInstructions, type Instruction } from './instruction.ts'
import { decodeMatch, type Match } from './match.ts'
import { type FieldName, fieldOf, type OxmFormat } from './oxm.ts'

type Value = number | bigint
const hex = (value: Value) => `0x${value.toString(16)}`
/** As the C library prints %#x: no prefix before a zero. */
const sharpHex = (value: Value) => (Number(value) === 0 ? '0' : hex(value))
const formatMac = mac().format
const formatIpv4 = ipv4().format

/** An IPv6 address in the form of RFC 5952. */
export function formatIpv6(value: bigint): string {
  const words = Array.from({ length: 8 }, (_, i) => (value >> BigInt(112 - 16 * i)) & 0xffffn)
  let at = 0
  let length = 1
  for (let i = 0; i < 8; i++) {
    let n = 0
    while (words[i + n] === 0n) n++
    if (n > length) [at, length] = [i, n]
  }
  const join = (part: bigint[]) => part.map((word) => word.toString(16)).join(':')
  return length < 2 ? join(words) : `${join(words.slice(0, at))}::${join(words.slice(at + length))}`
}

const portNames: Readonly<Record<number, string>> = {
  4294967288: 'IN_PORT',
  4294967289: 'TABLE',
  4294967290: 'NORMAL',
  4294967291: 'FLOOD',
  4294967292: 'ALL',
  4294967293: 'CONTROLLER',
  4294967294: 'LOCAL',
  4294967295: 'ANY',
}

const formats: Readonly<Record<OxmFormat, (value: Value) => string>> = {
  dec: String,
  hex: sharpHex,
  mac: (value) => formatMac(Number(value)),
  ipv4: (value) => formatIpv4(Number(value)),
  ipv6: (value) => formatIpv6(BigInt(value)),
  port: (value) => portNames[Number(value)] ?? String(value),
}

export const formatValue = (name: FieldName, value: Value): string =>
  formats[fieldOf[name].format](value)

/** `10.0.0.0/24` for a prefix of an IPv4 address, else value/mask. */
function formatMasked(name: FieldName, value: Value, mask: Value): string {
  const { format } = fieldOf[name]
  const inverted = format === 'ipv4' ? ~Number(mask) >>> 0 : 1
  if (format === 'ipv4' && (inverted & (inverted + 1)) === 0) {
    return `${formatValue(name, value)}/${Math.clz32(inverted)}`
  }
  if (format === 'dec') return `${sharpHex(value)}/${hex(mask)}`
  return `${formatValue(name, value)}/${formatValue(name, mask)}`
}

/** eth_type and ip_proto by one word. */
const protocols: readonly (readonly [string, eth: number, ip?: number])[] = [
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
  ['arp', 0x0806],
  ['rarp', 0x8035],
]

/** The order in which ovs-ofctl prints what has no place by itself. */
const front = ['pkt_mark', 'conj_id', 'ct_state', 'ct_zone', 'ct_mark', 'ct_label'] as const
const middle = [
  'tunnel_id',
  'tun_src',
  'tun_dst',
  'tun_ipv6_src',
  'tun_ipv6_dst',
  'tun_flags',
  'metadata',
  'in_port',
  'vlan_vid',
  'vlan_pcp',
  'eth_src',
  'eth_dst',
  'eth_type',
  'ipv6_src',
  'ipv6_dst',
  'ipv4_src',
  'ipv4_dst',
  'arp_spa',
  'arp_tpa',
  'ip_proto',
  'arp_op',
  'arp_sha',
  'arp_tha',
  'ip_dscp',
  'ip_ecn',
  'nw_ttl',
  'mpls_label',
  'mpls_tc',
  'mpls_bos',
  'ip_frag',
] as const satisfies readonly FieldName[]

export function formatMatch(match: Match): string {
  const out: string[] = []
  const left = new Set(Object.keys(match) as FieldName[])
  const put = (name: FieldName) => {
    const entry = match[name]
    if (entry === undefined || !left.delete(name)) return
    out.push(formatField(name, entry))
  }
  front.forEach(put)
  const { eth_type, ip_proto } = match
  const short = protocols.find(([, eth, ip]) => eth === eth_type && (ip ?? ip_proto) === ip_proto)
  const loose = short ?? protocols.find(([, eth, ip]) => eth === eth_type && ip === undefined)
  if (loose) {
    out.push(loose[0])
    left.delete('eth_type')
    if (loose[2] !== undefined) left.delete('ip_proto')
  }
  for (const name of [...left]) if (/^x*reg/.test(name)) put(name)
  middle.forEach(put)
  ;[...left].forEach(put)
  return out.join(',')
}

function formatField(name: FieldName, entry: Value | readonly [Value, Value]): string {
  if (name === 'vlan_vid') return formatVlan(entry as number | readonly [number, number])
  const label = fieldOf[name].text ?? name
  if (typeof entry !== 'object') return `${label}=${formatValue(name, entry)}`
  return `${label}=${formatMasked(name, entry[0], entry[1])}`
}

/** Bit 12 of vlan_vid says that there is a tag. */
function formatVlan(entry: number | readonly [number, number]): string {
  const tci = (value: number) => `0x${value.toString(16).padStart(4, '0')}`
  if (typeof entry === 'object') return `vlan_tci=${tci(entry[0])}/${tci(entry[1])}`
  return entry & 0x1000 ? `dl_vlan=${entry & 0xfff}` : `vlan_tci=${tci(entry)}/0x1fff`
}

/** Names of fields as operands, where they are not NXM_NX_ or OXM_OF_ and our name. */
const nxmNames: Partial<Readonly<Record<FieldName, string>>> = {
  in_port: 'NXM_OF_IN_PORT',
  eth_dst: 'NXM_OF_ETH_DST',
  eth_src: 'NXM_OF_ETH_SRC',
  eth_type: 'NXM_OF_ETH_TYPE',
  ip_proto: 'NXM_OF_IP_PROTO',
  ipv4_src: 'NXM_OF_IP_SRC',
  ipv4_dst: 'NXM_OF_IP_DST',
  tcp_src: 'NXM_OF_TCP_SRC',
  tcp_dst: 'NXM_OF_TCP_DST',
  udp_src: 'NXM_OF_UDP_SRC',
  udp_dst: 'NXM_OF_UDP_DST',
  icmpv4_type: 'NXM_OF_ICMP_TYPE',
  icmpv4_code: 'NXM_OF_ICMP_CODE',
  arp_op: 'NXM_OF_ARP_OP',
  arp_spa: 'NXM_OF_ARP_SPA',
  arp_tpa: 'NXM_OF_ARP_TPA',
  arp_sha: 'NXM_NX_ARP_SHA',
  arp_tha: 'NXM_NX_ARP_THA',
  ipv6_src: 'NXM_NX_IPV6_SRC',
  ipv6_dst: 'NXM_NX_IPV6_DST',
  tunnel_id: 'NXM_NX_TUN_ID',
  tun_src: 'NXM_NX_TUN_IPV4_SRC',
  tun_dst: 'NXM_NX_TUN_IPV4_DST',
}
function operand(name: FieldName, ofs: number, n_bits: number): string {
  const prefix = fieldOf[name].class === 1 ? 'NXM_NX_' : 'OXM_OF_'
  const label = nxmNames[name] ?? prefix + name.toUpperCase()
  if (ofs === 0 && n_bits === fieldOf[name].bits) return `${label}[]`
  return n_bits === 1 ? `${label}[${ofs}]` : `${label}[${ofs}..${ofs + n_bits - 1}]`
}

/** Names of fields in set_field where they are not ours. */
const setNames: Partial<Readonly<Record<FieldName, string>>> = {
  ipv4_src: 'ip_src',
  ipv4_dst: 'ip_dst',
  tunnel_id: 'tun_id',
  icmpv4_type: 'icmp_type',
  icmpv4_code: 'icmp_code',
  ipv6_flabel: 'ipv6_label',
  ipv6_nd_target: 'nd_target',
  ipv6_nd_sll: 'nd_sll',
  ipv6_nd_tll: 'nd_tll',
}

export function formatAction(action: Action): string {
  switch (action.kind) {
    case 'output':
      if (action.port === 0xfffffffd) return `CONTROLLER:${action.max_len ?? 0}`
      return portNames[action.port] ?? `output:${action.port}`
    case 'group':
      return `group:${action.group_id}`
    case 'set_field': {
      const { field } = action
      return `set_field:${formatValue(field, action.value)}->${setNames[field] ?? field}`
    }
    case 'load2': {
      const { field } = action
      const value = formatMasked(field, action.value, action.mask)
      return `set_field:${value}->${setNames[field] ?? field}`
    }
    case 'move': {
      const { src, dst } = action
      return `move:${operand(src.field, src.ofs, src.n_bits)}->${operand(dst.field, dst.ofs, dst.n_bits)}`
    }
    case 'load': {
      const { dst } = action
      return `load:${sharpHex(action.value)}->${operand(dst.field, dst.ofs, dst.n_bits)}`
    }
    case 'check_pkt_larger':
      return `check_pkt_larger(${action.pkt_len})->${operand(action.dst.field, action.dst.ofs, 1)}`
    case 'resubmit':
      return `resubmit(${action.in_port === 0xfff8 ? '' : action.in_port},${action.table_id === 255 ? '' : action.table_id})`
    case 'controller':
      return `controller(reason=${action.reason},max_len=${action.max_len},id=${action.controller_id})`
    case 'push_vlan':
    case 'push_mpls':
    case 'push_pbb':
    case 'pop_mpls':
      return `${action.kind}:0x${action.ethertype.toString(16).padStart(4, '0')}`
    case 'set_queue':
      return `set_queue:${action.queue_id}`
    case 'set_nw_ttl':
      return `mod_nw_ttl:${action.nw_ttl}`
    case 'set_mpls_ttl':
      return `set_mpls_ttl(${action.mpls_ttl})`
    case 'dec_nw_ttl':
      return 'dec_ttl'
    case 'unknown':
      return `unknown(type=${action.type},${Buffer.from(action.bytes).toString('hex')})`
    default:
      return action.kind
  }
}
export const formatActions = (actions: readonly Action[]): string =>
  actions.map(formatAction).join(',')

function formatInstruction(instruction: Instruction): string {
  switch (instruction.kind) {
    case 'meter':
      return `meter:${instruction.meter_id}`
    case 'apply_actions':
      return formatActions(instruction.actions)
    case 'write_actions':
      return `write_actions(${formatActions(instruction.actions)})`
    case 'write_metadata': {
      const { metadata, metadata_mask } = instruction
      const mask = metadata_mask === 0xffffffffffffffffn ? '' : `/${hex(metadata_mask)}`
      return `write_metadata:${hex(metadata)}${mask}`
    }
    case 'goto_table':
      return `goto_table:${instruction.table_id}`
    case 'unknown':
      return `unknown_instruction(${instruction.type})`
    default:
      return instruction.kind
  }
}

/** `table=5, priority=100,reg1=0x7 actions=drop`; what cannot be decoded is shown as hex. */
export function formatFlow(flow: FlowBytes): string {
  const match = orHex(() => formatMatch(decodeMatch(flow.match)), flow.match)
  const actions = orHex(
    () => decodeInstructions(flow.instructions).map(formatInstruction).filter(Boolean).join(','),
    flow.instructions,
  )
  const head = [
    flow.cookie === 0n ? '' : `cookie=${hex(flow.cookie)}, `,
    flow.table_id === 0 ? '' : `table=${flow.table_id}, `,
  ].join('')
  const priority = flow.priority === 0x8000 ? '' : `priority=${flow.priority}`
  const rule = [priority, match].filter(Boolean).join(',')
  return `${head}${rule}${rule === '' ? '' : ' '}actions=${actions || 'drop'}`
}

/** A foreign flow may hold fields or actions that no row declares; the text must come all the same. */
function orHex(format: () => string, bytes: Uint8Array): string {
  try {
    return format()
  } catch {
    return `hex:${Buffer.from(bytes).toString('hex')}`
  }
}
