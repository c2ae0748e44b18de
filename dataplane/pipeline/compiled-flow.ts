/**
 * What a flow-mod comes to before any table knows of it: its bytes, checked and compiled. Nothing of it belongs to a switch, so
 * switches of one process that are told the same (a lab of a thousand hosts) may have it made once for all.
 * Neighbours: checked.ts does the work, flow-table.ts asks.
 */
import { type FlowBytes, flowKey, sameBytes } from '../../southbound/openflow/flow.ts'
import { type CompiledMatch, compileMatch } from '../classifier/matcher.ts'
import { checkedMatch, programOf } from './checked.ts'
import type { Program } from './program.ts'

export interface CompiledFlow {
  /** As given; of equal flows one bigint. */
  readonly cookie: bigint
  /** flowKey() */
  readonly key: string
  /** Copies of what was given; nobody changes them. */
  readonly match: Uint8Array
  readonly instructions: Uint8Array
  readonly compiled: CompiledMatch
  readonly program: Program
}

type Uncompiled = Pick<FlowBytes, 'table_id' | 'priority' | 'cookie' | 'match' | 'instructions'>

/** @throws Refusal */
export type CompileFlow = (flow: Uncompiled) => CompiledFlow

export const compileFlow: CompileFlow = (flow) => {
  const match = checkedMatch(flow.match)
  const behaviour = programOf(flow.instructions, match, flow.table_id)
  const compiled = compileMatch(match)
  const { cookie } = flow
  return { cookie, key: flowKey(flow), match: flow.match.slice(), compiled, ...behaviour }
}

/** Flows that are remembered; then all are forgotten, and whoever has them keeps them. */
const MOST = 500_000

/** As it was made, and the bytes that it was made of: instructions are kept in another spelling. */
interface Known extends CompiledFlow {
  readonly table_id: number
  readonly priority: number
  readonly given: Uint8Array
  /** Another one with the same hash. */
  readonly next: Known | undefined
}

/** The same, for several switches: equal flows are one object. */
export function sharedCompiler(): CompileFlow {
  const known = new Map<number, Known>()
  let count = 0
  return (flow) => {
    const { table_id, priority, cookie, match, instructions } = flow
    const place = hashOf(match, (table_id << 16) | priority)
    const hash = hashOf(instructions, place) ^ Number(BigInt.asIntN(32, cookie ^ (cookie >> 32n)))
    const first = known.get(hash)
    for (let each = first; each !== undefined; each = each.next)
      if (
        each.table_id === table_id &&
        each.priority === priority &&
        each.cookie === cookie &&
        sameBytes(each.match, match) &&
        sameBytes(each.given, instructions)
      )
        return each
    const made = compileFlow(flow)
    const given = sameBytes(made.instructions, instructions)
      ? made.instructions
      : instructions.slice()
    const isFull = count === MOST
    if (isFull) known.clear()
    count = isFull ? 1 : count + 1
    const entry: Known = { ...made, table_id, priority, given, next: isFull ? undefined : first }
    known.set(hash, entry)
    return entry
  }
}

/** FNV-1a; whoever makes flows collide makes his own switches slow. */
function hashOf(bytes: Uint8Array, seed: number): number {
  let state = 0x811c_9dc5 ^ seed
  for (let at = 0; at < bytes.length; at++) state = Math.imul(state ^ bytes[at]!, 0x0100_0193)
  return state >>> 0
}
