/**
 * The chain of extension headers between an IPv6 header and what it carries (RFC 8200 §4), followed
 * as Open vSwitch does. Neighbours: flow-key.ts calls, headers.ts.
 */
import { IPV6_EXTENSION, ipv6Routing } from '../../southbound/wire/ipv6.ts'

const { hopByHop, routing, fragment, esp, authentication, noNext, destination } = IPV6_EXTENSION

/** Bits of ipv6_exthdr, OpenFlow 1.3.5 §7.2.3.7 (OFPIEH_*). */
const NONEXT = 1
const ESP = 2
const AUTH = 4
const DEST = 8
const FRAG = 16
const ROUTER = 32
const HOP = 64
const UNREP = 128
const UNSEQ = 256

/** ip_frag: a fragment; one that is not the first. */
export const FRAGMENT = 1
export const FRAGMENT_LATER = 2

/** What followChain found: one object, filled anew by every call. */
export const chain = {
  /** Protocol behind the chain; 44 for a later fragment, whose protocol is not to be known. */
  protocol: 0,
  /** Where that begins. */
  at: 0,
  /** FRAGMENT and FRAGMENT_LATER. */
  fragment: 0,
  /** ipv6_exthdr. */
  headers: 0,
  /** A routing header with segments left, or -1: the packet is not yet going to its last address. */
  routing: -1,
}

/** Order of RFC 8200 §4.1; destination options stand at 1 or, in front of the payload, at 6. */
const PLACE: Readonly<Record<number, number>> = {
  [HOP]: 0,
  [ROUTER]: 2,
  [FRAG]: 3,
  [AUTH]: 4,
  [ESP]: 5,
}
const LAST_PLACE = 6
let place = -1

/** Notes a header, and whether it is out of order or there once too often. */
function note(bit: number): void {
  let here = PLACE[bit]
  if (bit === DEST) {
    here = place < 1 ? 1 : LAST_PLACE
    if (place === LAST_PLACE) chain.headers |= UNREP
  } else if ((chain.headers & bit) !== 0) chain.headers |= UNREP
  else if (here! < place || (bit === HOP && place >= 0)) chain.headers |= UNSEQ
  place = Math.max(place, here!)
  chain.headers |= bit
}

/** Follows the chain that starts with protocol `next` at `o`. False when it is cut short. */
export function followChain(bytes: Uint8Array, next: number, o: number, end: number): boolean {
  chain.protocol = next
  chain.at = o
  chain.fragment = 0
  chain.headers = 0
  chain.routing = -1
  place = -1
  for (;;) {
    const protocol = chain.protocol
    if (protocol === esp) note(ESP)
    else if (protocol === noNext) chain.headers |= NONEXT
    const at = chain.at
    let size: number
    switch (protocol) {
      case hopByHop:
      case routing:
      case destination:
        if (end - at < 8) return false
        note(protocol === hopByHop ? HOP : protocol === routing ? ROUTER : DEST)
        size = 8 + bytes[at + 1]! * 8
        if (protocol === routing && ipv6Routing.get.segmentsLeft(bytes, at) > 0) {
          chain.routing = at
        }
        break
      case authentication:
        if (end - at < 8) return false
        note(AUTH)
        size = 8 + bytes[at + 1]! * 4
        break
      case fragment: {
        if (end - at < 8) return false
        note(FRAG)
        size = 8
        const offset = (bytes[at + 2]! << 8) | bytes[at + 3]!
        if (offset !== 0) chain.fragment |= FRAGMENT
        if (offset >= 8) {
          chain.fragment |= FRAGMENT_LATER
          chain.at += size
          return true
        }
        break
      }
      default:
        return true
    }
    if (end - at < size) return false
    chain.protocol = bytes[at]!
    chain.at += size
  }
}
