/**
 * Schemas in their JSON form (`<database-schema>`, RFC 7047 §3.2): what get_schema answers and what
 * a .ovsschema file holds. parse(format(schema)) gives the same schema. What ovsdb-tool refuses is
 * refused: a member that nobody knows is a constraint that nobody would check.
 */
import { atoms, compareAtoms, isId } from './atom.ts'
import { ovsdbError } from './error.ts'
import { show } from './json.ts'
import type { AtomType, BaseType, Column, DatabaseSchema, TableSchema } from './schema.ts'

type Json = Record<string, unknown>

const isInteger = (value: unknown) => typeof value === 'bigint' || Number.isInteger(value)
const isNumber = (value: unknown) => typeof value === 'bigint' || typeof value === 'number'
const isLength = (value: unknown) => Number.isInteger(value) && (value as number) >= 0
const isKind = (value: unknown) => value === 'strong' || value === 'weak'

/** The constraints of each type, and what each must be. */
const constraints: Readonly<
  Record<AtomType, Readonly<Record<string, (value: unknown) => boolean>>>
> = {
  integer: { minInteger: isInteger, maxInteger: isInteger },
  real: { minReal: isNumber, maxReal: isNumber },
  boolean: {},
  string: { minLength: isLength, maxLength: isLength },
  uuid: { refTable: isId, refType: isKind },
}
const VERSION = /^\d+\.\d+\.\d+$/

/** Throws OvsdbError 'syntax error' with the place in the schema. */
export function parseSchema(json: unknown): DatabaseSchema {
  const { name, version, cksum, tables } = only(
    ['name', 'version', 'cksum', 'tables'],
    json,
    'schema',
  )
  if (!isId(name)) throw bad('schema name', name)
  if (version !== undefined && !(typeof version === 'string' && VERSION.test(version)))
    throw bad('schema version', version)
  if (cksum !== undefined && typeof cksum !== 'string') throw bad('schema cksum', cksum)
  const schema = {
    name,
    version: typeof version === 'string' ? version : '0.0.0',
    ...(cksum === undefined ? {} : { cksum }),
    tables: mapObject(tables, 'tables', parseTable),
  }
  checkSchema(schema)
  return schema
}

/**
 * What types do not say: throws OvsdbError 'syntax error' for a reference to no table of the schema,
 * and an index that is not over distinct columns of its table which are kept.
 */
export function checkSchema({ tables }: DatabaseSchema): void {
  for (const [name, { columns, indexes }] of Object.entries(tables)) {
    for (const [column, { key, value }] of Object.entries(columns)) {
      for (const refTable of [key.refTable, value?.refTable]) {
        if (refTable === undefined || Object.hasOwn(tables, refTable)) continue
        throw bad(`${name}.${column} refTable`, refTable)
      }
    }
    for (const index of indexes) {
      if (index.length === 0 || new Set(index).size < index.length)
        throw bad(`${name}.indexes`, index)
      for (const column of index) {
        // A peer's list may hold anything.
        const known = typeof column === 'string' && Object.hasOwn(columns, column)
        if (known ? columns[column]?.ephemeral === false : isImplicit(column)) continue
        throw bad(`${name}.indexes`, column)
      }
    }
  }
}

const isImplicit = (column: unknown): boolean => column === '_uuid' || column === '_version'

function parseTable(json: unknown, place: string): TableSchema {
  const table = only(['columns', 'isRoot', 'maxRows', 'indexes'], json, place)
  const { columns, isRoot = false, maxRows = Infinity, indexes = [] } = table
  if (typeof isRoot !== 'boolean') throw bad(`${place}.isRoot`, isRoot)
  if (!isCount(maxRows)) throw bad(`${place}.maxRows`, maxRows)
  if (!Array.isArray(indexes) || !indexes.every((index) => Array.isArray(index))) {
    throw bad(`${place}.indexes`, indexes)
  }
  const parsed = mapObject(columns, place, parseColumn)
  if (Object.keys(parsed).length === 0) throw bad(`${place}.columns`, columns)
  return { columns: parsed, isRoot, maxRows, indexes }
}

function parseColumn(json: unknown, place: string): Column {
  const column = only(['type', 'ephemeral', 'mutable'], json, place)
  const { type, ephemeral = false, mutable = true } = column
  const members = ['key', 'value', 'min', 'max']
  const typed: Json = typeof type === 'string' ? { key: type } : only(members, type, place)
  const { min = 1, value } = typed
  const max = typed.max === 'unlimited' ? Infinity : (typed.max ?? 1)
  if (min !== 0 && min !== 1) throw bad(`${place} min`, min)
  if (!isCount(max)) throw bad(`${place} max`, max)
  if (typeof ephemeral !== 'boolean') throw bad(`${place} ephemeral`, ephemeral)
  if (typeof mutable !== 'boolean') throw bad(`${place} mutable`, mutable)
  const isMap = value !== undefined
  return {
    kind: isMap ? 'map' : max > 1 ? 'set' : min === 1 ? 'scalar' : 'optional',
    key: parseBase(typed.key, place),
    ...(isMap ? { value: parseBase(value, place) } : {}),
    min,
    max,
    ephemeral,
    mutable,
  }
}

