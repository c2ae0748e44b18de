/**
 * JSON whose integers are whole: OVSDB's have 64 bits (RFC 7047 §3.1 `<integer>`), JSON.parse's 53.
 *
 * An integer is a number while it is safe (below 2^53) and a bigint from there to 64 bits, one form
 * for one value, so that `===` compares. Beyond 64 bits, or with an exponent, it is a number again
 * (exactInteger). Messages without such an integer cost one look at every
 * sixteenth character. In the others it is made a string that begins with a word the peer cannot
 * have guessed, and a bigint after parsing; a reviver, which is told the digits, takes 2 µs a value.
 *
 * Neighbours: framer.ts reads, json-rpc.ts and journal.ts write.
 */
import { randomUUID } from 'node:crypto'
import { ovsdbError } from './error.ts'

/** Digits from which on an integer may be unsafe. */
const LONG = 16
/** 64 bits have no more. */
const LONGEST = 19
const ZERO = 0x30
const NINE = 0x39
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Whether a bigint is an `<integer>`, -2^63 to 2^63-1. */
export function isInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value
}

/** The one form of an integer: number where that is exact, bigint otherwise. */
export function wholeNumber(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/**
 * The integer that a number of JSON.parse stands for, which was written with an exponent or a point
 * when it is not safe: by its decimal digits, of which a double keeps 15. Others stay as they are.
 */
export function exactInteger(value: number): number | bigint {
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return value
  const [digits = '', exponent] = Math.abs(value).toExponential().replace('.', '').split('e')
  if (digits.length > 15) return value
  const size = BigInt(digits) * 10n ** BigInt(Number(exponent) - digits.length + 1)
  return value < 0 ? -size : size
}

/** JSON.parse, exact for 64 bits; throws its SyntaxError. */
export function parseJson(text: string): unknown {
  const first = nextLong(text, 0)
  return first ? parseExactly(text, first) : JSON.parse(text)
}

/** JSON.stringify, also of bigints; throws OvsdbError 'resources exhausted' where no string is that long. */
export function formatJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch (error) {
    // The one thing that was parsed and that JSON.stringify refuses is a bigint.
    if (error instanceof TypeError) return formatExactly(value)
    throw tooLong(error)
  }
}

/** How a value is shown in a sentence: whatever a peer sent, the beginning of its JSON. */
export function show(value: unknown): string {
  return formatJson(value).slice(0, 80).toWellFormed()
}

function formatExactly(value: unknown): string {
  try {
    return JSON.stringify(value, (_, member) =>
      typeof member === 'bigint' ? rawJson(String(member)) : member,
    )
  } catch (error) {
    throw tooLong(error)
  }
}

function tooLong(error: unknown): unknown {
  if (!(error instanceof RangeError)) return error
  return ovsdbError('resources exhausted', 'a message longer than a string can be', error)
}

// In Node since 22, in TypeScript's library not yet.
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown }

/** An unsafe integer, or a part of a string that looks like one, with its sign. */
interface Long {
  readonly from: number
  readonly to: number
}

function nextLong(text: string, start: number): Long | undefined {
  for (let i = start + LONG - 1; i < text.length; i += LONG) {
    if (!isDigit(text.charCodeAt(i))) continue
    let from = i
    while (from > start && isDigit(text.charCodeAt(from - 1))) from--
    let to = i + 1
    while (isDigit(text.charCodeAt(to))) to++
    i = to
    const size = to - from
    if (size < LONG || size > LONGEST || text.charCodeAt(from) === ZERO) continue
    if (Number.isSafeInteger(Number(text.slice(from, to)))) continue
    if (text.charAt(from - 1) === '-') from--
    if (isIn('[,: \n\r\t', text.charAt(from - 1)) && isIn(',]} \n\r\t', text.charAt(to))) {
      return { from, to }
    }
  }
  return undefined
}
const isDigit = (code: number): boolean => code >= ZERO && code <= NINE
/** Also the end of the text. */
const isIn = (set: string, character: string): boolean => set.includes(character)

function parseExactly(text: string, first: Long): unknown {
  const mark = randomUUID()
  const parts: string[] = []
  let done = 0
  // The next string: everything from the end of the one before up to `open` is outside.
  let open = text.indexOf('"')
  for (let long: Long | undefined = first; long; ) {
    const { from, to } = long
    let next = to
    while (open >= 0 && open < from) {
      const end = stringEnd(text, open)
      next = Math.max(to, end)
      open = text.indexOf('"', end)
    }
    const digits = text.slice(from, to)
    if (next === to && isInt64(BigInt(digits)) && !isName(text, to)) {
      parts.push(text.slice(done, from), `"${mark}${digits}"`)
      done = to
    }
    long = nextLong(text, next)
  }
  parts.push(text.slice(done))
  return unmarked(JSON.parse(parts.join('')), mark)
}

/** Behind the closing quote of the string that opens here. */
function stringEnd(text: string, open: number): number {
  let at = open + 1
  for (; at < text.length && text.charCodeAt(at) !== QUOTE; at++) {
    if (text.charCodeAt(at) === BACKSLASH) at++
  }
  return at + 1
}

/** A member's name is no number: JSON.parse shall refuse it, and not find a string. */
function isName(text: string, end: number): boolean {
  let at = end
  while (isIn(' \n\r\t', text.charAt(at)) && at < text.length) at++
  return text.charAt(at) === ':'
}

function unmarked(value: unknown, mark: string): unknown {
  if (typeof value === 'string') {
    return value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value
  }
  if (Array.isArray(value)) {
    for (const [i, member] of value.entries()) value[i] = unmarked(member, mark)
  } else if (typeof value === 'object' && value !== null) {
    const record = value as Record<string, unknown>
    for (const name of Object.keys(record)) record[name] = unmarked(record[name], mark)
  }
  return value
}
