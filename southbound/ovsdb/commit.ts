/**
 * From a draft to a committed change, or to the error that refuses all of it.
 *
 * The deferred checks of RFC 7047 §3.2, in the order of ovsdb-server: strong references to rows that
 * are not there are refused, rows that nothing refers to strongly any more are collected, weak
 * references to rows that are not there are removed, then row counts and unique indexes. Reference
 * counts are kept, so that the cost follows the change and not the database; a cycle of rows outside
 * the roots is never collected, as in ovsdb-server. Neighbours: table.ts below, apply.ts after it, database.ts above.
 */
import {
  type AnyChange,
  applyChanges,
  type Counts,
  changesOf,
  sealChanges,
  targets,
} from './apply.ts'
import type { AnyRow } from './codec.ts'
import { ovsdbError } from './error.ts'
import { type Draft, indexKey, type Table, tableOf } from './table.ts'

/**
 * Applies the draft and returns its changes; throws OvsdbError and changes nothing. `persist` is
 * called before anything is touched, with the changes that will be made unless it throws.
 */
export function commitDraft(
  draft: Draft,
  newUuid: () => string,
  persist?: (changes: readonly AnyChange[]) => void,
): readonly AnyChange[] {
  dropUnchanged(draft)
  const counts = settleReferences(draft)
  checkMaxRows(draft)
  checkIndexes(draft)
  const changes = sealChanges(draft, newUuid)
  persist?.(changes)
  applyChanges(draft, changes, counts)
  return changes
}

function dropUnchanged(draft: Draft): void {
  for (const { table, uuid, before, after } of changesOf(draft)) {
    const same =
      before === after ||
      (before !== undefined && after !== undefined && equal(table, before, after))
    if (same) draft.changed.get(table)?.delete(uuid)
  }
}
function equal(table: Table, a: AnyRow, b: AnyRow): boolean {
  for (const codec of table.codec.columns.values()) {
    if (!codec.equal(a[codec.name], b[codec.name])) return false
  }
  return true
}

// ---- references -------------------------------------------------------------------------------

function countOf(counts: Counts, table: Table, uuid: string): number {
  return (table.strongCounts.get(uuid) ?? 0) + (counts.get(table)?.get(uuid) ?? 0)
}

/**
 * Checks strong references, then collects garbage and strips dangling weak references until
 * neither changes anything. In this order a row that only garbage still refers to cannot be deleted.
 */
function settleReferences(draft: Draft): Counts {
  const counts: Counts = new Map()
  const suspects: [Table, string][] = []
  const account = (table: Table, row: AnyRow | undefined, sign: 1 | -1) => {
    if (!row) return
    for (const column of table.references) {
      if (column.weak) continue
      const target = tableOf(draft.tables, column.refTable)
      let differences = counts.get(target)
      if (!differences) {
        differences = new Map()
        counts.set(target, differences)
      }
      for (const atom of targets(row, column)) {
        const uuid = atom as string
        if (uuid === row._uuid) continue // "from a different row", RFC 7047 §3.2 isRoot
        differences.set(uuid, (differences.get(uuid) ?? 0) + sign)
        if (sign < 0) suspects.push([target, uuid])
      }
    }
  }
  const gone: [Table, string][] = []
  const weak = weakReferrers(draft)
  for (const { table, uuid, before, after } of changesOf(draft)) {
    account(table, before, -1)
    account(table, after, 1)
    if (!before) suspects.push([table, uuid])
    if (!after) gone.push([table, uuid])
    else weak.suspect(table, uuid)
  }
  checkStrong(draft, counts)
  for (;;) {
    for (let suspect = suspects.pop(); suspect; suspect = suspects.pop()) {
      const [table, uuid] = suspect
      const row = table.isRoot ? undefined : draft.get(table, uuid)
      if (!row || countOf(counts, table, uuid) !== 0) continue
      draft.put(table, uuid, undefined)
      account(table, row, -1)
      gone.push(suspect)
    }
    for (const [table, uuid] of gone.splice(0)) weak.suspectReferrers(table, uuid)
    // All at once, so that a row is looked at once, however many of its targets went.
    for (const [table, uuid] of weak.take()) {
      const row = draft.get(table, uuid)
      const stripped = row && stripWeak(draft, table, row)
      if (stripped === row) continue
      account(table, row, -1)
      account(table, stripped, 1)
      draft.put(table, uuid, stripped)
    }
    if (suspects.length === 0) return counts
  }
}

