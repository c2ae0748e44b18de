/**
 * `<condition>`s (RFC 7047 §5.1): which rows an operation or a conditional monitor is about.
 *
 * The functions are one table. What is looked up is the condition's value in the row's, never the other
 * way round: a row may hold a million elements, and a monitor have 100,000 conditions.
 * Neighbours: codec.ts below, transaction.ts and server-monitor.ts above.
 */
import { compareAtoms, type Names } from './atom.ts'
import type { AnyRow, Codec, Elements } from './codec.ts'
import { ovsdbError } from './error.ts'
import { show } from './json.ts'
import type { RowCodec } from './row-codec.ts'
import type { Atom, ColumnKind } from './schema.ts'

/** Whether a row matches. */
export type Predicate = (row: AnyRow) => boolean

/** What a row has in a column, by the column's kind. */
interface Held {
  /** Whether the atom is in it, of a map with this value. */
  has(value: unknown, key: Atom, item: Atom | undefined): boolean
  sizeIs(value: unknown, size: number): boolean
}
const one: Held = {
  has: (value, key) => value === key,
  sizeIs: (value, size) => size === (value === undefined ? 0 : 1),
}
const held: Readonly<Record<ColumnKind, Held>> = {
  scalar: one,
  optional: one,
  set: {
    has: (value, key) => contains(value as readonly Atom[], key),
    sizeIs: (value, size) => (value as readonly Atom[]).length === size,
  },
  map: {
    has(value, key, item) {
      const name = String(key)
      return Object.hasOwn(value as object, name) && (value as Record<string, Atom>)[name] === item
    },
    sizeIs(value, size) {
      let count = 0
      for (const _ in value as object) if (++count > size) return false
      return count === size
    },
  },
}

/** Whether a sorted list has the atom. */
function contains(list: readonly Atom[], atom: Atom): boolean {
  let [from, to] = [0, list.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((list[middle] as Atom) < atom) from = middle + 1
    else to = middle
  }
  return list[from] === atom
}

type Test = (held: Held, value: unknown, argument: Elements) => boolean

const includes: Test = (held, value, { keys, values }) =>
  keys.every((key, i) => held.has(value, key, values?.[i]))
const excludes: Test = (held, value, { keys, values }) =>
  !keys.some((key, i) => held.has(value, key, values?.[i]))
const equal: Test = (held, value, argument) =>
  held.sizeIs(value, argument.keys.length) && includes(held, value, argument)
/** An empty optional column compares with nothing. */
function ordered(holds: (order: number) => boolean): Test {
  return (_, value, { keys: [right] }) =>
    value !== undefined && holds(compareAtoms(value as Atom, right as Atom))
}

const tests: Readonly<Record<string, Test>> = {
  '==': equal,
  '!=': (held, value, argument) => !equal(held, value, argument),
  includes,
  excludes,
  '<': ordered((order) => order < 0),
  '<=': ordered((order) => order <= 0),
  '>': ordered((order) => order > 0),
  '>=': ordered((order) => order >= 0),
}

/** Conditions compiled; `uuid` when they ask for one row by `_uuid`. */
export interface Condition {
  readonly test: Predicate
  readonly uuid?: string
  /** How many they are, each element of their values as one. */
  readonly size: number
}

/** Throws OvsdbError for anything but `[column, function, value]`, or the booleans of a monitor. */
export function compileCondition(table: RowCodec, wire: unknown, names?: Names): Condition {
  if (typeof wire === 'boolean') return { test: () => wire, size: 1 }
  if (!Array.isArray(wire) || wire.length !== 3 || typeof wire[0] !== 'string') {
    throw ovsdbError('syntax error', 'Parse error: a condition is [column, function, value]')
  }
  const [name, operator, value] = wire
  const codec = table.column(name)
  const known = typeof operator === 'string' && Object.hasOwn(tests, operator)
  const test = known ? tests[operator] : undefined
  if (!test) throw ovsdbError('unknown function', `No function named ${show(operator)}.`)
  const isOrdered = operator.startsWith('<') || operator.startsWith('>')
  if (isOrdered) checkOrdered(codec, operator)
  const some = operator === 'includes' || operator === 'excludes'
  // Also fewer elements than the column must have; but a scalar is compared with one.
  const argument =
    some && codec.kind !== 'scalar'
      ? codec.decodeElements(value, names, operator === 'includes' ? codec.column.max : Infinity)
      : codec.elements(codec.decode(value, names))
  if (isOrdered && argument.keys.length === 0) {
    throw ovsdbError('syntax error', `"${operator}" compares with one value`)
  }
  codec.checkElements(argument)
  const inRow = held[codec.kind]
  const predicate: Predicate = (row) => test(inRow, row[name], argument)
  if (name === '_uuid' && operator === '==') {
    return { test: predicate, uuid: argument.keys[0] as string, size: 1 }
  }
  return { test: predicate, size: Math.max(1, argument.keys.length) }
}

function checkOrdered({ name, kind, column }: Codec, operator: string): void {
  const numeric = column.key.type === 'integer' || column.key.type === 'real'
  if (numeric && (kind === 'scalar' || kind === 'optional')) return
  const details = `Type mismatch: "${operator}" operator may not be applied to column ${name}.`
  throw ovsdbError('syntax error', details)
}

/**
 * The conditions of an operation, an array as its table of members has it: all must hold. `uuid`: at
 * most this row can match.
 */
export function compileWhere(table: RowCodec, wire: unknown, names?: Names): Condition {
  const conditions = (wire as readonly unknown[]).map((condition) =>
    compileCondition(table, condition, names),
  )
  const uuid = conditions.find((condition) => condition.uuid !== undefined)?.uuid
  const test: Predicate = (row) => conditions.every((condition) => condition.test(row))
  const size = conditions.reduce((sum, condition) => sum + condition.size, 0)
  return uuid === undefined ? { test, size } : { test, uuid, size }
}

/** The conditions of a monitor: one must hold; none at all means every row. */
export function compileAny(table: RowCodec, wire: unknown): Predicate {
  if (wire === undefined) return () => true
  if (!Array.isArray(wire)) throw ovsdbError('syntax error', 'where must be an array')
  if (wire.length === 0) return () => true
  const conditions = wire.map((condition) => compileCondition(table, condition))
  return (row) => conditions.some((condition) => condition.test(row))
}
