/**
 * learn: an action that adds a flow made of the packet. Source: Open vSwitch nicira-ext.h,
 * lib/learn.c. Neighbours: action.ts lists it, operand.ts.
 */
import { WireError } from '../wire/error.ts'
import { put, putNumber } from '../wire/put.ts'
import type { Part } from '../wire/record.ts'
import { hex16, hex64, pad, struct, u8, u16, u32 } from '../wire/struct.ts'
import type { Writer } from '../wire/writer.ts'
import { NICIRA } from './experimenter.ts'
import { half, need, readHeader, writeHeader } from './operand.ts'
import type { FieldName } from './oxm.ts'

const NX = 'Open vSwitch 3.1 lib/learn.c'

/** `flags`: tell when it goes; delete what was learned with this flow; say whether it was learned. */
export const learnFlags = { send_flow_rem: 1, delete_learned: 2, write_result: 4 } as const

/** Where n_bits begin in a field. */
export interface FieldAt {
  readonly field: FieldName
  readonly ofs: number
}
/**
 * One part of the learned flow: its match, a load or an output. `src` is a field of the packet or
 * a constant.
 */
export type LearnSpec =
  | {
      readonly kind: 'match' | 'load'
      readonly n_bits: number
      readonly src: FieldAt | bigint
      readonly dst: FieldAt
    }
  | { readonly kind: 'output'; readonly n_bits: number; readonly src: FieldAt }

export interface Learn {
  readonly idle_timeout: number
  readonly hard_timeout: number
  readonly priority: number
  readonly cookie: bigint
  readonly flags: number
  readonly table_id: number
  readonly fin_idle_timeout: number
  readonly fin_hard_timeout: number
  readonly specs: readonly LearnSpec[]
}
export interface Learn2 extends Learn {
  /** Most flows that it may learn; 0 = any number. */
  readonly limit: number
  /** The bit that says whether it learned; present with the flag write_result. */
  readonly result_dst?: FieldAt
}

const head = struct('learn', NX, {
  idle_timeout: u16('s; 0 = never'),
  hard_timeout: u16('s; 0 = never'),
  priority: u16(),
  cookie: hex64(),
  flags: hex16('learnFlags'),
  table_id: u8(),
  pad: pad(8),
  fin_idle_timeout: u16('s'),
  fin_hard_timeout: u16('s'),
})
const more = struct('learn2', NX, { limit: u32(), result_ofs: u16(), pad: pad(16) })

const IMMEDIATE = 1 << 13
const N_BITS = 0x3ff
/** Bits 11 and 12 of a spec's header. */
const kinds = ['match', 'load', 'output'] as const

function readAt(bytes: Uint8Array, at: number, end: number): { value: FieldAt; end: number } {
  const { name, end: stop } = readHeader(bytes, at, end)
  if (end - stop < 2) throw new WireError('truncated learn', stop)
  return { value: { field: name, ofs: half.get.value(bytes, stop) }, end: stop + 2 }
}
function writeAt(writer: Writer, { field, ofs }: FieldAt): void {
  writeHeader(writer, field)
  putNumber(writer, half, `learn: ofs of ${field}`, ofs)
}

function readConstant(bytes: Uint8Array, at: number, end: number): bigint {
  let value = 0n
  for (let i = at; i < end; i++) value = (value << 8n) | BigInt(bytes[i] as number)
  return value
}
const constantSize = (n_bits: number) => 2 * Math.ceil(n_bits / 16)

function readSpecs(bytes: Uint8Array, start: number, end: number): readonly LearnSpec[] {
  const specs: LearnSpec[] = []
  for (let at = start; end - at >= 2; ) {
    const header = half.get.value(bytes, at)
    // A header of 0 begins the padding.
    if (header === 0) break
    const kind = kinds[(header >>> 11) & 3]
    const n_bits = header & N_BITS
    const immediate = (header & IMMEDIATE) !== 0
    if (!kind || header >>> 14 || n_bits === 0 || (immediate && kind === 'output')) {
      throw new WireError(`learn: bad spec 0x${header.toString(16)}`, at)
    }
    at += 2
    let src: FieldAt | bigint
    if (immediate) {
      const stop = at + constantSize(n_bits)
      if (stop > end) throw new WireError('truncated learn', at)
      src = readConstant(bytes, at, stop)
      at = stop
    } else {
      const read = readAt(bytes, at, end)
      src = read.value
      at = read.end
    }
    if (kind === 'output') specs.push({ kind, n_bits, src: src as FieldAt })
    else {
      const dst = readAt(bytes, at, end)
      specs.push({ kind, n_bits, src, dst: dst.value })
      at = dst.end
    }
  }
  return specs
}

function writeSpecs(writer: Writer, specs: readonly LearnSpec[]): void {
  for (const spec of specs) {
    const { kind, n_bits, src } = spec
    if (n_bits < 1 || n_bits > N_BITS) throw new RangeError(`learn: ${n_bits} bits`)
    const header = (kinds.indexOf(kind) << 11) | n_bits
    const immediate = typeof src === 'bigint'
    put(writer, 2, half.set.value, immediate ? header | IMMEDIATE : header)
    if (immediate) {
      const size = constantSize(n_bits)
      if (src < 0n || src >> BigInt(8 * size))
        throw new RangeError(`learn: ${src} in ${n_bits} bits`)
      const at = writer.reserve(size)
      let left = src
      for (let i = size - 1; i >= 0; i--, left >>= 8n) writer.bytes[at + i] = Number(left & 255n)
    } else writeAt(writer, src)
    if (kind !== 'output') writeAt(writer, spec.dst)
  }
}

const learn: Part<Learn> = {
  read(bytes, start, end) {
    need(start, end, head.size)
    return { ...head.read(bytes, start), specs: readSpecs(bytes, start + head.size, end) }
  },
  write(writer, value) {
    put(writer, head.size, head.write, value)
    writeSpecs(writer, value.specs)
  },
}

const learn2: Part<Learn2> = {
  read(bytes, start, end) {
    need(start, end, head.size + more.size)
    const value = head.read(bytes, start)
    const { limit, result_ofs } = more.read(bytes, start + head.size)
    const at = start + head.size + more.size
    if (!(value.flags & learnFlags.write_result)) {
      return { ...value, limit, specs: readSpecs(bytes, at, end) }
    }
    const { name, end: stop } = readHeader(bytes, at, end)
    const result_dst = { field: name, ofs: result_ofs }
    return { ...value, limit, result_dst, specs: readSpecs(bytes, stop, end) }
  },
  write(writer, value) {
    const { result_dst } = value
    if (((value.flags & learnFlags.write_result) !== 0) !== (result_dst !== undefined)) {
      throw new RangeError('learn2: result_dst goes with the flag write_result')
    }
    put(writer, head.size, head.write, value)
    const result_ofs = result_dst?.ofs ?? 0
    put(writer, more.size, more.write, { limit: value.limit, result_ofs })
    if (result_dst) writeHeader(writer, result_dst.field)
    writeSpecs(writer, value.specs)
  },
}

export const learnActions = {
  learn: [[NICIRA, 16], learn],
  learn2: [[NICIRA, 45], learn2],
} as const
