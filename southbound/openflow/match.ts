/**
 * Match: which packets a flow takes, as values and as bytes. The canonical bytes are the OXM TLVs
 * alone (no ofp_match header, no padding), in the order of rankOf(), without masks that are all
 * ones and without fields that are wholly wildcarded: equal matches are equal bytes, which is what
 * flow identity and diffing compare. Source: OpenFlow 1.3.5 §7.2.3. Neighbours: oxm.ts, flow.ts.
 */
import { ValueError, WireError } from '../wire/error.ts'
import type { Part } from '../wire/record.ts'
import { isWithin, shown } from '../wire/struct.ts'
import { Writer } from '../wire/writer.ts'
import {
  type FieldName,
  type FieldValue,
  fieldByHeader,
  fieldByName,
  fieldOf,
  type OxmField,
  rankOf,
} from './oxm.ts'

/** Fields that must be equal, or equal under a mask. Up to 48 bits a number, wider a bigint. */
export type Match = {
  readonly [K in FieldName]?: FieldValue<K> | readonly [value: FieldValue<K>, mask: FieldValue<K>]
}

type Value = number | bigint
const isZero = (value: Value) => value === 0 || value === 0n

/** One OXM TLV at `at` of some bytes; `field` is undefined when no row declares it. */
export interface Tlv {
  readonly at: number
  readonly end: number
  readonly header: number
  readonly masked: boolean
  readonly field: OxmField | undefined
  /** Where the value is; the mask, if any, follows it. */
  readonly value: number
  /** Bytes of the value. */
  readonly size: number
}

/** The TLV at `at`, checked to be whole and as long as its row says; WireError otherwise. */
export function tlvAt(bytes: Uint8Array, at: number, end: number): Tlv {
  if (end - at < 4) throw new WireError('truncated OXM', at)
  const length = bytes[at + 3] as number
  const stop = at + 4 + length
  if (stop > end) throw new WireError(`OXM of ${length} bytes goes past the match`, at + 3)
  const header = headerAt(bytes, at)
  const masked = (header & 0x100) !== 0
  let field = fieldByHeader(header)
  if (field?.prefix) {
    const owner = length >= 4 ? headerAt(bytes, at + 4) : -1
    if (owner !== field.experimenter) field = undefined
  }
  const values = masked ? 2 : 1
  let size = field?.size ?? length
  if (field?.variable && length <= values * size) size = Math.ceil(length / values)
  if (field && (length !== field.prefix + values * size || size === 0)) {
    throw new WireError(`${field.name}: bad OXM length ${length}`, at + 3)
  }
  return { at, end: stop, header, masked, field, value: at + 4 + (field?.prefix ?? 0), size }
}

export const tlvValue = (bytes: Uint8Array, field: OxmField, tlv: Tlv): Value =>
  field.get(bytes, tlv.value, tlv.size)
/** Only of a masked one. */
export const tlvMask = (bytes: Uint8Array, field: OxmField, tlv: Tlv): Value =>
  field.get(bytes, tlv.value + tlv.size, tlv.size)

const headerAt = (b: Uint8Array, at: number): number =>
  (((b[at] as number) << 24) |
    ((b[at + 1] as number) << 16) |
    ((b[at + 2] as number) << 8) |
    (b[at + 3] as number)) >>>
  0

/** Appends one field; `mask` undefined or all ones is an exact match. */
export function writeField(writer: Writer, field: OxmField, value: Value, mask?: Value): void {
  const { ones } = field
  const masked = mask !== undefined && mask !== ones
  if (!isWithin(value, ones)) refuse(field, 'wants', value)
  if (masked) {
    if (!isWithin(mask, ones)) refuse(field, 'wants as its mask', mask)
    if (!field.maskable) throw new RangeError(`${field.name} takes no mask`)
  }
  if (!masked && !field.variable) return field.append(writer, value)
  const { prefix } = field
  const size = field.variable ? wholeWords(value, masked ? mask : 0n) : field.size
  const at = writer.claim(4 + prefix + (masked ? 2 * size : size))
  const { bytes } = writer
  writer.patch16(at, field.class)
  bytes[at + 2] = (field.field << 1) | (masked ? 1 : 0)
  bytes[at + 3] = writer.length - at - 4
  if (prefix) {
    writer.patch16(at + 4, (field.experimenter ?? 0) >>> 16)
    writer.patch16(at + 6, (field.experimenter ?? 0) & 0xffff)
  }
  field.set(bytes, at + 4 + prefix, value, size)
  if (masked) field.set(bytes, at + 4 + prefix + size, mask, size)
}

const parsers: Readonly<Record<string, string>> = { mac: 'Mac', ipv4: 'Ipv4' }

