/**
 * What a connection has to send: gathered, written in large pieces, and bounded. Senders are told
 * when the peer has taken what waits; one that takes nothing for too long is given up.
 * Neighbours: connection.ts.
 */
import type { Duplex } from 'node:stream'
import { Writer } from '../wire/writer.ts'
import { type Outgoing, write } from './message.ts'

/** Written to the stream at once when this many bytes are gathered, else in the next microtask. */
const FLUSH_BYTES = 65_536
const done = Promise.resolve()

export class Outbox {
  readonly #duplex: Duplex
  readonly #maxBytes: number
  readonly #onOverflow: (queued: number) => void
  readonly #out = new Writer(4096)
  #flushing = false
  #ready: Promise<void> | undefined
  #resolveReady: () => void = () => {}

  /** `onOverflow` is told when more than `maxBytes` wait. */
  constructor(duplex: Duplex, maxBytes: number, onOverflow: (queued: number) => void) {
    this.#duplex = duplex
    this.#maxBytes = maxBytes
    this.#onOverflow = onOverflow
  }

  /** Resolves when the next message may be sent: at once, or when the peer has taken what waits. */
  get ready(): Promise<void> {
    return this.#ready ?? done
  }

  /** Bytes of whole messages. */
  append(bytes: Uint8Array): void {
    this.#out.append(bytes)
    this.#schedule()
  }

  /** A message under this xid. @throws RangeError when it cannot be encoded; nothing of it is sent */
  write(message: Outgoing, xid: number): void {
    const out = this.#out
    const at = out.length
    try {
      write(out, message)
    } catch (error) {
      out.length = at
      throw error
    }
    out.patch16(at + 4, xid >>> 16)
    out.patch16(at + 6, xid & 0xffff)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#out.length >= FLUSH_BYTES) this.flush()
    else if (!this.#flushing) {
      this.#flushing = true
      queueMicrotask(() => {
        this.#flushing = false
        this.flush()
      })
    }
  }

  /** Hands what was gathered to the stream. */
  flush(): void {
    const out = this.#out
    if (out.length === 0 || this.#duplex.destroyed) return
    const bytes = Buffer.from(out.bytes.subarray(0, out.length))
    out.length = 0
    if (this.#duplex.write(bytes)) return
    this.#ready ??= new Promise((resolve) => {
      this.#resolveReady = resolve
    })
    const queued = this.#duplex.writableLength
    if (queued > this.#maxBytes) this.#onOverflow(queued)
  }

  /** The stream has taken everything, or never will: nobody waits any longer. */
  release(): void {
    this.#ready = undefined
    this.#resolveReady()
  }
}
