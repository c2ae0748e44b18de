/**
 * `<condition>`s (RFC 7047 §5.1): which rows an operation or a conditional monitor is about.
 *
 * The functions are one table over Elements, the same for every column kind. Neighbours: codec.ts
 * below, transaction.ts and server-monitor.ts above.
 */
import { compareAtoms, type Names } from './atom.ts'
import type { AnyRow, Codec, Elements } from './codec.ts'
import { ovsdbError } from './error.ts'
import type { RowCodec } from './row-codec.ts'
import type { Atom } from './schema.ts'

/** Whether a row matches. */
export type Predicate = (row: AnyRow) => boolean

type Test = (row: Elements, argument: Elements) => boolean

const equal: Test = (row, argument) =>
  row.keys.length === argument.keys.length && includes(row, argument)

/** Pairs of a map match by key and value. */
function includes(row: Elements, argument: Elements): boolean {
  return argument.keys.every((key, i) => has(row, key, argument.values?.[i]))
}
function excludes(row: Elements, argument: Elements): boolean {
  return argument.keys.every((key, i) => !has(row, key, argument.values?.[i]))
}
function has(row: Elements, key: Atom, value: Atom | undefined): boolean {
  const at = row.keys.indexOf(key)
  return at >= 0 && (value === undefined || row.values?.[at] === value)
}
/** An empty optional column compares with nothing. */
function ordered(holds: (order: number) => boolean): Test {
  return ({ keys: [left] }, { keys: [right] }) =>
    left !== undefined && right !== undefined && holds(compareAtoms(left, right))
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

/** One condition compiled; `uuid` when it asks for one row by `_uuid`. */
export interface Condition {
  readonly test: Predicate
  readonly uuid?: string
}

/** Throws OvsdbError for anything but `[column, function, value]`, or the booleans of a monitor. */
export function compileCondition(table: RowCodec, wire: unknown, names?: Names): Condition {
  if (typeof wire === 'boolean') return { test: () => wire }
  if (!Array.isArray(wire) || wire.length !== 3 || typeof wire[0] !== 'string') {
    throw ovsdbError('syntax error', 'Parse error: a condition is [column, function, value]')
  }
  const [name, operator, value] = wire
  const codec = table.column(name)
  const known = typeof operator === 'string' && Object.hasOwn(tests, operator)
  const test = known ? tests[operator] : undefined
  if (!test) throw ovsdbError('unknown function', `No function named ${operator}.`)
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
  const predicate: Predicate = (row) => test(codec.elements(row[name]), argument)
  if (name === '_uuid' && operator === '==') {
    return { test: predicate, uuid: argument.keys[0] as string }
  }
  return { test: predicate }
}

function checkOrdered({ name, kind, column }: Codec, operator: string): void {
  const numeric = column.key.type === 'integer' || column.key.type === 'real'
  if (numeric && (kind === 'scalar' || kind === 'optional')) return
  const details = `Type mismatch: "${operator}" operator may not be applied to column ${name}.`
  throw ovsdbError('syntax error', details)
}

/** The conditions of an operation: all must hold. `uuid`: at most this row can match. */
export function compileWhere(table: RowCodec, wire: unknown, names?: Names): Condition {
  if (!Array.isArray(wire)) throw ovsdbError('syntax error', 'where must be an array')
  const conditions = wire.map((condition) => compileCondition(table, condition, names))
  const uuid = conditions.find((condition) => condition.uuid !== undefined)?.uuid
  const test: Predicate = (row) => conditions.every((condition) => condition.test(row))
  return uuid === undefined ? { test } : { test, uuid }
}

/** The conditions of a monitor: one must hold; none at all means every row. */
export function compileAny(table: RowCodec, wire: unknown): Predicate {
  if (wire === undefined) return () => true
  if (!Array.isArray(wire)) throw ovsdbError('syntax error', 'where must be an array')
  if (wire.length === 0) return () => true
  const conditions = wire.map((condition) => compileCondition(table, condition))
  return (row) => conditions.some((condition) => condition.test(row))
}
