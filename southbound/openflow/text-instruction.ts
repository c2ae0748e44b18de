/**
 * Instructions as text, one row each: what stands behind `actions=`. Actions alone are those of
 * apply_actions. Source: ovs-actions(7). Neighbours: text-action.ts, text.ts (whole flows).
 */
import { WireError } from '../wire/error.ts'
import { Writer } from '../wire/writer.ts'
import type { Action } from './action.ts'
import { type Instruction, instructionRows, instructionsPart } from './instruction.ts'
import { fieldOf } from './oxm.ts'
import { formatActions, formatUnknown, parseActionItem, parseUnknown } from './text-action.ts'
import {
  fail,
  type Item,
  isEmpty,
  itemsOf,
  nameOf,
  parseUint,
  type Span,
  textOf,
} from './text-span.ts'
import { hex, parseEntry } from './text-value.ts'

type Kind = Instruction['kind']
type InstructionOf<K extends Kind> = Extract<Instruction, { kind: K }>
interface InstructionText<K extends Kind> {
  /** Undefined for one that the syntax has no words for. */
  format(instruction: InstructionOf<K>): string | undefined
  /** Absent for apply_actions, which have no name. */
  parse?(value: Span, item: Item): InstructionOf<K>
}

const ONES = 2n ** 64n - 1n
export const instructionTexts: {
  readonly [K in Exclude<Kind, 'unknown'>]: InstructionText<K>
} = {
  meter: {
    format: ({ meter_id }) => `meter:${meter_id}`,
    parse: (value) => ({ kind: 'meter', meter_id: parseUint(value, 32) }),
  },
  apply_actions: {
    format: ({ actions }) => (actions.length === 0 ? undefined : formatActions(actions)),
  },
  clear_actions: {
    format: () => 'clear_actions',
    parse: (value) =>
      isEmpty(value) ? { kind: 'clear_actions' } : fail(value, 'nothing behind clear_actions'),
  },
  write_actions: {
    format: ({ actions }) => `write_actions(${formatActions(actions) || 'drop'})`,
    parse: (value, item) => {
      if (item.mark !== '(') fail(item.whole, 'write_actions(ACTIONS)')
      const actions = itemsOf(value)
      const none = actions.length === 1 && textOf(value).trim() === 'drop'
      return { kind: 'write_actions', actions: none ? [] : actions.map(parseActionItem) }
    },
  },
  write_metadata: {
    format: ({ metadata, metadata_mask: mask }) =>
      `write_metadata:${hex(metadata)}${mask === ONES ? '' : `/${hex(mask)}`}`,
    parse: (value) => {
      const entry = parseEntry(value, fieldOf.metadata)
      const [metadata, metadata_mask] = typeof entry === 'object' ? entry : [entry, ONES]
      return {
        kind: 'write_metadata',
        metadata: metadata as bigint,
        metadata_mask: metadata_mask as bigint,
      }
    },
  },
  goto_table: {
    format: ({ table_id }) => `goto_table:${table_id}`,
    parse: (value) => ({ kind: 'goto_table', table_id: parseUint(value, 8) }),
  },
}
const texts = instructionTexts as unknown as Readonly<Record<string, InstructionText<Kind>>>

const scratch = new Writer(256)
function encode(instruction: Instruction): Uint8Array {
  scratch.length = 0
  instructionsPart.write(scratch, [instruction])
  return scratch.copy()
}
const UNKNOWN = 'unknown_instruction'

function formatInstruction(instruction: Instruction): string {
  const text = texts[instruction.kind]?.format(instruction as never)
  return text ?? formatUnknown(UNKNOWN, encode(instruction))
}

/** `drop` for none. */
export const formatInstructions = (instructions: readonly Instruction[]): string =>
  instructions.map(formatInstruction).join(',') || 'drop'

const order = Object.keys(instructionRows)

/** Instructions in the order of the table, which ovs-ofctl wants too. @throws {TextError} */
export function parseInstructions(span: Span): readonly Instruction[] {
  const items = itemsOf(span)
  if (items.length === 1 && textOf((items[0] as Item).whole) === 'drop') return []
  const out: Instruction[] = []
  let actions: Action[] | undefined
  let last = -1
  for (const item of items) {
    let next = parseInstruction(item)
    if (!next) {
      const action = parseActionItem(item)
      if (actions && out.at(-1)?.kind === 'apply_actions') {
        actions.push(action)
        continue
      }
      actions = [action]
      next = { kind: 'apply_actions', actions }
    }
    const rank = next.kind === 'unknown' ? last : order.indexOf(next.kind)
    if (rank < last || (rank === last && next.kind !== 'unknown')) {
      fail(item.whole, `it once and in the order ${order.join(', ')}`)
    }
    last = rank
    out.push(next)
  }
  return out
}
/** Undefined for an action. */
function parseInstruction(item: Item): Instruction | undefined {
  const name = nameOf(item)
  if (name !== UNKNOWN)
    return Object.hasOwn(texts, name) ? texts[name]?.parse?.(item.value, item) : undefined
  try {
    const bytes = parseUnknown(item.value)
    return instructionsPart.read(bytes, 0, bytes.length)[0] as Instruction
  } catch (error) {
    if (error instanceof WireError)
      return fail(item.value, `bytes of an instruction (${error.message})`)
    throw error
  }
}
