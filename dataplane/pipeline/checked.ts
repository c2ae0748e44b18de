/**
 * The match and the instructions of a flow-mod, checked: as values and as a program, or refused with
 * the error that OpenFlow 1.3.5 §6.4 names. Neighbours: flow-table.ts, malformed.ts, program.ts.
 */
import {
  decodeInstructions,
  encodeInstructions,
  type Instruction,
} from '../../southbound/openflow/instruction.ts'
import { decodeMatch, type Match, missingPrerequisite } from '../../southbound/openflow/match.ts'
import { TABLE } from '../../southbound/openflow/port.ts'
import { WireError } from '../../southbound/wire/error.ts'
import { contradiction } from '../classifier/matcher.ts'
import { keyField } from '../packet/key-layout.ts'
import { badInstructions, badMatch } from './malformed.ts'
import { compileProgram, type Program } from './program.ts'
import { refuse } from './refusal.ts'

/** Instructions as they are kept, and what they do; a Refusal when they cannot be done. */
export function programOf(
  bytes: Uint8Array,
  match: Match,
  tableId: number,
): { instructions: Uint8Array; program: Program } {
  let instructions: readonly Instruction[]
  try {
    instructions = decodeInstructions(bytes)
  } catch (error) {
    if (error instanceof WireError) throw badInstructions(bytes, error)
    throw error
  }
  const program = compileProgram(instructions, match, tableId)
  // Through the tables is a way for packet-outs alone (OpenFlow 1.3.5 §4.5).
  if (program.ports.includes(TABLE)) refuse('bad_action.bad_out_port', 'TABLE in a flow')
  return { instructions: encodeInstructions(instructions), program }
}

/** The match as values; a Refusal when it breaks a rule of OpenFlow 1.3.5 §7.2.3. */
export function checkedMatch(bytes: Uint8Array): Match {
  let match: Match
  try {
    match = decodeMatch(bytes)
  } catch (error) {
    if (error instanceof WireError) throw badMatch(bytes, error)
    throw error
  }
  for (const [name, entry] of Object.entries(match)) {
    if (!(name in keyField)) refuse('bad_match.bad_field', name)
    if (typeof entry !== 'object') continue
    const [value, mask] = entry
    if ((BigInt(value) & ~BigInt(mask)) !== 0n) refuse('bad_match.bad_wildcards', name)
  }
  const contrary = contradiction(match)
  if (contrary !== undefined) refuse('bad_match.dup_field', `${contrary} is said otherwise`)
  const missing = missingPrerequisite(match)
  if (missing !== undefined) refuse('bad_match.bad_prereq', missing)
  return match
}
