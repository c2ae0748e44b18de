/**
 * One monitor on the server's side: from a commit to the `<table-updates>` of its client.
 *
 * The dialects are rows of one table: `update` of RFC 7047 §4.1.6 (old and new values), `update2` of
 * ovsdb-server(7) (differences, for monitor_cond) and `update3` (the same with transaction ids, for
 * monitor_cond_since). A row that starts or stops to meet a monitor's conditions is told as
 * inserted or deleted. Neighbours: session-monitors.ts holds the monitors of a client.
 */
import type { AnyChange } from './apply.ts'
import type { AnyRow, Codec } from './codec.ts'
import { compileAny, type Predicate } from './condition.ts'
import type { Database } from './database.ts'
import { valueDifference } from './difference.ts'
import { ovsdbError } from './error.ts'
import { show } from './json.ts'
import { type Table, tableOf } from './table.ts'

type Kind = 'initial' | 'insert' | 'delete' | 'modify'
/** What one `<monitor-request>` asks for. */
interface Watch {
  readonly columns: readonly Codec[]
  readonly kinds: ReadonlySet<Kind>
}
interface Watched {
  readonly table: Table
  /** What is told of a row, by how it came to be told; absent: nothing, not even that it is there. */
  readonly columns: Readonly<Partial<Record<Kind, readonly Codec[]>>>
  where: Predicate
}
type RowUpdate = Record<string, unknown>
export type TableUpdates = Record<string, Record<string, unknown>>

/** How a row's change is written; undefined = nothing that this monitor sees. */
interface Dialect {
  /** The notification, and its params. */
  readonly method: string
  params(id: unknown, txnId: string, updates: TableUpdates): unknown[]
  /** Whether requests may have conditions. */
  readonly conditional: boolean
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

const byDifference = {
  params: (id, _txnId, updates) => [id, updates],
  conditional: true,
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
} satisfies Omit<Dialect, 'method'>

const dialects = {
  update: {
    method: 'update',
    params: (id, _txnId, updates) => [id, updates],
    conditional: false,
    initial: (columns, row) => ({ new: encodeAll(columns, row) }),
    insert: (columns, row) => ({ new: encodeAll(columns, row) }),
    delete: (columns, row) => ({ old: encodeAll(columns, row) }),
    modify(columns, before, after) {
      const changed = changedColumns(columns, before, after)
      if (changed.length === 0) return undefined
      return { old: encodeAll(changed, before), new: encodeAll(columns, after) }
    },
  },
  update2: { ...byDifference, method: 'update2' },
  update3: {
    ...byDifference,
    method: 'update3',
    params: (id, txnId, updates) => [id, txnId, updates],
  },
} satisfies Record<string, Dialect>

export type DialectName = keyof typeof dialects

export interface ServerMonitor {
  readonly method: string
  params(id: unknown, txnId: string, updates: TableUpdates): unknown[]
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
  dialectName: DialectName,
): ServerMonitor {
  const dialect: Dialect = dialects[dialectName]
  const watched = new Map<string, Watched>()
  for (const [name, wire] of entries(requests, 'monitor requests')) {
    const table = tableOf(database.tables, name)
    const list = Array.isArray(wire) ? wire : [wire]
    watched.set(name, {
      table,
      columns: columnsByKind(list.map((one) => parseWatch(table, one, dialect.conditional))),
      where: whereOf(table, list),
    })
  }

  function rowUpdate({ columns: byKind, where }: Watched, { before, after }: AnyChange) {
    const was = before !== undefined && where(before)
    const is = after !== undefined && where(after)
    if (!was && !is) return undefined
    const kind: Kind = !was ? 'insert' : !is ? 'delete' : 'modify'
    const columns = byKind[kind]
    if (!columns) return undefined
    if (kind === 'insert') return dialect.insert(columns, after as AnyRow)
    if (kind === 'delete') return dialect.delete(columns, before as AnyRow)
    return dialect.modify(columns, before as AnyRow, after as AnyRow)
  }

  return {
    method: dialect.method,
    params: dialect.params,
    initial() {
      const result: TableUpdates = {}
      for (const [name, { table, columns: byKind, where }] of watched) {
        const columns = byKind.initial
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
          const columns = entry.columns[is ? 'insert' : 'delete']
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

function parseWatch(table: Table, wire: unknown, conditional: boolean): Watch {
  const members = Object.fromEntries(entries(wire, 'monitor request'))
  for (const name of Object.keys(members)) {
    if (name === 'columns' || name === 'select' || (conditional && name === 'where')) continue
    throw ovsdbError('syntax error', `Member '${name}' is present but not allowed here.`)
  }
  const { columns, select } = members
  const names = columns ?? ['_version', ...table.codec.columns.keys()]
  const wanted = new Map(select === undefined ? [] : entries(select, 'select'))
  for (const [name, value] of wanted) {
    if ((kinds as readonly string[]).includes(name) && typeof value === 'boolean') continue
    throw ovsdbError('syntax error', `select has no ${name} of ${show(value)}`)
  }
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
  const [only] = all
  return only && all.length === 1 ? only : (row) => all.some((where) => where(row))
}

/** Throws OvsdbError when two requests mention the same column. */
function columnsByKind(watches: readonly Watch[]): Watched['columns'] {
  const mentioned = new Set<Codec>()
  for (const codec of watches.flatMap((watch) => watch.columns)) {
    if (mentioned.has(codec)) {
      throw ovsdbError('syntax error', `column ${codec.name} mentioned more than once`)
    }
    mentioned.add(codec)
  }
  const result: Partial<Record<Kind, readonly Codec[]>> = {}
  for (const kind of kinds) {
    const asked = watches.filter((watch) => watch.kinds.has(kind))
    if (asked.length > 0) result[kind] = asked.flatMap((watch) => watch.columns)
  }
  return result
}

function put(result: TableUpdates, table: string, uuid: string, update: RowUpdate): void {
  // A table may be called as what every object has: constructor, toString.
  if (!Object.hasOwn(result, table)) result[table] = {}
  const rows = result[table] as Record<string, unknown>
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
