/**
 * Actions: one row per kind, which turns the action into a step, a function of the Run. A new
 * action is a new row in the file of its family; a kind without one is refused with bad_type.
 * Neighbours: southbound/openflow/action.ts (the same kinds as bytes), action-row.ts, actions-*.ts.
 */
import { type Action, actionRows, NICIRA } from '../../southbound/openflow/action.ts'
import { ONF } from '../../southbound/openflow/experimenter.ts'
import { type Match, tlvAt } from '../../southbound/openflow/match.ts'
import {
  type CompiledAction,
  type CompiledActions,
  FINAL,
  type Place,
  RANK,
  type Row,
  type Rows,
} from './action-row.ts'
import { ctRows } from './actions-ct.ts'
import { fieldRows } from './actions-field.ts'
import { hashRows } from './actions-hash.ts'
import { otherRows } from './actions-other.ts'
import { outputRows } from './actions-output.ts'
import { tagRows } from './actions-tag.ts'
import { refuse } from './refusal.ts'

export type { CompiledAction, CompiledActions } from './action-row.ts'

const rows: Rows = {
  ...outputRows,
  ...fieldRows,
  ...tagRows,
  ...otherRows,
  ...hashRows,
  ...ctRows,
}

/** Kinds of actions that a flow may have. */
export const actionKinds = Object.keys(rows) as readonly Action['kind'][]

/** Those of them that an action set may hold. */
export const setActionKinds = actionKinds.filter((kind) => rows[kind]?.rank !== RANK.never)

/** More actions than one list may hold, those within others counted. */
const MAX_ACTIONS = 4096

export interface Where {
  /** The flow's match; absent where nothing is known of the packet (buckets, packet-out). */
  readonly match?: Match | undefined
  readonly tableId?: number
  /** The actions are a set, not a list: executed in the order of their kinds. */
  readonly inSet?: boolean
  /** Within ct. */
  readonly inCt?: boolean
  /** Whether something of the flow follows the list. */
  readonly goesOn?: boolean
}

/** Compiles actions in order. Throws a Refusal. */
export function compileActions(actions: readonly Action[], where: Where = {}): CompiledActions {
  const { inSet = false } = where
  if (actions.length > MAX_ACTIONS) refuse('bad_action.too_many', `${actions.length}`)
  // A set is checked in the order in which it will be executed.
  const ordered = inSet ? actions.toSorted((a, b) => rankOf(a) - rankOf(b)) : actions
  const compiled = new Map<Action, CompiledAction>()
  let match = where.match
  for (const action of ordered) {
    const row = rowOf(action)
    if (inSet && row.rank === RANK.never) {
      refuse('bad_action.bad_type', `${action.kind} in an action set`)
    }
    const known = match
    const place: Place = {
      match,
      tableId: where.tableId ?? 0,
      inSet,
      inCt: where.inCt ?? false,
      isLast: !where.goesOn && action === ordered.at(-1),
      list: (inner, inCt = false) =>
        compileActions(inner, { ...where, match: known, inSet: false, inCt, goesOn: false }),
    }
    const step = row.compile(action, place)
    if (match && row.after) match = row.after(match, action)
    const identity = row.identity?.(action) ?? action.kind
    const frame = row.frame?.(action) ?? false
    const port = action.kind === 'output' ? action.port : undefined
    compiled.set(action, { step, rank: row.rank, identity, frame, port })
  }
  const list = actions.map((action) => compiled.get(action)!)
  return { actions: list, steps: list.map((action) => action.step) }
}

const rankOf = (action: Action) => rows[action.kind]?.rank ?? RANK.never

function rowOf(action: Action): Row<Action> {
  const row = rows[action.kind] as Row<Action> | undefined
  if (row) return row
  if (action.kind === 'unknown') refuseUnknown(action.type, action.bytes)
  const isTheirs = typeof actionRows[action.kind][0] !== 'number'
  return refuse(`bad_action.${isTheirs ? 'bad_exp_type' : 'bad_type'}`, `no action ${action.kind}`)
}

const EXPERIMENTER = 0xffff
const SET_FIELD = 25
/** Bytes behind type and length that every action of theirs has. */
const NICIRA_SIZE = 12

/** The error that OpenFlow 1.3.5 §7.4.4.3 has for an action that no row of the codec reads. */
function refuseUnknown(type: number, bytes: Uint8Array): never {
  if (type === SET_FIELD) {
    const { field } = tlvAt(bytes, 0, bytes.length)
    if (!field) refuse('bad_action.bad_set_type', 'set_field of an unknown field')
    refuse('bad_action.bad_set_argument', `more bits than ${field.name} has`)
  }
  if (type !== EXPERIMENTER) refuse('bad_action.bad_type', `action ${type}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const owner = view.getUint32(0)
  const why = `experimenter 0x${owner.toString(16)}`
  if (owner !== NICIRA && owner !== ONF) refuse('bad_action.bad_experimenter', why)
  refuse(`bad_action.${bytes.length < NICIRA_SIZE ? 'bad_len' : 'bad_exp_type'}`, why)
}

/** OFPP_UNSET: the action set has no output. */
export const UNSET = 0xffff_fff7

/** actset_output: where the action set would send the packet. */
export function setOutput(set: readonly CompiledAction[]): number {
  let port = UNSET
  for (let i = 0; i < set.length; i++) {
    const action = set[i]!
    if (action.rank === RANK.group) return UNSET
    if (action.port !== undefined) port = action.port
  }
  return port
}

/** Merges actions into an action set: the later of an identity replaces the earlier. */
export function writeActions(set: CompiledAction[], actions: readonly CompiledAction[]): void {
  for (let i = 0; i < actions.length; i++) {
    const action = actions[i]!
    let at = set.length
    if (action.rank !== RANK.set) {
      for (let j = 0; j < set.length; j++) if (set[j]!.identity === action.identity) at = j
    }
    set[at] = action
  }
}

/**
 * Puts an action set into the order in which it is executed. Of the last ones one alone is left: a
 * group makes an output be forgotten (OpenFlow 1.3.5 §5.10), and an output a resubmit.
 */
export function orderActions(set: CompiledAction[]): void {
  for (let i = 1; i < set.length; i++) {
    const action = set[i]!
    let at = i
    for (; at > 0 && set[at - 1]!.rank > action.rank; at--) set[at] = set[at - 1]!
    set[at] = action
  }
  const last = set.at(-1)
  // What sends the packet nowhere is not executed: it is dropped (OpenFlow 1.3.5 §5.10).
  if (!last || last.rank < FINAL) {
    set.length = 0
    return
  }
  let at = set.length - 1
  while (at > 0 && set[at - 1]!.rank >= FINAL) at--
  set[at] = last
  set.length = at + 1
}
