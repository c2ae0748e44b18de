/**
 * Who talks to whom: a tuple of eleven 32-bit words in a Uint32Array, so that a connection is found
 * without a string or an object. Neighbours: parse.ts fills one from a packet, table.ts keeps two
 * for each connection, nat.ts makes the second differ from the first.
 */

/** IP version, protocol and zone in one word. */
export const HEAD = 0
/** Four words each; an IPv4 address is the first. */
export const SRC = 1
export const DST = 5
/** A port; of ICMP the identifier below the type, at DST the type of the answer. 0 = none. */
export const SRC_PORT = 9
export const DST_PORT = 10
export const TUPLE_WORDS = 11
/** Of a type in SRC_PORT and DST_PORT. */
export const TYPE_SHIFT = 16

export const headOf = (version: number, protocol: number, zone: number): number =>
  ((version << 24) | (protocol << 16) | zone) >>> 0
export const versionOf = (head: number): number => head >>> 24
export const protocolOf = (head: number): number => (head >>> 16) & 0xff
export const zoneOf = (head: number): number => head & 0xffff

export const newTuple = (): Uint32Array => new Uint32Array(TUPLE_WORDS)

/** Writes `from` at `at` into `to` as the other side would see it. */
export function reverse(from: Uint32Array, o: number, to: Uint32Array, at: number): void {
  to[at] = from[o]!
  for (let i = 0; i < 4; i++) {
    to[at + SRC + i] = from[o + DST + i]!
    to[at + DST + i] = from[o + SRC + i]!
  }
  to[at + SRC_PORT] = from[o + DST_PORT]!
  to[at + DST_PORT] = from[o + SRC_PORT]!
}

/** A 32-bit hash; `seed` is secret, so that nobody can choose tuples that collide. */
export function hashTuple(words: Uint32Array, at: number, seed: number): number {
  let hash = seed
  for (let i = at; i < at + TUPLE_WORDS; i++) {
    let word = Math.imul(words[i]!, 0xcc9e2d51)
    word = Math.imul((word << 15) | (word >>> 17), 0x1b873593)
    hash ^= word
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

export function sameTuple(a: Uint32Array, at: number, b: Uint32Array, o: number): boolean {
  for (let i = 0; i < TUPLE_WORDS; i++) if (a[at + i] !== b[o + i]) return false
  return true
}
