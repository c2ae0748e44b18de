/**
 * What a protocol makes of a packet of a connection that it knows, and the bits of `ct_state`.
 * Neighbours: tcp.ts, sctp.ts and datagram.ts give verdicts, conntrack.ts turns them into bits.
 */

/** ovs-fields(7), ct_state. */
export const CT = {
  new: 0x01,
  est: 0x02,
  rel: 0x04,
  rpl: 0x08,
  inv: 0x10,
  trk: 0x20,
  snat: 0x40,
  dnat: 0x80,
} as const
export const CT_NAT = CT.snat | CT.dnat

/** Does not belong: `inv`. */
export const INVALID = 0
/** Belongs: `est`. */
export const VALID = 1
/** Begins a new connection with the same tuple: the old one is over. */
export const ANEW = 2
/** Belongs to a connection that nobody has answered yet: still `new`. */
export const STILL_NEW = 3
