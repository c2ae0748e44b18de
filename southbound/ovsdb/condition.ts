/**
 * `<condition>`s (RFC 7047 §5.1): which rows an operation or a conditional monitor is about.
 *
 * The functions are one table over Elements, the same for every column kind. Neighbours: codec.ts
 * below, transaction.ts and server-monitor.ts above.
 */
import { compareAtoms, type Names } from './atom.ts'
import type { AnyRow, Codec, Elements } from './codec.ts'
import { ovsdbError } from './error.ts'
import { show } from './json.ts'
import type { RowCodec } from './row-codec.ts'
import type { Atom } from './schema.ts'

/** Whether a row matches. */
export type Predicate = (row: AnyRow) => boolean

/** What a column is compared with: value by key, undefined for a set; made once, asked for each row. */
type Argument = ReadonlyMap<Atom, Atom | undefined>
type Test = (row: Elements, argument: Argument) => boolean

const equal: Test = (row, argument) =>
  row.keys.length === argument.size && common(row, argument) === argument.size
const includes: Test = (row, argument) =>
  row.keys.length >= argument.size && common(row, argument) === argument.size
const excludes: Test = (row, argument) => common(row, argument) === 0

/** How many are in both, in a time that only grows with the row; pairs of a map by key and value. */
function common({ keys, values }: Elements, argument: Argument): number {
  let count = 0
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as Atom
    if (argument.has(key) && argument.get(key) === values?.[i]) count++
  }
  return count
}
/** An empty optional column compares with nothing. */
function ordered(holds: (order: number) => boolean): Test {
  return ({ keys: [left] }, argument) => {
    const [right] = argument.keys()
    return left !== undefined && holds(compareAtoms(left, right as Atom))
  }
}

const tests: Readonly<Record<string, Test>> = {
  '==': equal,
  '!=': (row, argument) => !equal(row, argument),
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
  /** How many they are. */
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
  const wanted: Argument = new Map(argument.keys.map((key, i) => [key, argument.values?.[i]]))
  const predicate: Predicate = (row) => test(codec.elements(row[name]), wanted)
  if (name === '_uuid' && operator === '==') {
    return { test: predicate, uuid: argument.keys[0] as string, size: 1 }
  }
  return { test: predicate, size: 1 }
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
  const size = conditions.length
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
