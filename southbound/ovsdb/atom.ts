/**
 * The five atomic types of OVSDB, one row each: how an atom looks on the wire (RFC 7047 §5.1
 * `<atom>`), what it is by default, how it is read back from a map key, and its constraints.
 *
 * Neighbour: codec.ts builds scalars, optionals, sets and maps from these.
 */
import { ovsdbError } from './error.ts'
import { exactInteger, isInt64, show, wholeNumber } from './json.ts'
import type { Atom, AtomType, BaseType } from './schema.ts'

/** Resolves the uuid-name of an insert operation; throws OvsdbError for a name it refuses. */
export type Names = (uuidName: string) => string

export interface AtomCodec {
  /** RFC 7047 §5.2.1: what a column holds that an insert does not mention. */
  readonly initial: Atom
  /** Throws OvsdbError 'syntax error' for another type. Unconstrained: see checkAtom. */
  decode(wire: unknown, names?: Names): Atom
  /** The wire form of a decoded atom; throws OvsdbError for another type. */
  encode(atom: unknown): unknown
  /** A decoded map's key, which is a property name, as an atom. */
  fromKey(key: string): Atom
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const ID = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** RFC 4122 text form in lower case. */
export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && UUID.test(text)
}
/** RFC 7047 §3.1 `<id>`, the form of a uuid-name. */
export function isId(text: unknown): text is string {
  return typeof text === 'string' && ID.test(text)
}

function wrong(type: string, value: unknown): never {
  throw ovsdbError('syntax error', `expected ${type}, found ${show(value)}`)
}
/** Safe ones are numbers, the others of 64 bits bigints: json.ts. */
function encodeInteger(wire: unknown): number | bigint {
  if (Number.isSafeInteger(wire)) return (wire as number) + 0
  return typeof wire === 'bigint' && isInt64(wire) ? wholeNumber(wire) : wrong('integer', wire)
}
/** Also what was written with an exponent, as `1e17`. */
function decodeInteger(wire: unknown): number | bigint {
  if (Number.isSafeInteger(wire)) return (wire as number) + 0
  return encodeInteger(typeof wire === 'number' ? exactInteger(wire) : wire)
}
function decodeReal(wire: unknown): number {
  if (typeof wire === 'bigint') return Number(wire)
  return typeof wire === 'number' && Number.isFinite(wire) ? wire + 0 : wrong('real', wire)
}
const decodeBoolean = (wire: unknown): boolean =>
  typeof wire === 'boolean' ? wire : wrong('boolean', wire)
/** ovsdb-server, and whoever reads as it does, takes neither NUL nor half a surrogate pair in any message. */
const isText = (text: string): boolean => text.isWellFormed() && !text.includes('\0')
const decodeString = (wire: unknown): string =>
  typeof wire === 'string' ? wire : wrong('string', wire)

function encodeString(atom: unknown): string {
  const text = decodeString(atom)
  return isText(text) ? text : wrong('text without NUL', atom)
}

function decodeUuid(wire: unknown, names?: Names): string {
  if (!Array.isArray(wire) || wire.length !== 2) return wrong('uuid', wire)
  const [tag, text] = wire
  if (tag === 'uuid') {
    if (isUuid(text)) return text
    if (typeof text === 'string' && isUuid(text.toLowerCase())) return text.toLowerCase()
  } else if (tag === 'named-uuid' && names && isId(text)) return names(text)
  return wrong('uuid', wire)
}
function encodeUuid(atom: unknown): readonly string[] {
  if (isUuid(atom)) return ['uuid', atom]
  return isId(atom) ? ['named-uuid', atom] : wrong('uuid or uuid-name', atom)
}

export const atoms: Readonly<Record<AtomType, AtomCodec>> = {
  integer: {
    initial: 0,
    decode: decodeInteger,
    encode: encodeInteger,
    // Number, if that is exact: most keys are short.
    fromKey: (key) => (key.length < 16 ? Number(key) : wholeNumber(BigInt(key))),
  },
  real: { initial: 0, decode: decodeReal, encode: decodeReal, fromKey: Number },
  boolean: {
    initial: false,
    decode: decodeBoolean,
    encode: decodeBoolean,
    fromKey: (key) => key === 'true',
  },
  string: { initial: '', decode: decodeString, encode: encodeString, fromKey: (key) => key },
  uuid: {
    initial: '00000000-0000-0000-0000-000000000000',
    decode: decodeUuid,
    encode: encodeUuid,
    fromKey: (key) => key,
  },
}

/** Order within a column: numbers by value, false before true, text by UTF-16 code unit. */
export function compareAtoms(a: Atom, b: Atom): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Throws OvsdbError 'constraint violation' with the value and what would be allowed. */
export function checkAtom(base: BaseType, atom: Atom): void {
  const violated = (expected: string): never => {
    throw ovsdbError('constraint violation', `${show(atom)} is not ${expected}`)
  }
  if (base.enum && !base.enum.includes(atom)) {
    violated(`one of the allowed values (${base.enum.join(', ')})`)
  }
  if (base.type === 'integer') {
    const { minInteger = -Infinity, maxInteger = Infinity } = base
    if ((atom as number | bigint) < minInteger || (atom as number | bigint) > maxInteger) {
      violated(`in the valid range ${minInteger} to ${maxInteger}`)
    }
  } else if (base.type === 'real') {
    const { minReal = -Infinity, maxReal = Infinity } = base
    if ((atom as number) < minReal || (atom as number) > maxReal) {
      violated(`in the valid range ${minReal} to ${maxReal}`)
    }
  } else if (base.type === 'string') {
    // One that were kept would end the session of every client that is told of it.
    if (!isText(atom as string)) violated('text: UTF-8 without NUL')
    const { minLength = 0, maxLength = Infinity } = base
    if (minLength === 0 && maxLength === Infinity) return
    const length = [...(atom as string)].length
    if (length < minLength || length > maxLength) {
      violated(`${minLength} to ${maxLength} characters long`)
    }
  }
}
