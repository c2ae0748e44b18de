/** SCTP common header; chunks follow. */
import { hex32, struct, u16 } from './struct.ts'

export const sctp = struct('sctp', 'RFC 9260 §3.1', {
  src: u16('port'),
  dst: u16('port'),
  verificationTag: hex32(),
  checksum: hex32('CRC32c of the packet'),
})
