/**
 * What a connection has to tell: messages that answer nothing asked for here, to every listener, in
 * order. What comes before there is a listener is kept, at a bounded cost. Neighbours: connection.ts.
 */
import { decode, type Message } from './message.ts'
import { errorOf } from './pending.ts'

/** Called with a message; what an async one rejects with is taken as thrown. */
export type Listener = (message: Message) => unknown

/** Bytes kept for the first listener: whoever connects and is not listened to may cost no more. */
const MAX_KEPT = 256 << 10
/** What a kept message costs beside its bytes. */
const PRICE = 256

export class Inbox {
  readonly #onError: (error: Error) => void
  readonly #listeners = new Set<Listener>()
  /** Copies: a view would keep the whole chunk that the message came in. Undefined: not any more. */
  #kept: Uint8Array[] | undefined = []
  #size = 0

  /** `onError` is told what a listener throws. */
  constructor(onError: (error: Error) => void) {
    this.#onError = onError
  }

  /** The message that stands at start..end of the bytes. */
  tell(message: Message, bytes: Uint8Array, start: number, end: number): void {
    if (this.#kept) this.#keep(this.#kept, bytes.slice(start, end))
    else this.#call(message)
  }

  #keep(kept: Uint8Array[], bytes: Uint8Array): void {
    kept.push(bytes)
    this.#size += bytes.length + PRICE
    while (this.#size > MAX_KEPT) this.#size -= (kept.shift() as Uint8Array).length + PRICE
  }

  /** What was kept is told in the next microtask. Returns what removes the listener. */
  add(listener: Listener): () => void {
    this.#listeners.add(listener)
    const kept = this.#kept
    this.#kept = undefined
    if (kept?.length) {
      queueMicrotask(() => {
        for (const bytes of kept) this.#call(decode(bytes))
      })
    }
    return () => this.#listeners.delete(listener)
  }

  #call(message: Message): void {
    for (const listener of this.#listeners) this.attempt(() => listener(message))
  }

  /** Calls what is not ours to trust: what it throws or rejects with goes to `onError`. */
  attempt(call: () => unknown): void {
    try {
      const made = call()
      if (made instanceof Promise) made.catch((error: unknown) => this.#onError(errorOf(error)))
    } catch (error) {
      this.#onError(errorOf(error))
    }
  }
}
