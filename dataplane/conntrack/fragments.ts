/**
 * Fragments: the first has the ports and is tracked; those behind it share its fate, as long as it
 * is remembered. One that comes before the first belongs to nothing: `inv`. No packet is held back
 * and nothing is put together, so memory is bounded by this small table whatever is sent.
 * Neighbours: parse.ts (tells fragments apart), conntrack.ts (who calls).
 */
import type { Reading } from './parse.ts'
import { hashTuple, newTuple, SRC_PORT, sameTuple, TUPLE_WORDS } from './tuple.ts'

/** What became of the first fragment. */
export interface Fate {
  /** Record of its connection; -1 = none. */
  record: number
  generation: number
  reply: boolean
  /** Bits of ct_state. */
  state: number
}

export interface Fragments {
  remember(reading: Reading, fate: Fate, now: number): void
  /** Fills `fate`; false when no first fragment was seen. */
  recall(reading: Reading, fate: Fate, now: number): boolean
}

/** Packets that may be under way in pieces. */
const SETS = 256
const WAYS = 4
/** RFC 791 §3.2 gives reassembly 15 s to begin with. */
const LIFETIME_MS = 15_000
/** Of an entry: tuple, record, generation, reply, state. */
const RECORD = TUPLE_WORDS
const ENTRY_WORDS = TUPLE_WORDS + 4

export function fragments(seed: number): Fragments {
  // Made with the first fragment.
  let words = new Uint32Array(0)
  let expiry = new Float64Array(0)
  const packet = newTuple()

  /** Addresses, protocol, zone and identification; all fragments have these. */
  const setOf = (reading: Reading): number => {
    packet.set(reading.tuple)
    packet[SRC_PORT] = reading.fragmentId
    packet[SRC_PORT + 1] = 0
    return (hashTuple(packet, 0, seed) & (SETS - 1)) * WAYS
  }
  const find = (set: number, now: number): number => {
    for (let i = set; i < set + WAYS; i++) {
      if (expiry[i]! > now && sameTuple(words, i * ENTRY_WORDS, packet, 0)) return i
    }
    return -1
  }

  return {
    remember(reading, fate, now) {
      if (words.length === 0) {
        words = new Uint32Array(SETS * WAYS * ENTRY_WORDS)
        expiry = new Float64Array(SETS * WAYS)
      }
      const set = setOf(reading)
      let entry = find(set, now)
      if (entry < 0) {
        entry = set
        for (let i = set; i < set + WAYS; i++) if (expiry[i]! < expiry[entry]!) entry = i
      }
      const at = entry * ENTRY_WORDS
      words.set(packet, at)
      words[at + RECORD] = fate.record
      words[at + RECORD + 1] = fate.generation
      words[at + RECORD + 2] = fate.reply ? 1 : 0
      words[at + RECORD + 3] = fate.state
      expiry[entry] = now + LIFETIME_MS
    },
    recall(reading, fate, now) {
      const entry = find(setOf(reading), now)
      if (entry < 0) return false
      const at = entry * ENTRY_WORDS + RECORD
      fate.record = words[at]! | 0
      fate.generation = words[at + 1]!
      fate.reply = words[at + 2] === 1
      fate.state = words[at + 3]!
      return true
    },
  }
}
