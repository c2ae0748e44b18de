/**
 * What flows may hold, read off the rows of the pipeline: for table features and group features.
 * Neighbours: table-features.ts, group-statistics.ts.
 */
import { actionRows } from '../../southbound/openflow/action.ts'
import { instructionRows } from '../../southbound/openflow/instruction.ts'
import { type FieldName, fieldOf } from '../../southbound/openflow/oxm.ts'
import { keyNames } from '../packet/key-layout.ts'
import { isReadOnly } from '../pipeline/action-row.ts'
import { actionKinds, setActionKinds } from '../pipeline/actions.ts'

type ActionKind = keyof typeof actionRows
/** OpenFlow's own, not an experimenter's: the others have no id in a list of types. */
const isPlain = (kind: string) => typeof actionRows[kind as ActionKind]?.[0] === 'number'

export const instructionKinds = Object.keys(
  instructionRows,
) as readonly (keyof typeof instructionRows)[]
/** Kinds of actions that apply_actions, and write_actions and buckets, may hold. */
export const applyKinds = actionKinds.filter(isPlain)
export const writeKinds = setActionKinds.filter(isPlain)

/** Bit n: action type n may stand in a bucket. */
export const setActionBits = writeKinds.reduce(
  (bits, kind) => bits | (1 << (actionRows[kind as ActionKind][0] as number)),
  0,
)

export const matchFields: readonly FieldName[] = keyNames
export const settableFields: readonly FieldName[] = keyNames.filter((name) => !isReadOnly(name))
/** Fields of `names` with, where they take one, a mask. */
export const oxmIdsOf = (names: readonly FieldName[], masks: boolean) =>
  names.map((field) => ({ field, masked: masks && fieldOf[field].maskable }))
