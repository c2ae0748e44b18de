/**
 * The flow monitor's bytes. On OpenFlow 1.3 Open vSwitch speaks the ONF's extension 187
 * (experimenter 0x4f4e4600, type 1870), not Nicira's NXST_FLOW_MONITOR of 1.0.
 * Neighbours: multipart.ts and message.ts carry these parts, monitor.ts uses them.
 */
import { WireError } from '../wire/error.ts'
import { fixed, type Part, record, rest } from '../wire/record.ts'
import { hex64, pad, struct, u8, u16, u32 } from '../wire/struct.ts'
import type { FlowBytes } from './flow.ts'
import { matchPart } from './match.ts'

const REF = 'ONF EXT-187; Open vSwitch 3.1 lib/ofp-monitor.c'

/** What to tell: current flows first; added, deleted, modified; instructions too; own changes whole. */
export const monitorFlags = {
  initial: 1,
  add: 2,
  delete: 4,
  modify: 8,
  actions: 16,
  own: 32,
} as const
/** `event` of an update on the wire. */
export const updateEvent = { added: 0, deleted: 1, modified: 2, abbrev: 3 } as const

const request = struct('flow_monitor_request', REF, {
  id: u32('chosen by the requester, for cancel'),
  flags: u16('monitorFlags'),
  match_len: u16('bytes of the match without padding'),
  out_port: u32('ANY: all'),
  table_id: u8('0xff: all'),
  pad: pad(24),
})
const requestRecord = record(request, { match: matchPart })
export interface FlowMonitorRequest {
  readonly id: number
  readonly flags: number
  readonly out_port: number
  readonly table_id: number
  readonly match: Uint8Array
}
export const flowMonitorRequest: Part<FlowMonitorRequest> = {
  read(bytes, start, end) {
    const { match_len: _, ...value } = requestRecord.read(bytes, start, end)
    return value
  },
  write: (writer, value) =>
    requestRecord.write(writer, { ...value, match_len: 4 + value.match.length }),
  end(bytes, start, end) {
    if (end - start < request.size + 8) throw new WireError('truncated monitor request', start)
    return matchPart.end(bytes, start + request.size, end)
  },
}

const updateHead = struct('flow_update', REF, { length: u16(), event: u16() })
const full = record(
  struct('flow_update_full', REF, {
    reason: u16('OFPRR_* of a deletion'),
    priority: u16(),
    idle_timeout: u16('s; 0 = never'),
    hard_timeout: u16('s; 0 = never'),
    match_len: u16(),
    table_id: u8(),
    pad: pad(8),
    cookie: hex64(),
  }),
  { match: matchPart, instructions: rest },
)
const abbrev = fixed(struct('flow_update_abbrev', REF, { xid: u32() }))

/** A change of a flow; `instructions` of a deleted flow are what it had. */
export interface FlowChange extends FlowBytes {
  readonly event: 'added' | 'deleted' | 'modified'
  readonly reason: number
  readonly idle_timeout: number
  readonly hard_timeout: number
}
/** Instead of the details: the changes asked for by this connection's message of that xid. */
export interface OwnChange {
  readonly event: 'abbrev'
  readonly xid: number
}
export type FlowUpdate = FlowChange | OwnChange

const eventNames = ['added', 'deleted', 'modified'] as const

export const flowUpdate: Part<FlowUpdate> = {
  end(bytes, start, end) {
    const length = end - start < 4 ? 0 : updateHead.get.length(bytes, start)
    if (length < 8 || start + length > end) throw new WireError('bad flow update length', start)
    return start + length
  },
  read(bytes, start, end) {
    const event = updateHead.get.event(bytes, start)
    if (event === updateEvent.abbrev) {
      return { event: 'abbrev', xid: abbrev.read(bytes, start + 4, end).xid }
    }
    const name = eventNames[event]
    if (name === undefined) throw new WireError(`flow update event ${event}`, start + 2)
    const { match_len: _, ...value } = full.read(bytes, start + 4, end)
    return { event: name, ...value }
  },
  write(writer, update) {
    const at = writer.reserve(4)
    writer.patch16(at + 2, updateEvent[update.event])
    if (update.event === 'abbrev') abbrev.write(writer, update)
    else full.write(writer, { ...update, match_len: 4 + update.match.length })
    writer.patch16(at, writer.length - at)
  },
}
