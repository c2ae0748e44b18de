/**
 * A flow is its bytes: match and instructions are encoded once, where the flow is made; a flow-mod
 * copies them, diffing compares them, text is decoded on demand. Identity is (table, priority,
 * match). Neighbours: match.ts, instruction.ts, message.ts (flow_mod), text.ts (formatFlow).
 */
import { encodeInstructions, type Instruction } from './instruction.ts'
import { encodeMatch, type Match } from './match.ts'

/**
 * What a flow-mod and a report say of a flow beside the flow itself. flowMod() sends it, so that a flow
 * that was read, as text or from a switch, is sent as it is. Identity and sameFlow() leave it out.
 */
export interface FlowSettings {
  /** Seconds without a packet after which it goes; absent or 0: never. */
  readonly idle_timeout?: number
  /** Seconds after which it goes; absent or 0: never. */
  readonly hard_timeout?: number
  /** Text alone: OpenFlow 1.3 has no place for it, and ovs-ofctl too drops it there. */
  readonly importance?: number
  /** flowFlags */
  readonly flags?: number
}

export interface FlowBytes extends FlowSettings {
  readonly table_id: number
  readonly priority: number
  readonly cookie: bigint
  /** Canonical OXM TLVs (match.ts). */
  readonly match: Uint8Array
  /** Canonical instructions (instruction.ts). */
  readonly instructions: Uint8Array
}

/** A flow as values. */
export interface Flow extends FlowSettings {
  readonly table_id: number
  readonly priority: number
  readonly cookie: bigint
  readonly match: Match
  readonly instructions: readonly Instruction[]
}

/** @throws RangeError for a field, an action or a value that there is none such */
export function encodeFlow(flow: Flow): FlowBytes {
  const bytes = {
    table_id: flow.table_id,
    priority: flow.priority,
    cookie: flow.cookie,
    match: encodeMatch(flow.match),
    instructions: encodeInstructions(flow.instructions),
  }
  const { idle_timeout, hard_timeout, importance, flags } = flow
  // Most flows have none, and all of those one shape.
  if ((idle_timeout ?? hard_timeout ?? importance ?? flags) === undefined) return bytes
  return {
    ...bytes,
    ...(idle_timeout !== undefined && { idle_timeout }),
    ...(hard_timeout !== undefined && { hard_timeout }),
    ...(importance !== undefined && { importance }),
    ...(flags !== undefined && { flags }),
  }
}

const HEAD = 3
const scratch = Buffer.alloc(HEAD + 65_536)

/**
 * Identity within a bridge: a latin1 string of table, priority and match bytes, for use as a key. In one piece: what is put
 * together by characters stays a chain of them, several times as large, for as long as a Map has it.
 */
export function flowKey(flow: Pick<FlowBytes, 'table_id' | 'priority' | 'match'>): string {
  const { table_id, priority, match } = flow
  scratch[0] = table_id
  scratch[1] = priority >>> 8
  scratch[2] = priority
  scratch.set(match, HEAD)
  return scratch.toString('latin1', 0, HEAD + match.length)
}

/** Whether two flows of the same identity also do the same under the same cookie. */
export const sameFlow = (a: FlowBytes, b: FlowBytes): boolean =>
  a.cookie === b.cookie && sameBytes(a.instructions, b.instructions)

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true
  const { length } = a
  if (length !== b.length) return false
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false
  return true
}
