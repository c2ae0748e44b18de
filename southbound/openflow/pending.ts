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

/** Requests given up whose answers may still come; beyond this the oldest are forgotten. */
const MAX_ABANDONED = 1024

export class PendingTable {
  readonly #single = new Map<number, Pending>()
  readonly #runs = new Set<{ first: number; last: number; pending: Pending }>()
  readonly #abandoned = new Set<number>()

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

  /** Nobody waits for the answer to this xid any more: it is not news when it comes. */
  abandon(xid: number): void {
    this.#abandoned.add(xid)
    if (this.#abandoned.size <= MAX_ABANDONED) return
    for (const oldest of this.#abandoned) {
      this.#abandoned.delete(oldest)
      break
    }
  }

  /** Whether a message answers something abandoned. */
  isLate(message: Message): boolean {
    if (!this.#abandoned.has(message.xid)) return false
    const isLast = message.type !== 'multipart_reply' || !message.more
    if (isLast) this.#abandoned.delete(message.xid)
    return true
  }

  failAll(error: Error): void {
    for (const pending of [...this.#single.values()]) pending.fail(error)
    for (const { pending } of [...this.#runs]) pending.fail(error)
  }
}

/** Takes one answer after another until it calls `finish` or `fail`. */
export type OnAnswer<T> = (
  answer: Message,
  finish: (value: T) => void,
  fail: (error: Error) => void,
) => void

/**
 * Sends under `xid` and resolves with what `onAnswer` makes of the answers. Rejects with the peer's
 * error, the end of the connection, what send() throws, or the signal's reason.
 */
export function exchange<T>(
  table: PendingTable,
  xid: number,
  signal: AbortSignal | undefined,
  send: () => void,
  onAnswer: OnAnswer<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal?.aborted) return reject(reasonOf(signal))
    const end = () => {
      forget()
      signal?.removeEventListener('abort', abort)
    }
    const finish = (value: T) => {
      end()
      resolve(value)
    }
    const fail = (error: Error) => {
      end()
      reject(error)
    }
    const giveUp = (error: Error) => {
      table.abandon(xid)
      fail(error)
    }
    const abort = () => giveUp(reasonOf(signal))
    const answer = (message: Message) => onAnswer(message, finish, giveUp)
    const forget = table.add(xid, 1, { answer, fail })
    signal?.addEventListener('abort', abort, { once: true })
    try {
      send()
    } catch (error) {
      fail(error as Error)
    }
  })
}

/** The reason of an aborted signal, as an Error. */
export const reasonOf = (signal: AbortSignal | undefined): Error =>
  signal?.reason instanceof Error ? signal.reason : new Error('aborted', { cause: signal?.reason })

/** What somebody else's code threw, as an Error. */
export const errorOf = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown })
