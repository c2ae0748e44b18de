/**
 * Read, modify, write, without locks: the transaction carries what was read as `wait` operations, and
 * holds only if that is still so. When another client was faster, the operations are built again
 * from the rows as they are then.
 *
 *   await client.change(replica, (draft) => {
 *     const bridge = draft.row('Bridge', uuid, ['ports'])
 *     return bridge ? [update('Bridge', uuid, { ports: bridge.ports.slice(1) })] : []
 *   }, { signal })
 *
 * Neighbours: client.ts and remote-database.ts offer it, condition.ts selects rows.
 */
import type { AnyRow } from './codec.ts'
import { compileWhere } from './condition.ts'
import { OvsdbError } from './error.ts'
import {
  type ConditionInput,
  encodeWhere,
  type Operation,
  type OperationResult,
  operations,
} from './operation.ts'
import type { MonitorRequest, Replica, ReplicaColumn, ReplicaRow } from './replica.ts'
import { tableCodec } from './row-codec.ts'
import type { DatabaseSchema, TableName } from './schema.ts'

/** Reads of a replica that the transaction will hold the server to. */
export interface Draft<S extends DatabaseSchema, R extends MonitorRequest<S>> {
  /** The row, or undefined: and these columns are as they are, or the row stays absent. */
  row<T extends TableName<S> & keyof R, C extends ReplicaColumn<S, R, T>>(
    table: T,
    uuid: string,
    columns: readonly C[],
  ): Pick<ReplicaRow<S, R, T>, C & keyof ReplicaRow<S, R, T>> | undefined
  /** All rows for which every condition holds: and no other row comes, these columns stay. */
  rows<T extends TableName<S> & keyof R, C extends ReplicaColumn<S, R, T>>(
    table: T,
    where: readonly ConditionInput<S, T>[],
    columns: readonly C[],
  ): Pick<ReplicaRow<S, R, T>, (C | '_uuid') & keyof ReplicaRow<S, R, T>>[]
}

export interface ChangeOptions {
  /** Ends the attempts; it is the only limit on their number. */
  signal: AbortSignal
  /**
   * Building again is right even if the transaction before, whose answer was lost, has happened:
   * `build` makes what should be out of what is. Default false: 'unknown outcome' rejects.
   */
  repeatable?: boolean
}

/** Where the transactions go. */
export interface ChangeTarget {
  transact(
    operations: readonly Operation[],
    options: { signal: AbortSignal },
  ): Promise<OperationResult[]>
  /** Resolves when the rows of the replica are those of a server, not of a session that ended. */
  ready(signal: AbortSignal): Promise<void>
}

/**
 * Resolves with the results of the operations that `build` gave last; [] without asking the server
 * when it gave none. Also built again: when a `wait` with `timeoutMs: 0` of its own fails.
 */
export async function changeRows<S extends DatabaseSchema, R extends MonitorRequest<S>>(
  target: ChangeTarget,
  replica: Replica<S, R>,
  build: (draft: Draft<S, R>) => readonly Operation[],
  { signal, repeatable = false }: ChangeOptions,
): Promise<OperationResult[]> {
  for (;;) {
    await target.ready(signal)
    const waits: Operation[] = []
    let told = false
    const stop = replica.onChange(() => {
      told = true
    })
    try {
      const built = build(draftOf(replica, waits))
      if (built.length === 0) return []
      const all = [...waits, ...built]
      try {
        return (await target.transact(all, { signal })).slice(waits.length)
      } catch (error) {
        if (!(error instanceof OvsdbError)) throw error
        const failed = all[error.operation ?? -1]
        const outrun = error.tag === 'timed out' && failed?.op === 'wait' && failed.timeout === 0
        const lost = error.tag === 'unknown outcome' && repeatable
        if (!outrun && !lost) throw error
        // The same rows would fail the same way; mostly those of the other client came before the
        // answer.
        if (outrun && !told) await replica.until(() => told, { signal })
      }
    } finally {
      stop()
    }
  }
}

function draftOf<S extends DatabaseSchema, R extends MonitorRequest<S>>(
  replica: Replica<S, R>,
  waits: Operation[],
): Draft<S, R> {
  const { wait } = operations<DatabaseSchema>(replica.schema)
  const hold = (
    table: string,
    where: readonly ConditionInput[],
    rows: readonly AnyRow[],
    columns: readonly string[],
  ) => {
    const picked = rows.map((row) => pick(row, columns))
    // A wait has to name a column even where it wants no row.
    const named = columns.length > 0 ? columns : ['_uuid']
    waits.push(wait(table, where, '==', picked, { timeoutMs: 0, columns: named }))
    return picked
  }
  return {
    row(table, uuid, columns) {
      const found = replica.table(table).get(uuid) as AnyRow | undefined
      const [row] = hold(table, [['_uuid', '==', uuid]], found ? [found] : [], columns)
      return row as never
    },
    rows(table, where, columns) {
      const codec = tableCodec(replica.schema, table)
      const { test } = compileWhere(codec, encodeWhere(codec, where))
      const all = [...replica.table(table).values()] as unknown as AnyRow[]
      const wanted = [...new Set(['_uuid', ...columns])]
      return hold(table, where, all.filter(test), wanted) as never
    },
  }
}

function pick(row: AnyRow, columns: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(columns.map((column) => [column, row[column]]))
}
