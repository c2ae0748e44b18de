/**
 * One monitor on the server's side: from a commit to the `<table-updates>` of its client.
 *
 * The two dialects are two rows of one table: `update` of RFC 7047 §4.1.6 (old and new values) and
 * `update2` of ovsdb-server(7) (differences, for monitor_cond). A row that starts or stops to meet
 * a monitor's conditions is told as inserted or deleted. Neighbours: session.ts holds the monitors.
 */
import type { AnyRow, Codec } from './codec.ts'
import type { AnyChange } from './commit.ts'
import { compileAny, type Predicate } from './condition.ts'
import type { Database } from './database.ts'
import { valueDifference } from './difference.ts'
import { ovsdbError } from './error.ts'
import { type Table, tableOf } from './table.ts'

type Kind = 'initial' | 'insert' | 'delete' | 'modify'
/** What one `<monitor-request>` asks for. */
interface Watch {
  readonly columns: readonly Codec[]
  readonly kinds: ReadonlySet<Kind>
}
interface Watched {
  readonly table: Table
  readonly watches: readonly Watch[]
  where: Predicate
}
type RowUpdate = Record<string, unknown>
export type TableUpdates = Record<string, Record<string, unknown>>

/** How a row's change is written; undefined = nothing that this monitor sees. */
interface Dialect {
  readonly method: string
  initial(columns: readonly Codec[], row: AnyRow): RowUpdate
  insert(columns: readonly Codec[], row: AnyRow): RowUpdate
  delete(columns: readonly Codec[], row: AnyRow): RowUpdate
  modify(columns: readonly Codec[], before: AnyRow, after: AnyRow): RowUpdate | undefined
}

function encodeAll(columns: readonly Codec[], row: AnyRow): RowUpdate {
  const result: RowUpdate = {}
  for (const codec of columns) result[codec.name] = codec.encode(row[codec.name])
  return result
}
function encodeSet(columns: readonly Codec[], row: AnyRow): RowUpdate {
  const isSet = (codec: Codec) => !codec.equal(row[codec.name], codec.initial)
  return encodeAll(columns.filter(isSet), row)
}
function changedColumns(columns: readonly Codec[], before: AnyRow, after: AnyRow): Codec[] {
  return columns.filter((codec) => !codec.equal(before[codec.name], after[codec.name]))
}

const dialects = {
  update: {
    method: 'update',
    initial: (columns, row) => ({ new: encodeAll(columns, row) }),
    insert: (columns, row) => ({ new: encodeAll(columns, row) }),
    delete: (columns, row) => ({ old: encodeAll(columns, row) }),
    modify(columns, before, after) {
      const changed = changedColumns(columns, before, after)
      if (changed.length === 0) return undefined
      return { old: encodeAll(changed, before), new: encodeAll(columns, after) }
    },
  },
  update2: {
    method: 'update2',
    initial: (columns, row) => ({ initial: encodeSet(columns, row) }),
    insert: (columns, row) => ({ insert: encodeSet(columns, row) }),
    delete: () => ({ delete: null }),
    modify(columns, before, after) {
      const changed = changedColumns(columns, before, after)
      if (changed.length === 0) return undefined
      const modify: RowUpdate = {}
      for (const codec of changed) {
        modify[codec.name] = valueDifference(codec, before[codec.name], after[codec.name])
      }
      return { modify }
    },
  },
} satisfies Record<string, Dialect>

export interface ServerMonitor {
  readonly method: string
  /** What the client needs to start from. */
  initial(): TableUpdates
  /** Undefined when the monitor sees nothing of the commit. */
  updates(changes: readonly AnyChange[]): TableUpdates | undefined
  /** Replaces conditions and returns what comes into and goes out of sight. */
  changeConditions(requests: unknown): TableUpdates | undefined
}

