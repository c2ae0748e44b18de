/**
 * A database in memory: tables, atomic transactions, and who is told about them. No I/O, no clock.
 *
 * Listeners hear each commit once, whole, in the order of commits, also when a listener itself
 * commits (a switch that writes back what it did): its commit is told after the one it reacted to
 * has been told to everybody. Neighbours: transaction.ts and commit.ts do the work, server.ts and
 * session.ts put it on the wire.
 */
import { randomUUID } from 'node:crypto'
import type { AnyRow } from './codec.ts'
import { type AnyChange, commitDraft } from './commit.ts'
import { OvsdbError } from './error.ts'
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

export type CommitListener = (changes: readonly AnyChange[]) => void

export class Database {
  readonly schema: DatabaseSchema
  readonly name: string
  readonly tables: TableSet
  readonly #newUuid: () => string
  readonly #listeners = new Set<CommitListener>()
  readonly #untold: (readonly AnyChange[])[] = []
  #telling = false

  constructor(schema: DatabaseSchema, options: { name?: string; newUuid?: () => string } = {}) {
    this.schema = schema
    this.name = options.name ?? schema.name
    this.tables = makeTables(schema)
    this.#newUuid = options.newUuid ?? randomUUID
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
  attempt(operations: readonly unknown[], holds: (lock: string) => boolean): Attempt {
    const draft = makeDraft(this.tables)
    const outcome = runOperations(draft, operations, { newUuid: this.#newUuid, holds })
    if (outcome.kind === 'blocked') return outcome
    const { results } = outcome
    if (outcome.kind === 'failed') return failed(results, outcome.error, results.length)
    try {
      const changes = commitDraft(draft, this.#newUuid)
      if (changes.length > 0) this.#tell(changes)
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error
      return failed(results, error, undefined)
    }
    return { kind: 'committed', results }
  }

  #tell(changes: readonly AnyChange[]): void {
    this.#untold.push(changes)
    if (this.#telling) return
    this.#telling = true
    try {
      for (let next = this.#untold.shift(); next; next = this.#untold.shift()) {
        for (const listener of [...this.#listeners]) listener(next)
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
export function resultArray(attempt: Attempt, error: OvsdbError | undefined, size: number) {
  if (!error) return attempt.results
  const left = Math.max(0, size - attempt.results.length - 1)
  return [...attempt.results, error.toJSON(), ...new Array<null>(left).fill(null)]
}
