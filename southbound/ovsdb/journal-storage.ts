/**
 * A database on a journal: which lines, and how rows come back from them.
 *
 *   const storage = openStorage(schema, '/var/lib/weft/conf.journal')
 *   const server = new OvsdbServer(schema, { storage })
 *
 * First line: `{"schema": <database-schema>}`. Then one per transaction:
 * `{"rows": {table: {uuid: <row>, or null when it went}}, "comments": […]}`, a row with the columns
 * that changed. Ephemeral columns are not written (RFC 7047 §3.2). When the file has grown to twice
 * what the rows need it is rewritten as one transaction, during which nobody is served.
 * Neighbours: journal.ts holds the lines, database.ts calls.
 */
import { existsSync } from 'node:fs'
import type { AnyChange } from './apply.ts'
import type { AnyRow, Codec, WireRow } from './codec.ts'
import type { Storage } from './database.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import { firstRecord, type Journal, openJournal } from './journal.ts'
import { formatJson, parseJson } from './json.ts'
import { type RowCodec, tableCodec } from './row-codec.ts'
import type { DatabaseSchema } from './schema.ts'
import { formatSchema, parseSchema } from './schema-json.ts'
import type { TableSet } from './table.ts'

export interface StorageOptions {
  /** Bytes below which the file is never rewritten; default 1 MiB. */
  compactBytes?: number
  /** The file may hold another version of the schema: tables and columns that went are dropped. */
  convert?: boolean
  /** A rewriting that failed: the file is as it was, and grows on. */
  onProblem?: (problem: OvsdbError) => void
}

type WireRows = Record<string, Record<string, WireRow | null>>

/** Lines a rewritten file is cut into. */
const ROWS_PER_LINE = 1000

/**
 * Opens or creates the file. Throws OvsdbError 'I/O error' as openJournal does, or when its schema
 * is another and `convert` is not set.
 */
export function openStorage(
  declared: DatabaseSchema,
  path: string,
  options: StorageOptions = {},
): Storage & { compact(tables: TableSet): void } {
  let schema = declared
  const { compactBytes = 1024 * 1024, convert = false, onProblem = () => {} } = options
  const stored = new Map<string, Map<string, WireRow>>()
  const text = formatJson(formatSchema(schema))
  let storedSchema: string | undefined
  const journal: Journal = openJournal(path, (line) => {
    const record = line as { schema?: unknown; rows?: WireRows }
    if (record.schema !== undefined) storedSchema = formatJson(record.schema)
    if (record.rows) replay(stored, record.rows)
  })
  if (storedSchema !== undefined && storedSchema !== text && !convert) {
    journal.close()
    const held = titleOf(parseJson(storedSchema) as Partial<DatabaseSchema>)
    throw ovsdbError(
      'I/O error',
      `${path} holds another schema: ${held}, not this ${titleOf(schema)}`,
    )
  }
  let compactAt = 0

  function load(): readonly AnyChange[] {
    if (storedSchema === undefined) journal.append({ schema: formatSchema(schema) }, true)
    const changes: AnyChange[] = []
    for (const [table, rows] of stored) {
      if (!Object.hasOwn(schema.tables, table)) continue
      const codec = tableCodec(schema, table)
      for (const [uuid, wire] of rows) {
        changes.push({ table, uuid, before: undefined, after: decode(codec, uuid, wire) })
      }
    }
    stored.clear()
    if (storedSchema !== undefined && storedSchema !== text) journal.replace(lines(schema, changes))
    compactAt = Math.max(compactBytes, 2 * journal.size)
    return changes
  }

  function* lines(schema: DatabaseSchema, changes: Iterable<AnyChange>): Iterable<unknown> {
    yield { schema: formatSchema(schema) }
    let held: AnyChange[] = []
    for (const change of changes) {
      if (held.push(change) < ROWS_PER_LINE) continue
      yield { rows: wireRows(schema, held) }
      held = []
    }
    if (held.length > 0) yield { rows: wireRows(schema, held) }
  }

  function compact(tables: TableSet): void {
    journal.replace(lines(schema, allRows(tables)))
    compactAt = Math.max(compactBytes, 2 * journal.size)
  }

  return {
    load,
    append(changes, { durable, comments }) {
      const rows = wireRows(schema, changes)
      if (Object.keys(rows).length === 0 && !durable) return
      journal.append({ rows, ...(comments.length > 0 ? { comments } : {}) }, durable)
    },
    convert(next, changes) {
      journal.replace(lines(next, changes))
      schema = next
      compactAt = Math.max(compactBytes, 2 * journal.size)
    },
    afterCommit(tables) {
      if (journal.size < compactAt) return
      try {
        compact(tables)
      } catch (error) {
        if (!(error instanceof OvsdbError)) throw error
        compactAt = 2 * journal.size
        onProblem(error)
      }
    },
    compact,
    close: () => journal.close(),
  }
}