/** Rows whose weak references may point at rows that are not there. */
function weakReferrers(draft: Draft) {
  let suspected = new Map<Table, Set<string>>()
  let drafted: Map<string, Set<[Table, string]>> | undefined

  function suspect(table: Table, uuid: string): void {
    const rows = suspected.get(table) ?? new Set<string>()
    suspected.set(table, rows.add(uuid))
  }
  /** Rows of this very draft are not in the tables' index yet: by target, found when first asked. */
  function draftedReferrers(): Map<string, Set<[Table, string]>> {
    const found = new Map<string, Set<[Table, string]>>()
    for (const { table, uuid, after } of changesOf(draft)) {
      if (!after) continue
      const me: [Table, string] = [table, uuid]
      for (const column of table.references) {
        if (!column.weak) continue
        for (const atom of targets(after, column)) {
          const target = `${column.refTable} ${atom}`
          found.set(target, (found.get(target) ?? new Set()).add(me))
        }
      }
    }
    return found
  }
  return {
    suspect,
    suspectReferrers(table: Table, uuid: string): void {
      for (const [referrer, from] of table.weakReferrers.get(uuid) ?? []) suspect(from, referrer)
      drafted ??= draftedReferrers()
      for (const [from, referrer] of drafted.get(`${table.name} ${uuid}`) ?? []) {
        suspect(from, referrer)
      }
    },
    take(): [Table, string][] {
      const all = [...suspected].flatMap(([table, rows]) =>
        [...rows].map((uuid): [Table, string] => [table, uuid]),
      )
      suspected = new Map()
      return all
    },
  }
}

function stripWeak(draft: Draft, table: Table, row: AnyRow): AnyRow {
  let result = row
  for (const column of table.references) {
    if (!column.weak) continue
    const target = tableOf(draft.tables, column.refTable)
    const atoms = targets(result, column)
    const alive = atoms.map((atom) => draft.get(target, atom as string) !== undefined)
    if (alive.every(Boolean)) continue
    const { name } = column.codec
    const { keys, values } = column.codec.elements(result[name])
    const kept = { keys: keys.filter((_, i) => alive[i]) }
    const value = column.codec.fromElements(
      values ? { ...kept, values: values.filter((_, i) => alive[i]) } : kept,
    )
    result = { ...result, [name]: value }
  }
  return result
}

function checkStrong(draft: Draft, counts: Counts): void {
  for (const [table, differences] of counts) {
    for (const uuid of differences.keys()) {
      if (draft.get(table, uuid) || countOf(counts, table, uuid) === 0) continue
      if (!table.rows.has(uuid)) {
        const details = `reference to nonexistent row ${uuid} in table ${table.name}`
        throw ovsdbError('referential integrity violation', details)
      }
    }
  }
  for (const { table, uuid, before, after } of changesOf(draft)) {
    const remaining = before && !after ? countOf(counts, table, uuid) : 0
    if (remaining === 0) continue
    const details = `cannot delete ${table.name} row ${uuid} because of ${remaining} remaining reference(s)`
    throw ovsdbError('referential integrity violation', details)
  }
}

// ---- other deferred constraints ---------------------------------------------------------------

function checkMaxRows(draft: Draft): void {
  for (const [table, rows] of draft.changed) {
    const { maxRows } = table.codec.schema
    if (maxRows === Infinity) continue
    let size = table.rows.size
    for (const [uuid, after] of rows) size += (after ? 1 : 0) - (table.rows.has(uuid) ? 1 : 0)
    if (size <= maxRows) continue
    const details = `transaction causes "${table.name}" table to contain ${size} rows, greater than the schema-defined limit of ${maxRows} row(s)`
    throw ovsdbError('constraint violation', details)
  }
}

function checkIndexes(draft: Draft): void {
  for (const [table, rows] of draft.changed) {
    for (const { columns, held } of table.indexes) {
      const added = new Map<string, string>()
      for (const [uuid, after] of rows) {
        if (!after) continue
        const key = indexKey(columns, after)
        const holder = added.get(key) ?? held.get(key)
        if (holder !== undefined && holder !== uuid && (added.has(key) || !rows.has(holder))) {
          const names = columns.map((codec) => `"${codec.name}"`).join(', ')
          const details = `Transaction causes multiple rows in "${table.name}" table to have identical values (${key}) for index on column ${names}: ${holder} and ${uuid}`
          throw ovsdbError('constraint violation', details)
        }
        added.set(key, uuid)
      }
    }
  }
}
