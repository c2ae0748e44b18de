/**
 * What waits for answers, by transaction id: single requests, and runs of ids such as a bundle's.
 * Neighbours: connection.ts, bundle.ts.
 */
import type { Message } from './message.ts'

export interface Pending {
  /** A message with a watched xid that is no error. */
  answer(message: Message): void
  /** An error message with a watched xid (OpenflowError), or the end of the connection. */
  fail(error: Error): void
}

export class PendingTable {
  readonly #single = new Map<number, Pending>()
  readonly #runs = new Set<{ first: number; last: number; pending: Pending }>()

  /** Watches the `count` xids from `first`; returns what ends it. */
  add(first: number, count: number, pending: Pending): () => void {
    if (count === 1) {
      this.#single.set(first, pending)
      return () => this.#single.delete(first)
    }
    const run = { first, last: first + count - 1, pending }
    this.#runs.add(run)
    return () => this.#runs.delete(run)
  }

  get(xid: number): Pending | undefined {
    const pending = this.#single.get(xid)
    if (pending) return pending
    for (const run of this.#runs) if (xid >= run.first && xid <= run.last) return run.pending
    return undefined
  }

  failAll(error: Error): void {
    for (const pending of [...this.#single.values()]) pending.fail(error)
    for (const { pending } of [...this.#runs]) pending.fail(error)
  }
}
