/**
 * Chance of a lab with a seed: for each purpose a sequence of its own, so that one more consumer, or one that asks more often,
 * changes nothing for the others. sfc32 (Doty-Humphrey, PractRand), begun by splitmix32.
 */
import type { Random } from '../../../southbound/wire/random.ts'

/** @returns the sequence of a purpose; asked again, the same one, which goes on where it was */
export function chanceOf(seed: number): (purpose: string) => Random {
  const sequences = new Map<string, Random>()
  return (purpose) => {
    const known = sequences.get(purpose)
    if (known) return known
    const sequence = sfc32(splitmix32((hash(purpose) ^ seed) >>> 0))
    sequences.set(purpose, sequence)
    return sequence
  }
}

/** FNV-1a of the UTF-16 units. */
function hash(text: string): number {
  let state = 0x811c_9dc5
  for (let at = 0; at < text.length; at++)
    state = Math.imul(state ^ text.charCodeAt(at), 0x0100_0193)
  return state >>> 0
}

/** Integers of 32 bits. */
function splitmix32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x9e37_79b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35)
    return (mixed ^ (mixed >>> 16)) >>> 0
  }
}

/** All 53 bits that a number from 0 up to 1 has. */
function sfc32(next: () => number): Random {
  let [a, b, c, count] = [next(), next(), next(), 1]
  const bits = (): number => {
    const sum = (a + b + count) | 0
    count = (count + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return sum >>> 0
  }
  // Like beginnings are told apart after some rounds.
  for (let round = 0; round < 12; round++) bits()
  return () => ((bits() >>> 5) * 2 ** 26 + (bits() >>> 6)) / 2 ** 53
}
