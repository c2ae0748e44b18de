/**
 * The columns of one table together: rows between wire form and JavaScript, and new rows.
 * Neighbours: codec.ts knows one column; table.ts, replica.ts and operation.ts hold rows.
 */
import { type Codec, columnCodec, type WireRow } from './codec.ts'
import { ovsdbError } from './error.ts'
import { show } from './json.ts'
import { type DatabaseSchema, one, type TableSchema, uuid } from './schema.ts'

/**
 * Makes rows of one shape, with initial values. Objects grown by `row[name] = value` become hash
 * tables in V8 past a dozen properties; copies of what JSON.parse made stay structs.
 */
export function rowMaker(initial: readonly (readonly [string, unknown])[]) {
  const names = initial.map(([name]) => `${JSON.stringify(name)}:null`)
  const template: Record<string, unknown> = JSON.parse(`{${names.join(',')}}`)
  for (const [name, value] of initial) template[name] = value
  return (): Record<string, unknown> => ({ ...template })
}

/** The columns of one table. */
export interface RowCodec {
  readonly name: string
  readonly schema: TableSchema
  /** In schema order, without `_uuid` and `_version`. */
  readonly columns: ReadonlyMap<string, Codec>
  /** Also `_uuid` and `_version`; throws OvsdbError 'unknown column'. */
  column(name: string): Codec
  /** A list of column names, as select, wait and monitor give it; throws 'syntax error'. */
  columnList(wire: unknown): Codec[]
  /** A new row with the values that an insert starts from, `_uuid` and `_version` to be set. */
  make(): Record<string, unknown>
  /** Decoded columns to `<row>`. */
  encode(row: Readonly<Record<string, unknown>>): Record<string, unknown>
  /** The columns that are there, decoded; no others. Throws OvsdbError for what is no row. */
  decodePresent(row: WireRow): Record<string, unknown>
}

const implicit: ReadonlyMap<string, Codec> = new Map(
  ['_uuid', '_version'].map((name) => [name, columnCodec(name, one(uuid()))]),
)

function rowCodec(name: string, schema: TableSchema): RowCodec {
  const columns = new Map<string, Codec>()
  for (const [column, type] of Object.entries(schema.columns)) {
    columns.set(column, columnCodec(column, type))
  }
  const column = (wanted: string): Codec => {
    const codec = columns.get(wanted) ?? implicit.get(wanted)
    if (!codec) throw ovsdbError('unknown column', `No column ${wanted} in table ${name}.`)
    return codec
  }
  const columnList = (wire: unknown): Codec[] => {
    if (!Array.isArray(wire)) throw ovsdbError('syntax error', 'columns must be an array')
    if (new Set(wire).size < wire.length) {
      throw ovsdbError('syntax error', 'columns must not name a column twice')
    }
    return wire.map((wanted) => {
      const codec = columns.get(wanted) ?? implicit.get(wanted)
      if (!codec) throw ovsdbError('syntax error', `${show(wanted)} is not a valid column name`)
      return codec
    })
  }
  const each = (row: object, convert: (codec: Codec, value: unknown) => unknown) => {
    const result: Record<string, unknown> = {}
    for (const [member, value] of Object.entries(row)) {
      result[member] = convert(column(member), value)
    }
    return result
  }
  return {
    name,
    schema,
    columns,
    column,
    columnList,
    make: rowMaker([
      ['_uuid', ''],
      ['_version', ''],
      ...[...columns.values()].map((codec) => [codec.name, codec.initial] as const),
    ]),
    encode: (row) => each(row, (codec, value) => codec.encode(value)),
    decodePresent(row: unknown) {
      if (typeof row === 'object' && row !== null) {
        return each(row, (codec, value) => codec.decode(value))
      }
      throw ovsdbError('syntax error', `a row of table ${name} must be an object`)
    },
  }
}

/** Codecs follow from the schema alone, so they are made once a schema. */
const made = new WeakMap<DatabaseSchema, Map<string, RowCodec>>()

/** Throws OvsdbError 'syntax error' for a table that the schema lacks, as ovsdb-server does. */
export function tableCodec(schema: DatabaseSchema, table: string): RowCodec {
  let tables = made.get(schema)
  if (!tables) {
    tables = new Map()
    for (const [name, type] of Object.entries(schema.tables)) tables.set(name, rowCodec(name, type))
    made.set(schema, tables)
  }
  const codec = tables.get(table)
  if (!codec) throw ovsdbError('syntax error', `No table named ${table}.`)
  return codec
}