/** Whole and positive, or without limit. */
const isCount = (value: unknown): value is number =>
  value === Infinity || (Number.isInteger(value) && (value as number) > 0)

function parseBase(json: unknown, place: string): BaseType {
  if (typeof json === 'string') return parseBase({ type: json }, place)
  const base = object(json, place)
  const { type } = base
  if (typeof type !== 'string' || !Object.hasOwn(constraints, type))
    throw bad(`${place} type`, type)
  // Values that are listed have no other constraint.
  const allowed = base.enum === undefined ? constraints[type as AtomType] : {}
  only(['type', 'enum', ...Object.keys(allowed)], base, place)
  const result: Json = { type }
  if (base.enum !== undefined) {
    const listed = Array.isArray(base.enum) && base.enum[0] === 'set' ? base.enum[1] : [base.enum]
    if (!Array.isArray(listed) || listed.length === 0) throw bad(`${place} enum`, base.enum)
    const { decode } = atoms[type as AtomType]
    result.enum = listed.map((atom) => decode(atom)).toSorted(compareAtoms)
  }
  for (const [name, suits] of Object.entries(allowed)) {
    if (base[name] === undefined) continue
    if (!suits(base[name])) throw bad(`${place} ${name}`, base[name])
    if (base[name] !== 'strong') result[name] = base[name]
  }
  if (base.refType !== undefined && base.refTable === undefined) {
    throw bad(`${place} refType`, base.refType)
  }
  const [least, most] = Object.keys(allowed).map((name) => base[name] as number | undefined)
  if (type !== 'uuid' && least !== undefined && most !== undefined && least > most) {
    throw bad(`${place} maximum`, most)
  }
  return result as unknown as BaseType
}

/** The JSON form, short where the RFC allows it. */
export function formatSchema(schema: DatabaseSchema): Json {
  const tables: Json = {}
  for (const [name, table] of Object.entries(schema.tables)) {
    const columns: Json = {}
    for (const [column, type] of Object.entries(table.columns)) columns[column] = formatColumn(type)
    tables[name] = {
      columns,
      ...(table.indexes.length > 0 ? { indexes: table.indexes } : {}),
      ...(table.isRoot ? { isRoot: true } : {}),
      ...(table.maxRows === Infinity ? {} : { maxRows: table.maxRows }),
    }
  }
  const { name, version, cksum } = schema
  return { name, version, ...(cksum === undefined ? {} : { cksum }), tables }
}

function formatColumn({ kind, key, value, min, max, ephemeral, mutable }: Column): Json {
  const type = {
    key: formatBase(key),
    ...(value ? { value: formatBase(value) } : {}),
    ...(min === 1 ? {} : { min }),
    ...(max === 1 ? {} : { max: max === Infinity ? 'unlimited' : max }),
  }
  return {
    type: kind === 'scalar' && typeof type.key === 'string' ? type.key : type,
    ...(ephemeral ? { ephemeral } : {}),
    ...(mutable ? {} : { mutable }),
  }
}

function formatBase(base: BaseType): Json | string {
  if (Object.keys(base).length === 1) return base.type
  return { ...base, ...(base.enum ? { enum: ['set', base.enum] } : {}) }
}

function object(json: unknown, place: string): Json {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Json
  throw bad(place, json)
}
/** An object without other members. */
function only(members: readonly string[], json: unknown, place: string): Json {
  const found = object(json, place)
  for (const name of Object.keys(found)) {
    if (!members.includes(name)) throw bad(place, `member ${name}`)
  }
  return found
}
function mapObject<T>(json: unknown, place: string, parse: (json: unknown, at: string) => T) {
  const result: Record<string, T> = {}
  for (const [name, member] of Object.entries(object(json, place))) {
    // Names that begin with an underscore are reserved, RFC 7047 §3.2.
    if (!isId(name) || name.startsWith('_')) throw bad(place, name)
    result[name] = parse(member, `${place}.${name}`)
  }
  return result
}
function bad(place: string, found: unknown) {
  const shown = found === undefined ? 'nothing' : show(found)
  return ovsdbError('syntax error', `${place}: unexpected ${shown}`)
}
