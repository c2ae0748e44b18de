/**
 * Values by column type: wire form (RFC 7047 §5.1) <-> decoded JavaScript, and the one uniform shape
 * between them, Elements, on which conditions, mutations, differences and references work.
 *
 * Decoding checks types and is what a client needs of a peer; `check` adds the schema's constraints,
 * which are a server's to enforce, since a newer peer may know more enum values than our schema.
 * Decoded sets are sorted without duplicates, so equal values are equal element by element. Decoded
 * maps have no prototype: `external_ids['constructor']` is undefined unless the row has such a key.
 *
 * Neighbours: atom.ts below; row-codec.ts, condition.ts, mutation.ts, difference.ts above.
 */
import { type AtomCodec, atoms, checkAtom, compareAtoms, type Names } from './atom.ts'
import { type ErrorTag, ovsdbError } from './error.ts'
import { show } from './json.ts'
import type { Atom, Column, ColumnKind } from './schema.ts'

/** `<row>`: column name to `<value>`. */
export type WireRow = Readonly<Record<string, unknown>>
/** A decoded row as the untyped inside of this folder sees it. */
export type AnyRow = Readonly<Record<string, unknown>> & { readonly _uuid: string }

/** A value as parallel lists; `values` for maps only. Sorted by key, keys unique. */
export interface Elements {
  readonly keys: readonly Atom[]
  readonly values?: readonly Atom[]
}

/** All that one column can do with its values. */
export interface Codec {
  readonly name: string
  readonly column: Column
  readonly kind: ColumnKind
  /** The decoded value of a column that an insert does not mention. */
  readonly initial: unknown
  decode(wire: unknown, names?: Names): unknown
  /** Throws OvsdbError when the value does not suit the column. */
  encode(value: unknown): unknown
  /** Some keys or elements in wire form, whatever the kind. */
  encodeKeys(keys: readonly unknown[]): unknown
  /** Elements from wire form, 0 to `max` (default any number) of them; throws on duplicates. */
  decodeElements(wire: unknown, names?: Names, max?: number): Elements
  /** The same of keys alone, for deleting from a map. */
  decodeKeys(wire: unknown, names?: Names): Elements
  elements(value: unknown): Elements
  /** Throws OvsdbError, by default 'constraint violation', when their number does not suit. */
  fromElements(elements: Elements, tag?: ErrorTag): unknown
  equal(a: unknown, b: unknown): boolean
  /** Throws OvsdbError 'constraint violation'. */
  check(value: unknown): void
  checkElements(elements: Elements): void
}

type Record_ = Record<string, Atom>
/** An object without prototype, which V8 keeps in fast mode (Object.create(null) is a hash table). */
const Bare = function Bare() {} as unknown as new () => Record_
Bare.prototype = Object.freeze(
  Object.create(null, {
    // As console.log shows it; no row has a key that is a symbol.
    [Symbol.for('nodejs.util.inspect.custom')]: {
      value(this: Record_) {
        return { ...this }
      },
    },
  }),
)

const emptySet: readonly Atom[] = Object.freeze([])
const emptyMap: Readonly<Record_> = Object.freeze(new Bare())
const none: Elements = Object.freeze({ keys: emptySet })

