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

/** Numbers of the extension headers in `nextHeader` (RFC 8200 §4). */
export const IPV6_EXTENSION = {
  hopByHop: 0,
  routing: 43,
  fragment: 44,
  esp: 50,
  authentication: 51,
  noNext: 59,
  destination: 60,
} as const

/** The part common to all routing headers. */
export const ipv6Routing = struct('ipv6Routing', 'RFC 8200 §4.4', {
  nextHeader: u8(),
  length: u8('8-byte units behind the first 8 bytes'),
  type: u8(),
  segmentsLeft: u8('0 = the destination address is the last one'),
})
