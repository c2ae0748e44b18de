/** ICMP: the part common to all types, and an echo's identifier and sequence number behind it. */
import { hex16, struct, u8, u16 } from './struct.ts'

export const icmp = struct('icmp', 'RFC 792', {
  type: u8(),
  code: u8(),
  checksum: hex16('of the whole message'),
})

export const icmpEcho = struct('icmpEcho', 'RFC 792 p. 14', {
  type: u8('8 = request, 0 = reply'),
  code: u8('0'),
  checksum: hex16('of the whole message'),
  identifier: u16(),
  sequence: u16(),
})

export const ICMP_ECHO_REPLY = 0
export const ICMP_ECHO_REQUEST = 8
