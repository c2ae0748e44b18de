/**
 * Asking for a neighbour's MAC and telling ours, on the wire: ARP for IPv4 (RFC 826, RFC 5227) and
 * neighbour discovery for IPv6 (RFC 4861), read and made. Knows no state.
 * Neighbours: neighbours.ts keeps what is learned.
 */
import { BROADCAST_MAC, isGroupMac } from '../../southbound/wire/address.ts'
import { ARP_REPLY, ARP_REQUEST, arp } from '../../southbound/wire/arp.ts'
import { internetChecksum, sum16 } from '../../southbound/wire/checksum.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { arpFrame } from '../../southbound/wire/frame.ts'
import { IP_PROTO } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import {
  linkLayerOption,
  ND_ADVERTISEMENT,
  ND_OPTION_SOURCE,
  ND_OPTION_TARGET,
  ND_SOLICITATION,
  neighbourDiscovery,
} from '../../southbound/wire/neighbour-discovery.ts'
import {
  type Address,
  isIpv4,
  isMulticast,
  isNone,
  newAddress,
  parseAddress,
  readIpv6,
  setIpv4,
  writeIpv6,
} from './address.ts'

/** What somebody on the link said. */
export interface Heard {
  readonly kind: 'question' | 'answer'
  /** Of a question the asker, of an answer who it is about; none in a probe (RFC 5227, DAD). */
  readonly who: Address
  /** Where `who` is, as the message says. */
  readonly mac: number
  /** Of a question, what is asked for. */
  readonly target: Address
  /** An answer that does not want to take the place of what is known (RFC 4861 §7.2.5, no O flag). */
  readonly isWeak: boolean
}

export const MALFORMED = 'malformed'
const ALL_NODES = parseAddress('ff02::1')
const HOP_LIMIT = 255
const SOLICITED = 0x4000_0000
const OVERRIDE = 0x2000_0000

/** MAC of an IPv6 multicast address, RFC 2464 §7. */
export const multicastMac = (address: Address): number => 0x3333_0000_0000 + address[3]!

/** RFC 4291 §2.7.1. */
export function solicitedNode(address: Address): Address {
  const out = newAddress()
  out[0] = 0xff02_0000
  out[2] = 1
  out[3] = (0xff00_0000 | (address[3]! & 0xff_ffff)) >>> 0
  return out
}

/** The MACs of multicasts that a station of this address listens to. */
export const groupsOf = (address: Address): readonly number[] =>
  isIpv4(address) ? [] : [multicastMac(ALL_NODES), multicastMac(solicitedNode(address))]

/** An ARP packet behind an Ethernet header; undefined: of no interest. */
export function readArp(
  bytes: Uint8Array,
  at: number,
  end: number,
): Heard | undefined | typeof MALFORMED {
  if (end - at < arp.size) return MALFORMED
  const { hardware, protocol, hlen, plen, op, sha, spa, tpa } = arp.read(bytes, at)
  if (hardware !== 1 || protocol !== ETH_TYPE.ipv4 || hlen !== 6 || plen !== 4) return MALFORMED
  if (op !== ARP_REQUEST && op !== ARP_REPLY) return undefined
  if (sha === 0 || isGroupMac(sha)) return MALFORMED
  const who = newAddress()
  const target = newAddress()
  if (spa !== 0) setIpv4(who, spa)
  setIpv4(target, tpa)
  if (spa >>> 28 >= 0xe) return MALFORMED
  // A request for one's own address is an announcement (RFC 5227 §3).
  const isAnswer = op === ARP_REPLY || spa === tpa
  return { kind: isAnswer ? 'answer' : 'question', who, mac: sha, target, isWeak: false }
}

