/**
 * Fields and bits of fields as operands of Nicira's actions, in the layouts that these use.
 * Source: Open vSwitch nicira-ext.h, lib/nx-match.c. Neighbours: action.ts and the action-*.ts rows.
 */
import { UnknownError, WireError } from '../wire/error.ts'
import { put, putNumber } from '../wire/put.ts'
import type { Part } from '../wire/record.ts'
import { isWithin, struct, u16, u32 } from '../wire/struct.ts'
import type { Writer } from '../wire/writer.ts'
import { type FieldName, fieldByOperand, fieldOf } from './oxm.ts'

/** Bits ofs .. ofs + n_bits - 1 of a field; bit 0 is the least significant. */
export interface Subfield {
  readonly field: FieldName
  readonly ofs: number
  readonly n_bits: number
}

export const word = struct('word', '', { value: u32() })
export const half = struct('half', '', { value: u16() })

/** An operand field: its u32 header, in the older name that Open vSwitch reports it by. */
export function writeHeader(writer: Writer, name: FieldName): void {
  const field = fieldOf[name]
  if (field === undefined) throw new RangeError(`no field is called ${name}`)
  const { operandHeader } = field
  put(writer, 4, word.set.value, operandHeader)
  if (isLong(operandHeader)) {
    put(writer, 4, word.set.value, field.experimenter ?? 0)
  }
}

/** The experimenter's id of a field of class 0xffff stands behind its header. */
const isLong = (header: number) => header >>> 16 === 0xffff

/** The field and where its header ends. UnknownError for a field without a row. */
export function readHeader(
  bytes: Uint8Array,
  at: number,
  end: number,
): { name: FieldName; end: number } {
  const stop = headerEnd(bytes, at, end)
  const header = word.get.value(bytes, at)
  const field = fieldByOperand(header)
  const owner = stop - at === 8 ? word.get.value(bytes, at + 4) : undefined
  if (!field || (owner !== undefined && owner !== field.experimenter)) {
    throw new UnknownError(`no field has header 0x${header.toString(16)}`, at)
  }
  return { name: field.name, end: stop }
}

function headerEnd(bytes: Uint8Array, at: number, end: number): number {
  const size = end - at >= 4 && isLong(word.get.value(bytes, at)) ? 8 : 4
  if (end - at < size) throw new WireError('truncated field header', at)
  return at + size
}

export function need(start: number, end: number, size: number): void {
  const have = end - start
  if (have < size) throw new WireError(`action body of ${have} bytes, ${size} needed`, start)
}

/** A field by its header alone. */
export const fieldHeader: Part<FieldName> = {
  end: headerEnd,
  read: (bytes, start, end) => readHeader(bytes, start, end).name,
  write: writeHeader,
}

/** u16 ofs << 6 | n_bits - 1, of at most 64 bits: @throws RangeError for more. */
export const packBits = ({ ofs, n_bits }: Omit<Subfield, 'field'>): number => {
  if (!isWithin(n_bits - 1, 63) || !isWithin(ofs, 1023))
    throw new RangeError(`no bits ${ofs}+${n_bits}`)
  return (ofs << 6) | (n_bits - 1)
}
export const unpackBits = (packed: number): Omit<Subfield, 'field'> => ({
  ofs: packed >> 6,
  n_bits: (packed & 63) + 1,
})

/** Bits, then the field. */
export const packed: Part<Subfield> = {
  end: (bytes, start, end) => headerEnd(bytes, start + 2, end),
  read: (bytes, start, end) => ({
    field: readHeader(bytes, start + 2, end).name,
    ...unpackBits(half.get.value(bytes, start)),
  }),
  write(writer, value) {
    put(writer, 2, half.set.value, packBits(value))
    writeHeader(writer, value.field)
  },
}

/** u16 offset, the field, u16 number of bits: any width. */
export const spread: Part<Subfield> = {
  end: (bytes, start, end) => headerEnd(bytes, start + 2, end) + 2,
  read(bytes, start, end) {
    const { name, end: at } = readHeader(bytes, start + 2, end)
    const n_bits = half.get.value(bytes, at)
    return { field: name, ofs: half.get.value(bytes, start), n_bits }
  },
  write(writer, { field, ofs, n_bits }) {
    putNumber(writer, half, `ofs of ${field}`, ofs)
    writeHeader(writer, field)
    putNumber(writer, half, `n_bits of ${field}`, n_bits)
  },
}
