/**
 * `<mutation>`s (RFC 7047 §5.1): arithmetic on numbers and sets of numbers, insert and delete on
 * sets and maps. Neighbours: codec.ts below, transaction.ts above.
 */
import { atoms, compareAtoms, type Names } from './atom.ts'
import type { Codec, Elements } from './codec.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import { isInt64, show, wholeNumber } from './json.ts'
import type { Atom } from './schema.ts'

/** On reals, and on integers as far as a number is exact; and on integers of any size. */
interface Arithmetic {
  numbers(a: number, b: number): number
  integers(a: bigint, b: bigint): bigint
}
const arithmetic: Readonly<Record<string, Arithmetic>> = {
  '+=': { numbers: (a, b) => a + b, integers: (a, b) => a + b },
  '-=': { numbers: (a, b) => a - b, integers: (a, b) => a - b },
  '*=': { numbers: (a, b) => a * b, integers: (a, b) => a * b },
  '/=': { numbers: (a, b) => a / b, integers: (a, b) => a / b },
  '%=': { numbers: (a, b) => a % b, integers: (a, b) => a % b },
}

function computeInteger({ numbers, integers }: Arithmetic, a: Atom, b: Atom): number | bigint {
  if (typeof a === 'number' && typeof b === 'number') {
    // A result that is safe was not rounded, and one that was rounded is not safe.
    const quick = Math.trunc(numbers(a, b)) + 0
    if (Number.isSafeInteger(quick)) return quick
  }
  const exact = integers(BigInt(a), BigInt(b))
  return isInt64(exact) ? wholeNumber(exact) : outOfRange()
}
function computeReal({ numbers }: Arithmetic, a: Atom, b: Atom): number {
  const result = numbers(a as number, b as number) + 0
  return Number.isFinite(result) ? result : outOfRange()
}
function outOfRange(): never {
  throw ovsdbError('range error', 'Result of mutation is out of range.')
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
  const operation = known ? arithmetic[mutator] : undefined
  if (!operation) throw ovsdbError('unknown mutator', `No mutator named ${show(mutator)}.`)
  const { type } = codec.column.key
  const whole = type === 'integer'
  const numeric = whole || type === 'real'
  if (!numeric || codec.kind === 'map' || (mutator === '%=' && !whole)) mismatch(codec, mutator)
  const atom = Array.isArray(wire) && wire[0] === 'set' ? wire[1] : [wire]
  if (!Array.isArray(atom) || atom.length !== 1) {
    throw ovsdbError('syntax error', `${codec.name}: expected one ${type}`)
  }
  const operand = atoms[type].decode(atom[0])
  const isDivision = mutator === '/=' || mutator === '%='
  const compute = whole ? computeInteger : computeReal
  return (value) => {
    const present = codec.elements(value).keys
    if (isDivision && operand === 0 && present.length > 0) {
      throw ovsdbError('domain error', 'Division by zero.')
    }
    const keys: Atom[] = present.map((atom) => compute(operation, atom, operand))
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
