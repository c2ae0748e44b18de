/** TCP header without options; `dataOffset` says where the payload starts. */
import { hex16, pad, struct, u16, u32, uint } from './struct.ts'

export const tcp = struct('tcp', 'RFC 9293 §3.1', {
  src: u16('port'),
  dst: u16('port'),
  sequence: u32(),
  acknowledgment: u32(),
  dataOffset: uint(4, 'header length, 32-bit words'),
  reserved: pad(4),
  flags: uint(8, 'CWR ECE URG ACK PSH RST SYN FIN'),
  window: u16(),
  checksum: hex16(),
  urgent: u16(),
})

/** Bits of `flags`. */
export const TCP_FLAG = {
  fin: 1,
  syn: 2,
  rst: 4,
  psh: 8,
  ack: 16,
  urg: 32,
  ece: 64,
  cwr: 128,
} as const
