/**
 * Actions that copy and write bits of fields. Source: Open vSwitch nicira-ext.h, lib/nx-match.c.
 * Neighbours: action-nicira.ts lists them, operand.ts.
 */
import { UnknownError, WireError } from '../wire/error.ts'
import { putNumber } from '../wire/put.ts'
import type { Part } from '../wire/record.ts'
import { struct, u64 } from '../wire/struct.ts'
import { masked, tlvAt, tlvMask, tlvValue, writeField } from './match.ts'
import {
  half,
  need,
  packBits,
  readHeader,
  type Subfield,
  unpackBits,
  writeHeader,
} from './operand.ts'
import { type FieldName, fieldOf } from './oxm.ts'

/**
 * NXAST_REG_LOAD2: what Open vSwitch makes of a masked set_field on OpenFlow 1.3. Bits of the value
 * outside of the mask, which Open vSwitch refuses, are cut off.
 */
export const load2: Part<{ field: FieldName; value: number | bigint; mask: number | bigint }> = {
  read(bytes, start, end) {
    const tlv = tlvAt(bytes, start, end)
    const { field } = tlv
    if (!field) throw new UnknownError('load2 of an unknown field', start)
    const mask = tlv.masked ? tlvMask(bytes, field, tlv) : field.ones
    const value = tlvValue(bytes, field, tlv)
    const isHeld = value <= field.ones && mask <= field.ones && masked(field, value, mask) === value
    if (!isHeld || (mask !== field.ones && !field.maskable)) {
      throw new UnknownError(`load2 of what ${field.name} cannot hold`, start)
    }
    return { field: field.name, value, mask }
  },
  write(writer, { field: name, value, mask }) {
    const field = fieldOf[name]
    if (field === undefined) throw new RangeError(`no field is called ${name}`)
    writeField(writer, field, masked(field, value, mask), mask)
  },
}

type Move = Part<{ src: Subfield; dst: Subfield }>
/** Copies src to dst; both have the same n_bits. `before`, `after`: padding around the offsets. */
export const moveAs = (before: number, after: number): Move => ({
  read(bytes, start, end) {
    need(start, end, before + after + 14)
    const at = start + before
    const n_bits = half.get.value(bytes, at)
    const src = readHeader(bytes, at + 6 + after, end)
    const dst = readHeader(bytes, src.end, end)
    return {
      src: { field: src.name, ofs: half.get.value(bytes, at + 2), n_bits },
      dst: { field: dst.name, ofs: half.get.value(bytes, at + 4), n_bits },
    }
  },
  write(writer, { src, dst }) {
    if (src.n_bits !== dst.n_bits) throw new RangeError('move: src and dst differ in n_bits')
    writer.reserve(before)
    putNumber(writer, half, 'move: n_bits', src.n_bits)
    putNumber(writer, half, 'move: ofs of src', src.ofs)
    putNumber(writer, half, 'move: ofs of dst', dst.ofs)
    writer.reserve(after)
    writeHeader(writer, src.field)
    writeHeader(writer, dst.field)
  },
})

const quad = struct('quad', '', { value: u64() })

/** NXAST_REG_LOAD: writes a constant to at most 64 bits of a field. */
export const load: Part<{ dst: Subfield; value: bigint }> = {
  read(bytes, start, end) {
    need(start, end, 14)
    const { name, end: at } = readHeader(bytes, start + 2, end)
    if (at !== start + 6) throw new WireError('load of an experimenter field', start)
    return {
      dst: { field: name, ...unpackBits(half.get.value(bytes, start)) },
      value: quad.get.value(bytes, start + 6),
    }
  },
  write(writer, { dst, value }) {
    const at = writer.reserve(2)
    writer.patch16(at, packBits(dst))
    writeHeader(writer, dst.field)
    putNumber(writer, quad, 'load: value', value)
  },
}

/** NXAST_CHECK_PKT_LARGER: dst bit = 1 when the frame has more than pkt_len bytes, else 0. */
export const check_pkt_larger: Part<{ pkt_len: number; dst: { field: FieldName; ofs: number } }> = {
  read(bytes, start, end) {
    need(start, end, 14)
    const { name } = readHeader(bytes, start + 4, end)
    const ofs = half.get.value(bytes, start + 2)
    return { pkt_len: half.get.value(bytes, start), dst: { field: name, ofs } }
  },
  write(writer, { pkt_len, dst }) {
    const at = writer.length
    putNumber(writer, half, 'check_pkt_larger: pkt_len', pkt_len)
    putNumber(writer, half, 'check_pkt_larger: ofs of dst', dst.ofs)
    writeHeader(writer, dst.field)
    writer.align(at, 14)
  },
}

/** u16 bits, u16 max_len, then the field: 4 or 8 bytes. */
export const output_reg2: Part<{ src: Subfield; max_len: number }> = {
  read(bytes, start, end) {
    need(start, end, 14)
    return {
      src: {
        field: readHeader(bytes, start + 4, end).name,
        ...unpackBits(half.get.value(bytes, start)),
      },
      max_len: half.get.value(bytes, start + 2),
    }
  },
  write(writer, { src, max_len }) {
    const at = writer.length
    putNumber(writer, half, 'output_reg2: bits', packBits(src))
    putNumber(writer, half, 'output_reg2: max_len', max_len)
    writeHeader(writer, src.field)
    writer.align(at, 14)
  },
}
