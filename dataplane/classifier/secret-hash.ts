/**
 * Hashes that nobody can aim at who does not know the secret: workloads choose their addresses, and
 * would otherwise choose those that fall into one chain of a table. MULTILINEAR-HM of Lemire and
 * Kaser, "Strongly universal string hashing is fast" (2014): over words of 16 bits, modulo 2^32, of
 * which the upper 17 bits are as good as chance, whichever two inputs are chosen.
 * Neighbours: tuple-space.ts, switch/normal.ts.
 */
import { KEY_WORDS } from '../packet/key-layout.ts'

/** Four words for each word that is hashed: two for either half of a hash. */
export type Secret = Int32Array

/** `random` from 0 to 1. */
export const newSecret = (random: () => number): Secret =>
  Int32Array.from({ length: 4 * KEY_WORDS }, () => Math.floor(random() * 2 ** 32))

/** What a word adds to a sum; two words of the secret, from `at`, belong to it. */
export const term = (word: number, secret: Secret, at: number): number =>
  Math.imul((word & 0xffff) + secret[at]!, (word >>> 16) + secret[at + 1]!)

/** 32 bits of two sums: the lower 17, which choose a bucket, are the good ones of the first. */
const both = (a: number, b: number): number => (a >>> 15) | (b & 0xfffe_0000)

/** Of the masked words of a key. */
export function hashOfKey(
  slots: Uint16Array,
  masks: Uint32Array,
  key: Uint32Array,
  secret: Secret,
): number {
  let a = 0
  let b = 0
  for (let i = 0; i < slots.length; i++) {
    const word = key[slots[i]!]! & masks[i]!
    a = (a + term(word, secret, 4 * i)) | 0
    b = (b + term(word, secret, 4 * i + 2)) | 0
  }
  return both(a, b)
}

/** The same, of a compiled match: of the keys that it takes. */
export function hashOfMatch(match: Uint32Array, secret: Secret): number {
  let a = 0
  let b = 0
  for (let i = 0; i < match.length / 3; i++) {
    const word = match[3 * i + 2]!
    a = (a + term(word, secret, 4 * i)) | 0
    b = (b + term(word, secret, 4 * i + 2)) | 0
  }
  return both(a, b)
}
