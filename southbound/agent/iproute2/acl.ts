/**
 * An ACL_entry -> rules of nftables, family bridge. Each column is a row of the table below. Where the
 * schema is silent:
 * - With ethertype 0x0806 `source_ip`, `dest_ip` and `source_mac` are the addresses inside the ARP
 *   packet (`source_mac` is that of the frame too): else nobody could tell a spoofed ARP by rows.
 * - A permit with protocol 58, icmp_type 136 or 135 and `source_mac` is a permit for neighbour discovery:
 *   a link-layer address in it has to be `source_mac`, the target of an advertisement `source_ip`.
 * Neighbour: filter.ts puts the rules into chains.
 */
import { isIP, isIPv4 } from 'node:net'
import type { AclEntry } from '../desired.ts'

/** Rules without their verdict; or why there are none. */
export type AclRules = { readonly matches: readonly string[] } | { readonly invalid: string }

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i
const [IP, ARP, IP6] = [0x0800, 0x0806, 0x86dd]
const [TCP, UDP, ICMP, ICMP6, SCTP] = [6, 17, 1, 58, 132]
const ADVERTISEMENT = 136
const SOLICITATION = 135

class Invalid extends Error {}

/** @param below for frames with how many VLAN tags; 1 is for frames without one too, 2 for those with two alone */
export function aclRules(entry: AclEntry, below: readonly (0 | 1 | 2)[] = [0]): AclRules {
  try {
    const type = etherTypeOf(entry)
    const isDiscovery =
      type === IP6 &&
      entry.action === 'permit' &&
      entry.protocol === ICMP6 &&
      (entry.icmp_type === ADVERTISEMENT || entry.icmp_type === SOLICITATION) &&
      entry.source_mac !== undefined
    const matches = below.flatMap((tags) => {
      // What says nothing of what a frame carries is for all frames.
      if (tags === 2 && type === undefined) return []
      const plain = (tags === 2 ? columnsBelowTags : columns).flatMap((column) =>
        column(entry, type),
      )
      const all = isDiscovery ? discovery(entry, plain, tags === 2) : [plain]
      const text = all.map((parts) => parts.join(' '))
      // The kernel's word for what is behind the tag that it holds beside the frame.
      return tags === 0 ? text : text.map((line) => line.replace('ether type', 'meta protocol'))
    })
    return { matches }
  } catch (error) {
    if (error instanceof Invalid) return { invalid: error.message }
    throw error
  }
}

/** What the entry says, or what its other columns need. */
function etherTypeOf(entry: AclEntry): number | undefined {
  if (entry.ethertype !== undefined) {
    if (!/^0x[0-9a-f]{1,4}$/i.test(entry.ethertype)) refuse('ethertype', entry.ethertype)
    return Number(entry.ethertype)
  }
  if (entry.protocol === ICMP6) return IP6
  const address = entry.source_ip ?? entry.dest_ip
  if (address !== undefined) return isIPv4(address) ? IP : IP6
  return entry.protocol === ICMP ? IP : undefined
}

/** In the order in which a rule has them. */
const columns: readonly ((entry: AclEntry, type: number | undefined) => string[])[] = [
  ({ source_mac }) => mac('ether saddr', 'source_mac', source_mac),
  ({ dest_mac }) => mac('ether daddr', 'dest_mac', dest_mac),
  (_, type) => (type === undefined ? [] : [`ether type 0x${type.toString(16).padStart(4, '0')}`]),
  ({ source_mac }, type) => (type === ARP ? mac('arp saddr ether', 'source_mac', source_mac) : []),
  (entry, type) => address('saddr', 'source_ip', type, entry.source_ip, entry.source_mask),
  (entry, type) => address('daddr', 'dest_ip', type, entry.dest_ip, entry.dest_mask),
  ({ protocol }, type) => {
    if (protocol === undefined) return []
    if (type !== undefined && type !== IP && type !== IP6) refuse('protocol', `${protocol}`)
    return [`meta l4proto ${within('protocol', protocol, 255)}`]
  },
  (entry) => port('sport', entry, entry.source_port_min, entry.source_port_max),
  (entry) => port('dport', entry, entry.dest_port_min, entry.dest_port_max),
  ({ protocol, tcp_flags, tcp_flags_mask }) => {
    if (tcp_flags === undefined && tcp_flags_mask === undefined) return []
    if (protocol !== TCP) refuse('tcp_flags', 'without protocol 6')
    const mask = within('tcp_flags_mask', tcp_flags_mask ?? 0xff, 0xff)
    const flags = within('tcp_flags', tcp_flags ?? 0, 0xff)
    return [`@th,104,8 & 0x${mask.toString(16)} == 0x${(flags & mask).toString(16)}`]
  },
  // Type and code are the first two bytes of both; nft's own names for codes depend on the type.
  ({ protocol, icmp_type }) => icmp('icmp_type', protocol, icmp_type, '@th,0,8'),
  ({ protocol, icmp_code }) => icmp('icmp_code', protocol, icmp_code, '@th,8,8'),
]

