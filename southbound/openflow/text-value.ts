/**
 * Values as text, one row a format: numbers, addresses, ports, flags and the words of nw_frag, each
 * alone or under a mask. What is printed is what ovs-ofctl prints; what is read is what it reads.
 * Neighbours: oxm.ts (which field has which format), text-field.ts (names), text-span.ts.
 */
import { type FieldName, fieldOf, type OxmField } from './oxm.ts'
import {
  formatIpv4,
  formatIpv6,
  formatMac,
  parseIpv4,
  parseIpv6,
  parseMac,
} from './text-address.ts'
import {
  cut,
  fail,
  isEmpty,
  parseBig,
  parseUint,
  parseWord,
  type Span,
  textOf,
} from './text-span.ts'

export type Value = number | bigint
/** A value, or a value under a mask. */
export type Entry = Value | readonly [value: Value, mask: Value]

export const hex = (value: Value) => `0x${value.toString(16)}`
/** As the C library prints %#x: no prefix before a zero. */
export const sharpHex = (value: Value) => (Number(value) === 0 ? '0' : hex(value))
export const portNames: Readonly<Record<number, string>> = {
  4294967288: 'IN_PORT',
  4294967289: 'TABLE',
  4294967290: 'NORMAL',
  4294967291: 'FLOOD',
  4294967292: 'ALL',
  4294967293: 'CONTROLLER',
  4294967294: 'LOCAL',
  4294967295: 'ANY',
}
const portNumbers: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Object.entries(portNames).map(([number, name]) => [name, Number(number)])),
  NONE: 0xffffffff,
}
export const formatPort = (port: number): string => portNames[port] ?? String(port)
/** The number of a reserved port's name in any case, if it is one. */
export const portOfName = (name: string): number | undefined =>
  Object.hasOwn(portNumbers, name.toUpperCase()) ? portNumbers[name.toUpperCase()] : undefined

const FIRST_SHORT_RESERVED = 0xfff8

export function parsePort(span: Span): number {
  const named = portOfName(textOf(span))
  if (named !== undefined) return named
  if (!/^\d/.test(textOf(span)))
    fail(span, `a port number or ${Object.keys(portNumbers).join(', ')}`)
  const port = parseUint(span, 32)
  // The reserved ports of OpenFlow 1.0, which ovs-ofctl takes by their numbers there too.
  return port >= FIRST_SHORT_RESERVED && port <= 0xffff ? port + 0xffff_0000 : port
}

export interface ValueText {
  format(value: Value, field: OxmField): string
  /** A value that the field can hold. @throws {TextError} */
  parse(span: Span, field: OxmField): Value
  /** A mask alone; as a value when absent. */
  formatMask?(mask: Value, field: OxmField): string
  parseMask?(span: Span, field: OxmField): Value
  /** Value and mask at once, where that has words of its own; undefined: `value/mask`. */
  formatMasked?(value: Value, mask: Value): string | undefined
  /** The bits that Open vSwitch knows, where those are fewer than the field has: its exact match. */
  known?: Value
  /** Undefined: not such words. */
  parseEntry?(span: Span, field: OxmField): Entry | undefined
}

const parseNumber = (span: Span, field: OxmField): Value => {
  const value = parseBig(span, BigInt(field.ones))
  return field.bits > 48 ? value : Number(value)
}

/** `24` for a mask of 24 ones before zeros, else undefined. */
function prefixOf(mask: bigint, bits: number): number | undefined {
  const inverted = mask ^ ((1n << BigInt(bits)) - 1n)
  if ((inverted & (inverted + 1n)) !== 0n) return undefined
  return bits - (inverted === 0n ? 0 : inverted.toString(2).length)
}
const maskOf = (prefix: number, bits: number): bigint =>
  ((1n << BigInt(prefix)) - 1n) << BigInt(bits - prefix)

/** Addresses, whose mask may be a prefix length. */
const address = (format: (value: Value) => string, parse: (span: Span) => Value): ValueText => ({
  format,
  parse,
  formatMask: (mask, { bits }) => String(prefixOf(BigInt(mask), bits) ?? format(mask)),
  parseMask(span, { bits }) {
    if (!/^\d+$/.test(textOf(span))) return parse(span)
    const prefix = Number(textOf(span))
    if (prefix > bits) fail(span, `a prefix from 0 to ${bits}`)
    const mask = maskOf(prefix, bits)
    return bits > 48 ? mask : Number(mask)
  },
})

/**
 * Bits with names: `a|b` is all of the bits, `+a-b` these two alone. `all`: what an exact match is
 * on, where Open vSwitch knows fewer bits than the field has.
 */