/** Throws OvsdbError when the requests are not `<monitor-requests>` of this database. */
export function serverMonitor(
  database: Database,
  requests: unknown,
  dialectName: keyof typeof dialects,
): ServerMonitor {
  const dialect: Dialect = dialects[dialectName]
  const watched = new Map<string, Watched>()
  for (const [name, wire] of entries(requests, 'monitor requests')) {
    const table = tableOf(database.tables, name)
    const list = Array.isArray(wire) ? wire : [wire]
    watched.set(name, {
      table,
      watches: list.map((request) => parseWatch(table, request)),
      where: whereOf(table, list),
    })
  }

  function rowUpdate({ watches, where }: Watched, { before, after }: AnyChange) {
    const was = before !== undefined && where(before)
    const is = after !== undefined && where(after)
    if (!was && !is) return undefined
    const kind: Kind = !was ? 'insert' : !is ? 'delete' : 'modify'
    const columns = columnsFor(watches, kind)
    if (!columns) return undefined
    if (kind === 'insert') return dialect.insert(columns, after as AnyRow)
    if (kind === 'delete') return dialect.delete(columns, before as AnyRow)
    return dialect.modify(columns, before as AnyRow, after as AnyRow)
  }

  return {
    method: dialect.method,
    initial() {
      const result: TableUpdates = {}
      for (const [name, { table, watches, where }] of watched) {
        const columns = columnsFor(watches, 'initial')
        if (!columns) continue
        for (const row of table.rows.values()) {
          if (where(row)) put(result, name, row._uuid, dialect.initial(columns, row))
        }
      }
      return result
    },
    updates(changes) {
      const result: TableUpdates = {}
      for (const change of changes) {
        const entry = watched.get(change.table)
        const update = entry && rowUpdate(entry, change)
        if (update) put(result, change.table, change.uuid, update)
      }
      return orNothing(result)
    },
    changeConditions(wire) {
      const next = entries(wire, 'monitor condition updates').map(([name, request]) => {
        const entry = watched.get(name)
        if (!entry) throw ovsdbError('syntax error', `no table named ${name} is monitored`)
        const list = Array.isArray(request) ? request : [request]
        return { name, entry, where: whereOf(entry.table, list) }
      })
      const result: TableUpdates = {}
      for (const { name, entry, where } of next) {
        const old = entry.where
        entry.where = where
        for (const row of entry.table.rows.values()) {
          const [was, is] = [old(row), where(row)]
          if (was === is) continue
          const columns = columnsFor(entry.watches, is ? 'insert' : 'delete')
          if (!columns) continue
          put(
            result,
            name,
            row._uuid,
            is ? dialect.insert(columns, row) : dialect.delete(columns, row),
          )
        }
      }
      return orNothing(result)
    },
  }
}

const kinds: readonly Kind[] = ['initial', 'insert', 'delete', 'modify']

function parseWatch(table: Table, wire: unknown): Watch {
  const members = Object.fromEntries(entries(wire, 'monitor request'))
  const { columns, select } = members
  const names = columns ?? ['_version', ...table.codec.columns.keys()]
  const wanted = new Map(select === undefined ? [] : entries(select, 'select'))
  const codecs = table.codec.columnList(names)
  if (codecs.some((codec) => codec.name === '_uuid')) {
    throw ovsdbError('syntax error', '_uuid is not a valid column name')
  }
  return {
    columns: codecs,
    kinds: new Set(kinds.filter((kind) => wanted.get(kind) !== false)),
  }
}

/** The conditions of all requests for a table together. */
function whereOf(table: Table, requests: readonly unknown[]): Predicate {
  const all = requests.map((request) => compileAny(table.codec, Object(request).where))
  return (row) => all.some((where) => where(row))
}

function columnsFor(watches: readonly Watch[], kind: Kind): readonly Codec[] | undefined {
  const asked = watches.filter((watch) => watch.kinds.has(kind))
  const [first] = asked
  if (!first) return undefined
  return asked.length === 1 ? first.columns : [...new Set(asked.flatMap((watch) => watch.columns))]
}

function put(result: TableUpdates, table: string, uuid: string, update: RowUpdate): void {
  result[table] ??= {}
  const rows = result[table]
  rows[uuid] = update
}
function orNothing(result: TableUpdates): TableUpdates | undefined {
  for (const _ in result) return result
  return undefined
}
function entries(wire: unknown, what: string): [string, unknown][] {
  if (typeof wire === 'object' && wire !== null && !Array.isArray(wire)) return Object.entries(wire)
  throw ovsdbError('syntax error', `${what} must be an object`)
}