function refuse({ name, bits, ones, format }: OxmField, verb: string, value: unknown): never {
  const wanted =
    typeof ones === 'bigint'
      ? `a bigint of at most ${bits} bits`
      : `a whole number from 0 to ${ones}`
  const parser = typeof value === 'string' ? parsers[format] : undefined
  const hint = parser === undefined ? '' : ` (parse${parser}() of wire/address.ts makes it)`
  throw new RangeError(`${name} ${verb} ${wanted}, not ${shown(value)}${hint}`)
}

/** Bytes of the fewest 32-bit words, at least one, that hold both. */
const wholeWords = (value: Value, mask: Value) =>
  4 * Math.ceil((BigInt(value) | BigInt(mask) | 1n).toString(16).length / 8)

const arena = new Writer()
const order: OxmField[] = []

/**
 * The canonical bytes of a match. A value with bits outside its mask is cut to the mask. Throws
 * RangeError on an unknown field or a value that does not fit: both are a programmer's errors.
 */
export function encodeMatch(match: Match): Uint8Array {
  arena.begin()
  let rank = -1
  for (const name in match) {
    const entry = match[name as FieldName]
    if (entry === undefined) continue
    const field = knownField(name)
    if (field.rank < rank) return encodeUnordered(match)
    rank = field.rank
    writeEntry(field, entry)
  }
  return arena.take()
}

/** Fields that do not stand in canonical order. */
function encodeUnordered(match: Match): Uint8Array {
  let count = 0
  for (const name in match) {
    if (match[name as FieldName] === undefined) continue
    const field = knownField(name)
    // Insertion sort: a match has a handful of fields.
    let i = count++
    for (; i > 0 && (order[i - 1] as OxmField).rank > field.rank; i--) {
      order[i] = order[i - 1] as OxmField
    }
    order[i] = field
  }
  arena.begin()
  for (let i = 0; i < count; i++) {
    const field = order[i] as OxmField
    writeEntry(field, match[field.name] as Value)
  }
  return arena.take()
}

function knownField(name: string): OxmField {
  const field = fieldByName.get(name)
  if (field === undefined) throw new RangeError(`no match field is called ${name}`)
  return field
}

function writeEntry(field: OxmField, entry: Value | readonly [Value, Value]): void {
  if (typeof entry !== 'object') writeField(arena, field, entry)
  else if (!Array.isArray(entry)) refuse(field, 'wants', entry)
  else if (!isZero(entry[1])) {
    writeField(arena, field, masked(field, entry[0], entry[1]), entry[1])
  }
}

/** The value without the bits outside of its mask. @throws RangeError for what the field cannot have */
export function masked(field: OxmField, value: Value, mask: Value): Value {
  if (!isWithin(value, field.ones)) refuse(field, 'wants', value)
  if (!isWithin(mask, field.ones)) refuse(field, 'wants as its mask', mask)
  if (typeof value === 'bigint') return value & (mask as bigint)
  if (field.bits <= 32) return (value & (mask as number)) >>> 0
  return Number(BigInt(value) & BigInt(mask))
}

/**
 * The fields of canonical (or any) TLVs. WireError on a malformed or unknown field; ValueError on a
 * value or a mask that the field cannot have.
 */
export function decodeMatch(tlvs: Uint8Array): Match {
  const match: Record<string, Value | readonly [Value, Value]> = {}
  for (let at = 0; at < tlvs.length; ) {
    const tlv = tlvAt(tlvs, at, tlvs.length)
    const { field } = tlv
    if (!field) throw new WireError(`no field has OXM header 0x${tlv.header.toString(16)}`, at)
    if (match[field.name] !== undefined) throw new WireError(`${field.name} is there twice`, at)
    const value = tlvValue(tlvs, field, tlv)
    const mask = tlv.masked ? tlvMask(tlvs, field, tlv) : undefined
    if (value > field.ones) throw new ValueError('value', field.name, at)
    if (mask !== undefined && (mask > field.ones || !field.maskable)) {
      throw new ValueError('mask', field.name, at)
    }
    match[field.name] = mask === undefined ? value : [value, mask]
    at = tlv.end
  }
  return match as Match
}

/**
 * The canonical bytes of TLVs as a peer sent them; a view of the same bytes when they already are.
 * Unknown fields are kept. WireError when malformed or when a field is there twice.
 */
