/**
 * What a database holds, table by table, and the draft of a transaction over it.
 *
 * Rows are frozen; a changed row is a new object, so whoever kept the old one has the past. A draft
 * lays its changes over the tables and touches them only in commit.ts, which is why a transaction
 * that fails leaves nothing behind. Neighbours: transaction.ts fills drafts, commit.ts applies them.
 */

import type { AnyRow, Codec } from './codec.ts'
import type { Condition } from './condition.ts'
import { ovsdbError } from './error.ts'
import { formatJson, show } from './json.ts'
import { type RowCodec, tableCodec } from './row-codec.ts'
import type { DatabaseSchema } from './schema.ts'
import { checkSchema } from './schema-json.ts'

/** A column that refers to rows: by its keys, its values, or both. */
export interface ReferenceColumn {
  readonly codec: Codec
  readonly part: 'keys' | 'values'
  readonly refTable: string
  readonly weak: boolean
}

export interface Table {
  readonly name: string
  readonly codec: RowCodec
  readonly isRoot: boolean
  readonly references: readonly ReferenceColumn[]
  readonly rows: Map<string, AnyRow>
  /** Uuid of one of our rows -> how many strong references point at it. */
  readonly strongCounts: Map<string, number>
  /** Uuid of one of our rows -> rows that refer to it weakly, with their tables. */
  readonly weakReferrers: Map<string, Map<string, Table>>
  /** One per index of the schema: index key -> uuid. */
  readonly indexes: readonly {
    readonly columns: readonly Codec[]
    readonly held: Map<string, string>
  }[]
}

export type TableSet = ReadonlyMap<string, Table>

/** Throws OvsdbError for a schema that makes no sense, as parseSchema does. */
export function makeTables(schema: DatabaseSchema): TableSet {
  checkSchema(schema)
  // RFC 7047 §3.2: a schema without any isRoot means that every table is a root.
  const allRoot = Object.values(schema.tables).every((table) => !table.isRoot)
  const tables = new Map<string, Table>()
  for (const [name, { indexes, isRoot }] of Object.entries(schema.tables)) {
    const codec = tableCodec(schema, name)
    tables.set(name, {
      name,
      codec,
      isRoot: isRoot || allRoot,
      references: referencesOf(codec),
      rows: new Map(),
      strongCounts: new Map(),
      weakReferrers: new Map(),
      indexes: indexes.map((columns) => ({
        columns: columns.map((column) => codec.column(column)),
        held: new Map(),
      })),
    })
  }
  return tables
}

function referencesOf(table: RowCodec): ReferenceColumn[] {
  const result: ReferenceColumn[] = []
  for (const codec of table.columns.values()) {
    const { key, value } = codec.column
    for (const [part, base] of [['keys', key] as const, ['values', value] as const]) {
      if (base?.refTable === undefined) continue
      result.push({ codec, part, refTable: base.refTable, weak: base.refType === 'weak' })
    }
  }
  return result
}

/** Throws OvsdbError as tableCodec does. */
export function tableOf(tables: TableSet, name: unknown): Table {
  const table = typeof name === 'string' ? tables.get(name) : undefined
  if (!table)
    throw ovsdbError(
      'syntax error',
      `No table named ${typeof name === 'string' ? name : show(name)}.`,
    )
  return table
}

/** The key of a row in a unique index. */
export function indexKey(columns: readonly Codec[], row: AnyRow): string {
  return formatJson(columns.map((codec) => codec.encode(row[codec.name])))
}

/** The changes of one transaction, seen over the tables as if they were made. */
export interface Draft {
  readonly tables: TableSet
  /** Table -> uuid -> the row to be, undefined for one that goes. */
  readonly changed: Map<Table, Map<string, AnyRow | undefined>>
  get(table: Table, uuid: string): AnyRow | undefined
  put(table: Table, uuid: string, row: AnyRow | undefined): void
  /** The rows that match, collected first, so that the caller may put. */
  find(table: Table, condition: Condition): AnyRow[]
  /** Counts work, in rows looked at; throws OvsdbError 'resources exhausted' at the limit. */
  spend(rows: number): void
  /** Counts bytes of the answer; throws OvsdbError 'resources exhausted' at the limit. */
  answer(bytes: number): void
  /** Work so far. */
  readonly spent: number
}

export interface DraftLimits {
  /** Rows that one transaction may look at, elements of large values each as one. */
  readonly maxWork: number
  /** Bytes of JSON, about, that it may answer. */
  readonly maxResultBytes: number
}
const noLimits: DraftLimits = { maxWork: Infinity, maxResultBytes: Infinity }

export function makeDraft(
  tables: TableSet,
  { maxWork, maxResultBytes }: DraftLimits = noLimits,
): Draft {
  let spent = 0
  function spend(rows: number): void {
    spent += rows
    if (spent > maxWork) {
      throw ovsdbError('resources exhausted', `a transaction that looks at over ${maxWork} rows`)
    }
  }
  let answered = 0
  function answer(bytes: number): void {
    answered += bytes
    if (answered > maxResultBytes) {
      throw ovsdbError(
        'resources exhausted',
        `a transaction that answers over ${maxResultBytes} bytes`,
      )
    }
  }
  const changed: Draft['changed'] = new Map()
  function get(table: Table, uuid: string): AnyRow | undefined {
    const mine = changed.get(table)
    return mine?.has(uuid) ? mine.get(uuid) : table.rows.get(uuid)
  }
  function put(table: Table, uuid: string, row: AnyRow | undefined): void {
    let mine = changed.get(table)
    if (!mine) {
      mine = new Map()
      changed.set(table, mine)
    }
    mine.set(uuid, row)
  }
  function find(table: Table, { test, uuid, size }: Condition): AnyRow[] {
    if (uuid !== undefined) {
      spend(size)
      const row = get(table, uuid)
      return row && test(row) ? [row] : []
    }
    const mine = changed.get(table)
    spend((table.rows.size + (mine?.size ?? 0)) * Math.max(1, size))
    const found: AnyRow[] = []
    for (const row of table.rows.values()) if (!mine?.has(row._uuid) && test(row)) found.push(row)
    for (const row of mine?.values() ?? []) if (row && test(row)) found.push(row)
    return found
  }
  return {
    tables,
    changed,
    get,
    put,
    find,
    spend,
    answer,
    get spent() {
      return spent
    },
  }
}
