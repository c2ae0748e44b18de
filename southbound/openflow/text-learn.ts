/**
 * Text of learn, the action that adds a flow: its two kinds on the wire, one row each, and the parts
 * of the flow that is learned. Source: ovs-actions(7), Open vSwitch lib/learn.c. Neighbours:
 * action-learn.ts (the same on the wire), text-row.ts, text-action.ts.
 */
import { type FieldAt, type Learn2, type LearnSpec, learnFlags } from './action-learn.ts'
import { fieldOf } from './oxm.ts'
import {
  fieldByOperandName,
  formatOperand,
  parseOperand,
  setName,
  wholeBits,
} from './text-field.ts'
import { type ActionText, given, type Kind, row } from './text-row.ts'
import {
  cut,
  fail,
  type Item,
  itemsOf,
  nameOf,
  parseBig,
  parseUint,
  type Span,
  textOf,
} from './text-span.ts'
import { formatValue, hex, parseEntry } from './text-value.ts'

const DEFAULT_PRIORITY = 0x8000
const bitsOf = ({ field, ofs }: FieldAt, n_bits: number) => formatOperand({ field, ofs, n_bits })
const same = (a: FieldAt, b: FieldAt) => a.field === b.field && a.ofs === b.ofs

function formatSpec(spec: LearnSpec): string {
  const { n_bits, src } = spec
  if (spec.kind === 'output') return `output:${bitsOf(spec.src, n_bits)}`
  const { dst } = spec
  const to = bitsOf(dst, n_bits)
  if (spec.kind === 'load') {
    return `load:${typeof src === 'bigint' ? hex(src) : bitsOf(src, n_bits)}->${to}`
  }
  if (typeof src !== 'bigint') return same(src, dst) ? to : `${to}=${bitsOf(src, n_bits)}`
  if (dst.ofs !== 0 || n_bits !== wholeBits(dst.field)) return `${to}=${hex(src)}`
  const { bits } = fieldOf[dst.field]
  return `${setName(dst.field)}=${formatValue(dst.field, bits > 48 ? src : Number(src))}`
}

function parseSpec(item: Item): LearnSpec {
  const name = nameOf(item)
  if (name === 'output') {
    const { field, ofs, n_bits } = parseOperand(given(item))
    return { kind: 'output', n_bits, src: { field, ofs } }
  }
  if (name === 'load') {
    const [from, to] = cut(given(item), '->', true) ?? fail(item.value, 'SOURCE->FIELD[BITS]')
    const { field, ofs, n_bits } = parseOperand(to)
    const src = parseSource(from, n_bits)
    return { kind: 'load', n_bits, src, dst: { field, ofs } }
  }
  const whole = !name.includes('[') && item.mark !== '' ? fieldByOperandName(name) : undefined
  if (whole && /^[^a-z]|^[0-9a-f:.]+$/i.test(textOf(item.value)) && !isOperand(item.value)) {
    const value = parseEntry(item.value, whole)
    if (typeof value === 'object') fail(item.value, 'a value without a mask')
    const dst = { field: whole.name, ofs: 0 }
    return { kind: 'match', n_bits: wholeBits(whole.name), src: BigInt(value), dst }
  }
  const { field, ofs, n_bits } = parseOperand(item.name)
  const dst = { field, ofs }
  return {
    kind: 'match',
    n_bits,
    src: item.mark === '' ? dst : parseSource(item.value, n_bits),
    dst,
  }
}
const isOperand = (span: Span) => /^[a-z]\w*\[/i.test(textOf(span))

/** A constant of n_bits, or as many bits of a field. */
function parseSource(span: Span, n_bits: number): FieldAt | bigint {
  if (/^\d/.test(textOf(span))) return parseBig(span, (1n << BigInt(n_bits)) - 1n)
  const { field, ofs, n_bits: width } = parseOperand(span)
  if (width !== n_bits) fail(span, `${n_bits} bits on both sides`)
  return { field, ofs }
}

function formatLearn(learn: Omit<Learn2, 'limit'>, limit: number): string {
  const { idle_timeout, hard_timeout, fin_idle_timeout, fin_hard_timeout, result_dst } = learn
  const word = (name: string, value: number | bigint, none: number | bigint = 0) =>
    value === none ? [] : [`${name}=${typeof value === 'bigint' ? hex(value) : value}`]
  const words = [
    `table=${learn.table_id}`,
    ...word('idle_timeout', idle_timeout),
    ...word('hard_timeout', hard_timeout),
    ...word('fin_idle_timeout', fin_idle_timeout),
    ...word('fin_hard_timeout', fin_hard_timeout),
    ...word('priority', learn.priority, DEFAULT_PRIORITY),
    ...(learn.flags & learnFlags.send_flow_rem ? ['send_flow_rem'] : []),
    ...(learn.flags & learnFlags.delete_learned ? ['delete_learned'] : []),
    ...word('cookie', learn.cookie, 0n),
    ...word('limit', limit),
    ...(result_dst ? [`result_dst=${bitsOf(result_dst, 1)}`] : []),
    ...learn.specs.map(formatSpec),
  ]
  return `learn(${words.join(',')})`
}

type Found = { -readonly [K in keyof Learn2]: Learn2[K] } & { specs: LearnSpec[] }
type Numbers = 'table_id' | 'idle_timeout' | 'hard_timeout' | 'priority' | 'limit'
type More = 'fin_idle_timeout' | 'fin_hard_timeout'
const numbers: Readonly<Record<string, readonly [name: Numbers | More, bits: number]>> = {
  table: ['table_id', 8],
  idle_timeout: ['idle_timeout', 16],
  hard_timeout: ['hard_timeout', 16],
  fin_idle_timeout: ['fin_idle_timeout', 16],
  fin_hard_timeout: ['fin_hard_timeout', 16],
  priority: ['priority', 16],
  limit: ['limit', 32],
}

function parseLearn(item: Item): Found {
  const out: Found = {
    idle_timeout: 0,
    hard_timeout: 0,
    priority: DEFAULT_PRIORITY,
    cookie: 0n,
    flags: 0,
    table_id: 1,
    fin_idle_timeout: 0,
    fin_hard_timeout: 0,
    limit: 0,
    specs: [],
  }
  for (const one of itemsOf(given(item))) {
    const name = nameOf(one)
    const number = Object.hasOwn(numbers, name) ? numbers[name] : undefined
    if (number) out[number[0]] = parseUint(one.value, number[1])
    else if (name === 'cookie') out.cookie = parseBig(one.value, 2n ** 64n - 1n)
    else if (name === 'send_flow_rem') out.flags |= learnFlags.send_flow_rem
    else if (name === 'delete_learned') out.flags |= learnFlags.delete_learned
    else if (name === 'result_dst') {
      const { field, ofs, n_bits } = parseOperand(one.value)
      if (n_bits !== 1) fail(one.value, 'one bit, FIELD[BIT]')
      out.flags |= learnFlags.write_result
      out.result_dst = { field, ofs }
    } else out.specs.push(parseSpec(one))
  }
  return out
}

export const learnTexts: { readonly [K in Kind]?: ActionText<K> } = {
  learn: row<'learn'>(
    'learn',
    (learn) => formatLearn(learn, 0),
    (item) => {
      const { limit, result_dst, ...learn } = parseLearn(item)
      return limit === 0 && !result_dst ? { kind: 'learn', ...learn } : undefined
    },
  ),
  learn2: row<'learn2'>(
    'learn',
    (learn) => formatLearn(learn, learn.limit),
    (item) => ({ kind: 'learn2', ...parseLearn(item) }),
  ),
}
