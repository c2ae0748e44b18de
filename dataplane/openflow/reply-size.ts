/**
 * How many bytes flows and groups take in a multipart reply. One element is in one message, so what
 * does not fit there is refused when it is added: statistics that leave something out would be wrong.
 * Neighbours: multipart.ts cuts lists by these; bridge.ts and lessons.ts check.
 */
import type { Flow } from '../pipeline/flow-table.ts'
import type { Group } from '../pipeline/groups.ts'
import type { FlowEvent } from '../pipeline/journal.ts'
import { refuse } from '../pipeline/refusal.ts'

/** The largest message without the head of a multipart reply. */
const MAX_ELEMENT = 65_535 - 16

/** Fixed part, match with its header and padding, instructions. */
export const flowSize = ({ match, instructions }: Pick<Flow, 'match' | 'instructions'>): number =>
  48 + Math.ceil((4 + match.length) / 8) * 8 + instructions.length
/** Of a group's statistics, and of its description with `bytes` of buckets. */
export const groupSize = (buckets: number): number => 40 + 16 * buckets
export const groupDescSize = (bytes: number): number => 8 + bytes

/** Throws a Refusal when no reply can hold the flow. */
export function checkFlowFits(flow: Flow): void {
  const size = flowSize(flow)
  if (size > MAX_ELEMENT) refuse('flow_mod_failed.table_full', `${size} bytes of one flow`)
}

/** The same of flows that came or changed, from event number `from` on. */
export function checkFlowsFit(events: readonly FlowEvent[], from: number): void {
  for (let i = from; i < events.length; i++) {
    if (events[i]!.event !== 'deleted') checkFlowFits(events[i]!.flow)
  }
}

/** Throws a Refusal when no reply can hold the group, if there is one, or its counters. */
export function checkGroupFits(group: Group | undefined): void {
  if (!group) return
  const { buckets, bytes } = group
  const size = Math.max(groupSize(buckets.length), groupDescSize(bytes.length))
  if (size > MAX_ELEMENT) refuse('group_mod_failed.out_of_buckets', `${size} bytes of one group`)
}
