/**
 * The rows of a database under another schema (`convert` of ovsdb-server(1)): what both know is carried
 * over through its wire form, so that a scalar may become a set or an integer a real.
 * Neighbours: table.ts, database.ts commits what this drafts.
 */
import type { AnyRow, Codec } from './codec.ts'
import { formatJson } from './json.ts'
import { type Draft, makeDraft, type TableSet } from './table.ts'

/** All rows of `from` as inserts into `to`; throws OvsdbError for a value that `to` refuses. */
export function convertedDraft(from: TableSet, to: TableSet): Draft {
  const draft = makeDraft(to)
  for (const table of to.values()) {
    const old = from.get(table.name)
    if (!old) continue
    const carried = [...table.codec.columns.values()].flatMap((codec) => {
      const before = old.codec.columns.get(codec.name)
      return before ? [{ codec, before, same: isSame(codec, before) }] : []
    })
    for (const source of old.rows.values()) {
      const row = table.codec.make()
      row._uuid = source._uuid
      for (const { codec, before, same } of carried) {
        const value = source[codec.name]
        row[codec.name] = same ? value : codec.decode(before.encode(value))
        if (!same) codec.check(row[codec.name])
      }
      draft.put(table, source._uuid, row as AnyRow)
    }
  }
  return draft
}

/** The same values, whatever else is said of the column. */
function isSame({ column: a }: Codec, { column: b }: Codec): boolean {
  const typeOf = ({ key, value, min, max }: typeof a) =>
    formatJson([key, value ?? null, min, max === Infinity ? 'unlimited' : max])
  return typeOf(a) === typeOf(b)
}
