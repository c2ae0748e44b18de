/**
 * Bits of fields in the key: reading, writing and copying them. Bit 0 is the least significant.
 * Neighbours: key-layout.ts (slots); the actions that load, move, push and learn.
 */
import { fieldOf } from '../../southbound/openflow/oxm.ts'
import { type KeyField, keyField } from './key-layout.ts'

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

/** nw_tos is the DSCP in its place, as in Open vSwitch: the two bits of ECN below it read as 0, and stay. */
const NW_TOS = keyField.nw_tos
const ECN = 3

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
  const last = moved.length - 1
  const tos = key[NW_TOS.slot]!
  if (from === NW_TOS) key[NW_TOS.slot] = tos & ~ECN
  copyBits(key, lastOf(from), fromBit + from.shift, moved, last, 0, n)
  if (from === NW_TOS) key[NW_TOS.slot] = tos
  copyBits(moved, last, 0, key, lastOf(to), toBit + to.shift, n)
  if (to === NW_TOS) keepEcn(key, tos)
}

function keepEcn(key: Uint32Array, tos: number): void {
  key[NW_TOS.slot] = (key[NW_TOS.slot]! & ~ECN) | (tos & ECN)
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
  const tos = key[NW_TOS.slot]!
  if (field === NW_TOS) key[NW_TOS.slot] = tos & ~ECN
  copyBits(key, lastOf(field), bit + field.shift, out, out.length - 1, 0, n)
  if (field === NW_TOS) key[NW_TOS.slot] = tos
}

/** Writes the low n bits of words into a field. */
export function writeBits(
  key: Uint32Array,
  field: KeyField,
  bit: number,
  n: number,
  from: Uint32Array,
): void {
  const tos = key[NW_TOS.slot]!
  copyBits(from, from.length - 1, 0, key, lastOf(field), bit + field.shift, n)
  if (field === NW_TOS) keepEcn(key, tos)
}

/** Up to 32 bits of a field as a number. */
export function readNumber(key: Uint32Array, field: KeyField, bit: number, n: number): number {
  readBits(key, field, bit, n, scratch)
  return scratch[0]!
}
const scratch = new Uint32Array(1)

/** Bits of a field as a bigint; for what happens seldom, as learning. */
export function readBigint(key: Uint32Array, field: KeyField, bit: number, n: number): bigint {
  let value = 0n
  for (let i = 0; i < field.words; i++) value = (value << 32n) | BigInt(key[field.slot + i]!)
  if (field === NW_TOS) value &= ~BigInt(ECN)
  return (value >> BigInt(bit + field.shift)) & ((1n << BigInt(n)) - 1n)
}

/** A whole field as the type of its values: a number up to 48 bits, else a bigint. */
export function readField(key: Uint32Array, field: KeyField): number | bigint {
  const { bits } = fieldOf[field.name]
  const value = readBigint(key, field, 0, bits)
  return bits > 48 ? value : Number(value)
}
