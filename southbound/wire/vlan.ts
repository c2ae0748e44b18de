/** What follows the EtherType 0x8100 (or 0x88a8): tag control information and the next EtherType. */
import { hex16, struct, uint } from './struct.ts'

export const vlan = struct('vlan', 'IEEE 802.1Q §9.6', {
  pcp: uint(3, 'priority code point'),
  dei: uint(1, 'drop eligible'),
  vid: uint(12, 'VLAN id'),
  type: hex16('EtherType of the payload'),
})