function flags(names: Readonly<Record<string, number>>, all?: number): ValueText {
  const list = Object.entries(names)
  const known = list.reduce((sum, [, bit]) => sum | bit, 0)
  return {
    ...(all !== undefined && { known: all }),
    format(value) {
      if (all !== undefined || value === 0 || Number(value) & ~known) return sharpHex(value)
      return list.flatMap(([name, bit]) => (Number(value) & bit ? [name] : [])).join('|')
    },
    parse: parseNumber,
    formatMask: hex,
    formatMasked(value, mask) {
      if (Number(mask) & ~known || Number(value) & ~Number(mask) || mask === 0) return undefined
      return list
        .filter(([, bit]) => Number(mask) & bit)
        .map(([name, bit]) => `${Number(value) & bit ? '+' : '-'}${name}`)
        .join('')
    },
    parseEntry(span) {
      const text = textOf(span)
      if (/^[0-9]/.test(text) || isEmpty(span)) return undefined
      const words = text.match(/[+-]?[^+|-]+/g) ?? []
      const signed = /^[+-]/.test(text)
      if (words.join(signed ? '' : '|') !== text) fail(span, 'flags as a|b or +a-b')
      let value = 0
      let mask = 0
      for (const word of words) {
        const bit = parseWord(spanWithin(span, word, signed ? 1 : 0), names)
        if (mask & bit) fail(span, 'each flag once')
        mask |= bit
        if (!word.startsWith('-')) value |= bit
      }
      if (signed) return [value, mask]
      return all === undefined ? value : [value, all]
    },
  }
}
/** The part of a span where `word` stands, without its first `skip` characters. */
function spanWithin({ source, from, to }: Span, word: string, skip: number): Span {
  const at = source.indexOf(word, from)
  return { source, from: at + skip, to: Math.min(at + word.length, to) }
}

/** OpenFlow 1.0 numbers of 16 bits: the reserved ones are the last of them too. */
export const formatShortPort = (port: number): string =>
  port < FIRST_SHORT_RESERVED ? String(port) : formatPort(port + 0xffff_0000)
export function parseShortPort(span: Span): number {
  const port = parsePort(span)
  if (port > 0xffff && port < 0xffff_ff00) fail(span, 'a port number of 16 bits')
  return port & 0xffff
}

const fragments: Readonly<Record<string, Entry>> = {
  no: 0,
  first: 1,
  later: 3,
  yes: [1, 1],
  not_later: [0, 2],
}
const bitsOf = (names: string) =>
  Object.fromEntries(names.split(' ').map((name, i) => [name, 1 << i]))

/** By format of a row, or by name of a field. */
export const valueTexts: Readonly<Partial<Record<string, ValueText>>> = {
  dec: {
    format: String,
    parse: parseNumber,
    formatMask: hex,
  },
  hex: { format: sharpHex, parse: parseNumber, formatMask: hex },
  mac: { format: (value) => formatMac(Number(value)), parse: parseMac },
  ipv4: address((value) => formatIpv4(Number(value)), parseIpv4),
  ipv6: address((value) => formatIpv6(BigInt(value)), parseIpv6),
  port: { format: (value) => formatPort(Number(value)), parse: parsePort },
  ip_frag: {
    format: (value) => ['no', 'first', '0x2', 'later'][Number(value)] ?? hex(value),
    parse: parseNumber,
    formatMask: hex,
    formatMasked: (value, mask) =>
      Number(mask) === 1 && Number(value) === 1
        ? 'yes'
        : Number(mask) === 2 && Number(value) === 0
          ? 'not_later'
          : undefined,
    parseEntry: (span) => (/^\d/.test(textOf(span)) ? undefined : parseWord(span, fragments)),
  },
  nxm_in_port: {
    format: (value) => formatShortPort(Number(value)),
    parse: parseShortPort,
  },
  /** Namespace and type. */
  packet_type: {
    format: (value) => `(${Number(value) >>> 16},${hex(Number(value) & 0xffff)})`,
    parse(span) {
      const parts = /^\((\w+),(\w+)\)$/.exec(textOf(span))
      if (!parts) fail(span, '(NAMESPACE,TYPE)')
      const comma = textOf(span).indexOf(',')
      const { source, from, to } = span
      const high = parseUint({ source, from: from + 1, to: from + comma }, 16)
      return high * 65536 + parseUint({ source, from: from + comma + 1, to: to - 1 }, 16)
    },
  },
  ct_state: flags(bitsOf('new est rel rpl inv trk snat dnat'), 0xff),
  tcp_flags: flags(bitsOf('fin syn rst psh ack urg ece cwr ns [200] [400] [800]')),
  tun_flags: flags(bitsOf('oam'), 1),
}
export const textFor = (field: OxmField): ValueText =>
  (valueTexts[field.name] ?? valueTexts[field.format]) as ValueText

export const formatValue = (name: FieldName, value: Value): string =>
  textFor(fieldOf[name]).format(value, fieldOf[name])

/** `10.0.0.0/24`, `0x50/0xf0`, `+trk-new`. */
export function formatMasked(name: FieldName, value: Value, mask: Value): string {
  const field = fieldOf[name]
  const text = textFor(field)
  const words = text.formatMasked?.(value, mask)
  if (words !== undefined) return words
  return `${formatPlain(text, value, field)}/${(text.formatMask ?? text.format)(mask, field)}`
}
/** Beside a mask a decimal number is printed as hexadecimal too, and no words stand for a value. */
const formatPlain = (text: ValueText, value: Value, field: OxmField): string =>
  text.formatMask === hex ? sharpHex(value) : text.format(value, field)

/** A value of the field, or value and mask. @throws {TextError} when it is neither or does not fit */
export function parseEntry(span: Span, field: OxmField): Entry {
  const text = textFor(field)
  const words = text.parseEntry?.(span, field)
  if (words !== undefined) return words
  const parts = cut(span, '/')
  if (!parts) return text.parse(span, field)
  return [text.parse(parts[0], field), (text.parseMask ?? text.parse)(parts[1], field)]
}
