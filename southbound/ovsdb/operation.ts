/**
 * Operations of a transaction, built from decoded values (RFC 7047 §5.2).
 *
 *   const { insert, mutate, update } = operations(openVSwitch)
 *   await client.transact('Open_vSwitch', [
 *     insert('Interface', { name: 'vm1' }, 'iface'),
 *     insert('Port', { name: 'vm1', interfaces: ['iface'] }, 'port'),
 *     mutate('Bridge', bridgeUuid, 'ports', 'insert', ['port']),
 *   ], { signal })
 *
 * Where a uuid belongs, the uuid-name of an insert of the same transaction does as well. A value is
 * encoded by its column's type, so a programmer's mistake is an OvsdbError here and not at the peer.
 * Neighbours: codec.ts encodes, client.ts and server.ts take the operations.
 */
import { atoms, isId } from './atom.ts'
import type { Codec, WireRow } from './codec.ts'
import { ovsdbError } from './error.ts'
import { type RowCodec, tableCodec } from './row-codec.ts'
import type { ColumnName, DatabaseSchema, Row, RowInput, TableName, Values } from './schema.ts'

/** One operation as it goes over the wire. */
export interface Operation {
  readonly op: string
  readonly [member: string]: unknown
}

/** What one operation answered: insert gives uuid; update, mutate and delete count; select rows. */
export interface OperationResult {
  readonly uuid?: string
  /** Rows that matched. */
  readonly count?: number
  /** Wire form; `operations(schema).rows(table, result)` decodes. */
  readonly rows?: readonly WireRow[]
}

export type ConditionFunction = '==' | '!=' | 'includes' | 'excludes' | '<' | '<=' | '>' | '>='
export type Mutator = '+=' | '-=' | '*=' | '/=' | '%=' | 'insert' | 'delete'

/** `[column, function, value]`, the value decoded; a partial set or map suits includes/excludes. */
export type ConditionInput<
  S extends DatabaseSchema = DatabaseSchema,
  T extends TableName<S> = TableName<S>,
> = readonly [column: ColumnName<S, T> | '_uuid', function: ConditionFunction, value: unknown]

/** Rows an operation is about: one uuid, or conditions of which all must hold; [] = every row. */
export type Where<
  S extends DatabaseSchema = DatabaseSchema,
  T extends TableName<S> = TableName<S>,
> = string | readonly ConditionInput<S, T>[]

type Element<V> = V extends readonly (infer E)[] ? E : never
/** What a mutator takes for a column that decodes to V. */
export type MutationValue<V> = V extends readonly unknown[]
  ? readonly Element<V>[] | number | bigint
  : V extends Readonly<Record<string, unknown>>
    ? V | readonly string[]
    : NonNullable<V> | readonly NonNullable<V>[]

export interface Operations<S extends DatabaseSchema> {
  /** `uuidName`, an `<id>` as `port_1`, lets other operations of the transaction refer to the new row. */
  insert<T extends TableName<S>>(table: T, row: RowInput<S, T>, uuidName?: string): Operation
  update<T extends TableName<S>>(table: T, where: Where<S, T>, row: RowInput<S, T>): Operation
  /** Deleting from a map takes keys (an array) or pairs (a record: only equal pairs go). */
  mutate<T extends TableName<S>, C extends ColumnName<S, T>>(
    table: T,
    where: Where<S, T>,
    column: C,
    mutator: Mutator,
    value: MutationValue<Values<S, T>[C]>,
  ): Operation
  deleteRows<T extends TableName<S>>(table: T, where: Where<S, T>): Operation
  select<T extends TableName<S>>(
    table: T,
    where: Where<S, T>,
    columns?: readonly (ColumnName<S, T> | '_uuid' | '_version')[],
  ): Operation
  /** Holds the transaction until the rows, seen through their columns, equal (or not) `rows`. */
  wait<T extends TableName<S>>(
    table: T,
    where: Where<S, T>,
    until: '==' | '!=',
    rows: readonly RowInput<S, T>[],
    options?: {
      /** Milliseconds; 0 = try once; absent = for ever. */
      timeoutMs?: number
      /** Default: the columns that `rows` mention. */
      columns?: readonly ColumnName<S, T>[]
    },
  ): Operation
  comment(text: string): Operation
  assert(lock: string): Operation
  abort(): Operation
  commit(durable: boolean): Operation
  /** The rows that a select answered, decoded; columns not selected are absent. */
  rows<T extends TableName<S>>(
    table: T,
    result: OperationResult | undefined,
  ): (Partial<Row<S, T>> & { readonly _uuid?: string })[]
}

