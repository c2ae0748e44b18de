/** What known.ts asks of frames. */
import { arp } from '../../../southbound/wire/arp.ts'
import { ETH_TYPE, ethernet } from '../../../southbound/wire/ethernet.ts'
import { ipv4 } from '../../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../../southbound/wire/ipv6.ts'
import { mpls } from '../../../southbound/wire/mpls.ts'
import { vlan } from '../../../southbound/wire/vlan.ts'

const isTag = (type: number) => type === ETH_TYPE.vlan || type === ETH_TYPE.serviceVlan
const isMpls = (type: number) => type === ETH_TYPE.mpls || type === ETH_TYPE.mplsMulticast

/** LLC and an organisation of 0: an EtherType follows (RFC 1042). */
const SNAP = [0xaa, 0xaa, 3, 0, 0, 0]

export interface Inspected {
  /** VLAN tags that the frame begins with. */
  readonly tags: number
  /** Labels of the stack behind them; infinitely many when the bottom is not there. */
  readonly labels: number
  /** One of the tags has its drop eligible bit. */
  readonly isEligible: boolean
  /** ICMPv6 of less than eight bytes. */
  readonly isShortIcmp: boolean
  /** A header of IP, ARP or MPLS that is cut short or lies about its length. */
  readonly isCut: boolean
  /** Neighbour discovery with options that are none or there twice. */
  readonly isNdWrong: boolean
  /** IPv6 with a routing or a fragment header. */
  readonly isRouted: boolean
  /** The first fragment of several. */
  readonly isFirst: boolean
  /** A fragment but the first. */
  readonly isLater: boolean
  /** IEEE 802.3: a length in the place of the type. */
  readonly isLength: boolean
  /** Reverse ARP, or a protocol of IPv4 or an operation of ARP that Open vSwitch keeps as 0. */
  readonly isUnwritten: boolean
}

export function inspect(frame: Uint8Array): Inspected {
  let type = ethernet.get.type(frame, 0)
  let tags = 0
  let isEligible = false
  let labels = 0
  let o: number = ethernet.size
  for (; isTag(type) && o + vlan.size <= frame.length; o += vlan.size) {
    type = vlan.get.type(frame, o)
    isEligible ||= vlan.get.dei(frame, o) === 1
    tags++
  }
  const isLength = type < 0x600
  if (isLength && SNAP.every((byte, i) => frame[o + i] === byte)) {
    type = ((frame[o + 6] ?? 0) << 8) | (frame[o + 7] ?? 0)
    o += SNAP.length + 2
  }
  if (isMpls(type)) {
    for (let at = o, bos = 0; bos === 0; at += mpls.size) {
      labels = at + mpls.size <= frame.length ? labels + 1 : Number.POSITIVE_INFINITY
      bos = labels > 100 ? 1 : mpls.get.bos(frame, at)
    }
  }
  const isArp = (type === ETH_TYPE.arp || type === 0x8035) && o + arp.size <= frame.length
  const operation = isArp ? arp.get.op(frame, o) : 1
  const isIpv4 = type === ETH_TYPE.ipv4 && o + ipv4.size <= frame.length
  const protocol = isIpv4 ? ipv4.get.protocol(frame, o) : 1
  const isZero = operation === 0 || operation > 255 || protocol === 0
  const none = { isLater: false, isFirst: false, isRouted: false, at: o }
  const chain = type === ETH_TYPE.ipv6 ? ipv6Chain(frame, o) : none
  const isLater = isIpv4 ? ipv4.get.fragmentOffset(frame, o) !== 0 : chain.isLater
  const isMore = isIpv4 && ipv4.get.moreFragments(frame, o) === 1
  const isFirst = chain.isFirst || (isMore && !isLater)
  const { isRouted } = chain
  const isCut = isCutShort(frame, type, o)
  const isNdWrong = type === ETH_TYPE.ipv6 && !isCut && hasWrongOptions(frame, chain.at)
  const isShortIcmp =
    type === ETH_TYPE.ipv6 &&
    !isCut &&
    ipv6.get.nextHeader(frame, o) === 58 &&
    ipv6.get.payloadLength(frame, o) < 8
  return {
    tags,
    isEligible,
    isShortIcmp,
    isCut,
    isNdWrong,
    labels,
    isRouted,
    isFirst,
    isLater,
    isLength,
    isUnwritten: isZero || type === 0x8035,
  }
}

/** Follows extension headers, to the fragment header of a later fragment at most. */
function ipv6Chain(
  frame: Uint8Array,
  start: number,
): { isLater: boolean; isFirst: boolean; isRouted: boolean; at: number } {
  let isRouted = false
  let isFirst = false
  let next = frame[start + 6]
  let o = start + ipv6.size
  while (o + 8 <= frame.length) {
    const size = frame[o + 1]!
    const isFragment = next === 44
    const isLater = ((frame[o + 2]! << 8) | (frame[o + 3]! & 0xf8)) !== 0
    if (isFragment && isLater) return { isLater, isFirst: false, isRouted: true, at: o }
    isRouted ||= next === 43 || next === 44
    isFirst ||= isFragment && (frame[o + 3]! & 1) === 1
    const isOptions = next === 0 || next === 43 || next === 60 || next === 135
    if (!isOptions && !isFragment && next !== 51) break
    next = frame[o]
    o += isFragment ? 8 : 8 + (isOptions ? 8 : 4) * size
  }
  return { isLater: false, isFirst, isRouted, at: o }
}

function isCutShort(frame: Uint8Array, type: number, o: number): boolean {
  const left = frame.length - o
  if (type === ETH_TYPE.arp || type === 0x8035) return left < arp.size
  if (isMpls(type)) return left < mpls.size
  if (type === ETH_TYPE.ipv6)
    return left < ipv6.size || left < ipv6.size + ipv6.get.payloadLength(frame, o)
  if (type !== ETH_TYPE.ipv4) return false
  if (left < ipv4.size) return true
  const size = 4 * ipv4.get.ihl(frame, o)
  const total = ipv4.get.totalLength(frame, o)
  return size < ipv4.size || total < size || total > left
}

/** Type, code and checksum, four reserved bytes, the target. */
const ND_SIZE = 24

function hasWrongOptions(frame: Uint8Array, o: number): boolean {
  if (frame[o] !== 135 && frame[o] !== 136) return false
  const seen = new Set<number>()
  for (let at = o + ND_SIZE; at + 8 <= frame.length; at += 8 * frame[at + 1]!) {
    if (frame[at + 1] === 0 || seen.has(frame[at]!)) return true
    seen.add(frame[at]!)
  }
  return false
}
