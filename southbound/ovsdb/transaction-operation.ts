/**
 * What each operation of RFC 7047 §5.2 does to the draft of its transaction. Members have been
 * checked by the table in transaction.ts. Neighbours: condition.ts and mutation.ts below.
 */
import { isUuid, type Names } from './atom.ts'
import type { AnyRow, Codec } from './codec.ts'
import { type Condition, compileWhere } from './condition.ts'
import { ovsdbError } from './error.ts'
import { formatJson } from './json.ts'
import { compileMutation } from './mutation.ts'
import { type Draft, type Table, tableOf } from './table.ts'
import type { Blocked, Members, Run, WireResult } from './transaction.ts'
import { jsonSize, weightOf } from './weight.ts'

/** In looks at a row: putting a value into its wire form, and copying a row or making another value. */
const ENCODING = 4
const COPYING = 6
/** What a row of an answer costs beside its bytes. */
const ROW_BYTES = 64

/** RFC 7047 §5.2.1, and `uuid` of ovsdb-server(7). */
export function insert(run: Run, members: Members): WireResult {
  const { draft, names } = run
  const table = tableOf(draft.tables, members.table)
  const uuid = uuidOf(run, table, members)
  const row = table.codec.make()
  row._uuid = uuid
  row._version = run.context.newUuid()
  for (const [codec, value] of decodeRow(table, members.row, names)) {
    if (codec.name.startsWith('_')) checkMutable(table, codec, 'insert')
    row[codec.name] = value
  }
  // Also what the row does not mention: a default may be no allowed value.
  for (const codec of table.codec.columns.values()) codec.check(row[codec.name])
  draft.put(table, uuid, row as AnyRow)
  return { uuid: ['uuid', uuid] }
}

function uuidOf({ draft, context, names, named }: Run, table: Table, members: Members): string {
  const name = members['uuid-name'] as string | undefined
  const given = members.uuid as string | undefined
  const asked = given?.toLowerCase()
  if (asked !== undefined) {
    if (!isUuid(asked)) throw ovsdbError('syntax error', `bad uuid ${given}`)
    if (draft.get(table, asked) || table.rows.has(asked)) {
      const details =
        'This UUID would duplicate a UUID already present within the table or deleted within the same transaction.'
      throw ovsdbError('duplicate uuid', details)
    }
  }
  if (name === undefined) return asked ?? context.newUuid()
  if (named.get(name)?.inserted) {
    const details = 'This "uuid-name" appeared on an earlier "insert" operation.'
    throw ovsdbError('duplicate uuid-name', details)
  }
  const uuid = asked ?? names(name)
  named.set(name, { uuid, inserted: true })
  return uuid
}

/** Rows that look the same are one row, as in ovsdb-server. */
export function select({ draft, names }: Run, members: Members): WireResult {
  const [table, where] = target(draft, members, names)
  const columns = columnsOf(table, members.columns)
  const rows = draft.find(table, where).map((row) => {
    const selected: Record<string, unknown> = {}
    for (const codec of columns) {
      draft.spend(ENCODING * weightOf(row[codec.name]))
      selected[codec.name] = codec.encode(row[codec.name])
    }
    draft.answer(ROW_BYTES + jsonSize(selected))
    return selected
  })
  if (columns.some((codec) => codec.name === '_uuid')) return { rows }
  return { rows: [...new Map(rows.map((row) => [formatJson(row), row])).values()] }
}

export function update({ draft, names }: Run, members: Members): WireResult {
  const table = tableOf(draft.tables, members.table)
  const values = decodeRow(table, members.row, names)
  for (const [codec] of values) checkMutable(table, codec, 'update')
  const where = compileWhere(table.codec, members.where, names)
  const rows = draft.find(table, where)
  for (const row of rows) {
    draft.spend(COPYING)
    const next: Record<string, unknown> = { ...row }
    for (const [codec, value] of values) next[codec.name] = value
    draft.put(table, row._uuid, next as AnyRow)
  }
  return { count: rows.length }
}

