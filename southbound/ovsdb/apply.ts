/**
 * Makes a draft that commit.ts accepted real: rows, reference counts, who refers weakly to whom,
 * unique indexes. Nothing here can be refused any more.
 */
import type { AnyRow } from './codec.ts'
import type { Atom } from './schema.ts'
import { type Draft, indexKey, type ReferenceColumn, type Table, tableOf } from './table.ts'

/** One row before and after a commit. */
export interface AnyChange {
  readonly table: string
  readonly uuid: string
  readonly before: AnyRow | undefined
  readonly after: AnyRow | undefined
}

/** Changes of strong reference counts, target table -> target uuid -> difference. */
export type Counts = Map<Table, Map<string, number>>

export function* changesOf(draft: Draft) {
  for (const [table, rows] of draft.changed) {
    for (const [uuid, after] of rows) yield { table, uuid, before: table.rows.get(uuid), after }
  }
}

/** The rows that a reference column of this row points at. */
export function targets(row: AnyRow, { codec, part }: ReferenceColumn): readonly Atom[] {
  return codec.elements(row[codec.name])[part] ?? []
}

/** The changes as they will be told, with frozen rows and their new versions. */
export function sealChanges(draft: Draft, newUuid: () => string): readonly AnyChange[] {
  const changes: AnyChange[] = []
  for (const { table, uuid, before, after } of changesOf(draft)) {
    if (!before && !after) continue // inserted and collected in one transaction
    // Rows of a draft are new objects that nobody else has: no copy is needed.
    const row = after && Object.freeze(Object.assign(after, { _version: newUuid() }))
    changes.push(Object.freeze({ table: table.name, uuid, before, after: row }))
  }
  return Object.freeze(changes)
}

export function applyChanges(draft: Draft, changes: readonly AnyChange[], counts: Counts): void {
  for (const { table: name, uuid, before, after } of changes) {
    const table = tableOf(draft.tables, name)
    if (after) table.rows.set(uuid, after)
    else table.rows.delete(uuid)
    for (const { columns, held } of table.indexes) {
      const key = before && indexKey(columns, before)
      if (key !== undefined && held.get(key) === uuid) held.delete(key)
      if (after) held.set(indexKey(columns, after), uuid)
    }
    if (before) removeWeakReferrer(draft, table, before)
    if (after) addWeakReferrer(draft, table, after)
  }
  for (const [table, differences] of counts) {
    for (const [uuid, difference] of differences) {
      const count = (table.strongCounts.get(uuid) ?? 0) + difference
      if (count === 0) table.strongCounts.delete(uuid)
      else table.strongCounts.set(uuid, count)
    }
  }
}

/** All of the row's, before any is added: two columns may point at the same target. */
function removeWeakReferrer(draft: Draft, table: Table, row: AnyRow): void {
  for (const column of table.references) {
    if (!column.weak) continue
    const { weakReferrers } = tableOf(draft.tables, column.refTable)
    for (const target of targets(row, column)) {
      weakReferrers.get(target as string)?.delete(row._uuid)
      if (weakReferrers.get(target as string)?.size === 0) weakReferrers.delete(target as string)
    }
  }
}

function addWeakReferrer(draft: Draft, table: Table, row: AnyRow): void {
  for (const column of table.references) {
    if (!column.weak) continue
    const { weakReferrers } = tableOf(draft.tables, column.refTable)
    for (const target of targets(row, column)) {
      const referrers = weakReferrers.get(target as string) ?? new Map<string, Table>()
      weakReferrers.set(target as string, referrers.set(row._uuid, table))
    }
  }
}
