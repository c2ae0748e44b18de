/**
 * Messages as values and as bytes. A message is `{ type: 'flow_mod', xid, … }` with the
 * specification's names; encode() and decode() read the table of message-rows.ts. Unknown types and
 * experimenters are kept as bytes. Source: OpenFlow 1.3.5 §7. Neighbours: flow.ts, connection.ts.
 */
import { WireError } from '../wire/error.ts'
import { put } from '../wire/put.ts'
import type { AnyPart, Flat, PartOf } from '../wire/record.ts'
import { struct, u8, u16, u32 } from '../wire/struct.ts'
import { Writer } from '../wire/writer.ts'
import type { FlowBytes } from './flow.ts'
import { ANY_GROUP, type GroupBytes, groupCommand } from './group.ts'
import { messageRows } from './message-rows.ts'
import type { MultipartReply, MultipartRequest } from './multipart.ts'
import { ANY } from './port.ts'

const REF = 'OpenFlow 1.3.5 §7.3'
export const VERSION = 4
/** Buffer id of "no buffer: the packet is here whole". */
export const OFP_NO_BUFFER = 0xffffffff
/** Longest message: the header's length has 16 bits. */
export const MAX_MESSAGE = 0xffff

/** `flags` of a set_config. nx_match is Open vSwitch's: ports of a first fragment are matched. */
export const fragmentHandling = { normal: 0, drop: 1, nx_match: 3 } as const
export const flowCommand = {
  add: 0,
  modify: 1,
  modify_strict: 2,
  delete: 3,
  delete_strict: 4,
} as const
export const flowFlags = {
  send_flow_rem: 1,
  check_overlap: 2,
  reset_counts: 4,
  no_pkt_counts: 8,
  no_byt_counts: 16,
} as const
export const controllerRole = { nochange: 0, equal: 1, master: 2, slave: 3 } as const
export const packetInReason = { no_match: 0, action: 1, invalid_ttl: 2 } as const

type Rows = typeof messageRows
type Plain = Exclude<keyof Rows, 'multipart_request' | 'multipart_reply'>
/** A message without its transaction id. */
export type Body =
  | { [K in Plain]: Flat<{ readonly type: K } & Readonly<PartOf<Rows[K][1]>>> }[Plain]
  | ({ readonly type: 'multipart_request' } & MultipartRequest)
  | ({ readonly type: 'multipart_reply' } & MultipartReply)
  /** An experimenter's message that no row declares. */
  | {
      readonly type: 'experimenter'
      readonly experimenter: number
      readonly exp_type: number
      readonly data: Uint8Array
    }
  /** A type that no row declares. */
  | { readonly type: 'unknown'; readonly code: number; readonly bytes: Uint8Array }
export type Message = Body & { readonly xid: number }
/** What senders give: the connection chooses an xid when there is none. */
export type Outgoing = Body & { readonly xid?: number }
export type MessageOf<T extends Body['type']> = Extract<Message, { type: T }>

const EXPERIMENTER = 4
export const header = struct('header', REF, {
  version: u8(),
  code: u8(),
  length: u16(),
  xid: u32(),
})
const vendor = struct('experimenter', REF, { experimenter: u32(), exp_type: u32() })
interface Row {
  readonly type: string
  readonly code: number | readonly [experimenter: number, exp_type: number]
  readonly body: AnyPart
}
const byType = new Map<string, Row>()
const plain: (Row | undefined)[] = []
const vendored = new Map<string, Row>()
for (const [type, [code, body]] of Object.entries(messageRows)) {
  const row: Row = { type, code, body }
  byType.set(type, row)
  if (typeof code === 'number') plain[code] = row
  else vendored.set(code.join(), row)
}

/**
 * Appends the message to a writer; returns the bytes that it took. Without an xid it has 0.
 * RangeError over 65,535 bytes, or when a value is missing or none that its field can hold.
 */
