/** VXLAN header: between the outer UDP header and the inner Ethernet frame. */
import { pad, struct, u24, uint } from './struct.ts'

export const vxlan = struct('vxlan', 'RFC 7348 §5', {
  flags1: pad(4),
  i: uint(1, '1 = VNI valid'),
  flags2: pad(3),
  reserved1: pad(24),
  vni: u24('VXLAN network identifier'),
  reserved2: pad(8),
})

/** UDP destination port, RFC 7348 §8. */
export const VXLAN_PORT = 4789
/** Outer Ethernet, IPv4, UDP and VXLAN headers in front of the inner frame, bytes. */
export const VXLAN_IPV4_OVERHEAD = 50