export function mutate({ draft, names }: Run, members: Members): WireResult {
  const table = tableOf(draft.tables, members.table)
  const mutations = (members.mutations as unknown[]).map((wire) => {
    if (!Array.isArray(wire) || wire.length !== 3 || typeof wire[0] !== 'string') {
      throw ovsdbError('syntax error', 'Parse error: a mutation is [column, mutator, value]')
    }
    const codec = table.codec.column(wire[0])
    checkMutable(table, codec, 'mutate')
    return { name: codec.name, apply: compileMutation(codec, wire[1], wire[2], names) }
  })
  const where = compileWhere(table.codec, members.where, names)
  const rows = draft.find(table, where)
  for (const row of rows) {
    draft.spend(COPYING)
    const next: Record<string, unknown> = { ...row }
    for (const { name, apply } of mutations) {
      draft.spend(COPYING + weightOf(next[name]))
      next[name] = apply(next[name])
    }
    draft.put(table, row._uuid, next as AnyRow)
  }
  return { count: rows.length }
}

export function remove({ draft, names }: Run, members: Members): WireResult {
  const [table, where] = target(draft, members, names)
  const rows = draft.find(table, where)
  for (const row of rows) draft.put(table, row._uuid, undefined)
  return { count: rows.length }
}

/** Rows are compared as a set, seen through the columns. */
export function wait({ draft, names, context }: Run, members: Members): WireResult | Blocked {
  const [table, where] = target(draft, members, names)
  const columns = columnsOf(table, members.columns)
  const { until, rows, timeout } = members
  if (until !== '==' && until !== '!=') {
    throw ovsdbError('syntax error', `"until" must be "==" or "!=", not ${formatJson(until)}`)
  }
  const timeoutMs = timeout === undefined ? undefined : Number(timeout)
  if (timeoutMs !== undefined && timeoutMs < 0) {
    throw ovsdbError('syntax error', 'timeout must be nonnegative')
  }
  const shown = (values: (codec: Codec) => unknown) =>
    formatJson(columns.map((codec) => codec.encode(values(codec))))
  const expected = new Set(
    (rows as unknown[]).map((wire) => {
      const given = new Map(decodeRow(table, wire, names))
      return shown((codec) => (given.has(codec) ? given.get(codec) : codec.initial))
    }),
  )
  const seen = (row: AnyRow) =>
    shown((codec) => {
      draft.spend(ENCODING * weightOf(row[codec.name]))
      return row[codec.name]
    })
  const actual = new Set(draft.find(table, where).map(seen))
  const equal = expected.size === actual.size && [...expected].every((row) => actual.has(row))
  if (equal === (until === '==')) return {}
  if (timeoutMs !== undefined && context.elapsedMs >= timeoutMs) {
    const late = `"wait" timed out after ${context.elapsedMs} ms`
    throw ovsdbError('timed out', timeoutMs === 0 ? '"where" clause test failed' : late)
  }
  return { blocked: true, timeoutMs }
}

export function commit(run: Run, { durable }: Members): WireResult {
  run.durable ||= durable === true
  return {}
}

export function abort(): never {
  throw ovsdbError('aborted', 'aborted by request')
}

export function comment({ comments }: Run, members: Members): WireResult {
  comments.push(members.comment as string)
  return {}
}

export function assert({ context }: Run, { lock }: Members): WireResult {
  if (context.holds(lock as string)) return {}
  throw ovsdbError('not owner', `Asserted lock ${lock} not held.`)
}

// ---- members ----------------------------------------------------------------------------------

function target(draft: Draft, members: Members, names: Names): [Table, Condition] {
  const table = tableOf(draft.tables, members.table)
  return [table, compileWhere(table.codec, members.where, names)]
}

/** Columns by name; absent: all, with `_uuid` and `_version`. */
function columnsOf(table: Table, wire: unknown): Codec[] {
  if (wire === undefined) {
    return ['_uuid', '_version', ...table.codec.columns.keys()].map(table.codec.column)
  }
  return table.codec.columnList(wire)
}

function decodeRow(table: Table, wire: unknown, names: Names): [Codec, unknown][] {
  if (typeof wire !== 'object' || wire === null || Array.isArray(wire)) {
    throw ovsdbError('syntax error', 'a row must be an object')
  }
  return Object.entries(wire).map(([name, value]) => {
    const codec = table.codec.column(name)
    const decoded = codec.decode(value, names)
    codec.check(decoded)
    return [codec, decoded]
  })
}

function checkMutable(table: Table, { name, column }: Codec, verb: string): void {
  if (column.mutable && name !== '_uuid' && name !== '_version') return
  const details = `Cannot ${verb} immutable column ${name} in table ${table.name}.`
  throw ovsdbError('constraint violation', details)
}