export function write(writer: Writer, message: Outgoing): number {
  const at = writer.claim(header.size)
  let code: number
  if (message.type === 'unknown') {
    code = message.code
    writer.append(message.bytes)
  } else if (message.type === 'experimenter') {
    code = EXPERIMENTER
    put(writer, vendor.size, vendor.write, message)
    writer.append(message.data)
  } else {
    const row = byType.get(message.type)
    if (row === undefined) throw new RangeError(`no message is called ${message.type}`)
    if (typeof row.code === 'number') code = row.code
    else {
      code = EXPERIMENTER
      const [experimenter, exp_type] = row.code
      put(writer, vendor.size, vendor.write, { experimenter, exp_type })
    }
    row.body.write(writer, message)
  }
  const length = writer.length - at
  if (length > MAX_MESSAGE) {
    writer.length = at
    throw new RangeError(`${message.type} of ${length} bytes, at most ${MAX_MESSAGE}`)
  }
  const { xid = 0 } = message
  if (xid >>> 0 !== xid) {
    writer.length = at
    throw new RangeError(
      `${message.type}: xid wants a whole number from 0 to 0xffffffff, not ${xid}`,
    )
  }
  const { bytes } = writer
  bytes[at] = VERSION
  bytes[at + 1] = code
  writer.patch16(at + 2, length)
  header.set.xid(bytes, at, xid)
  return length
}

const NOTHING = new Uint8Array(0)
const everyFlow: FlowBytes = {
  ...{ table_id: 0xff, priority: 0, cookie: 0n },
  ...{ match: NOTHING, instructions: NOTHING },
}
const arena = new Writer()

/** The bytes of a message; its xid is 0 when it has none. */
export function encode(message: Outgoing): Uint8Array {
  arena.begin()
  write(arena, message)
  return arena.take()
}

/**
 * The message that fills bytes from `start` to `end`. Byte values in it are views: copy what
 * outlives the buffer. WireError when malformed or of another version (a hello or an error of
 * another version is read: versions are negotiated with them).
 */
export function decode(bytes: Uint8Array, start = 0, end = bytes.length): Message {
  if (end - start < header.size) throw new WireError('truncated header', start)
  const { version, code, length, xid } = header.read(bytes, start)
  if (length !== end - start) {
    throw new WireError(`message of ${end - start} bytes says ${length}`, start + 2)
  }
  const at = start + header.size
  if (version !== VERSION && code > 1) throw new WireError(`version ${version}`, start)
  if (code === EXPERIMENTER) {
    if (end - at < vendor.size) throw new WireError('truncated experimenter', at)
    const { experimenter, exp_type } = vendor.read(bytes, at)
    const row = vendored.get(`${experimenter},${exp_type}`)
    const body = at + vendor.size
    if (row) return { type: row.type, xid, ...row.body.read(bytes, body, end) }
    return { type: 'experimenter', xid, experimenter, exp_type, data: bytes.subarray(body, end) }
  }
  const row = plain[code]
  if (!row) return { type: 'unknown', xid, code, bytes: bytes.subarray(at, end) }
  return { type: row.type, xid, ...row.body.read(bytes, at, end) }
}

type FlowMod = Extract<Body, { type: 'flow_mod' }>

/**
 * A flow-mod from a flow's bytes and settings, which are copied as they are. `delete_strict` and
 * `modify_strict` take the very flow; the cookie does not restrict them. Deletions carry no
 * instructions and no settings. `flags` (flowFlags) stand in for those of the flow.
 */
export function flowMod(
  command: keyof typeof flowCommand,
  flow: FlowBytes,
  flags?: number,
): FlowMod {
  const isDeletion = flowCommand[command] >= flowCommand.delete
  return {
    type: 'flow_mod',
    cookie: flow.cookie,
    cookie_mask: 0n,
    table_id: flow.table_id,
    command: flowCommand[command],
    idle_timeout: (!isDeletion && flow.idle_timeout) || 0,
    hard_timeout: (!isDeletion && flow.hard_timeout) || 0,
    priority: flow.priority,
    buffer_id: OFP_NO_BUFFER,
    out_port: ANY,
    out_group: ANY_GROUP,
    flags: flags ?? ((!isDeletion && flow.flags) || 0),
    match: flow.match,
    instructions: isDeletion ? NOTHING : flow.instructions,
  }
}

/**
 * A flow-mod that deletes every flow, or those that these fields say: of a table, with at least this
 * match, with this cookie under `cookie_mask`, with an output to this port or group.
 */
export const deleteFlows = (
  some: Partial<
    Pick<FlowMod, 'table_id' | 'match' | 'cookie' | 'cookie_mask' | 'out_port' | 'out_group'>
  > = {},
): FlowMod => ({
  ...flowMod('delete', everyFlow),
  ...some,
})

/** A group-mod from a group's bytes; a deletion needs no more than the id. */
export function groupMod(
  command: keyof typeof groupCommand,
  group: GroupBytes,
): Extract<Body, { type: 'group_mod' }> {
  const { group_id, group_type } = group
  const buckets = command === 'delete' ? new Uint8Array(0) : group.buckets
  return { type: 'group_mod', command: groupCommand[command], group_type, group_id, buckets }
}
