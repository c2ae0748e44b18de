/**
 * Makes items: a flow, group or meter with its identity, its bytes, its cookie and the intents behind it.
 * Neighbours: `units.ts` calls these; the reconciler turns items into messages.
 */
import type { Action } from '../../southbound/openflow/action.ts'
import {
  ANY_GROUP,
  encodeGroup,
  type GroupBytes,
  groupType,
} from '../../southbound/openflow/group.ts'
import { encodeInstructions, type Instruction } from '../../southbound/openflow/instruction.ts'
import { encodeMatch, type Match } from '../../southbound/openflow/match.ts'
import { ANY } from '../../southbound/openflow/port.ts'
import { CompactFlow, compactBytes, compactId } from './compact-flow.ts'
import { cookieOf } from './cookie.ts'
import { ensure } from './maps.ts'
import type { FlowItem, GroupItem, MeterItem } from './program.ts'
import type { DropReason } from './reason.ts'

/** What a flow does: forward (apply, then goto), or drop with a reason; a meter bounds what passes it. */
export type Does =
  | { readonly apply?: readonly Action[]; readonly goto?: number; readonly meter?: number }
  | {
      readonly drop: DropReason
      /** What else is done of it: a sample goes to the controller. */
      readonly apply?: readonly Action[]
    }

/**
 * One flow.
 * @param from the intents behind it, not empty
 * @param tableId OpenFlow table, @param priority 0 to 65535
 * @param isShared whether several blocks of one host may have it
 */
export function flow(
  from: readonly string[],
  tableId: number,
  priority: number,
  match: Match,
  does: Does,
  isShared = false,
): FlowItem {
  const reason = 'drop' in does ? does.drop : undefined
  const id = compactId(tableId, priority, encodeMatch(match))
  const intents = intentsOf(from)
  const doing = kept.get(does) ?? encodeDoes(does)
  return new CompactFlow(id, doing, intents.cookie(reason), intents.from, isShared)
}

function encodeDoes(does: Does): string {
  const instructions: Instruction[] = []
  if ('meter' in does && does.meter) instructions.push({ kind: 'meter', meter_id: does.meter })
  if (does.apply) instructions.push({ kind: 'apply_actions', actions: does.apply })
  if ('goto' in does && does.goto !== undefined)
    instructions.push({ kind: 'goto_table', table_id: does.goto })
  return compactBytes(encodeInstructions(instructions))
}

const kept = new WeakMap<Does, string>()

/** What many flows do, encoded once: most of a port's flows do one of a dozen things. */
export function often<D extends Does>(does: D): D {
  kept.set(does, encodeDoes(does))
  return does
}

interface Intents {
  readonly from: readonly string[]
  cookie(reason: DropReason | undefined): bigint
}

/** The flows of one intent are made one after the other: they share the array and the cookies. */
let last: Intents = { from: [], cookie: () => 0n }

function intentsOf(from: readonly string[]): Intents {
  const { length } = from
  if (length === last.from.length && from.every((each, at) => each === last.from[at])) return last
  const cookies = new Map<DropReason | undefined, bigint>()
  last = { from, cookie: (reason) => ensure(cookies, reason, () => cookieOf(from, reason)) }
  return last
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

/** A meter that lets so many packets a second pass. */
export function meter(from: readonly string[], meterId: number, pktps: number): MeterItem {
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

/** What tells meters apart: their rates. */
export function meterBytes(pktps: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setUint32(0, pktps)
  return bytes
}

/** Item id of a flow with this identity (`flowKey`). */
export const flowItemId = (key: string): string => `f${key}`
export const groupItemId = (groupId: number): string => `g${groupId}`
export const meterItemId = (meterId: number): string => `m${meterId}`
