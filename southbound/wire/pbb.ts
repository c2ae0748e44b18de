/**
 * What follows the EtherType 0x88e7: the service instance tag of a provider backbone bridge. The
 * customer's frame, from its addresses on, stands behind it.
 */
import { pad, struct, u24, uint } from './struct.ts'

export const pbb = struct('pbb', 'IEEE 802.1Q §9.7 (I-TAG)', {
  pcp: uint(3, 'priority code point'),
  dei: uint(1, 'drop eligible'),
  uca: uint(1, 'use customer addresses'),
  reserved: pad(3),
  isid: u24('service instance'),
})
