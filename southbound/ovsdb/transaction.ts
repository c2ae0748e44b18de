/**
 * Runs the operations of one transaction on a draft (RFC 7047 §4.1.3, §5.2).
 *
 * Each operation is a row of one table: its members and what it does. Adding an operation is adding
 * a row. Neighbours: condition.ts and mutation.ts below, commit.ts after it, database.ts above.
 */
import { isId, type Names } from './atom.ts'
import type { AnyRow, Codec } from './codec.ts'
import { type Condition, compileWhere } from './condition.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import { compileMutation } from './mutation.ts'
import { type Draft, type Table, tableOf } from './table.ts'

/** What the transaction may know of the world. */
export interface TransactionContext {
  newUuid(): string
  /** Whether whoever asked holds the lock. */
  holds(lock: string): boolean
}

/** `<result>` of one operation, wire form. */
export type WireResult = Readonly<Record<string, unknown>>

/** The draft is ready to commit, refused, or waits for another transaction. */
export type Outcome =
  | { readonly kind: 'done'; readonly results: WireResult[] }
  | { readonly kind: 'failed'; readonly results: WireResult[]; readonly error: OvsdbError }
  | {
      readonly kind: 'blocked'
      /** Of the operations before the wait. */
      readonly results: WireResult[]
      /** Undefined = for ever. */
      readonly timeoutMs: number | undefined
    }

interface Run {
  readonly draft: Draft
  readonly context: TransactionContext
  readonly names: Names
  readonly named: Map<string, { uuid: string; inserted: boolean }>
}
type Members = Readonly<Record<string, unknown>>

interface OperationRow {
  readonly required: readonly string[]
  readonly optional: readonly string[]
  run(run: Run, members: Members): WireResult | Blocked
}
interface Blocked {
  readonly blocked: true
  readonly timeoutMs: number | undefined
}

const operations: Readonly<Record<string, OperationRow>> = {
  insert: { required: ['table', 'row'], optional: ['uuid-name'], run: insert },
  select: { required: ['table', 'where'], optional: ['columns'], run: select },
  update: { required: ['table', 'where', 'row'], optional: [], run: update },
  mutate: { required: ['table', 'where', 'mutations'], optional: [], run: mutate },
  delete: { required: ['table', 'where'], optional: [], run: remove },
  wait: {
    required: ['table', 'where', 'until', 'rows'],
    optional: ['timeout', 'columns'],
    run: wait,
  },
  commit: { required: ['durable'], optional: [], run: () => ({}) },
  abort: {
    required: [],
    optional: [],
    run() {
      throw ovsdbError('aborted', 'aborted by request')
    },
  },
  comment: { required: ['comment'], optional: [], run: () => ({}) },
  assert: {
    required: ['lock'],
    optional: [],
    run({ context }, { lock }) {
      if (context.holds(String(lock))) return {}
      throw ovsdbError('not owner', `Asserted lock ${lock} not held.`)
    },
  },
}

/** Fills the draft. What it throws is a programmer's error; a refused operation is an outcome. */
export function runOperations(
  draft: Draft,
  list: readonly unknown[],
  context: TransactionContext,
): Outcome {
  const named: Run['named'] = new Map()
  const names: Names = (name) => {
    const known = named.get(name) ?? { uuid: context.newUuid(), inserted: false }
    named.set(name, known)
    return known.uuid
  }
  const run: Run = { draft, context, names, named }
  const results: WireResult[] = []
  for (const operation of list) {
    try {
      const result = runOne(run, operation)
      if ('blocked' in result) {
        return { kind: 'blocked', results, timeoutMs: (result as Blocked).timeoutMs }
      }
      results.push(result)
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error
      return { kind: 'failed', results, error }
    }
  }
  return { kind: 'done', results }
}

function runOne(run: Run, operation: unknown): WireResult | Blocked {
  if (typeof operation !== 'object' || operation === null || Array.isArray(operation)) {
    throw ovsdbError('syntax error', 'Parsing ovsdb operation failed: Object expected.')
  }
  const { op, ...members } = operation as Members
  const row = typeof op === 'string' && Object.hasOwn(operations, op) ? operations[op] : undefined
  if (!row) throw ovsdbError('syntax error', `No operation "${String(op)}"`)
  for (const name of row.required) {
    if (members[name] !== undefined) continue
    throw ovsdbError('syntax error', `Required '${name}' member is missing.`)
  }
  for (const name of Object.keys(members)) {
    if (row.required.includes(name) || row.optional.includes(name)) continue
    throw ovsdbError('syntax error', `Member '${name}' is present but not allowed here.`)
  }
  return row.run(run, members)
}

