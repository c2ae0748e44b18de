/**
 * Instructions compiled once, when a flow is installed: what the pipeline runs for each packet.
 * Neighbours: actions.ts (steps), pipeline.ts (runs them), flow-table.ts (keeps them in flows).
 */
import type { Action } from '../../southbound/openflow/action.ts'
import type { Instruction } from '../../southbound/openflow/instruction.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import type { Clause } from '../classifier/matcher.ts'
import { fieldWords } from '../packet/key-layout.ts'
import { type CompiledAction, compileActions } from './actions.ts'
import { refuse } from './refusal.ts'
import type { Step } from './run.ts'

/** Tables 0 to 254, OFPTT_MAX. */
export const TABLES = 255

export interface Program {
  /** 0 = none. Runs first, OpenFlow 1.3.5 §5.9. */
  readonly meter: number
  readonly apply: readonly Step[]
  readonly clear: boolean
  readonly write: readonly CompiledAction[]
  /** Two words each; undefined = metadata stays. */
  readonly metadata: { readonly value: Uint32Array; readonly mask: Uint32Array } | undefined
  /** -1 = the pipeline ends here. */
  readonly goto: number
  /** What flow-mods filter by: ports and groups in any action. */
  readonly ports: readonly number[]
  readonly groups: readonly number[]
  /** Present: the flow is a part of conjunctive matches, and takes no packet by itself. */
  readonly clauses: readonly Clause[] | undefined
}

/** Of a site's million flows each would have several empty arrays of its own. */
const NONE: readonly never[] = []
const orNone = <T>(some: readonly T[]): readonly T[] => (some.length > 0 ? some : NONE)

/** Throws a Refusal for what cannot be run. */
export function compileProgram(
  instructions: readonly Instruction[],
  match: Match,
  tableId: number,
): Program {
  const actions: Action[] = []
  const seen = new Set<string>()
  let meter = 0
  let apply: Program['apply'] = NONE
  let clear = false
  let write: Program['write'] = NONE
  let metadata: Program['metadata']
  let goto = -1
  const goesOn = instructions.some(({ kind }) => kind !== 'meter' && kind !== 'apply_actions')
  for (const instruction of instructions) {
    if (seen.has(instruction.kind)) refuse('bad_instruction.dup_inst', instruction.kind)
    seen.add(instruction.kind)
    switch (instruction.kind) {
      case 'meter':
        meter = instruction.meter_id
        break
      case 'apply_actions':
        actions.push(...instruction.actions)
        apply = compileActions(instruction.actions, { match, tableId, goesOn }).steps
        break
      case 'clear_actions':
        clear = true
        break
      case 'write_actions':
        actions.push(...instruction.actions)
        write = compileActions(instruction.actions, { match, tableId, inSet: true }).actions
        break
      case 'write_metadata':
        metadata = {
          value: fieldWords('metadata', instruction.metadata & instruction.metadata_mask),
          mask: fieldWords('metadata', instruction.metadata_mask),
        }
        break
      case 'goto_table':
        goto = instruction.table_id
        if (goto <= tableId || goto >= TABLES) {
          refuse('bad_instruction.bad_table_id', `goto_table ${goto} in table ${tableId}`)
        }
        break
      default:
        refuse(`bad_instruction.${unknownCode(instruction.type)}`, `type ${instruction.type}`)
    }
  }
  const ports = orNone(actions.flatMap((action) => (action.kind === 'output' ? [action.port] : [])))
  const groups = orNone(groupsOf(actions))
  const clauses = clausesOf(actions)
  return { meter, apply, clear, write, metadata, goto, ports, groups, clauses }
}

const EXPERIMENTER = 0xffff
/** No experimenter's instruction is known here. */
const unknownCode = (type: number) => (type === EXPERIMENTER ? 'bad_experimenter' : 'unknown_inst')

/** A flow of conjunction actions does nothing else, but may carry notes (ovs-actions(7)). */
function clausesOf(actions: readonly Action[]): readonly Clause[] | undefined {
  const clauses = actions.flatMap((action) =>
    action.kind === 'conjunction'
      ? [{ id: action.id, clause: action.clause, size: action.n_clauses }]
      : [],
  )
  if (clauses.length === 0) return undefined
  const others = actions.some(({ kind }) => kind !== 'conjunction' && kind !== 'note')
  if (others) refuse('bad_action.bad_conjunction', 'conjunction beside other actions')
  return clauses
}

/** Groups that the actions name, within clone and ct too. */
function groupsOf(actions: readonly Action[]): number[] {
  return actions.flatMap((action) => {
    if (action.kind === 'group') return [action.group_id]
    return action.kind === 'clone' || action.kind === 'ct' ? groupsOf(action.actions) : []
  })
}
