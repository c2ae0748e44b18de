/**
 * The row of an action and what rows share: how one is turned into a step, a function of the Run,
 * and what is known of a packet when it runs. Neighbours: actions-*.ts have the rows, actions.ts
 * composes them.
 */
import type { Action, Subfield } from '../../southbound/openflow/action.ts'
import { type Match, missingPrerequisite } from '../../southbound/openflow/match.ts'
import { type FieldName, fieldOf } from '../../southbound/openflow/oxm.ts'
import { type KeyField, keyField } from '../packet/key-layout.ts'
import { refuse } from './refusal.ts'
import { type Run, STOP, type Step } from './run.ts'

/** Place in the order of an action set, OpenFlow 1.3.5 §5.10; what comes last of all is FINAL. */
export const RANK = {
  copyIn: 1,
  pop: 2,
  pushMpls: 3,
  pushPbb: 4,
  pushVlan: 5,
  copyOut: 6,
  ttl: 7,
  set: 8,
  queue: 9,
  /** Of those from here on, a set executes one alone: the last. */
  ct: 10,
  resubmit: 11,
  output: 12,
  group: 13,
  /** Not allowed in an action set. */
  never: 14,
} as const
export const FINAL = RANK.ct

export interface CompiledAction {
  readonly step: Step
  readonly rank: number
  /**
   * An action set holds one action of each identity; the later replaces the earlier. What sets
   * fields is kept in order, where the later has the last word anyway.
   */
  readonly identity: string
  /** Whether the step may write to the frame: a bucket with such a step works on a copy. */
  readonly frame: boolean
  /** Of an output. */
  readonly port: number | undefined
}

export interface CompiledActions {
  readonly actions: readonly CompiledAction[]
  readonly steps: readonly Step[]
}

/** Where an action stands. */
export interface Place {
  /** What is known of the packet; undefined = nothing: what it has not is left alone then. */
  readonly match: Match | undefined
  readonly tableId: number
  /** In a set, checks of order are left to the execution. */
  readonly inSet: boolean
  /** In the list that ct executes, where connections are written. */
  readonly inCt: boolean
  /** Nothing of the flow follows the action. */
  readonly isLast: boolean
  /** Compiles the list of actions that an action holds. */
  list(actions: readonly Action[], inCt?: boolean): CompiledActions
}

export interface Row<A> {
  readonly rank: number
  /** Absent = never writes to the frame. */
  readonly frame?: (action: A) => boolean
  readonly identity?: (action: A) => string
  /** Throws a Refusal when the action cannot be. */
  readonly compile: (action: A, place: Place) => Step
  /** What is known of a packet behind the action, of what was known before. */
  readonly after?: (match: Match, action: A) => Match
}
export type Of<K extends Action['kind']> = Extract<Action, { readonly kind: K }>
export type Rows = { readonly [K in Action['kind']]?: Row<Of<K>> }

export const always = () => true

/** Fields that packets have and no action may write. */
const READ_ONLY: ReadonlySet<FieldName> = new Set<FieldName>([
  'in_phy_port',
  'eth_type',
  'ip_proto',
  'ip_frag',
  'ipv6_exthdr',
  'actset_output',
  'tcp_flags',
  'conj_id',
  'mpls_bos',
  'ct_state',
  'ct_zone',
  'ct_nw_proto',
  'ct_nw_src',
  'ct_nw_dst',
  'ct_ipv6_src',
  'ct_ipv6_dst',
  'ct_tp_src',
  'ct_tp_dst',
])
/**
 * Fields of a connection, which the actions inside of ct write there. As in Open vSwitch, set_field, load
 * and move may name them in write_actions too, but not elsewhere; pop, multipath, bundle_load and
 * check_pkt_larger may anywhere. Outside of ct they are written for the packet alone.
 */
const CONNECTION: ReadonlySet<FieldName> = new Set<FieldName>(['ct_mark', 'ct_label'])
/** OpenFlow's set_field is for header fields (1.3.5 §7.2.5); load and move write these. */
const NO_HEADER: ReadonlySet<FieldName> = new Set<FieldName>(['in_port', 'nxm_in_port', 'metadata'])

/** Whether set_field never writes the field. */
export const isReadOnly = (name: FieldName): boolean =>
  READ_ONLY.has(name) || CONNECTION.has(name) || NO_HEADER.has(name)

/** For set_field: the error is the one that OpenFlow names. */
export function checkSettable(name: FieldName): void {
  const readOnly = READ_ONLY.has(name) || NO_HEADER.has(name)
  if (readOnly) refuse('bad_action.bad_set_type', `${name} cannot be set`)
}

export function writable(name: FieldName, place: Place): KeyField {
  if (READ_ONLY.has(name)) refuse('bad_action.bad_set_argument', `${name} is read-only`)
  const field = readable(name, place)
  const { match } = place
  if ((name === 'vlan_vid' || name === 'vlan_pcp') && match && !isTagged(match)) {
    refuse('bad_action.match_inconsistent', `${name} of a frame without a tag`)
  }
  return field
}

/** What set_field, load and move may write. */
export function settable(name: FieldName, place: Place): KeyField {
  // A bucket is an action set of which no match is known.
  if (CONNECTION.has(name) && !place.inCt && !(place.inSet && place.match)) {
    refuse('bad_action.bad_set_argument', `${name} is set within ct`)
  }
  return writable(name, place)
}

/** In a group's bucket nothing is known of the packet: there, what is not in the frame is kept. */
export function readable(name: FieldName, place: Place): KeyField {
  const field: KeyField | undefined = keyField[name]
  if (!field) refuse('bad_action.bad_set_type', `no field ${name}`)
  need(place, name)
  return field
}

/** Refuses an action on a field that the packet is not known to have. */
export function need({ match }: Place, name: FieldName): void {
  const missing = match && missingPrerequisite({ [name]: 0, ...prepared(match) })
  if (missing !== undefined) refuse('bad_action.match_inconsistent', missing)
}

/** vlan_tci says what vlan_vid says. */
function prepared(match: Match): Match {
  return match.vlan_tci !== undefined && isTagged(match) ? { ...match, vlan_vid: 0x1000 } : match
}

const VLAN_PRESENT = 0x1000

/** Whether the match takes only frames with a tag. */
export function isTagged({ vlan_vid, vlan_tci }: Match): boolean {
  return [vlan_vid, vlan_tci].some((entry) => {
    const [value, mask] = typeof entry === 'object' ? entry : [entry ?? 0, 0xffff]
    return (value & mask & VLAN_PRESENT) !== 0
  })
}

/** What is still known of a packet when other headers have come in front of those that were. */
export function withoutHeaders(match: Match): Match {
  const kept = Object.entries(match).filter(([name]) => {
    const { needs } = fieldOf[name as FieldName]
    return !name.startsWith('vlan_') && Object.keys(needs).length === 0 && name !== 'eth_type'
  })
  return Object.fromEntries(kept) as Match
}

export function checkRange(at: Subfield): void {
  if (at.ofs + at.n_bits > fieldOf[at.field].bits || at.n_bits < 1) {
    refuse('bad_action.bad_set_argument', `${at.field} has no bits ${at.ofs}+${at.n_bits}`)
  }
}

/** The packet is dropped: an action cannot be carried out on it. */
export function dropPacket(run: Run, reason: number): void {
  run.datapath.drop(run, reason)
  run.stop = STOP.packet
}
