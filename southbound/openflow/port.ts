/**
 * Ports as OpenFlow numbers and describes them (OpenFlow 1.3.5 §7.2.1). Neighbours: multipart.ts
 * (port_desc, port_stats), message.ts (port_status).
 */
import { hex32, mac, pad, struct, text, u32 } from '../wire/struct.ts'

/** Highest number of a real port. */
export const MAX_PORT = 0xffffff00
/** Output: back out of the port that the packet came in by, which `output` of its number is not. */
export const IN_PORT = 0xfffffff8
/** Output, packet-out only: through the flow tables. */
export const TABLE = 0xfffffff9
export const NORMAL = 0xfffffffa
export const FLOOD = 0xfffffffb
export const ALL = 0xfffffffc
export const CONTROLLER = 0xfffffffd
export const LOCAL = 0xfffffffe
/** No restriction in requests and deletions; no port in buckets. */
export const ANY = 0xffffffff

/** `config` and `state` bits. */
export const portConfig = { port_down: 1, no_recv: 4, no_fwd: 32, no_packet_in: 64 } as const
export const portState = { link_down: 1, blocked: 2, live: 4 } as const
/** `reason` of a port_status. */
export const portReason = { add: 0, delete: 1, modify: 2 } as const

/** ofp_port. */
export const port = struct('port', 'OpenFlow 1.3.5 §7.2.1', {
  port_no: u32(),
  pad1: pad(32),
  hw_addr: mac(),
  pad2: pad(16),
  name: text(16, 'the interface name'),
  config: hex32('portConfig'),
  state: hex32('portState'),
  curr: hex32('features in use'),
  advertised: hex32(),
  supported: hex32(),
  peer: hex32(),
  curr_speed: u32('kb/s'),
  max_speed: u32('kb/s'),
})
