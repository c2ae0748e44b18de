/** Neighbour solicitations and advertisements of ICMPv6, and the option that both may carry. */
import { hex16, hex32, mac, struct, u8, wide } from './struct.ts'

export const neighbourDiscovery = struct('neighbourDiscovery', 'RFC 4861 §4.3, §4.4', {
  type: u8('135 = solicitation, 136 = advertisement'),
  code: u8('0'),
  checksum: hex16('of the whole message and the pseudo header'),
  reserved: hex32('in an advertisement the flags R, S and O in front'),
  target: wide(128),
})

export const linkLayerOption = struct('linkLayerOption', 'RFC 4861 §4.6.1', {
  type: u8('1 = source, 2 = target'),
  length: u8('8-byte units, 1'),
  address: mac(),
})

export const ND_SOLICITATION = 135
export const ND_ADVERTISEMENT = 136
export const ND_OPTION_SOURCE = 1
export const ND_OPTION_TARGET = 2
