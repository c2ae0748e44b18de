/**
 * learn: a flow made of the packet, of constants and of bits of its fields. The only action that
 * makes objects while packets flow, and only where a flow asks for it.
 * Neighbours: southbound/openflow/action-learn.ts (its parts), flow-table.ts (adds the flow).
 */
import type { Action } from '../../southbound/openflow/action.ts'
import { type FieldAt, type LearnSpec, learnFlags } from '../../southbound/openflow/action-learn.ts'
import { encodeFlow } from '../../southbound/openflow/flow.ts'
import { type Match, missingPrerequisite } from '../../southbound/openflow/match.ts'
import { flowFlags, flowMod } from '../../southbound/openflow/message.ts'
import { type FieldName, fieldOf } from '../../southbound/openflow/oxm.ts'
import { WireError } from '../../southbound/wire/error.ts'
import { readBigint } from '../packet/bits.ts'
import { KEY_WORDS, keyField } from '../packet/key-layout.ts'
import { wholePort } from '../packet/set-field.ts'
import { checkRange, type Place, RANK, type Rows, readable, settable } from './action-row.ts'
import { refuse } from './refusal.ts'

/** Most bits that one load writes. */
const LOAD_BITS = 64

type Value = (key: Uint32Array) => bigint

function sourceOf(src: FieldAt | bigint, n_bits: number, place: Place): Value {
  if (typeof src === 'bigint') return () => src
  checkRange({ ...src, n_bits })
  const field = readable(src.field, place)
  return (key) => readBigint(key, field, src.ofs, n_bits)
}

/** Under way: the match as value and mask of each field. */
type Draft = Map<FieldName, [value: bigint, mask: bigint]>

const matchSpec = (
  { n_bits, dst }: Extract<LearnSpec, { kind: 'match' | 'load' }>,
  value: Value,
) => {
  const shift = BigInt(dst.ofs)
  const mask = ((1n << BigInt(n_bits)) - 1n) << shift
  return (key: Uint32Array, draft: Draft) => {
    const [old, oldMask] = draft.get(dst.field) ?? [0n, 0n]
    draft.set(dst.field, [(old & ~mask) | ((value(key) << shift) & mask), oldMask | mask])
  }
}

function finished(draft: Draft): Match {
  const entries = [...draft].map(([name, [value, mask]]) => {
    const { bits, ones } = fieldOf[name]
    const typed = (from: bigint) => (bits > 48 ? from : Number(from))
    return [name, typed(mask) === ones ? typed(value) : [typed(value), typed(mask)]]
  })
  return Object.fromEntries(entries) as Match
}

function loads(dst: FieldAt, n_bits: number, value: bigint): Action[] {
  const actions: Action[] = []
  for (let done = 0; done < n_bits; done += LOAD_BITS) {
    const count = Math.min(LOAD_BITS, n_bits - done)
    const part = (value >> BigInt(done)) & ((1n << BigInt(count)) - 1n)
    const at = { field: dst.field, ofs: dst.ofs + done, n_bits: count }
    actions.push({ kind: 'load', dst: at, value: part })
  }
  return actions
}

/** What is learned of any packet is as long: a message holds it or not. */
function checkSize(learn: (key: Uint32Array) => unknown): void {
  try {
    learn(new Uint32Array(KEY_WORDS))
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof WireError)) throw error
    refuse('bad_action.too_many', `what is learned is longer than a message: ${error.message}`)
  }
}

export const learnRows = {
  learn: {
    rank: RANK.never,
    compile(action, place) {
      const { table_id, specs, flags, priority, cookie, idle_timeout, hard_timeout } = action
      if (table_id === 0xff) refuse('bad_action.bad_argument', 'learn into all tables')
      if ((flags & ~learnFlags.send_flow_rem) !== 0) {
        refuse('bad_action.bad_argument', `learn with flags ${flags}`)
      }
      const { fin_idle_timeout, fin_hard_timeout } = action
      const isTimed = fin_idle_timeout + fin_hard_timeout > 0
      const finTimeout: readonly Action[] = isTimed
        ? [{ kind: 'fin_timeout', fin_idle_timeout, fin_hard_timeout }]
        : []
      const matching: ((key: Uint32Array, draft: Draft) => void)[] = []
      const acting: ((key: Uint32Array) => Action[])[] = []
      // What the learned flow's packets are known to have, for its actions.
      let learned: Match = {}
      for (const spec of specs) {
        const value = sourceOf(spec.src, spec.n_bits, place)
        if (spec.kind === 'output') {
          acting.push((key) => [{ kind: 'output', port: wholePort(Number(value(key) & 0xffffn)) }])
          continue
        }
        const { dst, n_bits } = spec
        checkRange({ ...dst, n_bits })
        if (spec.kind === 'load') {
          settable(dst.field, { ...place, match: learned })
          acting.push((key) => loads(dst, n_bits, value(key)))
          continue
        }
        if (!(dst.field in keyField)) refuse('bad_action.bad_set_type', `no field ${dst.field}`)
        const known = typeof spec.src === 'bigint' ? Number(spec.src << BigInt(dst.ofs)) : 0
        learned = { ...learned, [dst.field]: known }
        const missing = missingPrerequisite({ ...learned, [dst.field]: known })
        if (missing !== undefined) refuse('bad_action.match_inconsistent', `learn: ${missing}`)
        matching.push(matchSpec(spec, value))
      }
      const learn = (key: Uint32Array) => {
        const draft: Draft = new Map()
        for (const add of matching) add(key, draft)
        const actions = [...finTimeout, ...acting.flatMap((make) => make(key))]
        return encodeFlow({
          table_id,
          priority,
          cookie,
          match: finished(draft),
          instructions: actions.length > 0 ? [{ kind: 'apply_actions', actions }] : [],
        })
      }
      checkSize(learn)
      return (run) => {
        const removed = (flags & learnFlags.send_flow_rem) !== 0
        run.datapath.learn({
          ...flowMod('add', learn(run.key)),
          idle_timeout,
          hard_timeout,
          flags: removed ? flowFlags.send_flow_rem : 0,
        })
      }
    },
  },
} as const satisfies Rows
