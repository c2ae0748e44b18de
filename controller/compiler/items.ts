/**
 * Makes items: a flow, group or meter with its identity, its bytes, its cookie and the intents behind it.
 * Neighbours: `units.ts` calls these; the reconciler turns items into messages.
 */
import type { Action } from '../../southbound/openflow/action.ts'
import { encodeFlow, flowKey } from '../../southbound/openflow/flow.ts'
import {
  ANY_GROUP,
  encodeGroup,
  type GroupBytes,
  groupType,
} from '../../southbound/openflow/group.ts'
import type { Instruction } from '../../southbound/openflow/instruction.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import { ANY } from '../../southbound/openflow/port.ts'
import { cookieOf } from './cookie.ts'
import type { FlowItem, GroupItem, MeterItem } from './program.ts'
import type { DropReason } from './reason.ts'

/** What a flow does: forward (apply, then goto), or drop with a reason; a meter counts, or bounds, what passes it. */
export type Does =
  | { readonly apply?: readonly Action[]; readonly goto?: number; readonly meter?: number }
  | {
      readonly drop: DropReason
      /** What else is done of it: a sample goes to the controller. */
      readonly apply?: readonly Action[]
      readonly goto?: number
      readonly meter?: number
    }

/**
 * One flow.
 * @param from the intents behind it, not empty
 * @param tableId OpenFlow table, @param priority 0 to 65535
 */
export function flow(
  from: readonly string[],
  tableId: number,
  priority: number,
  match: Match,
  does: Does,
): FlowItem {
  const instructions: Instruction[] = []
  const reason = 'drop' in does ? does.drop : undefined
  if (does.meter !== undefined) instructions.push({ kind: 'meter', meter_id: does.meter })
  if (does.apply) instructions.push({ kind: 'apply_actions', actions: does.apply })
  if (does.goto !== undefined) instructions.push({ kind: 'goto_table', table_id: does.goto })
  const cookie = cookieOf(from, reason)
  const bytes = encodeFlow({ table_id: tableId, priority, cookie, match, instructions })
  return {
    kind: 'flow',
    id: flowItemId(flowKey(bytes)),
    bytes: bytes.instructions,
    cookie,
    from,
    flow: bytes,
  }
}

/** A group of type all: each bucket gets a copy of the frame. */
export function group(
  from: readonly string[],
  groupId: number,
  buckets: readonly (readonly Action[])[],
): GroupItem {
  return groupItem(from, encodeGroup({ group_id: groupId, group_type: groupType.all, buckets }))
}

/**
 * A group of type select with one bucket, which goes on in the table. Open vSwitch chooses by a hash that it computes by
 * recirculating, for whatever frame, so that it reads the frame anew.
 */
export function anew(from: readonly string[], groupId: number, tableId: number): GroupItem {
  const actions = [{ kind: 'resubmit', in_port: SAME_PORT, table_id: tableId }] as const
  const bucket = { weight: 1, watch_port: ANY, watch_group: ANY_GROUP, actions }
  const group = { group_id: groupId, group_type: groupType.select, buckets: [bucket] }
  return groupItem(from, encodeGroup(group))
}

/** OFPP_IN_PORT of OpenFlow 1.0, as resubmit has it. */
const SAME_PORT = 0xfff8

function groupItem(from: readonly string[], group: GroupBytes): GroupItem {
  const id = groupItemId(group.group_id)
  return { kind: 'group', id, bytes: groupItemBytes(group), cookie: 0n, from, group }
}

/** What tells groups apart: their buckets and, but of type all, the type. Buckets are multiples of 8 bytes. */
export function groupItemBytes({ group_type, buckets }: GroupBytes): Uint8Array {
  if (group_type === groupType.all) return buckets
  const bytes = new Uint8Array(1 + buckets.length)
  bytes[0] = group_type
  bytes.set(buckets, 1)
  return bytes
}

/**
 * A meter. Without `pktps`, packets a second, it never limits: it is there because it counts exactly, also behind
 * check_pkt_larger.
 */
export function meter(from: readonly string[], meterId: number, pktps?: number): MeterItem {
  return {
    kind: 'meter',
    id: meterItemId(meterId),
    bytes: meterBytes(pktps),
    cookie: 0n,
    from,
    meterId,
    pktps,
  }
}

/** What tells meters apart: nothing of one that never limits, else its rate. */
export function meterBytes(pktps: number | undefined): Uint8Array {
  const bytes = new Uint8Array(pktps === undefined ? 0 : 8)
  if (pktps !== undefined) new DataView(bytes.buffer).setUint32(0, pktps)
  return bytes
}

/** Item id of a flow with this identity (`flowKey`). */
export const flowItemId = (key: string): string => `f${key}`
export const groupItemId = (groupId: number): string => `g${groupId}`
export const meterItemId = (meterId: number): string => `m${meterId}`
