/**
 * Bits of fields in the key: reading, writing and copying them. Bit 0 is the least significant.
 * Neighbours: key-layout.ts (slots); the actions that load, move, push and learn.
 */
import { fieldOf } from '../../southbound/openflow/oxm.ts'
import type { KeyField } from './key-layout.ts'

/** Copies n bits that begin at bit `a` of the number whose last word is source[last]. */
function copyBits(
  source: Uint32Array,
  last: number,
  a: number,
  target: Uint32Array,
  targetLast: number,
  b: number,
  n: number,
): void {
  for (let done = 0; done < n; ) {
    const from = a + done
    const to = b + done
    const count = Math.min(n - done, 32 - (from & 31), 32 - (to & 31))
    const mask = count === 32 ? 0xffff_ffff : (1 << count) - 1
    const bits = (source[last - (from >> 5)]! >>> (from & 31)) & mask
    const at = targetLast - (to >> 5)
    target[at] = (target[at]! & ~(mask << (to & 31))) | (bits << (to & 31))
    done += count
  }
}

const lastOf = (field: KeyField) => field.slot + field.words - 1

/** Bits on their way: source and target may overlap. */
const moved = new Uint32Array(32)

/** Copies n bits of one field of the key onto another, or within one. */
export function moveBits(
  key: Uint32Array,
  from: KeyField,
  fromBit: number,
  to: KeyField,
  toBit: number,
  n: number,
): void {
  copyBits(key, lastOf(from), fromBit + from.shift, moved, moved.length - 1, 0, n)
  copyBits(moved, moved.length - 1, 0, key, lastOf(to), toBit + to.shift, n)
}

/** Reads n bits of a field into words, whose bits above n are 0; out[0] is most significant. */
export function readBits(
  key: Uint32Array,
  field: KeyField,
  bit: number,
  n: number,
  out: Uint32Array,
): void {
  out.fill(0)
  copyBits(key, lastOf(field), bit + field.shift, out, out.length - 1, 0, n)
}

/** Writes the low n bits of words into a field. */
export function writeBits(
  key: Uint32Array,
  field: KeyField,
  bit: number,
  n: number,
  from: Uint32Array,
): void {
  copyBits(from, from.length - 1, 0, key, lastOf(field), bit + field.shift, n)
}

/** Up to 32 bits of a field as a number. */
export function readNumber(key: Uint32Array, field: KeyField, bit: number, n: number): number {
  scratch[0] = 0
  copyBits(key, lastOf(field), bit + field.shift, scratch, 0, 0, n)
  return scratch[0]!
}
const scratch = new Uint32Array(1)

/** Bits of a field as a bigint; for what happens seldom, as learning. */
export function readBigint(key: Uint32Array, field: KeyField, bit: number, n: number): bigint {
  let value = 0n
  for (let i = 0; i < field.words; i++) value = (value << 32n) | BigInt(key[field.slot + i]!)
  return (value >> BigInt(bit + field.shift)) & ((1n << BigInt(n)) - 1n)
}

/** A whole field as the type of its values: a number up to 48 bits, else a bigint. */
export function readField(key: Uint32Array, field: KeyField): number | bigint {
  const { bits } = fieldOf[field.name]
  const value = readBigint(key, field, 0, bits)
  return bits > 48 ? value : Number(value)
}
