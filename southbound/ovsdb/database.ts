/**
 * A database: tables, atomic transactions, and who is told about them. In memory; a `Storage`, when
 * there is one, is written before anything changes. No clock.
 *
 * Listeners hear each commit once, whole, in the order of commits, also when a listener itself
 * commits (a switch that writes back what it did): its commit is told after the one it reacted to
 * has been told to everybody. Neighbours: transaction.ts and commit.ts do the work, server.ts and
 * session.ts put it on the wire.
 */
import { uuids } from '../wire/random.ts'
import type { AnyChange } from './apply.ts'
import type { AnyRow } from './codec.ts'
import { commitDraft } from './commit.ts'
import { convertedDraft } from './conversion.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import { type History, type HistoryLimits, makeHistory } from './history.ts'
import { type ListenerOptions, tell, warnOfListener } from './listener.ts'
import type { DatabaseSchema } from './schema.ts'
import { type DraftLimits, makeDraft, makeTables, type TableSet, tableOf } from './table.ts'
import { runOperations, type WireResult } from './transaction.ts'

/** `<result>`s as they go over the wire: an error stands where it happened, null for what is left. */
export type Attempt =
  | { readonly kind: 'committed'; readonly results: WireResult[] }
  | {
      readonly kind: 'failed'
      readonly results: WireResult[]
      /** The error at its place: an operation's index, or undefined for the commit. */
      readonly error: OvsdbError
    }
  | {
      readonly kind: 'blocked'
      readonly results: WireResult[]
      readonly timeoutMs: number | undefined
      /** Rows looked at to find that out. */
      readonly work: number
    }

/** `txnId`: of the transaction that made the changes, a uuid. */
export type CommitListener = (changes: readonly AnyChange[], txnId: string) => void

/** What makes commits survive the process. */
export interface Storage {
  /** The rows as they were stored last: changes of an empty database. */
  load(): readonly AnyChange[]
  /** Stores one commit, on the disk itself when `durable`; throws OvsdbError and stores nothing. */
  append(
    changes: readonly AnyChange[],
    about: { durable: boolean; comments: readonly string[] },
  ): void
  /** Stores rows of another schema in place of all, durably; throws OvsdbError and leaves what was. */
  convert(schema: DatabaseSchema, changes: readonly AnyChange[]): void
  /** Called after a commit is made: may rewrite all in less space. */
  afterCommit(tables: TableSet): void
  close(): void
}

export interface DatabaseOptions extends ListenerOptions {
  /** Default: the schema's. */
  name?: string
  /** Default: crypto.randomUUID. */
  newUuid?: () => string
  /** Where it is kept, e.g. by openStorage; default: in memory only. */
  storage?: Storage
  /** What monitor_cond_since can look back to. */
  history?: Partial<HistoryLimits>
  /** Rows that one transaction may look at, elements of large values each as one; 50 million. */
  maxWork?: number
  /** Bytes of JSON, about, that the selects of one transaction may answer; default 64 MiB. */
  maxResultBytes?: number
  /** Rows of all tables together, more are refused; default: no limit. */
  maxRows?: number
  /**
   * Clients may change the schema (`convert`). Default false: whoever uses the rows in process counts
   * on their columns.
   */
  convertible?: boolean
}

/** Who asks for a transaction, and when. */
export interface Asker {
  /** Whether the lock is held by whoever asks. */
  holds(lock: string): boolean
  /** Since the request came. */
  elapsedMs?: number
  /** The server itself may write to a reserved database. */
  owner?: boolean
}

export class Database {
  readonly name: string
  readonly isConvertible: boolean
  readonly #newUuid: () => string
  readonly #historyLimits: Partial<HistoryLimits> | undefined
  readonly #limits: DraftLimits
  readonly #maxRows: number
  readonly #onListenerError: (error: unknown) => void
  #schema: DatabaseSchema
  #tables: TableSet
  #history: History
  readonly #storage: Storage | undefined
  readonly #listeners = new Set<CommitListener>()
  readonly #untold: [readonly AnyChange[], string][] = []
  #telling = false

  /** Throws OvsdbError when what is stored does not suit the schema. */
  constructor(schema: DatabaseSchema, options: DatabaseOptions = {}) {
    const { name = schema.name, newUuid = uuids(), storage, history } = options
    this.name = name
    this.isConvertible = options.convertible ?? false
    const { maxWork = 50_000_000, maxResultBytes = 64 * 1024 * 1024, maxRows = Infinity } = options
    this.#limits = { maxWork, maxResultBytes }
    this.#maxRows = maxRows
    this.#onListenerError = options.onListenerError ?? warnOfListener
    this.#schema = schema
    this.#tables = makeTables(schema)
    this.#newUuid = newUuid
    this.#historyLimits = history
    this.#history = makeHistory(newUuid(), history)
    this.#storage = storage
    if (storage) this.#load(storage)
  }