/** The codec of one column. */
export function columnCodec(name: string, column: Column): Codec {
  const { kind, min, max } = column
  const key = atoms[column.key.type]
  const item = column.value && atoms[column.value.type]

  const syntax = (expected: string, found: unknown): never => {
    throw ovsdbError('syntax error', `${name}: expected ${expected}, found ${show(found)}`)
  }
  const miscounted = (count: number, least: number, most: number, tag: ErrorTag): never => {
    const limits = most === Infinity ? `at least ${least}` : `${least} to ${most}`
    throw ovsdbError(tag, `${name} has ${count} values, not ${limits}`)
  }
  /** How many there are comes before what they are, as in ovsdb-server. */
  const checkCount = (wire: unknown, least: number, most: number): void => {
    if (!Array.isArray(wire) || (wire[0] !== 'set' && wire[0] !== 'map')) return
    const count = Array.isArray(wire[1]) ? wire[1].length : 1
    if (count < least || count > most) miscounted(count, least, most, 'syntax error')
  }
  const duplicate = (): never => {
    throw ovsdbError('ovsdb error', `${name}: ${item ? 'map' : 'set'} contains duplicate`)
  }

  function decodeElements(wire: unknown, names?: Names, most = Infinity): Elements {
    checkCount(wire, 0, most)
    return item ? decodePairs(wire, item, names) : decodeKeys(wire, names)
  }

  function decodeWhole(wire: unknown, names?: Names): unknown {
    checkCount(wire, min, max)
    return fromElements(decodeElements(wire, names), 'syntax error')
  }

  /**
   * The long way's answer for what a server sends nearly always: a plain atom, an empty set, a map in
   * order. Without lists in between: a monitor reply of 20,000 ports in half the time.
   */
  function decode(wire: unknown, names?: Names): unknown {
    if (!Array.isArray(wire)) {
      if (kind === 'scalar' || kind === 'optional') return key.decode(wire, names)
      return decodeWhole(wire, names)
    }
    const [tag, list] = wire
    if (kind === 'scalar' && tag === 'uuid') return key.decode(wire, names)
    if (tag === 'set' && min === 0 && !item && wire.length === 2) {
      if (Array.isArray(list) && list.length === 0) return kind === 'set' ? emptySet : undefined
    } else if (tag === 'map' && item && wire.length === 2 && Array.isArray(list)) {
      return decodeOrdered(list, item, names) ?? decodeWhole(wire, names)
    }
    return decodeWhole(wire, names)
  }

  /** Undefined when the pairs are not such that their order and number can stay. */
  function decodeOrdered(pairs: unknown[], item: AtomCodec, names?: Names): unknown {
    const size = pairs.length
    if (size < min || size > max) return undefined
    if (size === 0) return emptyMap
    const record = new Bare()
    let last: Atom | undefined
    for (let i = 0; i < size; i++) {
      const pair = pairs[i]
      if (!Array.isArray(pair) || pair.length !== 2) return undefined
      const name = key.decode(pair[0], names)
      if (last !== undefined && !(last < name)) return undefined
      record[name as string] = item.decode(pair[1], names)
      last = name
    }
    return Object.freeze(record)
  }

  function decodeKeys(wire: unknown, names?: Names): Elements {
    if (!Array.isArray(wire) || wire[0] !== 'set') return { keys: [key.decode(wire, names)] }
    if (wire.length !== 2 || !Array.isArray(wire[1])) return syntax('set', wire)
    if (wire[1].length === 0) return none
    const keys = wire[1].map((atom) => key.decode(atom, names))
    if (!ascending(keys)) {
      keys.sort(compareAtoms)
      if (!ascending(keys)) duplicate()
    }
    return { keys }
  }

  function decodePairs(wire: unknown, item: AtomCodec, names?: Names): Elements {
    if (!Array.isArray(wire) || wire[0] !== 'map' || wire.length !== 2 || !Array.isArray(wire[1])) {
      return syntax('map', wire)
    }
    let pairs = wire[1].map((pair): [Atom, Atom] => {
      if (!Array.isArray(pair) || pair.length !== 2) return syntax('pair', pair)
      return [key.decode(pair[0], names), item.decode(pair[1], names)]
    })
    let keys = pairs.map((pair) => pair[0])
    if (!ascending(keys)) {
      pairs = pairs.sort((a, b) => compareAtoms(a[0], b[0]))
      keys = pairs.map((pair) => pair[0])
      if (!ascending(keys)) duplicate()
    }
    return { keys, values: pairs.map((pair) => pair[1]) }
  }

  function fromElements(
    { keys, values }: Elements,
    tag: ErrorTag = 'constraint violation',
  ): unknown {
    if (keys.length < min || keys.length > max) miscounted(keys.length, min, max, tag)
    if (kind === 'scalar' || kind === 'optional') return keys[0]
    if (keys.length === 0) return values || item ? emptyMap : emptySet
    if (!values) return Object.freeze(keys)
    const record = new Bare()
    for (let i = 0; i < keys.length; i++) record[String(keys[i])] = values[i] as Atom
    return Object.freeze(record)
  }

  function elements(value: unknown): Elements {
    if (value === undefined) return none
    if (kind === 'set') return { keys: value as readonly Atom[] }
    if (kind !== 'map') return { keys: [value as Atom] }
    const record = value as Record_
    const names = Object.keys(record)
    const values = names.map((name) => record[name] as Atom)
    if (column.key.type === 'string' || column.key.type === 'uuid') return { keys: names, values }
    return { keys: names.map(key.fromKey), values }
  }

  function encode(value: unknown): unknown {
    if (kind === 'optional' && value === undefined) return ['set', []]
    if (kind === 'set') return Array.isArray(value) ? encodeKeys(value) : syntax('an array', value)
    if (kind === 'map' && (typeof value !== 'object' || value === null)) {
      return syntax('a record', value)
    }
    try {
      return item ? ['map', encodePairs(value as Record_, item)] : key.encode(value)
    } catch (error) {
      return explained(error)
    }
  }

  function encodePairs(record: Record_, item: AtomCodec): unknown[] {
    const pairs: unknown[] = []
    for (const name of Object.keys(record)) {
      pairs.push([key.encode(key.fromKey(name)), item.encode(record[name])])
    }
    return pairs
  }

  function encodeKeys(keys: readonly unknown[]): unknown {
    try {
      return keys.length === 1 ? key.encode(keys[0]) : ['set', keys.map(key.encode)]
    } catch (error) {
      return explained(error)
    }
  }

  /** Puts the column's name into the sentence of an atom's error. */
  function explained(error: unknown): never {
    throw ovsdbError('syntax error', `column ${name}: ${(error as Error).message}`, error)
  }

  function checkElements({ keys, values }: Elements): void {
    for (const atom of keys) checkAtom(column.key, atom)
    if (values && column.value) for (const atom of values) checkAtom(column.value, atom)
  }

  const atLeast = min === 0 ? [] : [key.initial]
  const atLeastValues = item && { values: min === 0 ? [] : [item.initial] }
  return {
    name,
    column,
    kind,
    initial: fromElements({ keys: atLeast, ...atLeastValues }),
    decode,
    encode,
    encodeKeys,
    decodeElements,
    decodeKeys,
    elements,
    fromElements,
    equal: kind === 'set' ? equalSets : kind === 'map' ? equalMaps : Object.is,
    check: (value) => checkElements(elements(value)),
    checkElements,
  }
}

function ascending(atoms: readonly Atom[]): boolean {
  for (let i = 1; i < atoms.length; i++) {
    if (!((atoms[i - 1] as Atom) < (atoms[i] as Atom))) return false
  }
  return true
}

function equalSets(a: unknown, b: unknown): boolean {
  if (a === b) return true
  const [left, right] = [a as readonly Atom[], b as readonly Atom[]]
  return left.length === right.length && left.every((atom, i) => atom === right[i])
}

function equalMaps(a: unknown, b: unknown): boolean {
  if (a === b) return true
  const [left, right] = [a as Record_, b as Record_]
  const keys = Object.keys(left)
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => left[key] === right[key] && key in right)
  )
}