/**
 * Of a frame with two tags the kernel takes the second one for the network header: 4 bytes, and then what nftables has no
 * names for. Of IPv6 the header behind the first is ICMPv6, TCP, UDP or SCTP, or an extension would hide what it is.
 */
const TYPE_BELOW = 16
const below = (bytes: number, bits: number, value: string) =>
  `@nh,${(4 + bytes) * 8},${bits} ${value}`
const ADDRESSES: Readonly<Record<number, readonly [source: number, target: number]>> = {
  [IP]: [12, 16],
  [ARP]: [14, 24],
  [IP6]: [8, 24],
}

const columnsBelowTags: typeof columns = [
  ({ source_mac }) => mac('ether saddr', 'source_mac', source_mac),
  ({ dest_mac }) => mac('ether daddr', 'dest_mac', dest_mac),
  (_, type = 0) => [
    'ether type { 0x8100, 0x88a8 }',
    `@nh,${TYPE_BELOW},16 0x${type.toString(16).padStart(4, '0')}`,
  ],
  ({ source_mac }, type) =>
    type === ARP && source_mac !== undefined ? [below(8, 48, hexOf(source_mac))] : [],
  (entry, type) => addressBelow(0, 'source_ip', type, entry.source_ip, entry.source_mask),
  (entry, type) => addressBelow(1, 'dest_ip', type, entry.dest_ip, entry.dest_mask),
  ({ protocol, action }, type) => {
    if (protocol === undefined)
      return type === IP6 && action === 'permit'
        ? [below(6, 8, `{ ${ICMP6}, ${TCP}, ${UDP}, ${SCTP} }`)]
        : []
    if (type !== IP && type !== IP6) refuse('protocol', `${protocol}`)
    return [below(type === IP ? 9 : 6, 8, `${within('protocol', protocol, 255)}`)]
  },
  ({ protocol, icmp_type }, type) =>
    icmp('icmp_type', type === IP6 ? protocol : undefined, icmp_type, '@nh,352,8'),
  ({ protocol, icmp_code }, type) =>
    icmp('icmp_code', type === IP6 ? protocol : undefined, icmp_code, '@nh,360,8'),
  ({
    source_port_min,
    source_port_max,
    dest_port_min,
    dest_port_max,
    tcp_flags,
    tcp_flags_mask,
  }) => {
    const all = [
      source_port_min,
      source_port_max,
      dest_port_min,
      dest_port_max,
      tcp_flags,
      tcp_flags_mask,
    ]
    if (all.some((value) => value !== undefined)) refuse('ports', 'below two tags')
    return []
  },
]

const hexOf = (address: string): string => `0x${address.replaceAll(':', '').toLowerCase()}`

function addressBelow(
  side: 0 | 1,
  column: string,
  type: number | undefined,
  value: string | undefined,
  mask: string | undefined,
): string[] {
  const [plain] = address('saddr', column, type, value, mask)
  const at = ADDRESSES[type ?? 0]?.[side]
  if (plain === undefined || value === undefined || at === undefined) return []
  const bits = type === IP6 ? 128 : 32
  if (mask === undefined) return [below(at, bits, `0x${bytesOf(value)}`)]
  const ones = prefixOf(mask, type === IP6 ? 6 : 4)
  const whole = (1n << BigInt(bits)) - 1n
  const high = whole ^ (whole >> BigInt(ones))
  const masked = BigInt(`0x${bytesOf(value)}`) & high
  return [below(at, bits, `& 0x${high.toString(16)} == 0x${masked.toString(16)}`)]
}

