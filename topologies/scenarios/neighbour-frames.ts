/** ICMPv6 as guests send it, true or not. The mark is in an option that nobody reads, or in the payload. */
import { linkLocalAddress } from '../../controller/model/ip-address.ts'
import { ipv6Frame, solicitedNode } from '../../southbound/wire/frame-ipv6.ts'
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

/** Who sends or is sent to. */
export interface Neighbour {
  readonly mac: number
  /** 128 bits. */
  readonly ipv6: bigint
}

const { icmpv6: ICMPV6 } = IP_PROTO
const ALL_NODES = (0xff02n << 112n) | 1n

/** Any message. @param message with its checksum 0 */
export function icmpv6Frame(
  message: Uint8Array,
  of: { eth_src: number; eth_dst?: number; src: bigint; dst: bigint },
): Uint8Array {
  const { eth_src, eth_dst, src: ipv6_src, dst: ipv6_dst } = of
  const ip = { eth_src, eth_dst, ipv6_src, ipv6_dst, hopLimit: 255 }
  return ipv6Frame({ ...ip, protocol: IP_PROTO.icmpv6, payload: message })
}

const option = (type: number, address: number): Uint8Array => {
  const bytes = new Uint8Array(linkLayerOption.size)
  linkLayerOption.write(bytes, 0, { type, length: 1, address })
  return bytes
}
/** A nonce, RFC 3971 §5.3.2. @param mark at most 14 bytes */
const nonce = (mark: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(16)
  bytes.set([14, 2])
  bytes.set(mark, 2)
  return bytes
}

const message = (
  type: number,
  reserved: number,
  target: bigint,
  options: readonly Uint8Array[],
) => {
  const bytes = new Uint8Array(neighbourDiscovery.size)
  neighbourDiscovery.write(bytes, 0, { type, code: 0, checksum: 0, reserved, target })
  return Buffer.concat([bytes, ...options])
}

/** Asks all who has the target. @param says MACs in its options: its own, where it is honest */
export function solicitation(
  mark: Uint8Array,
  from: Neighbour,
  target: bigint,
  { says = [from.mac] }: { readonly says?: readonly number[] } = {},
): Uint8Array {
  const options = says.map((mac) => option(ND_OPTION_SOURCE, mac))
  return icmpv6Frame(message(ND_SOLICITATION, 0, target, [...options, nonce(mark)]), {
    ...{ eth_src: from.mac, src: from.ipv6, dst: solicitedNode(target) },
  })
}

/** Asks whether somebody has the address that it would like to have, RFC 4862 §5.4.2. */
export const probe = (mark: Uint8Array, from: Neighbour): Uint8Array =>
  solicitation(mark, { mac: from.mac, ipv6: 0n }, from.ipv6, { says: [] })

/** Tells all where the target is. */
export function advertisement(
  mark: Uint8Array,
  from: Neighbour,
  { target = from.ipv6, says = [from.mac] } = {},
): Uint8Array {
  const override = 0x2000_0000
  const options = [...says.map((mac) => option(ND_OPTION_TARGET, mac)), nonce(mark)]
  return icmpv6Frame(message(ND_ADVERTISEMENT, override, target, options), {
    ...{ eth_src: from.mac, src: from.ipv6, dst: ALL_NODES },
  })
}

/** Of a router: 134 an advertisement (lifetime 30 minutes), 137 a redirect. RFC 4861 §4.2, §4.5. */
export function ofRouter(mark: Uint8Array, from: Neighbour, type: 134 | 137): Uint8Array {
  const body = Buffer.alloc(type === 134 ? 16 : 40)
  body.set(type === 134 ? [type, 0, 0, 0, 64, 0, 0x07, 0x08] : [type])
  return icmpv6Frame(Buffer.concat([body, nonce(mark)]), {
    ...{ eth_src: from.mac, src: linkLocalAddress(from.mac), dst: ALL_NODES },
  })
}

/** An echo reply that nobody asked for, which every stack takes in silence. */
export function packet(mark: Uint8Array, from: Neighbour, to: Neighbour): Uint8Array {
  const body = Buffer.concat([Uint8Array.of(129, 0, 0, 0, 0x57, 0x45, 0, 0), mark, Buffer.alloc(8)])
  return icmpv6Frame(body, {
    ...{ eth_src: from.mac, eth_dst: to.mac, src: from.ipv6, dst: to.ipv6 },
  })
}

/** RFC 8200 §4.3, §4.5, §4.6: two paddings and a header of fragments, each before the protocol that it names. */
const HOP_BY_HOP = 0
const FRAGMENT = 44
const DESTINATION = 60
/** @param words of 8 bytes that it says there are behind the first */
const padding = (next: number, words = 0) => [next, words, 1, 4, 0, 0, 0, 0]
const fragment = (next: number, more: 0 | 1) => [next, 0, 0, more, 0x57, 0x45, 0x46, 0x54]

/** Puts extension headers before what an IPv6 frame carries. @param length how much of it is left, in bytes */
function extended(frame: Uint8Array, first: number, headers: readonly number[], length?: number) {
  const at = 14 + ipv6.size
  const carried = [...headers, ...frame.subarray(at)].slice(0, length)
  const bytes = Uint8Array.from([...frame.subarray(0, at), ...carried])
  ipv6.set.payloadLength(bytes, 14, carried.length)
  ipv6.set.nextHeader(bytes, 14, first)
  return bytes
}

/** A whole message behind headers that guards may fail to look behind. RFC 7113 §2. */
export const hidden: Readonly<Record<string, (frame: Uint8Array) => Uint8Array>> = {
  hopByHop: (frame) => extended(frame, HOP_BY_HOP, padding(ICMPV6)),
  twice: (frame) => extended(frame, DESTINATION, [...padding(DESTINATION), ...padding(ICMPV6)]),
  onlyFragment: (frame) => extended(frame, FRAGMENT, fragment(ICMPV6, 0)),
}

/** First fragments that end before it is known what they carry. RFC 7112. */
export const cut: Readonly<Record<string, (frame: Uint8Array) => Uint8Array>> = {
  behindTheChain: (frame) =>
    extended(frame, FRAGMENT, [...fragment(DESTINATION, 1), ...padding(ICMPV6)], 16),
  insideTheChain: (frame) =>
    extended(frame, FRAGMENT, [...fragment(DESTINATION, 1), ...padding(ICMPV6, 1)], 16),
}
