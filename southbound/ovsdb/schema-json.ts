/**
 * Schemas in their JSON form (`<database-schema>`, RFC 7047 §3.2): what get_schema answers and what
 * a .ovsschema file holds. parse(format(schema)) gives the same schema.
 */
import { isId } from './atom.ts'
import { ovsdbError } from './error.ts'
import type { Atom, AtomType, BaseType, Column, DatabaseSchema, TableSchema } from './schema.ts'

type Json = Record<string, unknown>

const types: readonly string[] = ['integer', 'real', 'boolean', 'string', 'uuid']
const limits = ['minInteger', 'maxInteger', 'minReal', 'maxReal', 'minLength', 'maxLength'] as const

/** Throws OvsdbError 'syntax error' with the place in the schema. */
export function parseSchema(json: unknown): DatabaseSchema {
  const { name, version, cksum, tables } = object(json, 'schema')
  if (!isId(name)) throw bad('schema name', name)
  const schema = {
    name,
    version: typeof version === 'string' ? version : '0.0.0',
    ...(typeof cksum === 'string' ? { cksum } : {}),
    tables: mapObject(tables, 'tables', parseTable),
  }
  checkReferences(schema)
  return schema
}

/** References are to tables of the schema, indexes over columns of the table. */
function checkReferences({ tables }: DatabaseSchema): void {
  for (const [name, { columns, indexes }] of Object.entries(tables)) {
    for (const [column, { key, value }] of Object.entries(columns)) {
      for (const refTable of [key.refTable, value?.refTable]) {
        if (refTable === undefined || Object.hasOwn(tables, refTable)) continue
        throw bad(`${name}.${column} refTable`, refTable)
      }
    }
    for (const column of indexes.flat()) {
      if (!Object.hasOwn(columns, column)) throw bad(`${name}.indexes`, column)
    }
  }
}

function parseTable(json: unknown, place: string): TableSchema {
  const { columns, isRoot = false, maxRows = Infinity, indexes = [] } = object(json, place)
  if (typeof isRoot !== 'boolean') throw bad(`${place}.isRoot`, isRoot)
  if (typeof maxRows !== 'number') throw bad(`${place}.maxRows`, maxRows)
  if (!Array.isArray(indexes) || !indexes.every((index) => Array.isArray(index))) {
    throw bad(`${place}.indexes`, indexes)
  }
  return { columns: mapObject(columns, place, parseColumn), isRoot, maxRows, indexes }
}

function parseColumn(json: unknown, place: string): Column {
  const { type, ephemeral = false, mutable = true } = object(json, place)
  const typed = typeof type === 'string' ? { key: type } : object(type, place)
  const { min = 1, value } = typed
  const max = typed.max === 'unlimited' ? Infinity : (typed.max ?? 1)
  if (min !== 0 && min !== 1) throw bad(`${place} min`, min)
  if (typeof max !== 'number' || max < 1) throw bad(`${place} max`, max)
  const isMap = value !== undefined
  return {
    kind: isMap ? 'map' : max > 1 ? 'set' : min === 1 ? 'scalar' : 'optional',
    key: parseBase(typed.key, place),
    ...(isMap ? { value: parseBase(value, place) } : {}),
    min,
    max,
    ephemeral: ephemeral === true,
    mutable: mutable !== false,
  }
}

function parseBase(json: unknown, place: string): BaseType {
  if (typeof json === 'string') return parseBase({ type: json }, place)
  const base = object(json, place)
  if (typeof base.type !== 'string' || !types.includes(base.type)) {
    throw bad(`${place} type`, base.type)
  }
  const result: Json = { type: base.type as AtomType }
  if (base.enum !== undefined) {
    const listed = Array.isArray(base.enum) && base.enum[0] === 'set' ? base.enum[1] : [base.enum]
    if (!Array.isArray(listed)) throw bad(`${place} enum`, base.enum)
    result.enum = (listed as Atom[]).toSorted()
  }
  for (const limit of limits) {
    if (base[limit] === undefined) continue
    if (typeof base[limit] !== 'number') throw bad(`${place} ${limit}`, base[limit])
    result[limit] = base[limit]
  }
  if (typeof base.refTable === 'string') result.refTable = base.refTable
  if (base.refType === 'weak') result.refType = 'weak'
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
  const shown = (JSON.stringify(found) ?? 'nothing').slice(0, 80)
  return ovsdbError('syntax error', `${place}: unexpected ${shown}`)
}
