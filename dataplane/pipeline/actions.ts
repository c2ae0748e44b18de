/**
 * Actions: one row per kind, which turns the action into a step, a function of the Run. A new
 * action is a new row; a kind without one is refused with bad_type.
 * Neighbours: southbound/openflow/action.ts (the same kinds as bytes), set-field.ts, tags.ts.
 */
import type { Action, Subfield } from '../../southbound/openflow/action.ts'
import { type Match, missingPrerequisite } from '../../southbound/openflow/match.ts'
import { type FieldName, fieldOf } from '../../southbound/openflow/oxm.ts'
import { ANY, NORMAL } from '../../southbound/openflow/port.ts'
import { fieldWords } from '../classifier/matcher.ts'
import { DROP } from '../packet/drop.ts'
import { IN_PORT, type KeyField, keyField } from '../packet/key-layout.ts'
import { hasField, moveBits, setField, storeField } from '../packet/set-field.ts'
import { popVlan, pushVlan } from '../packet/tags.ts'
import { refuse } from './refusal.ts'
import type { Step } from './run.ts'

/** Place in the order of an action set, OpenFlow 1.3.5 §5.10. */
const RANK = { pop: 2, push: 5, ttl: 7, set: 8, queue: 9, group: 10, output: 11 } as const

export interface CompiledAction {
  readonly step: Step
  readonly rank: number
  /** An action set holds one action of each identity; the later replaces the earlier. */
  readonly identity: string
  /** Whether the step may write to the frame: a bucket with such a step works on a copy. */
  readonly frame: boolean
}

interface Row<A> {
  readonly rank: number
  /** Absent = never writes to the frame. */
  readonly frame?: (action: A) => boolean
  readonly identity?: (action: A) => string
  /** Throws a Refusal when the action cannot be. `match`: what is known of the packet. */
  readonly compile: (action: A, match: Match | undefined) => Step
}
type Of<K extends string> = Extract<Action, { readonly kind: K }>
type Rows = { readonly [K in Action['kind']]?: Row<Of<K>> }

/** Fields that packets have and flows may not write. */
const READ_ONLY: ReadonlySet<FieldName> = new Set<FieldName>([
  'in_phy_port',
  'eth_type',
  'ip_proto',
  'ip_frag',
  'ipv6_exthdr',
  'tcp_flags',
  'conj_id',
  'ct_state',
  'mpls_bos',
])

export const isReadOnly = (name: FieldName): boolean => READ_ONLY.has(name)

function writable(name: FieldName, match: Match | undefined): KeyField {
  if (isReadOnly(name)) refuse('bad_action.bad_set_argument', `${name} is read-only`)
  return readable(name, match)
}

/** In a group's bucket nothing is known of the packet: there, what is not in the frame is kept. */
function readable(name: FieldName, match: Match | undefined): KeyField {
  const missing = match && missingPrerequisite({ ...match, [name]: match[name] ?? 0 })
  if (missing !== undefined) refuse('bad_action.match_inconsistent', missing)
  const field: KeyField | undefined = keyField[name]
  return field ?? refuse('bad_action.bad_set_type', `no field ${name}`)
}

/** Writes value under mask, both shifted to where they belong. */
function writeStep(field: KeyField, value: number | bigint, mask: number | bigint): Step {
  const masks = fieldWords(field.name, mask)
  const values = fieldWords(field.name, BigInt(value) & BigInt(mask))
  return (run) => setField(run.key, run.packet, field, values, masks)
}

function checkRange(at: Subfield): void {
  if (at.ofs + at.n_bits > fieldOf[at.field].bits || at.n_bits < 1) {
    refuse('bad_action.bad_set_argument', `${at.field} has no bits ${at.ofs}+${at.n_bits}`)
  }
}

const isInFrame = (name: FieldName) => (keyField[name]?.sources.length ?? 0) > 0

