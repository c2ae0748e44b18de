/**
 * Actions: what is done to a packet, one row each. OpenFlow 1.3.5 §7.2.5 and the Nicira extensions
 * (experimenter 0x2320, ovs-actions(7)). Fields that are operands are named as in oxm.ts.
 * Neighbours: instruction.ts and message.ts carry lists of actions, text.ts prints them.
 */
import { WireError } from '../wire/error.ts'
import { fixed, type Part, type PartOf, tlvs } from '../wire/record.ts'
import { hex16, pad, struct, u8, u16, u32, u64 } from '../wire/struct.ts'
import type { Writer } from '../wire/writer.ts'
import { tlvAt, writeField } from './match.ts'
import { type FieldName, fieldByOperand, fieldOf } from './oxm.ts'

export const NICIRA = 0x2320

/** Output to the controller with this max_len sends the whole packet. */
export const NO_BUFFER = 0xffff

/** Bits ofs .. ofs + n_bits - 1 of a field; bit 0 is the least significant. */
export interface Subfield {
  readonly field: FieldName
  readonly ofs: number
  readonly n_bits: number
}

const REF = 'OpenFlow 1.3.5 §7.2.5'
const NX = 'Open vSwitch 3.1 lib/ofp-actions.c'
const empty = fixed(struct('action without operands', REF, { pad: pad(32) }))
const ethertype = (name: string) =>
  fixed(struct(name, REF, { ethertype: hex16('EtherType of the new tag'), pad: pad(16) }))

/** `max_len` counts for the reserved port controller alone; Open vSwitch keeps it for others too. */
const output = fixed(
  struct('output', REF, { port: u32(), max_len: u16('bytes to the controller'), pad: pad(48) }),
) as Part<{ port: number; max_len?: number }>

/** An operand field: its u32 header, in the older name that Open vSwitch reports it by. */
function writeHeader(writer: Writer, name: FieldName): void {
  const field = fieldOf[name]
  if (field === undefined) throw new RangeError(`no field is called ${name}`)
  word.set.value(writer.bytes, writer.reserve(4), field.operandHeader)
}
const word = struct('word', '', { value: u32() })
const half = struct('half', '', { value: u16() })
function readHeader(bytes: Uint8Array, at: number, end: number): { name: FieldName; end: number } {
  if (end - at < 4) throw new WireError('truncated field header', at)
  const header = word.get.value(bytes, at)
  const field = fieldByOperand(header)
  if (!field) throw new WireError(`no field has header 0x${header.toString(16)}`, at)
  // The experimenter's id of a field of class 0xffff stands behind its header.
  const size = header >>> 16 === 0xffff ? 8 : 4
  if (end - at < size) throw new WireError('truncated field header', at)
  return { name: field.name, end: at + size }
}
function need(start: number, end: number, size: number): void {
  const have = end - start
  if (have < size) throw new WireError(`action body of ${have} bytes, ${size} needed`, start)
}

const set_field: Part<{ field: FieldName; value: number | bigint }> = {
  read(bytes, start, end) {
    const tlv = tlvAt(bytes, start, end)
    if (!tlv.field) throw new WireError('set_field of an unknown field', start)
    if (tlv.masked) throw new WireError('OpenFlow 1.3 has no masked set_field', start)
    return { field: tlv.field.name, value: tlv.field.get(bytes, tlv.value) }
  },
  write: (writer, { field, value }) => writeField(writer, fieldOf[field], value),
}

/** NXAST_REG_LOAD2: what Open vSwitch makes of a masked set_field on OpenFlow 1.3. */
const load2: Part<{ field: FieldName; value: number | bigint; mask: number | bigint }> = {
  read(bytes, start, end) {
    const tlv = tlvAt(bytes, start, end)
    const { field } = tlv
    if (!field) throw new WireError('load2 of an unknown field', start)
    const mask = tlv.masked ? field.get(bytes, tlv.value + field.size) : field.ones
    return { field: field.name, value: field.get(bytes, tlv.value), mask }
  },
  write: (writer, { field, value, mask }) => writeField(writer, fieldOf[field], value, mask),
}

/** NXAST_REG_MOVE: copies src to dst; both have the same n_bits. */
const move: Part<{ src: Subfield; dst: Subfield }> = {
  read(bytes, start, end) {
    need(start, end, 14)
    const n_bits = half.get.value(bytes, start)
    const src = readHeader(bytes, start + 6, end)
    const dst = readHeader(bytes, src.end, end)
    return {
      src: { field: src.name, ofs: half.get.value(bytes, start + 2), n_bits },
      dst: { field: dst.name, ofs: half.get.value(bytes, start + 4), n_bits },
    }
  },
  write(writer, { src, dst }) {
    if (src.n_bits !== dst.n_bits) throw new RangeError('move: src and dst differ in n_bits')
    const at = writer.reserve(6)
    writer.patch16(at, src.n_bits)
    writer.patch16(at + 2, src.ofs)
    writer.patch16(at + 4, dst.ofs)
    writeHeader(writer, src.field)
    writeHeader(writer, dst.field)
  },
}

