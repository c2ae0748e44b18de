/** UDP header. */
import { hex16, struct, u16 } from './struct.ts'

export const udp = struct('udp', 'RFC 768', {
  src: u16('port'),
  dst: u16('port'),
  length: u16('header and payload, bytes'),
  checksum: hex16('0 = none'),
})