  get schema(): DatabaseSchema {
    return this.#schema
  }
  get tables(): TableSet {
    return this.#tables
  }

  /** A database that clients may only read, RFC 7047 §3.2: names with an underscore are reserved. */
  get isReserved(): boolean {
    return this.name.startsWith('_')
  }

  /** Of the newest transaction that changed anything. */
  get lastTxnId(): string {
    return this.#history.lastId
  }

  /** What changed after a transaction; undefined when that is too long ago, or unknown. */
  since(txnId: string): readonly AnyChange[] | undefined {
    return this.#history.since(txnId)
  }

  /** Current rows; the map is live. Throws OvsdbError for an unknown table. */
  rows(table: string): ReadonlyMap<string, AnyRow> {
    return tableOf(this.tables, table).rows
  }

  /** What a listener throws goes to `onListenerError`; the commit is made. Returns the undo. */
  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Runs and commits, or changes nothing. Listeners have been told when it returns. */
  attempt(operations: readonly unknown[], { holds, elapsedMs = 0, owner }: Asker): Attempt {
    const draft = makeDraft(this.tables, this.#limits)
    const newUuid = this.#newUuid
    const reserved = this.isReserved && !owner ? this.name : undefined
    const outcome = runOperations(draft, operations, { newUuid, holds, elapsedMs, reserved })
    if (outcome.kind === 'blocked') return { ...outcome, work: draft.spent }
    const { results } = outcome
    if (outcome.kind === 'failed') return failed(results, outcome.error, results.length)
    let changes: readonly AnyChange[]
    try {
      changes = commitDraft(draft, newUuid, (made) => {
        this.#checkRows(made)
        if (made.length > 0) this.#storage?.append(made, outcome)
      })
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error
      return failed(results, error, undefined)
    }
    if (changes.length > 0) {
      this.#storage?.afterCommit(this.tables)
      const txnId = newUuid()
      this.#history.push(txnId, changes)
      this.#tell(changes, txnId)
    }
    return { kind: 'committed', results }
  }

  /**
   * Carries the rows over into another schema of the same name: tables and columns that it lacks are
   * dropped, its new ones have their defaults, all its constraints hold; or throws OvsdbError and
   * changes nothing. Listeners hear nothing, since what they know has ended: monitors start anew, and
   * nobody can ask any more what happened before.
   */
  convert(schema: DatabaseSchema): void {
    if (schema.name !== this.#schema.name) {
      const details = `new schema name (${schema.name}) does not match database name (${this.#schema.name})`
      throw ovsdbError('invalid parameters', details)
    }
    const draft = convertedDraft(this.#tables, makeTables(schema))
    commitDraft(draft, this.#newUuid, (rows) => this.#storage?.convert(schema, rows))
    this.#schema = schema
    this.#tables = draft.tables
    this.#history = makeHistory(this.#newUuid(), this.#historyLimits)
  }

  /** Nothing more is stored after this; the rows stay readable. */
  close(): void {
    this.#storage?.close()
  }

  #checkRows(changes: readonly AnyChange[]): void {
    if (this.#maxRows === Infinity) return
    const more = changes.reduce(
      (sum, { before, after }) => sum + (after ? 1 : 0) - (before ? 1 : 0),
      0,
    )
    const size = [...this.tables.values()].reduce((sum, { rows }) => sum + rows.size, more)
    // One that is over it already may be made smaller.
    if (more <= 0 || size <= this.#maxRows) return
    throw ovsdbError('resources exhausted', `${size} rows, more than ${this.#maxRows}`)
  }

  #load(storage: Storage): void {
    const draft = makeDraft(this.tables)
    for (const { table, uuid, after } of storage.load()) {
      draft.put(tableOf(this.tables, table), uuid, after)
    }
    commitDraft(draft, this.#newUuid)
  }

  #tell(changes: readonly AnyChange[], txnId: string): void {
    this.#untold.push([changes, txnId])
    if (this.#telling) return
    this.#telling = true
    try {
      for (let next = this.#untold.shift(); next; next = this.#untold.shift()) {
        const [made, txnId] = next
        for (const listener of [...this.#listeners]) {
          tell(() => listener(made, txnId), this.#onListenerError)
        }
      }
    } finally {
      this.#telling = false
    }
  }
}

function failed(
  results: WireResult[],
  { tag, details }: OvsdbError,
  operation: number | undefined,
): Attempt {
  const error = new OvsdbError(tag, details, operation === undefined ? {} : { operation })
  return { kind: 'failed', results, error }
}

/** The result array of a transact reply, RFC 7047 §4.1.3, for `size` operations. */
export function resultArray(attempt: Attempt, size: number): unknown[] {
  if (attempt.kind !== 'failed') return attempt.results
  const left = Math.max(0, size - attempt.results.length - 1)
  return [...attempt.results, attempt.error.toJSON(), ...new Array<null>(left).fill(null)]
}
