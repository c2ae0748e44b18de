/**
 * The rows behind a replica: updates of a server in, changes out.
 *
 * An update is decoded whole before any of it is applied, so a bad one leaves everything as it was.
 * A row that did not change stays the same object, also when a full dump comes after a reconnect.
 * Neighbours: replica.ts hands the rows out, replica-index.ts, codec.ts and difference.ts.
 */
import { isUuid } from './atom.ts'
import type { AnyRow, Codec } from './codec.ts'
import { applyDifference } from './difference.ts'
import { ovsdbError } from './error.ts'
import { type IndexStore, replicaIndex } from './replica-index.ts'
import { rowMaker, tableCodec } from './row-codec.ts'
import type { DatabaseSchema } from './schema.ts'

/** One row before and after, untyped. */
export interface AnyReplicaChange {
  readonly table: string
  readonly uuid: string
  readonly before: AnyRow | undefined
  readonly after: AnyRow | undefined
}

export interface ReplicaStore {
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, AnyRow>>
  /** Applies `<table-updates>` (or updates2); throws OvsdbError and applies nothing. */
  apply(updates: unknown): readonly AnyReplicaChange[]
  /** Becomes what the initial updates say: rows that they lack are gone. */
  replace(updates: unknown): readonly AnyReplicaChange[]
  /** The index over these paths, made when first asked for. */
  index(table: string, paths: readonly string[]): IndexStore
}

interface ReplicaTable {
  readonly make: () => Record<string, unknown>
  readonly columns: readonly Codec[]
  readonly rows: Map<string, AnyRow>
  readonly indexes: Map<string, IndexStore>
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
    tables.set(name, { columns: list, make, rows: new Map(), indexes: new Map() })
  }

  function decode(updates: unknown): AnyReplicaChange[] {
    const changes: AnyReplicaChange[] = []
    const byTable = record(updates)
    for (const name of Object.keys(byTable)) {
      const table = tables.get(name)
      if (!table) throw ovsdbError('syntax error', `update of table ${name}, not monitored`)
      const byUuid = record(byTable[name])
      for (const uuid of Object.keys(byUuid)) {
        if (!isUuid(uuid)) throw ovsdbError('syntax error', `update of ${name} row ${uuid}`)
        const before = table.rows.get(uuid)
        const after = rowAfter(table, uuid, before, byUuid[uuid])
        if (before !== after) changes.push({ table: name, uuid, before, after })
      }
    }
    return changes
  }

  function commit(changes: readonly AnyReplicaChange[]): readonly AnyReplicaChange[] {
    for (const { table, uuid, before, after } of changes) {
      const { rows, indexes } = tables.get(table) as ReplicaTable
      if (after) rows.set(uuid, after)
      else rows.delete(uuid)
      for (const index of indexes.values()) {
        if (before) index.remove(before)
        if (after) index.add(after)
      }
    }
    return changes
  }

  return {
    tables: new Map([...tables].map(([name, { rows }]) => [name, rows])),
    apply: (updates) => commit(decode(updates)),
    replace(updates) {
      const changes = decode(updates)
      const said = record(updates)
      for (const [name, { rows }] of tables) {
        const present = Object.hasOwn(said, name) ? record(said[name]) : {}
        for (const [uuid, before] of rows) {
          if (Object.hasOwn(present, uuid)) continue
          changes.push({ table: name, uuid, before, after: undefined })
        }
      }
      return commit(changes)
    },
    index(name, paths) {
      const table = tables.get(name)
      if (!table) throw ovsdbError('syntax error', `table ${name} is not monitored`)
      const key = JSON.stringify(paths)
      let index = table.indexes.get(key)
      if (!index) {
        index = replicaIndex(new Map(table.columns.map((codec) => [codec.name, codec])), paths)
        for (const row of table.rows.values()) index.add(row)
        table.indexes.set(key, index)
      }
      return index
    },
  }
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
    const value = own(difference[codec.name])
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
    const value = own(wire[codec.name])
    if (value !== undefined) row[codec.name] = codec.decode(value)
  }
  if (before !== undefined) {
    // An unchanged value, and an unchanged row, stays the same object.
    let same = true
    for (const codec of columns) {
      const old = before[codec.name]
      if (codec.equal(old, row[codec.name])) row[codec.name] = old
      else same = false
    }
    if (same) return before
  }
  return Object.freeze(row) as AnyRow
}

/** A member that came as JSON: a column may be called as what every object has, constructor, toString. */
function own(value: unknown): unknown {
  return typeof value === 'function' ? undefined : value
}

function record(wire: unknown): Readonly<Record<string, unknown>> {
  if (typeof wire === 'object' && wire !== null && !Array.isArray(wire)) {
    return wire as Record<string, unknown>
  }
  throw ovsdbError('syntax error', 'expected an object in a table update')
}
