/**
 * A database: tables, atomic transactions, and who is told about them. In memory; a `Storage`, when
 * there is one, is written before anything changes. No clock.
 *
 * Listeners hear each commit once, whole, in the order of commits, also when a listener itself
 * commits (a switch that writes back what it did): its commit is told after the one it reacted to
 * has been told to everybody. Neighbours: transaction.ts and commit.ts do the work, server.ts and
 * session.ts put it on the wire.
 */
import { randomUUID } from 'node:crypto'
import type { AnyChange } from './apply.ts'
import type { AnyRow } from './codec.ts'
import { commitDraft } from './commit.ts'
import { OvsdbError } from './error.ts'
import { type History, type HistoryLimits, makeHistory } from './history.ts'
import type { DatabaseSchema } from './schema.ts'
import { makeDraft, makeTables, type TableSet, tableOf } from './table.ts'
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
  /** Called after a commit is made: may rewrite all in less space. */
  afterCommit(tables: TableSet): void
  close(): void
}

export interface DatabaseOptions {
  /** Default: the schema's. */
  name?: string
  /** Default: crypto.randomUUID. */
  newUuid?: () => string
  storage?: Storage
  history?: Partial<HistoryLimits>
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
  readonly schema: DatabaseSchema
  readonly name: string
  readonly tables: TableSet
  readonly #newUuid: () => string
  readonly #history: History
  readonly #storage: Storage | undefined
  readonly #listeners = new Set<CommitListener>()
  readonly #untold: [readonly AnyChange[], string][] = []
  #telling = false

  /** Throws OvsdbError when what is stored does not suit the schema. */
  constructor(schema: DatabaseSchema, options: DatabaseOptions = {}) {
    const { name = schema.name, newUuid = randomUUID, storage, history } = options
    this.schema = schema
    this.name = name
    this.tables = makeTables(schema)
    this.#newUuid = newUuid
    this.#history = makeHistory(newUuid(), history)
    this.#storage = storage
    if (storage) this.#load(storage)
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

  /** Returns the undo. */
  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Runs and commits, or changes nothing. Listeners have been told when it returns. */
  attempt(operations: readonly unknown[], { holds, elapsedMs = 0, owner }: Asker): Attempt {
    const draft = makeDraft(this.tables)
    const newUuid = this.#newUuid
    const reserved = this.isReserved && !owner ? this.name : undefined
    const outcome = runOperations(draft, operations, { newUuid, holds, elapsedMs, reserved })
    if (outcome.kind === 'blocked') return outcome
    const { results } = outcome
    if (outcome.kind === 'failed') return failed(results, outcome.error, results.length)
    let changes: readonly AnyChange[]
    try {
      changes = commitDraft(draft, newUuid, (made) => this.#storage?.append(made, outcome))
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

  /** Nothing more is stored after this; the rows stay readable. */
  close(): void {
    this.#storage?.close()
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
        for (const listener of [...this.#listeners]) listener(...next)
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
