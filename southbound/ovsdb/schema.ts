/**
 * Database schemas as data, and the row types that follow from them (RFC 7047 §3.2).
 *
 *   export const lamps = database('Lamps', '1.0.0', {
 *     Lamp: table({ name: immutable(one(string())), watts: optional(integer()) }, { isRoot: true }),
 *   })
 *   type Lamp = Row<typeof lamps, 'Lamp'>   // { _uuid: string, name: string, watts: number | undefined }
 *
 * A column is one of four kinds, and each kind is one JavaScript shape:
 *   scalar (min 1, max 1)  T            optional (min 0, max 1)  T | undefined
 *   set                    readonly T[] (sorted, no duplicates)
 *   map                    Readonly<Record<string, T>>
 * Reals are numbers, uuids are strings. An integer is a number while that is exact, and a bigint from
 * 2^53 to 64 bits: `integer()` is typed number, for what never gets there, `integer64()` for what may.
 *
 * Neighbours: schema-json.ts reads and writes the JSON form, codec.ts moves values between wire
 * and JavaScript, schemas/ holds the declared databases.
 */

export type AtomType = 'integer' | 'real' | 'boolean' | 'string' | 'uuid'
export type Atom = number | bigint | boolean | string

declare const js: unique symbol

/** One `<base-type>`: an atomic type and its constraints. T is what it is in JavaScript. */
export interface BaseType<out T = unknown> {
  readonly type: AtomType
  readonly enum?: readonly Atom[]
  readonly minInteger?: number | bigint
  readonly maxInteger?: number | bigint
  readonly minReal?: number
  readonly maxReal?: number
  /** Characters. */
  readonly minLength?: number
  readonly maxLength?: number
  readonly refTable?: string
  /** Meaningful with refTable only; absent means strong. */
  readonly refType?: 'strong' | 'weak'
  readonly [js]?: readonly [T]
}

export type ColumnKind = 'scalar' | 'optional' | 'set' | 'map'

/** One `<column-schema>`. T is the decoded value. */
export interface Column<out T = unknown> {
  readonly kind: ColumnKind
  readonly key: BaseType
  /** Present for maps only. */
  readonly value?: BaseType
  readonly min: 0 | 1
  /** Infinity = unlimited. */
  readonly max: number
  readonly ephemeral: boolean
  readonly mutable: boolean
  readonly [js]?: readonly [T]
}

export type Columns = Readonly<Record<string, Column>>

/** One `<table-schema>`. */
export interface TableSchema<C extends Columns = Columns> {
  readonly columns: C
  /** Rows of a table that is no root live only while another row references them strongly. */
  readonly isRoot: boolean
  /** Infinity = unlimited. */
  readonly maxRows: number
  /** Sets of columns whose values, together, are unique in the table. */
  readonly indexes: readonly (readonly string[])[]
}

export type Tables = Readonly<Record<string, TableSchema>>

/** One `<database-schema>`. */
export interface DatabaseSchema<T extends Tables = Tables> {
  readonly name: string
  readonly version: string
  /** Free text that tools compare, by custom the output of cksum over the schema's file. */
  readonly cksum?: string
  readonly tables: T
}

// ---- row types --------------------------------------------------------------------------------

export type TableName<S extends DatabaseSchema> = keyof S['tables'] & string
export type ColumnName<
  S extends DatabaseSchema,
  T extends TableName<S>,
> = keyof S['tables'][T]['columns'] & string

type Decoded<C> = C extends Column<infer T> ? T : never

/** The decoded values of all columns of a table, without `_uuid`. */
export type Values<S extends DatabaseSchema, T extends TableName<S>> = {
  readonly [C in ColumnName<S, T>]: Decoded<S['tables'][T]['columns'][C]>
}

/** A decoded row: every column, and `_uuid`. */
export type Row<S extends DatabaseSchema, T extends TableName<S>> = Values<S, T> & {
  readonly _uuid: string
}

/** What insert and update take: any columns; undefined empties an optional column. */
export type RowInput<S extends DatabaseSchema, T extends TableName<S>> = Partial<Values<S, T>>

