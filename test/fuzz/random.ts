/** Random numbers with a seed, so that a run can be repeated. Neighbour: engine.ts. */

export interface Random {
  /** 0 … n - 1. */
  below(n: number): number
  pick<T>(list: readonly T[]): T
  /** True once in n times. */
  once(n: number): boolean
}

/** Mulberry32: 32 bits of state, good enough to choose what to break. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (n: number) => Math.floor(next() * n)
  return {
    below,
    once: (n) => below(n) === 0,
    pick(list) {
      if (list.length === 0) throw new RangeError('nothing to pick from')
      return list[below(list.length)] as never
    },
  }
}

const bytesThatMatter = [0, 1, 2, 4, 7, 8, 0x10, 0x7f, 0x80, 0xfe, 0xff]

/** Damages bytes in 1 to 4 places: flips, lengths that lie, cuts, copies of other parts. */
export function damage(random: Random, from: Uint8Array, other: Uint8Array): Uint8Array {
  let bytes: Uint8Array = from.slice()
  for (let n = random.below(4); n >= 0 && bytes.length > 0; n--) {
    const at = random.below(bytes.length)
    const way = random.below(8)
    if (way < 2) bytes[at] = bytes[at]! ^ (1 << random.below(8))
    else if (way < 4) bytes[at] = random.pick(bytesThatMatter)
    else if (way === 4 && bytes.length > 1) {
      // A length, mostly: 16 bits at an even place, a little more or less.
      const even = at & ~1
      const was = (bytes[even]! << 8) | (bytes[even + 1] ?? 0)
      const now = was + random.pick([-8, -4, -1, 1, 4, 8, 16, 0x100])
      bytes[even] = now >> 8
      if (even + 1 < bytes.length) bytes[even + 1] = now
    } else if (way === 5) bytes = bytes.slice(0, at)
    else {
      // A piece of another input in the middle of this one.
      const start = random.below(other.length + 1)
      const piece = other.subarray(start, start + random.below(33))
      const gone = way === 6 ? piece.length : 0
      bytes = joined(bytes.subarray(0, at), piece, bytes.subarray(at + gone))
    }
  }
  return bytes
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
