/**
 * Instructions: what a flow does with the packets that it takes. OpenFlow 1.3.5 §7.2.4. Written in
 * the order in which a switch executes them and Open vSwitch reports them (meter, apply_actions,
 * clear_actions, write_actions, write_metadata, goto_table), so that equal instructions are equal
 * bytes. Neighbours: action.ts, flow.ts.
 */
import { fixed, type PartOf, record, tlvs } from '../wire/record.ts'
import { hex64, pad, struct, u8, u32 } from '../wire/struct.ts'
import { Writer } from '../wire/writer.ts'
import { actionsPart } from './action.ts'

const REF = 'OpenFlow 1.3.5 §7.2.4'
const withActions = (name: string) =>
  record(struct(name, REF, { pad: pad(32) }), { actions: actionsPart })

/** The table of instructions, in canonical order. */
export const instructionRows = {
  meter: [6, fixed(struct('meter', REF, { meter_id: u32() }))],
  apply_actions: [4, withActions('apply_actions')],
  clear_actions: [5, fixed(struct('clear_actions', REF, { pad: pad(32) }))],
  write_actions: [3, withActions('write_actions')],
  write_metadata: [
    2,
    fixed(
      struct('write_metadata', REF, { pad: pad(32), metadata: hex64(), metadata_mask: hex64() }),
    ),
  ],
  goto_table: [1, fixed(struct('goto_table', REF, { table_id: u8(), pad: pad(24) }))],
} as const

export const instructionsPart = tlvs(instructionRows, { experimenter: 0xffff })
export type Instruction = PartOf<typeof instructionsPart>[number]

const ranks = new Map<string, number>(Object.keys(instructionRows).map((kind, i) => [kind, i]))
const rankOf = ({ kind }: Instruction) => ranks.get(kind) ?? 99
const byRank = (a: Instruction, b: Instruction) => rankOf(a) - rankOf(b)
const arena = new Writer()

function isOrdered(instructions: readonly Instruction[]): boolean {
  for (let i = 1; i < instructions.length; i++) {
    if (byRank(instructions[i - 1] as Instruction, instructions[i] as Instruction) > 0) return false
  }
  return true
}

/** The canonical bytes: instructions in the order of the table. */
export function encodeInstructions(instructions: readonly Instruction[]): Uint8Array {
  const ordered = isOrdered(instructions) ? instructions : instructions.toSorted(byRank)
  arena.begin()
  instructionsPart.write(arena, ordered)
  return arena.take()
}

/** WireError when malformed. */
export const decodeInstructions = (bytes: Uint8Array): readonly Instruction[] =>
  instructionsPart.read(bytes, 0, bytes.length)
