/**
 * The grammar under the text of ovs-ofctl: items `name`, `name=value`, `name:value`, `name(value)` and
 * `name(value)->target`, separated by commas or white space, parentheses nested. A Span is a piece
 * of the text that knows where it stands, so that every error has a position. Neighbours:
 * text-value.ts (values), text-match.ts, text-action.ts (what the items mean).
 */

/** Text that cannot be read; the one error that the parsers of text throw. */
export class TextError extends Error {
  /** Offset of `value` in the text that was parsed, characters. */
  readonly at: number
  /** What was found there. */
  readonly value: string
  /** What would be right there, a phrase. */
  readonly expected: string

  constructor(value: string, at: number, expected: string) {
    super(`'${value}' at character ${at}: expected ${expected}`)
    this.name = 'TextError'
    this.at = at
    this.value = value
    this.expected = expected
  }
}

/** The characters from..to - 1 of `source`. */
export interface Span {
  readonly source: string
  readonly from: number
  readonly to: number
}

export const spanOf = (source: string): Span => ({ source, from: 0, to: source.length })
export const textOf = ({ source, from, to }: Span): string => source.slice(from, to)
export const isEmpty = ({ from, to }: Span): boolean => from >= to

/** @throws {TextError} always */
export function fail(span: Span, expected: string): never {
  throw new TextError(textOf(span), span.from, expected)
}

/** Without white space before it. */
export function trimStart({ source, from, to }: Span): Span {
  while (from < to && isSpace(source[from])) from++
  return { source, from, to }
}

/** What is before and after the first (or last) `mark`; undefined when it is not there. */
export function cut(span: Span, mark: string, last = false): readonly [Span, Span] | undefined {
  const text = textOf(span)
  const at = last ? text.lastIndexOf(mark) : text.indexOf(mark)
  if (at < 0) return undefined
  const { source, from, to } = span
  const middle = from + at
  return [
    { source, from, to: middle },
    { source, from: middle + mark.length, to },
  ]
}

/** One item. */
export interface Item {
  readonly name: Span
  /** What stands behind the name: '' when there is no value. */
  readonly mark: '' | '=' | ':' | '('
  /** Empty when there is no value. */
  readonly value: Span
  /** Of `name(value)->target`. */
  readonly target?: Span
  readonly whole: Span
}
export const nameOf = (item: Item): string => textOf(item.name)

const isSpace = (char: string | undefined) =>
  char === ' ' || char === '\t' || char === '\n' || char === '\r'
const isBreak = (char: string | undefined) => char === ',' || isSpace(char)
const DEPTH = 16

/** Where the value that starts at `at` ends: at `stop`, or at a break if `stop` is ''. */
function endOf({ source, to }: Span, at: number, stop: ')' | ''): number {
  let depth = 0
  for (let i = at; i < to; i++) {
    const char = source[i]
    if (depth === 0 && (stop === '' ? isBreak(char) : char === stop)) return i
    if (char === '(' && ++depth > DEPTH) {
      throw new TextError('(', i, `at most ${DEPTH} parentheses in each other`)
    }
    if (char === ')' && --depth < 0) throw new TextError(')', i, 'no parenthesis to close here')
  }
  if (depth > 0 || stop !== '') throw new TextError(source.slice(at, to), at, "a ')' at the end")
  return to
}

/** The items of a span in order. @throws {TextError} for parentheses that do not match */
export const itemsOf = (span: Span): Item[] => itemsBefore(span).items

/**
 * The items before the one that `last` names (`actions=`), which takes all the rest; `rest` is
 * undefined when there is none.
 */
export function itemsBefore(span: Span, last?: RegExp): { items: Item[]; rest?: Span } {
  const { source, to } = span
  const items: Item[] = []
  for (let at = span.from; ; ) {
    while (at < to && isBreak(source[at])) at++
    if (at >= to) return { items }
    const begun = last?.exec(source.slice(at, at + 20))
    if (begun?.index === 0) return { items, rest: { source, from: at + begun[0].length, to } }
    const { item, next } = itemAt({ source, from: at, to })
    items.push(item)
    at = next
  }
}

/** The item at the start of a span, which is not empty and starts with no break. */
export function itemAt(span: Span): { item: Item; next: number } {
  const { source, from, to } = span
  let at = from
  while (at < to && !isBreak(source[at]) && !'=:()'.includes(source[at] as string)) at++
  const name = { source, from, to: at }
  const mark = source[at]
  if (at === to || isBreak(mark)) {
    const value = { source, from: at, to: at }
    return { item: { name, mark: '', value, whole: name }, next: at }
  }
  if (at === from) throw new TextError(mark as string, at, 'a name before it')
  if (mark === ')') throw new TextError(')', at, 'no parenthesis to close here')
  const start = at + 1
  if (mark !== '(') {
    const end = endOf(span, start, '')
    const value = { source, from: start, to: end }
    const whole = { source, from, to: end }
    return { item: { name, mark: mark as '=' | ':', value, whole }, next: end }
  }
  const close = endOf(span, start, ')')
  const value = { source, from: start, to: close }
  if (!source.startsWith('->', close + 1) || close + 3 > to) {
    const next = close + 1
    if (next < to && !isBreak(source[next])) {
      throw new TextError(source.slice(next, to), next, "',' behind the ')'")
    }
    return { item: { name, mark, value, whole: { source, from, to: next } }, next }
  }
  const end = endOf(span, close + 3, '')
  const target = { source, from: close + 3, to: end }
  return { item: { name, mark, value, target, whole: { source, from, to: end } }, next: end }
}

const NUMBER = /^(0|[1-9][0-9]*|0x[0-9a-f]+)$/i

/** Decimal, or hexadecimal with 0x. @throws {TextError} for other text or a value above `max` */
export function parseBig(span: Span, max: bigint): bigint {
  const text = textOf(span)
  const value = NUMBER.test(text) && text.length < 400 ? BigInt(text) : -1n
  if (value < 0n || value > max) fail(span, `a number from 0 to ${max}, decimal or 0x…`)
  return value
}

/** As parseBig, for `bits` bits up to 48. */
export const parseUint = (span: Span, bits: number): number =>
  Number(parseBig(span, 2n ** BigInt(bits) - 1n))

/** Bytes as hexadecimal pairs, dots between them or not. */
export function parseHex(span: Span): Uint8Array {
  const digits = textOf(span).replaceAll('.', '')
  if (!/^([0-9a-f]{2})*$/i.test(digits)) fail(span, 'bytes as hexadecimal pairs, like 0a.0b')
  return new Uint8Array(Buffer.from(digits, 'hex'))
}
export const formatHex = (bytes: Uint8Array, between = ''): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(between)

/** A word of a list. @throws {TextError} naming them all */
export function parseWord<T>(span: Span, words: Readonly<Record<string, T>>): T {
  const text = textOf(span)
  if (!Object.hasOwn(words, text)) fail(span, `one of ${Object.keys(words).join(', ')}`)
  return words[text] as T
}