export function canonicalMatch(tlvs: Uint8Array): Uint8Array {
  let before = -1
  let plain = true
  for (let at = 0; at < tlvs.length; ) {
    if (tlvs.length - at < 4) throw new WireError('truncated OXM', at)
    const header = headerAt(tlvs, at)
    const rank = rankOf(header)
    const end = at + 4 + (header & 0xff)
    if (
      rank <= before ||
      header >>> 16 === 0xffff ||
      (header & 0x100 && !isMasked(tlvs, at, end))
    ) {
      plain = false
      break
    }
    before = rank
    if (end > tlvs.length) throw new WireError('OXM goes past the match', at)
    at = end
  }
  return plain ? tlvs : sorted(tlvs)
}

/** Whether the mask of a TLV is neither zero nor all ones: then it is canonical as it stands. */
function isMasked(tlvs: Uint8Array, at: number, end: number): boolean {
  const field = fieldByHeader(headerAt(tlvs, at))
  if (!field || end > tlvs.length || end - at !== 4 + 2 * field.size) return false
  const unused = 8 * field.size - field.bits
  if (unused > 7) return false
  let ones = 0xff >>> unused
  let isOnes = true
  let isNone = true
  for (let i = end - field.size; i < end; i++) {
    if (tlvs[i] !== ones) isOnes = false
    if (tlvs[i] !== 0) isNone = false
    ones = 0xff
  }
  return !isOnes && !isNone
}

function sorted(tlvs: Uint8Array): Uint8Array {
  const all: Tlv[] = []
  for (let at = 0; at < tlvs.length; at = (all.at(-1) as Tlv).end) {
    all.push(tlvAt(tlvs, at, tlvs.length))
  }
  all.sort((a, b) => rankOf(a.header) - rankOf(b.header))
  arena.begin()
  let before = ''
  for (const tlv of all) {
    const { field } = tlv
    const key = `${tlv.header >>> 9}${(tlv.header >>> 16) === 0xffff ? `,${headerAt(tlvs, tlv.at + 4)}` : ''}`
    if (key === before) throw new WireError('an OXM field is there twice', tlv.at)
    before = key
    const mask = field && tlv.masked ? tlvMask(tlvs, field, tlv) : undefined
    if (field && mask !== undefined && (isZero(mask) || mask === field.ones)) {
      const value = tlvValue(tlvs, field, tlv)
      if (value <= field.ones) {
        if (!isZero(mask)) writeField(arena, field, value)
        continue
      }
    }
    arena.append(tlvs.subarray(tlv.at, tlv.end))
  }
  return arena.take()
}

/** OFPVID_PRESENT. */
const VLAN_PRESENT = 0x1000

/**
 * The prerequisite that a match does not meet, as a sentence; undefined when all are met
 * (OpenFlow 1.3.5 §7.2.3.8, error OFPBMC_BAD_PREREQ).
 */
export function missingPrerequisite(match: Match): string | undefined {
  for (const name in match) {
    const { needs } = fieldOf[name as FieldName]
    for (const other in needs) {
      const allowed = needs[other] as readonly number[]
      const entry = match[other as FieldName]
      const value = typeof entry === 'object' ? entry[0] : entry
      const isThere =
        value !== undefined && (allowed.length === 0 || allowed.includes(Number(value)))
      // VLAN_VID != NONE (table 12): a tag, whatever its number.
      if (isThere && (other !== 'vlan_vid' || (Number(value) & VLAN_PRESENT) !== 0)) continue
      const wanted = allowed.length
        ? `=${allowed.map((v) => `0x${v.toString(16)}`).join(' or ')}`
        : ''
      return `${name} needs ${other}${wanted}`
    }
  }
  return undefined
}

const OXM_MATCH = 1

/** The ofp_match of a message: type, length, TLVs, padding to 8; its value is the canonical TLVs. */
export const matchPart: Part<Uint8Array> & Required<Pick<Part<Uint8Array>, 'end'>> = {
  end(bytes, start, end) {
    if (end - start < 8) throw new WireError('truncated match', start)
    const length = ((bytes[start + 2] as number) << 8) | (bytes[start + 3] as number)
    if (length < 4 || start + ((length + 7) & ~7) > end) {
      throw new WireError(`bad match length ${length}`, start + 2)
    }
    return start + ((length + 7) & ~7)
  },
  read(bytes, start) {
    const type = ((bytes[start] as number) << 8) | (bytes[start + 1] as number)
    if (type !== OXM_MATCH) throw new WireError(`match type ${type} is not OXM`, start)
    const length = ((bytes[start + 2] as number) << 8) | (bytes[start + 3] as number)
    return canonicalMatch(bytes.subarray(start + 4, start + length))
  },
  write(writer, tlvs) {
    const at = writer.claim(4)
    writer.append(tlvs)
    writer.patch16(at, OXM_MATCH)
    writer.patch16(at + 2, writer.length - at)
    writer.align(at, 8)
  },
}
