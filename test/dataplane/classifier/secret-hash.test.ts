import { expect, test } from 'vitest'
import { compileMatch } from '../../../dataplane/classifier/matcher.ts'
import {
  hashOfKey,
  hashOfMatch,
  newSecret,
  type Secret,
} from '../../../dataplane/classifier/secret-hash.ts'
import { KEY_WORDS } from '../../../dataplane/packet/key-layout.ts'
import { macTable } from '../../../dataplane/switch/normal.ts'
import { randomOf } from '../../fuzz/random.ts'

const secretOf = (seed: number): Secret => {
  const { below } = randomOf(seed)
  return newSecret(() => below(2 ** 32) / 2 ** 32)
}
/** The mixing that stood here without a secret. */
const mix = (hash: number, word: number): number => {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1)
  return mixed ^ (mixed >>> 15)
}
const buckets = (hashes: readonly number[]): number => {
  const counts = new Map<number, number>()
  for (const hash of hashes) counts.set(hash & 4095, (counts.get(hash & 4095) ?? 0) + 1)
  return Math.max(...counts.values())
}

test('addresses chosen to fall into one chain of a hash without a secret fall apart', () => {
  const chosen = Array.from({ length: 4096 }, (_, i) => {
    const low = (mix(0, i) ^ 12_345) >>> 0
    return { low, mac: i * 2 ** 32 + low, without: mix(mix(0, i), low) }
  })
  expect(buckets(chosen.map(({ without }) => without))).toBe(4096)
  for (const seed of [1, 2, 3]) {
    const secret = secretOf(seed)
    const hashes = chosen.map(({ mac }) => hashOfMatch(compileMatch({ eth_dst: mac }), secret))
    expect(buckets(hashes)).toBeLessThan(12)
  }
})

test.each([
  [0, 0x8000_0000],
  [0, 1],
  [0x8000_0000, 0x8000_0000],
  [0x0001_0001, 0x0001_0001],
  [0x8000_8000, 0x8000_8000],
])('words that differ by %i and %i meet in a bucket as seldom as chance has it', (high, low) => {
  let met = 0
  for (let seed = 0; seed < 4000; seed++) {
    const secret = secretOf(seed)
    const of = (a: number, b: number) =>
      hashOfMatch(Uint32Array.of(0, 0xffffffff, a, 1, 0xffffffff, b), secret) & 63
    if (of(0x1234, 0x0a00_0001) === of(0x1234 ^ high, 0x0a00_0001 ^ low)) met++
  }
  // 62.5 of 4000 is chance in 64 buckets; 40 more are five standard deviations.
  expect(met).toBeLessThan(103)
})

test('a match hashes as the keys that it takes', () => {
  const secret = secretOf(5)
  const match = compileMatch({ eth_type: 0x86dd, ipv6_dst: [0xfd00n << 112n, 0xffffn << 112n] })
  const key = new Uint32Array(KEY_WORDS).fill(0xffff_ffff)
  const at = { slots: new Uint16Array(match.length / 3), masks: new Uint32Array(match.length / 3) }
  for (let i = 0; i < match.length / 3; i++) {
    at.slots[i] = match[3 * i]!
    at.masks[i] = match[3 * i + 1]!
    key[match[3 * i]!] = (match[3 * i + 2]! | ~match[3 * i + 1]!) >>> 0
  }
  expect(hashOfKey(at.slots, at.masks, key, secret)).toBe(hashOfMatch(match, secret))
})

test('stations whose addresses were chosen for one set do not push each other out of the learning bridge', () => {
  const without = (low: number) => {
    const hash = Math.imul(low >>> 15, 0x9e3779b1) ^ Math.imul(low, 0x85ebca6b)
    return (hash ^ (hash >>> 13)) & 1023
  }
  const chosen: number[] = []
  for (let low = 0; chosen.length < 64; low++) if (without(low) === 7) chosen.push(low)
  const table = macTable(secretOf(1))
  const keyOf = (field: 'eth_src' | 'eth_dst', mac: number) => {
    const key = new Uint32Array(KEY_WORDS)
    const match = compileMatch({ [field]: mac })
    for (let i = 0; i < match.length; i += 3) key[match[i]!] = match[i + 2]!
    return key
  }
  for (const [i, mac] of chosen.entries()) table.learn(keyOf('eth_src', mac), 1 + i, 1)
  expect(chosen.map((mac) => table.find(keyOf('eth_dst', mac), 2))).toEqual(
    chosen.map((_, i) => 1 + i),
  )
})
