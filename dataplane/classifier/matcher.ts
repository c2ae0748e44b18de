/**
 * Matching: a match compiled to words of the flow key, and what every matcher does. Overlapping
 * flows of one priority are undefined by OpenFlow; here the one added first wins, in each of
 * them: linear.ts (the oracle) and tuple-space.ts, over which conjunction.ts puts conjunctive
 * matches. Neighbours: key-layout.ts (slots), flow-table.ts (flows and their identity).
 */
import type { Match } from '../../southbound/openflow/match.ts'
import type { FieldName } from '../../southbound/openflow/oxm.ts'
import {
  fieldWords,
  KEY_WORDS,
  keyField,
  wholeMask,
  writeFieldWords,
} from '../packet/key-layout.ts'
import type { Secret } from './secret-hash.ts'

/** Triples (slot, mask, value) by slot: key[slot] & mask must equal value for all of them. */
export type CompiledMatch = Uint32Array

// Scratch of gather(): all zero between calls of those that use it.
const values = new Uint32Array(KEY_WORDS)
const masks = new Uint32Array(KEY_WORDS)
const ownWords = new Uint32Array(KEY_WORDS)

/**
 * Adds up the words of a match in the scratch, and their slots. Returns the first field of which
 * another one said otherwise: they share bits, as in_port and in_phy_port do.
 */
function gather(match: Match, slots: number[]): FieldName | undefined {
  let contrary: FieldName | undefined
  for (const name in match) {
    const { slot, words } = keyField[name as FieldName]
    const entry = match[name as FieldName]!
    const isMasked = typeof entry === 'object'
    const valueWords = writeFieldWords(name as FieldName, isMasked ? entry[0] : entry, ownWords)
    const maskWords = isMasked
      ? fieldWords(name as FieldName, entry[1])
      : wholeMask(name as FieldName)
    for (let i = 0; i < words; i++) {
      const word = maskWords[i]!
      if (word === 0) continue
      const known = masks[slot + i]!
      // A register may be named twice, as reg0 and as a part of xreg0.
      if (known === 0) slots.push(slot + i)
      if (((values[slot + i]! ^ valueWords[i]!) & known & word) !== 0)
        contrary ??= name as FieldName
      masks[slot + i] = known | word
      values[slot + i] = values[slot + i]! | (valueWords[i]! & word)
    }
  }
  return contrary
}

/** A field of the match whose bits another one says otherwise: no packet could meet both. */
export function contradiction(match: Match): FieldName | undefined {
  const slots: number[] = []
  const contrary = gather(match, slots)
  for (const slot of slots) masks[slot] = values[slot] = 0
  return contrary
}

export function compileMatch(match: Match): CompiledMatch {
  const slots: number[] = []
  gather(match, slots)
  slots.sort((a, b) => a - b)
  const compiled = new Uint32Array(3 * slots.length)
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i]!
    compiled[3 * i] = slot
    compiled[3 * i + 1] = masks[slot]!
    compiled[3 * i + 2] = values[slot]!
    masks[slot] = values[slot] = 0
  }
  return compiled
}

export function matches(match: CompiledMatch, key: Uint32Array): boolean {
  for (let i = 0; i < match.length; i += 3) {
    if ((key[match[i]!]! & match[i + 1]!) >>> 0 !== match[i + 2]) return false
  }
  return true
}

/** Whether `match` is at least as narrow as `filter` (loose flow-mods and statistics requests). */
export function isWithin(match: CompiledMatch, filter: CompiledMatch): boolean {
  let j = 0
  for (let i = 0; i < filter.length; i += 3) {
    while (j < match.length && match[j]! < filter[i]!) j += 3
    if (match[j] !== filter[i]) return false
    const mask = filter[i + 1]!
    if ((match[j + 1]! & mask) >>> 0 !== mask) return false
    if ((match[j + 2]! & mask) >>> 0 !== filter[i + 2]) return false
  }
  return true
}

/** Whether some packet could meet both (OpenFlow 1.3.5 §6.4, check_overlap). */
export function overlaps(a: CompiledMatch, b: CompiledMatch): boolean {
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i]! < b[j]!) i += 3
    else if (a[i]! > b[j]!) j += 3
    else {
      if (((a[i + 2]! ^ b[j + 2]!) & a[i + 1]! & b[j + 1]!) !== 0) return false
      i += 3
      j += 3
    }
  }
  return true
}

/** What a matcher stores. */
export interface Matchable {
  readonly priority: number
  readonly compiled: CompiledMatch
  /** Of two flows with one priority the lower number wins: whatever becomes of them in between. */
  readonly order: number
  /** Present: the flow takes no packet by itself, it is a part of conjunctive matches. */
  readonly clauses?: readonly Clause[] | undefined
}

/** Whether `a` wins where both take a packet. */
export function isBefore(a: Matchable, b: Matchable): boolean {
  return a.priority > b.priority || (a.priority === b.priority && a.order < b.order)
}

/** One dimension of a conjunctive match: ovs-actions(7), conjunction(id, clause/size). */
export interface Clause {
  /** What conj_id has in the lookup that follows. */
  readonly id: number
  /** From 0. */
  readonly clause: number
  /** Clauses that must all be met, 2 to 64. */
  readonly size: number
}

/** Finds the flow of highest priority that takes a packet. */
export interface Matcher<F extends Matchable> {
  lookup(key: Uint32Array): F | undefined
  /** Every flow that takes the packet, in no order. */
  each(key: Uint32Array, visit: (flow: F) => void): void
  insert(flow: F): void
  /** Does nothing when the flow is not there. */
  remove(flow: F): void
}

/** Makes an empty matcher; what hashes does so by the secret. */
export type NewMatcher = <F extends Matchable>(secret: Secret) => Matcher<F>
