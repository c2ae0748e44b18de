/**
 * One monitor as the client keeps it: what was asked for, the rows, and those who follow them. It
 * outlives a session where remote-database.ts carries it to the next one.
 *
 * Neighbours: client.ts starts it at a server and feeds it, replica.ts is what users see of it.
 */
import { changeReader } from './change-reader.ts'
import { ovsdbError } from './error.ts'
import { tell } from './listener.ts'
import { type ConditionInput, encodeWhere } from './operation.ts'
import type { MonitorRequest, Replica } from './replica.ts'
import { type AnyReplicaChange, type ReplicaStore, replicaStore } from './replica-store.ts'
import { tableCodec } from './row-codec.ts'
import { type DatabaseSchema, hasColumn } from './schema.ts'

type Listener = (changes: readonly AnyReplicaChange[]) => void
type Asked =
  | readonly string[]
  | { readonly columns: readonly string[]; readonly where?: readonly ConditionInput[] }
interface Follower {
  push(changes: readonly AnyReplicaChange[]): void
  end(error?: Error): void
}

/** What whoever runs the watch does for its replica. */
export interface WatchControl {
  /** Tells the server of `watch.conditions()`; resolves when the rows that they bring are here. */
  conditionsChanged(signal: AbortSignal): Promise<void>
  cancel(signal: AbortSignal): Promise<void>
}

export class Watch {
  readonly schema: DatabaseSchema
  readonly store: ReplicaStore
  /** Counts the changes of the conditions. */
  version = 0
  /** All rows that were asked for have been here once. */
  complete = false
  readonly #columns = new Map<string, readonly string[]>()
  readonly #where = new Map<string, unknown[]>()
  readonly #followers = new Set<Follower>()
  readonly #onListenerError: (error: unknown) => void
  /** Undefined: the server has all that was asked for. */
  readonly #present: DatabaseSchema | undefined
  #lastId: string | undefined
  /** The version whose rows the server has sent. */
  #acknowledged = 0
  #ended: { readonly error: Error | undefined } | undefined

  constructor(
    schema: DatabaseSchema,
    request: Readonly<Record<string, Asked | undefined>>,
    onListenerError: (error: unknown) => void,
    present?: DatabaseSchema,
  ) {
    this.schema = schema
    this.#onListenerError = onListenerError
    this.#present = present
    for (const [table, asked] of Object.entries(request)) {
      if (asked === undefined) continue
      const { columns, where } = isColumns(asked) ? { columns: asked } : asked
      this.#columns.set(table, columns)
      if (where) this.#where.set(table, encodeWhere(tableCodec(schema, table), where))
    }
    this.store = replicaStore(schema, this.#columns)
  }

  /** Whether only monitor_cond and its successors can carry it. */
  get conditional(): boolean {
    return this.#where.size > 0
  }

  /**
   * The transaction up to which the rows are right, where the server told (update3). None while
   * conditions are new, since rows that they bring in may be older.
   */
  get since(): string | undefined {
    return this.#acknowledged === this.version ? this.#lastId : undefined
  }
  /** The server has sent what belongs to the conditions of this version. */
  acknowledge(version: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, version)
  }

  /** `<monitor-requests>`. */
  requests(): Record<string, unknown> {
    const wire: Record<string, unknown> = {}
    for (const [table, asked] of this.#columns) {
      const where = this.#where.get(table)
      const columns = asked.filter(
        (column) => !this.#present || hasColumn(this.#present, table, column),
      )
      if (columns.length > 0) wire[table] = [where ? { columns, where } : { columns }]
    }
    return wire
  }

  /** The conditions alone, for monitor_cond_change. */
  conditions(): Record<string, unknown> {
    return Object.fromEntries([...this.#where].map(([table, where]) => [table, [{ where }]]))
  }

  /** An update; throws OvsdbError and applies nothing, and then only a full dump helps. */
  apply(updates: unknown, lastId?: string): void {
    this.#take(() => this.store.apply(updates), lastId)
  }
  /** A full dump, for the conditions of this version. */
  replace(updates: unknown, lastId: string | undefined, version: number): void {
    this.acknowledge(version)
    this.complete = true
    this.#take(() => this.store.replace(updates), lastId)
  }
  #take(change: () => readonly AnyReplicaChange[], lastId: string | undefined): void {
    this.#lastId = undefined
    const changes = change()
    this.#lastId = lastId
    if (changes.length > 0) for (const follower of [...this.#followers]) follower.push(changes)
  }

  /** No change will come any more. */
  end(error?: Error): void {
    if (this.#ended) return
    this.#ended = { error }
    for (const follower of [...this.#followers]) follower.end(error)
  }

  replica<S extends DatabaseSchema, R extends MonitorRequest<S>>(
    control: WatchControl,
  ): Replica<S, R> {
    const { store } = this
    // Rows are decoded by the schema that the types come from; inside they are untyped.
    const replica: Replica<S, R> = {
      schema: this.schema as S,
      table(name) {
        const rows = store.tables.get(name)
        if (!rows) throw ovsdbError('syntax error', `table ${name} is not monitored`)
        return rows as never
      },
      index: (table, ...paths) => store.index(table, paths) as never,
      onChange: (listener) => {
        const hear = listener as unknown as Listener
        const push: Listener = (changes) => tell(() => hear(changes), this.#onListenerError)
        const follower = { push, end: () => {} }
        this.#followers.add(follower)
        return () => this.#followers.delete(follower)
      },
      changes: ({ signal, initial = false }) => {
        const first = initial ? this.#everything() : undefined
        const reader = changeReader(signal, first, () => this.#followers.delete(reader))
        if (this.#ended) reader.end(this.#ended.error)
        else if (!signal.aborted) this.#followers.add(reader)
        return reader.batches as never
      },
      until: (predicate, { signal }) => this.#until(predicate, signal),
      setConditions: async (where, { signal }) => {
        for (const [table, conditions] of Object.entries(where)) {
          const list = conditions as readonly ConditionInput[]
          this.#where.set(table, encodeWhere(tableCodec(this.schema, table), list))
        }
        this.version++
        await control.conditionsChanged(signal)
      },
      cancel: async ({ signal }) => {
        this.end()
        await control.cancel(signal)
      },
    }
    return replica
  }

  #everything(): AnyReplicaChange[] {
    const changes: AnyReplicaChange[] = []
    for (const [table, rows] of this.store.tables) {
      for (const [uuid, after] of rows) changes.push({ table, uuid, before: undefined, after })
    }
    return changes
  }

  #until(predicate: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      if (predicate()) {
        resolve()
        return
      }
      const stop = () => {
        this.#followers.delete(follower)
        signal.removeEventListener('abort', abort)
      }
      const follower: Follower = {
        push() {
          try {
            if (!predicate()) return
            stop()
            resolve()
          } catch (error) {
            stop()
            reject(error)
          }
        },
        end(error) {
          stop()
          reject(error ?? ovsdbError('canceled', 'the monitor was cancelled'))
        },
      }
      const abort = () => follower.end(signal.reason)
      this.#followers.add(follower)
      signal.addEventListener('abort', abort, { once: true })
      // What has ended already brings no change any more.
      if (this.#ended) follower.end(this.#ended.error)
    })
  }
}

function isColumns(asked: Asked): asked is readonly string[] {
  return Array.isArray(asked)
}