const ofsNBits = (ofs: number, n_bits: number) => (ofs << 6) | (n_bits - 1)
const quad = struct('quad', '', { value: u64() })

/** NXAST_REG_LOAD: writes a constant to at most 64 bits of a field. */
const load: Part<{ dst: Subfield; value: bigint }> = {
  read(bytes, start, end) {
    need(start, end, 14)
    const packed = half.get.value(bytes, start)
    const { name, end: at } = readHeader(bytes, start + 2, end)
    if (at !== start + 6) throw new WireError('load of an experimenter field', start)
    return {
      dst: { field: name, ofs: packed >> 6, n_bits: (packed & 63) + 1 },
      value: quad.get.value(bytes, start + 6),
    }
  },
  write(writer, { dst, value }) {
    const at = writer.reserve(2)
    writer.patch16(at, ofsNBits(dst.ofs, dst.n_bits))
    writeHeader(writer, dst.field)
    quad.set.value(writer.bytes, writer.reserve(8), value)
  },
}

/** NXAST_CHECK_PKT_LARGER: dst bit = 1 when the frame has more than pkt_len bytes, else 0. */
const check_pkt_larger: Part<{ pkt_len: number; dst: { field: FieldName; ofs: number } }> = {
  read(bytes, start, end) {
    need(start, end, 14)
    const { name } = readHeader(bytes, start + 4, end)
    const ofs = half.get.value(bytes, start + 2)
    return { pkt_len: half.get.value(bytes, start), dst: { field: name, ofs } }
  },
  write(writer, { pkt_len, dst }) {
    const at = writer.reserve(4)
    writer.patch16(at, pkt_len)
    writer.patch16(at + 2, dst.ofs)
    writeHeader(writer, dst.field)
    writer.align(at, 14)
  },
}

const resubmit = fixed(
  struct('resubmit', NX, { in_port: u16('0xfff8: unchanged'), table_id: u8(), pad: pad(24) }),
)
const controller = fixed(
  struct('controller', NX, {
    max_len: u16('bytes; 0xffff = whole'),
    controller_id: u16(),
    reason: u8('OFPR_*'),
    pad: pad(8),
  }),
)

/** The table of actions; `kind` of an Action is the row's name. */
export const actionRows = {
  output: [0, output],
  copy_ttl_out: [11, empty],
  copy_ttl_in: [12, empty],
  set_mpls_ttl: [15, fixed(struct('set_mpls_ttl', REF, { mpls_ttl: u8(), pad: pad(24) }))],
  dec_mpls_ttl: [16, empty],
  push_vlan: [17, ethertype('push_vlan')],
  pop_vlan: [18, empty],
  push_mpls: [19, ethertype('push_mpls')],
  pop_mpls: [20, ethertype('pop_mpls')],
  set_queue: [21, fixed(struct('set_queue', REF, { queue_id: u32() }))],
  group: [22, fixed(struct('group', REF, { group_id: u32() }))],
  set_nw_ttl: [23, fixed(struct('set_nw_ttl', REF, { nw_ttl: u8(), pad: pad(24) }))],
  dec_nw_ttl: [24, empty],
  set_field: [25, set_field],
  push_pbb: [26, ethertype('push_pbb')],
  pop_pbb: [27, empty],
  move: [[NICIRA, 6], move],
  load: [[NICIRA, 7], load],
  resubmit: [[NICIRA, 14], resubmit],
  controller: [[NICIRA, 20], controller],
  load2: [[NICIRA, 33], load2],
  ct_clear: [[NICIRA, 43], fixed(struct('ct_clear', NX, { pad: pad(48) }))],
  check_pkt_larger: [[NICIRA, 49], check_pkt_larger],
} as const

/** A list of actions as bytes. */
export const actionsPart = tlvs(actionRows, { experimenter: 0xffff })
export type Action = PartOf<typeof actionsPart>[number]

/** Copies a whole field onto another of the same width. */
export const moveField = (src: FieldName, dst: FieldName): Action => {
  const n_bits = Math.min(fieldOf[src].bits, fieldOf[dst].bits)
  return {
    kind: 'move',
    src: { field: src, ofs: 0, n_bits },
    dst: { field: dst, ofs: 0, n_bits },
  }
}