/** Of whatever a journal holds as a schema. */
function titleOf({ name, version, cksum }: Partial<DatabaseSchema>): string {
  return `${name} ${version ?? '0.0.0'}${cksum === undefined ? '' : ` (cksum ${cksum})`}`
}

/**
 * The schema that a journal holds, for whoever opens what clients may have converted; undefined when
 * there is none yet. Throws OvsdbError 'I/O error' as openJournal does, and waits for nobody.
 */
export function storedSchema(path: string): DatabaseSchema | undefined {
  const line = existsSync(path) ? firstRecord(path) : undefined
  const { schema } = Object(line)
  return schema === undefined ? undefined : parseSchema(schema)
}

function replay(stored: Map<string, Map<string, WireRow>>, tables: WireRows): void {
  for (const [table, changes] of Object.entries(tables)) {
    let rows = stored.get(table)
    if (!rows) {
      rows = new Map()
      stored.set(table, rows)
    }
    for (const [uuid, row] of Object.entries(changes)) {
      if (row) rows.set(uuid, { ...rows.get(uuid), ...row })
      else rows.delete(uuid)
    }
  }
}

/** Columns that the schema no longer has are dropped; throws OvsdbError for a value it refuses. */
function decode(codec: RowCodec, uuid: string, wire: WireRow): AnyRow {
  const row = codec.make()
  row._uuid = uuid
  for (const [name, value] of Object.entries(wire)) {
    const column = codec.columns.get(name)
    if (!column || column.column.ephemeral) continue
    row[name] = column.decode(value)
    column.check(row[name])
  }
  return row as AnyRow
}

/** What a commit changed in columns that are kept, in wire form. */
function wireRows(schema: DatabaseSchema, changes: Iterable<AnyChange>): WireRows {
  // A table may be called as what every object has: constructor, toString.
  const result = new Map<string, Record<string, WireRow | null>>()
  for (const { table, uuid, before, after } of changes) {
    const columns = tableCodec(schema, table).columns.values()
    const row = after ? changedColumns([...columns], before, after) : null
    if (row && before && Object.keys(row).length === 0) continue
    const rows = result.get(table) ?? {}
    rows[uuid] = row
    result.set(table, rows)
  }
  return Object.fromEntries(result)
}

function changedColumns(columns: readonly Codec[], before: AnyRow | undefined, after: AnyRow) {
  const row: Record<string, unknown> = {}
  for (const codec of columns) {
    if (codec.column.ephemeral) continue
    const old = before ? before[codec.name] : codec.initial
    if (!codec.equal(old, after[codec.name])) row[codec.name] = codec.encode(after[codec.name])
  }
  return row
}

function* allRows(tables: TableSet): Iterable<AnyChange> {
  for (const { name: table, rows } of tables.values()) {
    for (const [uuid, after] of rows) yield { table, uuid, before: undefined, after }
  }
}
