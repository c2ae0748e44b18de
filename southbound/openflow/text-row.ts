/**
 * How a kind of action is written: the shape of the rows of text-output.ts, text-set.ts,
 * text-nicira.ts, text-learn.ts and text-ct.ts, and what several of them use. Neighbours: text-action.ts
 * joins them.
 */
import type { Action } from './action.ts'
import { fail, type Item, itemsOf, nameOf, parseUint, type Span, textOf } from './text-span.ts'

export type Kind = Action['kind']
export type ActionOf<K extends Kind> = Extract<Action, { kind: K }>

/** Lists of actions, for rows that hold one. */
export interface Lists {
  format(actions: readonly Action[]): string
  parse(span: Span): readonly Action[]
}

export interface ActionText<K extends Kind = Kind> {
  /** The words that begin it, the printed one first; other rows may have the same. */
  readonly names: readonly string[]
  /** Undefined for a value that the syntax has no words for. */
  format(action: ActionOf<K>, lists: Lists): string | undefined
  /** Undefined when the item is another row's. @throws {TextError} */
  parse(item: Item, lists: Lists): ActionOf<K> | undefined
  /** Whether Open vSwitch has it: else ovs-ofctl refuses the text. */
  readonly foreign?: true
}

/** A row, typed by its kind. */
export const row = <K extends Kind>(
  names: string,
  format: ActionText<K>['format'],
  parse: ActionText<K>['parse'],
): ActionText<K> => ({ names: names.split(' '), format, parse })

/** One that has no operands. */
export const bare = <K extends Kind>(names: string, kind: K): ActionText<K> => ({
  names: names.split(' '),
  format: () => names.split(' ')[0],
  parse(item) {
    if (textOf(item.value).trim() !== '') fail(item.value, `nothing behind ${nameOf(item)}`)
    return { kind } as ActionOf<K>
  },
})

export const foreign = <K extends Kind>(text: ActionText<K>): ActionText<K> => ({
  ...text,
  foreign: true,
})

/** The value of an item that must have one. */
export const given = (item: Item): Span =>
  item.mark === '' ? fail(item.whole, `a value behind ${nameOf(item)}`) : item.value

/** One that has one number, `name:5`. */
export const number = <K extends Kind>(
  names: string,
  bits: number,
  get: (action: ActionOf<K>) => number | bigint,
  make: (value: number) => ActionOf<K>,
  print: (value: number | bigint) => string = String,
): ActionText<K> => ({
  names: names.split(' '),
  format: (action) => `${names.split(' ')[0]}:${print(get(action))}`,
  parse: (item) => make(parseUint(given(item), bits)),
})

/** `name(key=value,flag)`: hands each key to its reader. @throws {TextError} for another key */
export function readKeys(
  span: Span,
  keys: Readonly<Record<string, (value: Span, item: Item) => void>>,
): void {
  for (const item of itemsOf(span)) {
    const key = nameOf(item)
    const read = Object.hasOwn(keys, key) ? keys[key] : undefined
    if (!read) fail(item.name, `one of ${Object.keys(keys).join(', ')}`)
    else read(item.value, item)
  }
}

/** Exactly `count` values between commas; an empty one is an empty span. */
export function commas(span: Span): Span[] {
  const { source, to } = span
  const out: Span[] = []
  let { from } = span
  let depth = 0
  for (let at = from; at <= to; at++) {
    if (source[at] === '(' || source[at] === '[') depth++
    if (source[at] === ')' || source[at] === ']') depth--
    if (at < to && (source[at] !== ',' || depth > 0)) continue
    let end = at
    while (from < end && source[from] === ' ') from++
    while (end > from && source[end - 1] === ' ') end--
    out.push({ source, from, to: end })
    from = at + 1
  }
  return out
}

/** The word of a number, if it has one. */
export const wordOf = (
  words: Readonly<Record<string, number>>,
  value: number,
): string | undefined => Object.keys(words).find((word) => words[word] === value)
