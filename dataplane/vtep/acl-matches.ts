/**
 * An ACL_entry -> matches. What the columns mean beyond the schema (ARP, neighbour discovery), and which
 * combinations cannot be matched, is the same as for nftables: southbound/agent/iproute2/acl.ts, which
 * judges the entry here too. Neighbour: port-flows.ts puts the matches into tables.
 */
import type { AclEntry } from '../../southbound/agent/desired.ts'
import { aclRules } from '../../southbound/agent/iproute2/acl.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import { parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import { ETH_TYPE } from '../../southbound/wire/ethernet.ts'
import { ipv6Of } from './locator.ts'

export type AclMatches = { readonly matches: readonly Match[] } | { readonly invalid: string }

const [TCP, UDP, ICMP, ICMP6] = [6, 17, 1, 58]
const [SOLICITATION, ADVERTISEMENT] = [135, 136]
const V4_ONES = 0xffff_ffff
const V6_ONES = (1n << 128n) - 1n
/**
 * 2000::/3, 4000::/2, 8000::/1: a target at all. A solicitation or advertisement whose options contradict each
 * other, or of another code, has none in the key.
 */
const TARGETS = [1, 2, 3].map((bits) => {
  const mask = (1n << 128n) - (1n << BigInt(128 - bits))
  return [1n << BigInt(128 - bits), mask] as const
})

/** Several: the frame has to match one of them. */
export function aclMatches(entry: AclEntry): AclMatches {
  const judged = aclRules(entry)
  if ('invalid' in judged) return judged
  const matches = ethernetTypes(entry).flatMap((type) => {
    const base = { ...ethernet(entry, type), ...network(entry, type), ...transport(entry, type) }
    return withRanges(base, entry, type).flatMap((match) => discovery(entry, match))
  })
  return { matches }
}

/** What the entry says or needs; of a protocol alone both versions of IP. */
function ethernetTypes(entry: AclEntry): (number | undefined)[] {
  if (entry.ethertype !== undefined) return [Number(entry.ethertype)]
  if (entry.protocol === ICMP6) return [ETH_TYPE.ipv6]
  const address = entry.source_ip ?? entry.dest_ip
  if (address !== undefined) return [address.includes(':') ? ETH_TYPE.ipv6 : ETH_TYPE.ipv4]
  if (entry.protocol === ICMP) return [ETH_TYPE.ipv4]
  return entry.protocol === undefined ? [undefined] : [ETH_TYPE.ipv4, ETH_TYPE.ipv6]
}

function ethernet({ source_mac, dest_mac }: AclEntry, type: number | undefined): Match {
  const sha = source_mac !== undefined && type === ETH_TYPE.arp
  return {
    ...(source_mac !== undefined && { eth_src: parseMac(source_mac) }),
    ...(dest_mac !== undefined && { eth_dst: parseMac(dest_mac) }),
    ...(type !== undefined && { eth_type: type }),
    ...(sha && { arp_sha: parseMac(source_mac) }),
  }
}

function network(entry: AclEntry, type: number | undefined): Match {
  const { source_ip, source_mask, dest_ip, dest_mask } = entry
  if (type === ETH_TYPE.ipv6) {
    const src = masked6(source_ip, source_mask)
    const dst = masked6(dest_ip, dest_mask)
    return { ...(src && { ipv6_src: src }), ...(dst && { ipv6_dst: dst }) }
  }
  const src = masked4(source_ip, source_mask)
  const dst = masked4(dest_ip, dest_mask)
  if (type === ETH_TYPE.arp) return { ...(src && { arp_spa: src }), ...(dst && { arp_tpa: dst }) }
  return { ...(src && { ipv4_src: src }), ...(dst && { ipv4_dst: dst }) }
}

function transport(entry: AclEntry, type: number | undefined): Match {
  const { protocol, icmp_type, icmp_code, tcp_flags, tcp_flags_mask } = entry
  if (protocol === undefined) return {}
  const isV6 = type === ETH_TYPE.ipv6
  // A protocol of the other version of IP has no header that could be matched.
  const hasIcmp = protocol === (isV6 ? ICMP6 : ICMP)
  const [icmpType, icmpCode] = isV6
    ? (['icmpv6_type', 'icmpv6_code'] as const)
    : (['icmpv4_type', 'icmpv4_code'] as const)
  const mask = tcp_flags_mask ?? 0xff
  return {
    ip_proto: protocol,
    ...(hasIcmp && icmp_type !== undefined && { [icmpType]: icmp_type }),
    ...(hasIcmp && icmp_code !== undefined && { [icmpCode]: icmp_code }),
    ...((tcp_flags !== undefined || tcp_flags_mask !== undefined) && {
      tcp_flags: [(tcp_flags ?? 0) & mask, mask] as const,
    }),
  }
}

function withRanges(base: Match, entry: AclEntry, type: number | undefined): Match[] {
  const { protocol } = entry
  if (protocol === undefined || type === undefined) return [base]
  const name = protocol === TCP ? 'tcp' : protocol === UDP ? 'udp' : 'sctp'
  const sides = [
    [`${name}_src`, entry.source_port_min, entry.source_port_max],
    [`${name}_dst`, entry.dest_port_min, entry.dest_port_max],
  ] as const
  let all = [base]
  for (const [field, min, max] of sides) {
    if (min === undefined && max === undefined) continue
    const parts = prefixes(min ?? 0, max ?? min ?? 0xffff)
    all = all.flatMap((match) => parts.map((part) => ({ ...match, [field]: part })))
  }
  return all
}

/** A range of 16-bit numbers as values under masks, the fewest. */
export function prefixes(low: number, high: number): (readonly [value: number, mask: number])[] {
  const found: (readonly [number, number])[] = []
  for (let at = low; at <= high; ) {
    let size = at === 0 ? 0x10000 : at & -at
    while (at + size - 1 > high) size >>>= 1
    found.push([at, (0x10000 - size) & 0xffff])
    at += size
  }
  return found
}

/** Of a permit for neighbour discovery: without a link-layer address, and with the only one that is true. */
function discovery(entry: AclEntry, match: Match): Match[] {
  const { action, protocol, icmp_type, source_mac, source_ip, source_mask } = entry
  if (action !== 'permit' || protocol !== ICMP6 || source_mac === undefined) return [match]
  if (icmp_type !== SOLICITATION && icmp_type !== ADVERTISEMENT) return [match]
  const isAdvertisement = icmp_type === ADVERTISEMENT
  const own = isAdvertisement && source_ip !== undefined && source_mask === undefined
  const targets = own && source_ip !== undefined ? [ipv6Of(source_ip)] : TARGETS
  const option = isAdvertisement ? 'ipv6_nd_tll' : 'ipv6_nd_sll'
  return targets.flatMap((ipv6_nd_target) =>
    [0, parseMac(source_mac)].map(
      (mac): Match => ({ ...match, icmpv6_code: 0, ipv6_nd_target, [option]: mac }),
    ),
  )
}

function masked4(address: string | undefined, mask: string | undefined) {
  if (address === undefined) return undefined
  const bits = mask === undefined ? V4_ONES : parseIpv4(mask)
  return bits === 0 ? undefined : ([(parseIpv4(address) & bits) >>> 0, bits] as const)
}

function masked6(address: string | undefined, mask: string | undefined) {
  if (address === undefined) return undefined
  const bits = mask === undefined ? V6_ONES : ipv6Of(mask)
  return bits === 0n ? undefined : ([ipv6Of(address) & bits, bits] as const)
}
