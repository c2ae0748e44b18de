/**
 * A copy of a part of a database, kept equal to it by a monitor.
 *
 *   const replica = await client.monitor(openVSwitch, { Bridge: ['name', 'ports'] }, { signal })
 *   for (const bridge of replica.table('Bridge').values()) …   // { _uuid, name, ports }
 *
 * An update of the server is one transaction: it is decoded whole, then applied whole, then told,
 * so that listeners and whoever reads in between only ever see states that the server had.
 * Neighbours: watch.ts makes it, replica-store.ts holds the rows, client.ts and remote-database.ts
 * feed it.
 */
import type { ConditionInput } from './operation.ts'
import type { ReplicaIndex } from './replica-index.ts'
import type { ColumnName, DatabaseSchema, Row, TableName } from './schema.ts'

/** What to replicate: per table the columns, or columns and conditions of which one must hold. */
export type MonitorRequest<S extends DatabaseSchema = DatabaseSchema> = {
  readonly [T in TableName<S>]?:
    | readonly ColumnName<S, T>[]
    | {
        readonly columns: readonly ColumnName<S, T>[]
        readonly where?: readonly ConditionInput<S, T>[]
      }
}

type ColumnsOf<R> = R extends readonly (infer C)[]
  ? C
  : R extends { readonly columns: readonly (infer C)[] }
    ? C
    : never

/** The columns of a table that a replica has. */
export type ReplicaColumn<
  S extends DatabaseSchema,
  R,
  T extends TableName<S> & keyof R,
> = ColumnsOf<R[T]> & ColumnName<S, T>

/** A replicated row: the columns asked for, and `_uuid`. Frozen; a changed row is a new object. */
export type ReplicaRow<S extends DatabaseSchema, R, T extends TableName<S> & keyof R> = Pick<
  Row<S, T>,
  (ColumnsOf<R[T]> & keyof Row<S, T>) | '_uuid'
>

/** One row before and after; before undefined: new, after undefined: gone. */
export type ReplicaChange<S extends DatabaseSchema, R extends MonitorRequest<S>> = {
  readonly [T in TableName<S> & keyof R]: {
    readonly table: T
    readonly uuid: string
    readonly before: ReplicaRow<S, R, T> | undefined
    readonly after: ReplicaRow<S, R, T> | undefined
  }
}[TableName<S> & keyof R]

export interface Replica<
  S extends DatabaseSchema = DatabaseSchema,
  R extends MonitorRequest<S> = MonitorRequest<S>,
> {
  readonly schema: S
  /** Rows by uuid; the map is live. */
  table<T extends TableName<S> & keyof R>(name: T): ReadonlyMap<string, ReplicaRow<S, R, T>>
  /**
   * Declares a secondary index, or gives the one declared before: over a column, over one key of a
   * map as `column:key`, or over several of these together. Live, and right when listeners run.
   */
  index<T extends TableName<S> & keyof R>(
    table: T,
    ...paths: readonly (ReplicaColumn<S, R, T> | `${ReplicaColumn<S, R, T>}:${string}`)[]
  ): ReplicaIndex<ReplicaRow<S, R, T>>
  /**
   * Called once per transaction of the server, after all of its rows are in; what it throws goes to
   * `onListenerError` and ends nothing. Returns the undo.
   */
  onChange(listener: (changes: readonly ReplicaChange<S, R>[]) => void): () => void
  /**
   * What changes from this call on, in batches; a slow reader gets several transactions merged into
   * one batch, so that what waits for it is bounded by the rows. With `initial` the first batch holds
   * all rows as new. Throws the signal's reason, and an OvsdbError when the session ends.
   */
  changes(options: {
    signal: AbortSignal
    initial?: boolean
  }): AsyncIterableIterator<readonly ReplicaChange<S, R>[], undefined>
  /** Resolves when the predicate holds, now or after a change; rejects when the session ends. */
  until(predicate: () => boolean, options: { signal: AbortSignal }): Promise<void>
  /** Replaces conditions (monitor_cond_change); only for a monitor that was begun with some. */
  setConditions(
    where: { readonly [T in keyof R & TableName<S>]?: readonly ConditionInput<S, T>[] },
    options: { signal: AbortSignal },
  ): Promise<void>
  /** Ends the monitor; the rows stay as they are. */
  cancel(options: { signal: AbortSignal }): Promise<void>
}
