/** IPv4 header without options; `ihl` says where the payload starts. */
import { ipv4 as address, hex16, struct, u8, u16, uint } from './struct.ts'

export const ipv4 = struct('ipv4', 'RFC 791 §3.1', {
  version: uint(4, '4'),
  ihl: uint(4, 'header length, 32-bit words'),
  dscp: uint(6, 'RFC 2474'),
  ecn: uint(2, 'RFC 3168'),
  totalLength: u16('header and payload, bytes'),
  identification: u16(),
  reserved: uint(1, '0'),
  dontFragment: uint(1),
  moreFragments: uint(1),
  fragmentOffset: uint(13, '8-byte units'),
  ttl: u8('hops'),
  protocol: u8(),
  checksum: hex16('of the header'),
  src: address(),
  dst: address(),
})

/** Protocol numbers that Weft names; IPv6 uses the same in `nextHeader`. */
export const IP_PROTO = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const