/** The builders for one database. */
export function operations<S extends DatabaseSchema>(schema: S): Operations<S> {
  const codecOf = (table: string): RowCodec => tableCodec(schema, table)
  return {
    insert(table, row, uuidName) {
      if (uuidName !== undefined && !isId(uuidName)) {
        throw ovsdbError('syntax error', `uuid-name '${uuidName}' is not letters, digits and _`)
      }
      const named = uuidName === undefined ? {} : { 'uuid-name': uuidName }
      return { op: 'insert', table, row: codecOf(table).encode(row), ...named }
    },
    update: (table, where, row) => ({
      op: 'update',
      table,
      where: encodeWhere(codecOf(table), where),
      row: codecOf(table).encode(row),
    }),
    mutate(table, where, column, mutator, value) {
      const codec = codecOf(table)
      const argument = encodeMutation(codec.column(column), mutator, value)
      const mutations = [[column, mutator, argument]]
      return { op: 'mutate', table, where: encodeWhere(codec, where), mutations }
    },
    deleteRows: (table, where) => ({
      op: 'delete',
      table,
      where: encodeWhere(codecOf(table), where),
    }),
    select: (table, where, columns) => ({
      op: 'select',
      table,
      where: encodeWhere(codecOf(table), where),
      ...(columns === undefined ? {} : { columns }),
    }),
    wait(table, where, until, rows, options = {}) {
      const codec = codecOf(table)
      const columns = options.columns ?? [...new Set(rows.flatMap((row) => Object.keys(row)))]
      return {
        op: 'wait',
        table,
        where: encodeWhere(codec, where),
        columns,
        until,
        rows: rows.map((row) => codec.encode(row)),
        ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
      }
    },
    comment: (comment) => ({ op: 'comment', comment }),
    assert: (lock) => ({ op: 'assert', lock }),
    abort: () => ({ op: 'abort' }),
    commit: (durable) => ({ op: 'commit', durable }),
    rows: (table, result) =>
      (result?.rows ?? []).map((row) => codecOf(table).decodePresent(row) as never),
  }
}

/** Conditions in wire form. */
export function encodeWhere(table: RowCodec, where: string | readonly ConditionInput[]): unknown[] {
  if (typeof where === 'string') return [['_uuid', '==', table.column('_uuid').encode(where)]]
  return where.map(([column, test, value]) => {
    const codec = table.column(column)
    const part = test === 'includes' || test === 'excludes'
    return [column, test, part ? encodePart(codec, value) : codec.encode(value)]
  })
}

function encodeMutation(codec: Codec, mutator: Mutator, value: unknown): unknown {
  if (mutator === 'insert' || mutator === 'delete') return encodePart(codec, value)
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    throw ovsdbError('syntax error', `${codec.name} ${mutator} takes a number, not ${value}`)
  }
  return value
}

/** A part of a set or map: an array, one element, a record, or only the keys of a map. */
function encodePart(codec: Codec, value: unknown): unknown {
  if (codec.kind === 'map' && !Array.isArray(value)) return codec.encode(value)
  const keys = Array.isArray(value) ? value : value === undefined ? [] : [value]
  if (codec.kind !== 'map') return codec.encodeKeys(keys)
  // Names of properties, as decoded maps have them, or atoms.
  const { fromKey } = atoms[codec.column.key.type]
  return codec.encodeKeys(keys.map((key) => (typeof key === 'string' ? fromKey(key) : key)))
}