/** The names of all columns of a table, as a monitor takes them. */
export function allColumns<S extends DatabaseSchema, T extends TableName<S>>(
  schema: S,
  table: T,
): readonly ColumnName<S, T>[] {
  return Object.keys((schema.tables[table] as TableSchema).columns)
}

// ---- builders ---------------------------------------------------------------------------------

export function string(limits?: { minLength?: number; maxLength?: number }): BaseType<string> {
  return { type: 'string', ...limits }
}
/** A string with a fixed list of values. */
export function choice<const T extends string>(...values: readonly T[]): BaseType<T> {
  return { type: 'string', enum: [...values].sort() }
}
export function integer(minInteger?: number, maxInteger?: number): BaseType<number> {
  return integer64(minInteger, maxInteger) as BaseType<number>
}
/** The same type, for columns whose values may exceed 2^53, such as counters of bytes. */
export function integer64(
  minInteger?: number | bigint,
  maxInteger?: number | bigint,
): BaseType<number | bigint> {
  return {
    type: 'integer',
    ...(minInteger === undefined ? {} : { minInteger }),
    ...(maxInteger === undefined ? {} : { maxInteger }),
  }
}
export function real(minReal?: number, maxReal?: number): BaseType<number> {
  return {
    type: 'real',
    ...(minReal === undefined ? {} : { minReal }),
    ...(maxReal === undefined ? {} : { maxReal }),
  }
}
export function boolean(): BaseType<boolean> {
  return { type: 'boolean' }
}
export function uuid(): BaseType<string> {
  return { type: 'uuid' }
}
/** A strong reference: the row it points at must exist, and lives because of it. */
export function ref(refTable: string): BaseType<string> {
  return { type: 'uuid', refTable }
}
/** A weak reference: disappears with the row it points at. */
export function weak(refTable: string): BaseType<string> {
  return { type: 'uuid', refTable, refType: 'weak' }
}

const plain = { ephemeral: false, mutable: true } as const

export function one<T>(key: BaseType<T>): Column<T> {
  return { kind: 'scalar', key, min: 1, max: 1, ...plain }
}
export function optional<T>(key: BaseType<T>): Column<T | undefined> {
  return { kind: 'optional', key, min: 0, max: 1, ...plain }
}
export function set<T>(
  key: BaseType<T>,
  { min = 0, max = Infinity }: { min?: 0 | 1; max?: number } = {},
): Column<readonly T[]> {
  return { kind: 'set', key, min, max, ...plain }
}
export function map<T>(
  key: BaseType,
  value: BaseType<T>,
  { min = 0, max = Infinity }: { min?: 0 | 1; max?: number } = {},
): Column<Readonly<Record<string, T>>> {
  return { kind: 'map', key, value, min, max, ...plain }
}
/** Need not survive a restart of the server; no difference in memory. */
export function ephemeral<T>(column: Column<T>): Column<T> {
  return { ...column, ephemeral: true }
}
/** May be given at insert and never changed. */
export function immutable<T>(column: Column<T>): Column<T> {
  return { ...column, mutable: false }
}

export function table<const C extends Columns>(
  columns: C,
  options: { isRoot?: boolean; maxRows?: number; indexes?: readonly (readonly string[])[] } = {},
): TableSchema<C> {
  const { isRoot = false, maxRows = Infinity, indexes = [] } = options
  return { columns, isRoot, maxRows, indexes }
}

export function database<const T extends Tables>(
  name: string,
  version: string,
  tables: T,
  cksum?: string,
): DatabaseSchema<T> {
  return { name, version, ...(cksum === undefined ? {} : { cksum }), tables }
}

/** Whether a schema has this table, and this column in it. */
export function hasColumn({ tables }: DatabaseSchema, table: string, column?: string): boolean {
  const columns = Object.hasOwn(tables, table) ? tables[table]?.columns : undefined
  return columns !== undefined && (column === undefined || Object.hasOwn(columns, column))
}
