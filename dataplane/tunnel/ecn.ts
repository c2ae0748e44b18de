/**
 * Explicit congestion notification through tunnels, RFC 6040 in normal mode: the outer header gets
 * the inner one's ECN, and on the way out the inner header learns what happened to the outer one.
 * Neighbours: tunnel-port.ts (calls both), vxlan.ts.
 */
import { updateChecksum } from '../../southbound/wire/checksum.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { vlan } from '../../southbound/wire/vlan.ts'

/** RFC 3168 §5. */
export const ECN = { notEct: 0, ect1: 1, ect0: 2, ce: 3 } as const
/** The packet must be dropped: the outer header says congestion, the inner one knows no ECN. */
export const MUST_DROP = -1

/** The inner ECN after decapsulation: RFC 6040 §4.2, figure 4; row: inner, column: outer. */
const AFTER: readonly (readonly number[])[] = [
  //       notEct    ect1      ect0      ce
  /* 0 */ [ECN.notEct, ECN.notEct, ECN.notEct, MUST_DROP],
  /* 1 */ [ECN.ect1, ECN.ect1, ECN.ect1, ECN.ce],
  /* 2 */ [ECN.ect0, ECN.ect1, ECN.ect0, ECN.ce],
  /* 3 */ [ECN.ce, ECN.ce, ECN.ce, ECN.ce],
]

/** ECN codes or MUST_DROP. */
export const ecnAfterTunnel = (inner: number, outer: number): number => AFTER[inner]![outer]!

/** Where the IP header of a frame begins, behind any number of VLAN tags; −1 = it has none. */
export function ipHeaderAt(bytes: Uint8Array, start: number, end: number): number {
  let at = start + ethernet.size
  if (at > end) return -1
  let type = ethernet.get.type(bytes, start)
  while (type === ETH_TYPE.vlan || type === ETH_TYPE.serviceVlan) {
    if (at + vlan.size > end) return -1
    type = vlan.get.type(bytes, at)
    at += vlan.size
  }
  if (type === ETH_TYPE.ipv4) {
    return at + ipv4.size <= end && ipv4.get.version(bytes, at) === 4 ? at : -1
  }
  if (type === ETH_TYPE.ipv6) {
    return at + ipv6.size <= end && ipv6.get.version(bytes, at) === 6 ? at : -1
  }
  return -1
}

/** Combines the outer ECN into the frame's IP header, if it has one; false = it must be dropped. */
export function propagateEcn(
  bytes: Uint8Array,
  start: number,
  end: number,
  outerEcn: number,
): boolean {
  if (outerEcn === ECN.notEct) return true
  const at = ipHeaderAt(bytes, start, end)
  if (at < 0) return true
  const isIpv4 = ipv4.get.version(bytes, at) === 4
  const header = isIpv4 ? ipv4 : ipv6
  const inner = header.get.ecn(bytes, at)
  const after = ecnAfterTunnel(inner, outerEcn)
  if (after === MUST_DROP) return false
  if (after === inner) return true
  const word = (bytes[at]! << 8) | bytes[at + 1]!
  header.set.ecn(bytes, at, after)
  if (isIpv4) {
    const now = (bytes[at]! << 8) | bytes[at + 1]!
    ipv4.set.checksum(bytes, at, updateChecksum(ipv4.get.checksum(bytes, at), word, now))
  }
  return true
}