/** An ICMPv6 packet, its IPv6 header at `ip`; undefined: of no interest. RFC 4861 §7.1. */
export function readDiscovery(
  bytes: Uint8Array,
  ip: number,
  end: number,
  ethSrc: number,
): Heard | undefined | typeof MALFORMED {
  const at = ip + ipv6.size
  const size = ipv6.get.payloadLength(bytes, ip)
  if (at + size > end || size < 4) return MALFORMED
  const type = bytes[at]
  if (type !== ND_SOLICITATION && type !== ND_ADVERTISEMENT) return undefined
  if (size < neighbourDiscovery.size || bytes[at + 1] !== 0) return MALFORMED
  if (ipv6.get.hopLimit(bytes, ip) !== HOP_LIMIT) return MALFORMED
  if (internetChecksum(bytes, at, at + size, pseudo(bytes, ip, size)) !== 0) return MALFORMED
  const target = newAddress()
  readIpv6(bytes, at + 8, target)
  // An IPv4 address in IPv6 is never on a wire: to us it would be the IPv4 neighbour.
  if (isMulticast(target) || isIpv4(target)) return MALFORMED
  const wanted = type === ND_SOLICITATION ? ND_OPTION_SOURCE : ND_OPTION_TARGET
  let told: number | undefined
  for (let o = at + neighbourDiscovery.size; o < at + size; ) {
    const length = o + 2 <= at + size ? bytes[o + 1]! * 8 : 0
    if (length === 0 || o + length > at + size) return MALFORMED
    if (bytes[o] === wanted && length === linkLayerOption.size) {
      told = linkLayerOption.get.address(bytes, o)
    }
    o += length
  }
  // One that was sent to us alone may leave its address out (RFC 4861 §4.4).
  const mac = told ?? ethSrc
  if (mac === 0 || isGroupMac(mac)) return MALFORMED
  if (type === ND_ADVERTISEMENT) {
    const isWeak = (neighbourDiscovery.get.reserved(bytes, at) & OVERRIDE) === 0
    return { kind: 'answer', who: target, mac, target, isWeak }
  }
  const who = newAddress()
  readIpv6(bytes, ip + 8, who)
  if (isMulticast(who) || isIpv4(who)) return MALFORMED
  if (isNone(who) && told !== undefined) return MALFORMED
  return { kind: 'question', who, mac, target, isWeak: false }
}

const pseudo = (bytes: Uint8Array, ip: number, size: number) =>
  sum16(bytes, ip + 8, ip + ipv6.size) + IP_PROTO.icmpv6 + size

/** Asks who has `target`; `ethDst`: one that had it, asked alone. */
export function question(mac: number, own: Address, target: Address, ethDst?: number): Uint8Array {
  if (isIpv4(target)) {
    const [sender, about] = [own[3]!, target[3]!]
    return arpFrame({ op: ARP_REQUEST, sha: mac, spa: sender, tha: 0, tpa: about, eth_dst: ethDst })
  }
  const to = ethDst === undefined ? solicitedNode(target) : target
  const eth_dst = ethDst ?? multicastMac(to)
  return discovery(ND_SOLICITATION, 0, target, ND_OPTION_SOURCE, { mac, eth_dst, own, to })
}

/** Answers a question for `own`. */
export function answer(mac: number, own: Address, to: Heard): Uint8Array {
  if (isIpv4(own)) {
    const tpa = isNone(to.who) ? 0 : to.who[3]!
    return arpFrame({ op: ARP_REPLY, sha: mac, spa: own[3]!, tha: to.mac, tpa })
  }
  // A probe has no address to answer to: everyone hears it.
  const isProbe = isNone(to.who)
  const flags = (isProbe ? 0 : SOLICITED) + OVERRIDE
  return discovery(ND_ADVERTISEMENT, flags, own, ND_OPTION_TARGET, {
    mac,
    eth_dst: isProbe ? multicastMac(ALL_NODES) : to.mac,
    own,
    to: isProbe ? ALL_NODES : to.who,
  })
}

/** Tells everyone where `own` is now. */
export function announcement(mac: number, own: Address): Uint8Array {
  if (isIpv4(own)) {
    const [address] = [own[3]!]
    return arpFrame({
      op: ARP_REQUEST,
      sha: mac,
      spa: address,
      tha: 0,
      tpa: address,
      eth_dst: BROADCAST_MAC,
    })
  }
  const way = { mac, eth_dst: multicastMac(ALL_NODES), own, to: ALL_NODES }
  return discovery(ND_ADVERTISEMENT, OVERRIDE, own, ND_OPTION_TARGET, way)
}

function discovery(
  type: number,
  flags: number,
  target: Address,
  option: number,
  way: { mac: number; eth_dst: number; own: Address; to: Address },
): Uint8Array {
  const size = neighbourDiscovery.size + linkLayerOption.size
  const ip = ethernet.size
  const at = ip + ipv6.size
  const bytes = new Uint8Array(at + size)
  ethernet.write(bytes, 0, { dst: way.eth_dst, src: way.mac, type: ETH_TYPE.ipv6 })
  bytes[ip] = 0x60
  ipv6.set.payloadLength(bytes, ip, size)
  ipv6.set.nextHeader(bytes, ip, IP_PROTO.icmpv6)
  ipv6.set.hopLimit(bytes, ip, HOP_LIMIT)
  writeIpv6(bytes, ip + 8, way.own)
  writeIpv6(bytes, ip + 24, way.to)
  bytes[at] = type
  neighbourDiscovery.set.reserved(bytes, at, flags)
  writeIpv6(bytes, at + 8, target)
  const optionAt = at + neighbourDiscovery.size
  linkLayerOption.write(bytes, optionAt, { type: option, length: 1, address: way.mac })
  const checksum = internetChecksum(bytes, at, at + size, pseudo(bytes, ip, size))
  neighbourDiscovery.set.checksum(bytes, at, checksum)
  return bytes
}
