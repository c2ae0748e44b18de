/**
 * Instructions compiled once, when a flow is installed: what the pipeline runs for each packet.
 * Neighbours: actions.ts (steps), pipeline.ts (runs them), flow-table.ts (keeps them in flows).
 */
import type { Action } from '../../southbound/openflow/action.ts'
import type { Instruction } from '../../southbound/openflow/instruction.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import { fieldWords } from '../classifier/matcher.ts'
import { type CompiledAction, compileActions } from './actions.ts'
import { refuse } from './refusal.ts'
import type { Step } from './run.ts'

/** Tables 0 to 253; 254 is kept back, as in Open vSwitch. */
export const TABLES = 254

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
}

/** Throws a Refusal for what cannot be run. */
export function compileProgram(
  instructions: readonly Instruction[],
  match: Match,
  tableId: number,
): Program {
  const actions: Action[] = []
  const seen = new Set<string>()
  let meter = 0
  let apply: readonly Step[] = []
  let clear = false
  let write: readonly CompiledAction[] = []
  let metadata: Program['metadata']
  let goto = -1
  for (const instruction of instructions) {
    if (seen.has(instruction.kind)) refuse('bad_instruction.unknown_inst', instruction.kind)
    seen.add(instruction.kind)
    switch (instruction.kind) {
      case 'meter':
        meter = instruction.meter_id
        break
      case 'apply_actions':
        actions.push(...instruction.actions)
        apply = compileActions(instruction.actions, match).steps
        break
      case 'clear_actions':
        clear = true
        break
      case 'write_actions':
        actions.push(...instruction.actions)
        write = compileActions(instruction.actions, match).actions
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
        refuse('bad_instruction.unknown_inst', instruction.kind)
    }
  }
  const ports = actions.flatMap((action) => (action.kind === 'output' ? [action.port] : []))
  const groups = actions.flatMap((action) => (action.kind === 'group' ? [action.group_id] : []))
  return { meter, apply, clear, write, metadata, goto, ports, groups }
}