function insert({ draft, context, names, named }: Run, members: Members): WireResult {
  const table = tableOf(draft.tables, members.table)
  const name = members['uuid-name']
  let uuid: string
  if (name === undefined) uuid = context.newUuid()
  else {
    if (!isId(name)) throw ovsdbError('syntax error', 'uuid-name must be an <id>')
    uuid = names(name)
    const known = named.get(name)
    if (known?.inserted) {
      const details = 'This "uuid-name" appeared on an earlier "insert" operation.'
      throw ovsdbError('duplicate uuid-name', details)
    }
    named.set(name, { uuid, inserted: true })
  }
  const row = table.codec.make()
  row._uuid = uuid
  for (const [codec, value] of decodeRow(table, members.row, names)) {
    if (codec.name.startsWith('_')) checkMutable(table, codec, 'insert')
    row[codec.name] = value
  }
  draft.put(table, uuid, row as AnyRow)
  return { uuid: ['uuid', uuid] }
}

function select({ draft, names }: Run, members: Members): WireResult {
  const [table, where] = target(draft, members, names)
  const columns = columnsOf(table, members.columns)
  const rows = draft.find(table, where).map((row) => {
    const selected: Record<string, unknown> = {}
    for (const codec of columns) selected[codec.name] = codec.encode(row[codec.name])
    return selected
  })
  return { rows }
}

function update({ draft, names }: Run, members: Members): WireResult {
  const [table, where] = target(draft, members, names)
  const values = decodeRow(table, members.row, names)
  for (const [codec] of values) checkMutable(table, codec, 'update')
  const rows = draft.find(table, where)
  for (const row of rows) {
    const next: Record<string, unknown> = { ...row }
    for (const [codec, value] of values) next[codec.name] = value
    draft.put(table, row._uuid, next as AnyRow)
  }
  return { count: rows.length }
}

function mutate({ draft, names }: Run, members: Members): WireResult {
  const [table, where] = target(draft, members, names)
  if (!Array.isArray(members.mutations)) {
    throw ovsdbError('syntax error', 'mutations must be an array')
  }
  const mutations = members.mutations.map((wire) => {
    if (!Array.isArray(wire) || wire.length !== 3 || typeof wire[0] !== 'string') {
      throw ovsdbError('syntax error', 'Parse error: a mutation is [column, mutator, value]')
    }
    const codec = table.codec.column(wire[0])
    checkMutable(table, codec, 'mutate')
    return { name: codec.name, apply: compileMutation(codec, wire[1], wire[2], names) }
  })
  const rows = draft.find(table, where)
  for (const row of rows) {
    const next: Record<string, unknown> = { ...row }
    for (const { name, apply } of mutations) next[name] = apply(next[name])
    draft.put(table, row._uuid, next as AnyRow)
  }
  return { count: rows.length }
}

function remove({ draft, names }: Run, members: Members): WireResult {
  const [table, where] = target(draft, members, names)
  const rows = draft.find(table, where)
  for (const row of rows) draft.put(table, row._uuid, undefined)
  return { count: rows.length }
}

/** Rows are compared as a set, seen through the columns. */
function wait({ draft, names }: Run, members: Members): WireResult | Blocked {
  const [table, where] = target(draft, members, names)
  const columns = columnsOf(table, members.columns)
  const { until, rows, timeout } = members
  if (until !== '==' && until !== '!=') {
    throw ovsdbError('syntax error', `"until" must be "==" or "!=", not ${JSON.stringify(until)}`)
  }
  if (!Array.isArray(rows)) throw ovsdbError('syntax error', 'rows must be an array')
  if (timeout !== undefined && (typeof timeout !== 'number' || timeout < 0)) {
    throw ovsdbError('syntax error', 'timeout must be milliseconds, 0 or more')
  }
  const shown = (values: (codec: Codec) => unknown) =>
    JSON.stringify(columns.map((codec) => codec.encode(values(codec))))
  const expected = new Set(
    rows.map((wire) => {
      const given = new Map(decodeRow(table, wire, names))
      return shown((codec) => (given.has(codec) ? given.get(codec) : codec.initial))
    }),
  )
  const actual = new Set(draft.find(table, where).map((row) => shown((codec) => row[codec.name])))
  const equal = expected.size === actual.size && [...expected].every((row) => actual.has(row))
  if (equal === (until === '==')) return {}
  if (timeout === 0) throw ovsdbError('timed out', '"where" clause test failed')
  return { blocked: true, timeoutMs: timeout }
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
