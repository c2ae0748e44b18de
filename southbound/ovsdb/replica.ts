/**
 * A copy of a part of a database, kept equal to it by a monitor.
 *
 *   const replica = await client.monitor(openVSwitch, { Bridge: ['name', 'ports'] }, { signal })
 *   for (const bridge of replica.table('Bridge').values()) …   // { _uuid, name, ports }
 *
 * An update of the server is one transaction: it is decoded whole, then applied whole, then told,
 * so that listeners and whoever reads in between only ever see states that the server had.
 * Neighbours: client.ts feeds it, codec.ts and difference.ts decode.
 */

import { isUuid } from './atom.ts'
import type { AnyRow, Codec } from './codec.ts'
import { applyDifference } from './difference.ts'
import { ovsdbError } from './error.ts'
import type { ConditionInput } from './operation.ts'
import { rowMaker, tableCodec } from './row-codec.ts'
import type { ColumnName, DatabaseSchema, Row, TableName } from './schema.ts'

/** What to replicate: per table the columns, or columns and conditions of which one must hold. */
export type MonitorRequest<S extends DatabaseSchema = DatabaseSchema> = {
  readonly [T in TableName<S>]?:
    | readonly ColumnName<S, T>[]
    | {
        readonly columns: readonly ColumnName<S, T>[]
        readonly where?: readonly ConditionInput<S, T>[]
      }
}

type ColumnsOf<R> = R extends readonly (infer C)[]
  ? C
  : R extends { readonly columns: readonly (infer C)[] }
    ? C
    : never

/** A replicated row: the columns asked for, and `_uuid`. Frozen; a changed row is a new object. */
export type ReplicaRow<S extends DatabaseSchema, R, T extends TableName<S> & keyof R> = Pick<
  Row<S, T>,
  (ColumnsOf<R[T]> & keyof Row<S, T>) | '_uuid'
>

/** One row before and after; before undefined: new, after undefined: gone. */
export type ReplicaChange<S extends DatabaseSchema, R extends MonitorRequest<S>> = {
  readonly [T in TableName<S> & keyof R]: {
    readonly table: T
    readonly uuid: string
    readonly before: ReplicaRow<S, R, T> | undefined
    readonly after: ReplicaRow<S, R, T> | undefined
  }
}[TableName<S> & keyof R]

export interface Replica<
  S extends DatabaseSchema = DatabaseSchema,
  R extends MonitorRequest<S> = MonitorRequest<S>,
> {
  /** Rows by uuid; the map is live. */
  table<T extends TableName<S> & keyof R>(name: T): ReadonlyMap<string, ReplicaRow<S, R, T>>
  /** Called once per transaction of the server, after all of its rows are in. Returns the undo. */
  onChange(listener: (changes: readonly ReplicaChange<S, R>[]) => void): () => void
  /** Resolves when the predicate holds, now or after a change; rejects when the session ends. */
  until(predicate: () => boolean, options: { signal: AbortSignal }): Promise<void>
  /** Replaces conditions (monitor_cond_change); only for a monitor that was begun with some. */
  setConditions(
    where: { readonly [T in keyof R & TableName<S>]?: readonly ConditionInput<S, T>[] },
    options: { signal: AbortSignal },
  ): Promise<void>
  /** Ends the monitor; the rows stay as they are. */
  cancel(options: { signal: AbortSignal }): Promise<void>
}

/** One row before and after, untyped. */
export interface AnyReplicaChange {
  readonly table: string
  readonly uuid: string
  readonly before: AnyRow | undefined
  readonly after: AnyRow | undefined
}

/** The rows behind a Replica. */
export interface ReplicaStore {
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, AnyRow>>
  /** Applies `<table-updates>` (or updates2); throws OvsdbError and applies nothing. */
  apply(updates: unknown): readonly AnyReplicaChange[]
}

interface ReplicaTable {
  readonly make: () => Record<string, unknown>
  readonly columns: readonly Codec[]
  readonly rows: Map<string, AnyRow>
}

/** A store for some columns of some tables, empty at first. */
export function replicaStore(
  schema: DatabaseSchema,
  columns: ReadonlyMap<string, readonly string[]>,
): ReplicaStore {
  const tables = new Map<string, ReplicaTable>()
  for (const [name, wanted] of columns) {
    const codec = tableCodec(schema, name)
    const list = wanted.map(codec.column)
    const initial = list.map((column) => [column.name, column.initial] as const)
    const make = rowMaker([['_uuid', ''], ...initial])
    tables.set(name, { columns: list, make, rows: new Map() })
  }

  function apply(updates: unknown): readonly AnyReplicaChange[] {
    const changes: AnyReplicaChange[] = []
    for (const [name, rowUpdates] of members(updates)) {
      const table = tables.get(name)
      if (!table) throw ovsdbError('syntax error', `update of table ${name}, not monitored`)
      for (const [uuid, update] of members(rowUpdates)) {
        if (!isUuid(uuid)) throw ovsdbError('syntax error', `update of ${name} row ${uuid}`)
        const before = table.rows.get(uuid)
        const after = rowAfter(table, uuid, before, update)
        if (before || after) changes.push({ table: name, uuid, before, after })
      }
    }
    for (const { table, uuid, after } of changes) {
      const rows = tables.get(table)?.rows
      if (after) rows?.set(uuid, after)
      else rows?.delete(uuid)
    }
    return changes
  }

  return { tables: new Map([...tables].map(([name, { rows }]) => [name, rows])), apply }
}

/** Both dialects: `new`/`old` of update; `initial`/`insert`/`modify`/`delete` of update2. */
function rowAfter(
  table: ReplicaTable,
  uuid: string,
  before: AnyRow | undefined,
  wire: unknown,
): AnyRow | undefined {
  const update = record(wire)
  const whole = update.new ?? update.initial ?? update.insert
  if (whole !== undefined) return decodeRow(table, uuid, record(whole), before)
  if (update.modify === undefined) {
    if (update.old === undefined && update.delete === undefined) {
      throw ovsdbError('syntax error', `row update of ${uuid} says nothing`)
    }
    return undefined
  }
  if (!before) throw ovsdbError('syntax error', `modify of row ${uuid}, which is not here`)
  const difference = record(update.modify)
  const row: Record<string, unknown> = { ...before }
  for (const codec of table.columns) {
    const value = difference[codec.name]
    if (value !== undefined) row[codec.name] = applyDifference(codec, before[codec.name], value)
  }
  return Object.freeze(row) as AnyRow
}

/** update2 leaves columns out that have their default value. */
function decodeRow(
  { columns, make }: ReplicaTable,
  uuid: string,
  wire: Readonly<Record<string, unknown>>,
  before: AnyRow | undefined,
): AnyRow {
  const row = make()
  row._uuid = uuid
  for (const codec of columns) {
    const value = wire[codec.name]
    if (value !== undefined) row[codec.name] = codec.decode(value)
    if (before === undefined) continue
    // An unchanged value stays the same object.
    const old = before[codec.name]
    if (codec.equal(old, row[codec.name])) row[codec.name] = old
  }
  return Object.freeze(row) as AnyRow
}

function record(wire: unknown): Readonly<Record<string, unknown>> {
  if (typeof wire === 'object' && wire !== null && !Array.isArray(wire)) {
    return wire as Record<string, unknown>
  }
  throw ovsdbError('syntax error', 'expected an object in a table update')
}
function members(wire: unknown): [string, unknown][] {
  return Object.entries(record(wire))
}
