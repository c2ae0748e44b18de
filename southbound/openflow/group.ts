/**
 * Groups: like a flow, a group is its bytes. OpenFlow 1.3.5 §7.3.4.2. Open vSwitch reports the
 * buckets of a group as they were sent, save for a watch_port in types other than fast failover.
 * A group-mod ends near 1,000 buckets (65,535 bytes). Neighbours: action.ts, message.ts.
 */
import { list, type PartOf, record } from '../wire/record.ts'
import { pad, struct, u16, u32 } from '../wire/struct.ts'
import { Writer } from '../wire/writer.ts'
import { type Action, actionsPart } from './action.ts'
import { ANY } from './port.ts'

export const groupType = { all: 0, select: 1, indirect: 2, ff: 3 } as const
export const groupCommand = { add: 0, modify: 1, delete: 2 } as const
/** Open vSwitch's `ovs-ofctl --may-create mod-group`: modifies a group, or adds it. */
export const ADD_OR_MODIFY = 0x8000
/** group_id of every group, in deletions and requests. */
export const ALL_GROUPS = 0xfffffffc
/** group_id of no group; "no restriction" in deletions of flows. */
export const ANY_GROUP = 0xffffffff

const bucket = record(
  struct('bucket', 'OpenFlow 1.3.5 §7.3.4.2', {
    len: u16(),
    weight: u16('select only'),
    watch_port: u32('ff only, else ANY'),
    watch_group: u32('ff only, else ANY_GROUP'),
    pad: pad(32),
  }),
  { actions: actionsPart },
  { len: 'self' },
)
const buckets = list(bucket)
export type Bucket = PartOf<typeof bucket>

export interface GroupBytes {
  readonly group_id: number
  readonly group_type: number
  readonly buckets: Uint8Array
}

const arena = new Writer()

/** `buckets`: the actions of each one, or whole buckets. */
export function encodeGroup(group: {
  group_id: number
  group_type: number
  buckets: readonly (Bucket | readonly Action[])[]
}): GroupBytes {
  arena.begin()
  buckets.write(arena, group.buckets.map(whole))
  return { group_id: group.group_id, group_type: group.group_type, buckets: arena.take() }
}

function whole(entry: Bucket | readonly Action[]): Bucket {
  if ('actions' in entry) return entry
  return { weight: 0, watch_port: ANY, watch_group: ANY_GROUP, actions: entry }
}

/** WireError when malformed. */
export const decodeBuckets = (bytes: Uint8Array): readonly Bucket[] =>
  buckets.read(bytes, 0, bytes.length)
