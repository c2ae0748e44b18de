/**
 * `<mutation>`s (RFC 7047 §5.1): arithmetic on numbers and sets of numbers, insert and delete on
 * sets and maps. Neighbours: codec.ts below, transaction.ts above.
 */
import { atoms, compareAtoms, type Names } from './atom.ts'
import type { Codec, Elements } from './codec.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import type { Atom } from './schema.ts'

type Arithmetic = (a: number, b: number, whole: boolean) => number

const divisor = (b: number): number => {
  if (b === 0) throw ovsdbError('domain error', 'Division by zero.')
  return b
}
const arithmetic: Readonly<Record<string, Arithmetic>> = {
  '+=': (a, b) => a + b,
  '-=': (a, b) => a - b,
  '*=': (a, b) => a * b,
  '/=': (a, b, whole) => (whole ? Math.trunc(a / divisor(b)) : a / divisor(b)),
  '%=': (a, b) => a % divisor(b),
}

/** From a column's value to its next one; throws OvsdbError where it is undefined or refused. */
export type Mutation = (value: unknown) => unknown

/** Throws OvsdbError when the mutator is unknown or does not suit the column. */
export function compileMutation(
  codec: Codec,
  mutator: unknown,
  wire: unknown,
  names: Names,
): Mutation {
  if (mutator === 'insert') return compileInsert(codec, wire, names)
  if (mutator === 'delete') return compileDelete(codec, wire, names)
  const known = typeof mutator === 'string' && Object.hasOwn(arithmetic, mutator)
  const compute = known ? arithmetic[mutator] : undefined
  if (!compute) throw ovsdbError('unknown mutator', `No mutator named ${mutator}.`)
  const { type } = codec.column.key
  const whole = type === 'integer'
  const numeric = whole || type === 'real'
  if (!numeric || codec.kind === 'map' || (mutator === '%=' && !whole)) mismatch(codec, mutator)
  const atom = Array.isArray(wire) && wire[0] === 'set' ? wire[1] : [wire]
  if (!Array.isArray(atom) || atom.length !== 1) {
    throw ovsdbError('syntax error', `${codec.name}: expected one ${type}`)
  }
  const operand = atoms[type].decode(atom[0]) as number
  return (value) => {
    const keys = codec.elements(value).keys.map((atom) => {
      const result = compute(atom as number, operand, whole) + 0
      if (whole ? Number.isSafeInteger(result) : Number.isFinite(result)) return result
      throw ovsdbError('range error', 'Result of mutation is out of range.')
    })
    keys.sort(compareAtoms)
    if (keys.some((key, i) => i > 0 && key === keys[i - 1])) {
      throw ovsdbError('constraint violation', `${codec.name}: set contains duplicate`)
    }
    return checked(codec, { keys })
  }
}

/** Keys that a map already has keep their values. */
function compileInsert(codec: Codec, wire: unknown, names: Names): Mutation {
  if (codec.kind === 'scalar') mismatch(codec, 'insert')
  const added = codec.decodeElements(wire, names, codec.column.max)
  codec.checkElements(added)
  return (value) => {
    const present = codec.elements(value)
    const known = new Set(present.keys)
    const pairs: [Atom, Atom | undefined][] = present.keys.map((k, i) => [k, present.values?.[i]])
    added.keys.forEach((key, i) => {
      if (!known.has(key)) pairs.push([key, added.values?.[i]])
    })
    if (pairs.length === present.keys.length) return value
    return checked(codec, fromPairs(pairs, codec.kind === 'map'))
  }
}

function compileDelete(codec: Codec, wire: unknown, names: Names): Mutation {
  if (codec.kind === 'scalar') mismatch(codec, 'delete')
  const removed = removedElements(codec, wire, names)
  const values = new Map(removed.keys.map((key, i) => [key, removed.values?.[i]]))
  return (value) => {
    const present = codec.elements(value)
    const pairs: [Atom, Atom | undefined][] = []
    present.keys.forEach((key, i) => {
      const item = present.values?.[i]
      const goes = values.has(key) && (removed.values === undefined || values.get(key) === item)
      if (!goes) pairs.push([key, item])
    })
    if (pairs.length === present.keys.length) return value
    return checked(codec, fromPairs(pairs, codec.kind === 'map'))
  }
}

/** From a map by pairs or, when the argument is none such, by keys. */
function removedElements(codec: Codec, wire: unknown, names: Names): Elements {
  try {
    const elements = codec.decodeElements(wire, names)
    codec.checkElements(elements)
    return elements
  } catch (error) {
    if (codec.kind !== 'map' || !(error instanceof OvsdbError)) throw error
    const keys = codec.decodeKeys(wire, names)
    codec.checkElements(keys)
    return keys
  }
}

function fromPairs(pairs: [Atom, Atom | undefined][], isMap: boolean): Elements {
  pairs.sort((a, b) => compareAtoms(a[0], b[0]))
  const keys = pairs.map((pair) => pair[0])
  return isMap ? { keys, values: pairs.map((pair) => pair[1] as Atom) } : { keys }
}

function checked(codec: Codec, elements: Elements): unknown {
  const value = codec.fromElements(elements)
  codec.check(value)
  return value
}

function mismatch(codec: Codec, mutator: unknown): never {
  const details = `Type mismatch: "${mutator}" operator may not be applied to column ${codec.name}.`
  throw ovsdbError('syntax error', details)
}