/** The same without a link-layer address, and with the only one that is true. */
function discovery(entry: AclEntry, plain: readonly string[], isBelowTags: boolean): string[][] {
  const isAdvertisement = entry.icmp_type === ADVERTISEMENT
  // Behind 40 bytes of IPv6.
  const at = (bit: number, bits: number) =>
    isBelowTags ? `@nh,${352 + bit},${bits}` : `@th,${bit},${bits}`
  const target =
    isAdvertisement && entry.source_ip !== undefined && entry.source_mask === undefined
      ? [`${at(64, 128)} 0x${bytesOf(entry.source_ip)}`]
      : []
  const option = isAdvertisement ? '0x0201' : '0x0101'
  const hardware = `${at(192, 16)} ${option} ${at(208, 48)} ${hexOf(entry.source_mac ?? '')}`
  const length = isBelowTags ? below(4, 16, '') : 'ip6 length '
  return [
    [...plain, ...target, `${length}24`],
    [...plain, ...target, `${length}32`, hardware],
  ]
}

function mac(field: string, column: string, value: string | undefined): string[] {
  if (value === undefined) return []
  if (!MAC.test(value)) refuse(column, value)
  return [`${field} ${value.toLowerCase()}`]
}

function address(
  side: 'saddr' | 'daddr',
  column: string,
  type: number | undefined,
  value: string | undefined,
  mask: string | undefined,
): string[] {
  if (value === undefined) return []
  const version = type === IP6 ? 6 : 4
  const isTyped = type === IP || type === ARP || type === IP6
  // A zone is a name of an interface; one address that nft refuses would stop all rules of the host.
  if (!isTyped || isIP(value) !== version || value.includes('%')) refuse(column, value)
  const prefix = mask === undefined ? undefined : prefixOf(mask, version)
  const network = prefix === undefined ? value : `${value}/${prefix}`
  if (prefix === 0) return []
  return [
    `${type === ARP ? `arp ${side} ip` : type === IP6 ? `ip6 ${side}` : `ip ${side}`} ${network}`,
  ]
}

/** Length of a mask of ones followed by zeros. */
function prefixOf(mask: string, version: 4 | 6): number {
  if (isIP(mask) !== version || mask.includes('%')) refuse('mask', mask)
  const bits = [...bytesOf(mask)].map((digit) =>
    Number.parseInt(digit, 16).toString(2).padStart(4, '0'),
  )
  const ones = /^(1*)0*$/.exec(bits.join(''))?.[1]
  return ones === undefined ? refuse('mask', mask) : ones.length
}

/** An address as hexadecimal digits. */
function bytesOf(address: string): string {
  if (isIPv4(address)) {
    return address
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join('')
  }
  const dotted = /(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  const text = dotted
    ? address.replace(dotted, bytesOf(dotted).replace(/^(....)(....)$/, '$1:$2'))
    : address
  const [head = '', tail] = text.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const after = tail === undefined ? [] : groups(tail)
  const zeros = tail === undefined ? 0 : 8 - groups(head).length - after.length
  return [...groups(head), ...Array<string>(zeros).fill('0'), ...after]
    .map((group) => group.padStart(4, '0').toLowerCase())
    .join('')
}

function port(
  side: 'sport' | 'dport',
  { protocol }: AclEntry,
  min: number | undefined,
  max: number | undefined,
): string[] {
  if (min === undefined && max === undefined) return []
  if (protocol !== TCP && protocol !== UDP && protocol !== SCTP)
    refuse(side, 'without protocol 6, 17, 132')
  const low = within(side, min ?? 0, 0xffff)
  const high = within(side, max ?? min ?? 0xffff, 0xffff)
  if (low > high) refuse(side, `${low} to ${high}`)
  return [`th ${side} ${low === high ? low : `${low}-${high}`}`]
}

function icmp(
  column: string,
  protocol: number | undefined,
  value: number | undefined,
  field: string,
): string[] {
  if (value === undefined) return []
  if (protocol !== ICMP && protocol !== ICMP6) refuse(column, 'without protocol 1 or 58')
  return [`${field} ${within(column, value, 255)}`]
}

function within(column: string, value: number, max: number): number {
  if (value < 0 || value > max) refuse(column, `${value}`)
  return value
}

function refuse(column: string, value: string): never {
  throw new Invalid(`${column} ${value}`)
}