const rows: Rows = {
  output: {
    rank: RANK.output,
    compile({ port, max_len }) {
      // NORMAL is a learning bridge, which this switch is not.
      if (port === 0 || port === ANY || port === NORMAL)
        refuse('bad_action.bad_out_port', `port ${port}`)
      return (run) => run.datapath.output(run, port, max_len ?? 0xffff)
    },
  },
  group: {
    rank: RANK.group,
    compile:
      ({ group_id }) =>
      (run) =>
        run.datapath.group(run, group_id),
  },
  set_field: {
    rank: RANK.set,
    frame: ({ field }) => isInFrame(field),
    identity: ({ field }) => `set_field ${field}`,
    compile({ field, value }, match) {
      const { ones } = fieldOf[field]
      if (value > ones) refuse('bad_action.bad_set_argument', `${field} ${value}`)
      return writeStep(writable(field, match), value, ones)
    },
  },
  load: {
    rank: RANK.set,
    frame: ({ dst }) => isInFrame(dst.field),
    identity: ({ dst }) => `load ${dst.field} ${dst.ofs}`,
    compile({ dst, value }, match) {
      checkRange(dst)
      const mask = (1n << BigInt(dst.n_bits)) - 1n
      if (value > mask) refuse('bad_action.bad_set_argument', `${value} into ${dst.n_bits} bits`)
      const shift = BigInt(dst.ofs)
      return writeStep(writable(dst.field, match), value << shift, mask << shift)
    },
  },
  load2: {
    rank: RANK.set,
    frame: ({ field }) => isInFrame(field),
    identity: ({ field }) => `load2 ${field}`,
    compile: ({ field, value, mask }, match) => writeStep(writable(field, match), value, mask),
  },
  move: {
    rank: RANK.set,
    frame: ({ dst }) => isInFrame(dst.field),
    identity: ({ dst }) => `move ${dst.field} ${dst.ofs}`,
    compile({ src, dst }, match) {
      checkRange(src)
      checkRange(dst)
      const from = readable(src.field, match)
      const to = writable(dst.field, match)
      return (run) => {
        if (!hasField(run.packet, to)) return
        moveBits(run.key, from, src.ofs, to, dst.ofs, dst.n_bits)
        storeField(run.key, run.packet, to)
      }
    },
  },
  check_pkt_larger: {
    rank: RANK.set,
    compile({ pkt_len, dst }, match) {
      checkRange({ ...dst, n_bits: 1 })
      const field = readable(dst.field, match)
      const slot = field.slot + field.words - 1 - (dst.ofs >> 5)
      const bit = 1 << (dst.ofs & 31)
      return (run) => {
        const larger = run.packet.end - run.packet.start > pkt_len
        run.key[slot] = larger ? run.key[slot]! | bit : run.key[slot]! & ~bit
      }
    },
  },
  push_vlan: {
    rank: RANK.push,
    frame: () => true,
    compile({ ethertype }) {
      if (ethertype !== 0x8100 && ethertype !== 0x88a8) {
        refuse('bad_action.bad_argument', `EtherType 0x${ethertype.toString(16)} is no VLAN tag`)
      }
      return (run) => pushVlan(run, ethertype)
    },
  },
  pop_vlan: { rank: RANK.pop, frame: () => true, compile: () => popVlan },
  set_nw_ttl: {
    rank: RANK.set,
    frame: () => true,
    compile: ({ nw_ttl }, match) => writeStep(readable('nw_ttl', match), nw_ttl, 0xff),
  },
  dec_nw_ttl: {
    rank: RANK.ttl,
    frame: () => true,
    compile(_action, match) {
      const field = readable('nw_ttl', match)
      return (run) => {
        if (!hasField(run.packet, field)) return
        const ttl = run.key[field.slot]!
        if (ttl <= 1) {
          run.datapath.drop(run, DROP.ttl_expired)
          run.halted = true
          return
        }
        run.key[field.slot] = ttl - 1
        storeField(run.key, run.packet, field)
      }
    },
  },
  // One queue, and no connection tracking yet: both have nothing to do.
  set_queue: { rank: RANK.queue, compile: () => () => {} },
  ct_clear: { rank: RANK.set, compile: () => () => {} },
  resubmit: {
    rank: RANK.output,
    compile({ in_port, table_id }) {
      return (run) => {
        const inPort = in_port === 0xfff8 ? run.key[IN_PORT]! : in_port
        run.datapath.resubmit(run, inPort, table_id === 0xff ? run.tableId : table_id)
      }
    },
  },
  controller: {
    rank: RANK.output,
    identity: ({ controller_id }) => `controller ${controller_id}`,
    compile:
      ({ reason, max_len }) =>
      (run) =>
        run.datapath.controller(run, reason, max_len),
  },
}

export interface CompiledActions {
  readonly actions: readonly CompiledAction[]
  readonly steps: readonly Step[]
}

/**
 * Compiles actions in order. `match` is the flow's match, undefined where nothing is known of the
 * packet (buckets, packet-out). Throws a Refusal.
 */
export function compileActions(actions: readonly Action[], match?: Match): CompiledActions {
  let known = match
  const compiled = actions.map((action): CompiledAction => {
    const row = rows[action.kind] as Row<Action> | undefined
    if (!row) refuse('bad_action.bad_type', `no action ${action.kind}`)
    const step = row.compile(action, known)
    if (known) known = afterwards(known, action)
    const identity = row.identity?.(action) ?? action.kind
    return { step, rank: row.rank, identity, frame: row.frame?.(action) ?? false }
  })
  return { actions: compiled, steps: compiled.map((action) => action.step) }
}

/** What is known of a packet once the action has run: later prerequisites are checked on that. */
function afterwards(match: Match, action: Action): Match {
  if (action.kind === 'push_vlan') return { ...match, vlan_vid: 0x1000 }
  if (action.kind === 'pop_vlan') return { ...match, vlan_vid: 0 }
  if (action.kind === 'set_field') return { ...match, [action.field]: action.value }
  return match
}

/** Merges actions into an action set: the later of an identity replaces the earlier. */
export function writeActions(set: CompiledAction[], actions: readonly CompiledAction[]): void {
  for (let i = 0; i < actions.length; i++) {
    const action = actions[i]!
    let at = set.length
    for (let j = 0; j < set.length; j++) if (set[j]!.identity === action.identity) at = j
    set[at] = action
  }
}

/** Puts an action set into the order in which it is executed; a group leaves no output. */
export function orderActions(set: CompiledAction[]): void {
  for (let i = 1; i < set.length; i++) {
    const action = set[i]!
    let at = i
    for (; at > 0 && set[at - 1]!.rank > action.rank; at--) set[at] = set[at - 1]!
    set[at] = action
  }
  const group = set.findIndex((action) => action.rank === RANK.group)
  if (group >= 0) set.length = group + 1
}
