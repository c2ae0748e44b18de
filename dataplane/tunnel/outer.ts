/**
 * What the outer headers of a tunnelled packet say, both ways: what the tunnel port asks of an
 * underlay, and what an underlay found on a packet that came in. One such object is reused for every
 * packet. Neighbours: tunnel-port.ts, vxlan.ts, raw-underlay.ts, udp-underlay.ts.
 */
import { type Address, newAddress } from './address.ts'

export interface Outer {
  vni: number
  readonly src: Address
  readonly dst: Address
  /** DSCP and ECN, as in the IPv4 header's second byte. */
  tos: number
  ttl: number
  dontFragment: boolean
  /** Of an IPv4 packet that may be cut; others have 0 (RFC 6864 §4.1). */
  identification: number
  /** Going out: an UDP checksum is wanted. Coming in: there was one, and it was right. */
  checksum: boolean
  /** UDP ports. */
  sourcePort: number
  destinationPort: number
}

export function newOuter(): Outer {
  return {
    vni: 0,
    src: newAddress(),
    dst: newAddress(),
    tos: 0,
    ttl: 64,
    dontFragment: true,
    identification: 0,
    checksum: false,
    sourcePort: 0,
    destinationPort: 0,
  }
}
