/** One MPLS label stack entry. */
import { struct, u8, uint } from './struct.ts'

export const mpls = struct('mpls', 'RFC 3032 §2.1', {
  label: uint(20),
  tc: uint(3, 'traffic class, RFC 5462'),
  bos: uint(1, '1 = bottom of stack'),
  ttl: u8('hops'),
})
