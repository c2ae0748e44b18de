/** IPv6 header; extension headers follow by `nextHeader`. */
import { struct, u8, u16, uint, wide } from './struct.ts'

export const ipv6 = struct('ipv6', 'RFC 8200 §3', {
  version: uint(4, '6'),
  dscp: uint(6, 'RFC 2474'),
  ecn: uint(2, 'RFC 3168'),
  flowLabel: uint(20),
  payloadLength: u16('everything behind this header, bytes'),
  nextHeader: u8(),
  hopLimit: u8('hops'),
  src: wide(128),
  dst: wide(128),
})
