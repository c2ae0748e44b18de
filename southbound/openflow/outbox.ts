/**
 * What a connection has to send: gathered, handed to the stream in pieces as it takes them, and
 * bounded. Senders are told when the peer has taken what waits; one that leaves too much is given up.
 * Neighbours: connection.ts.
 */
import type { Duplex } from 'node:stream'
import { Writer } from '../wire/writer.ts'
import { type Outgoing, write } from './message.ts'

/**
 * Gathered messages are flushed at once when they are as long, else in the next microtask. And the most
 * that is handed to the stream at a time: a stream tells of progress only when it is through with
 * all that it was given, and by progress a slow peer differs from a dead one.
 */
const PIECE_BYTES = 65_536
/** Of a buffer that is new; it grows with what is gathered. */
const START_BYTES = 4096
const done = Promise.resolve()

/**
 * Buffers that nothing is in: a connection has one while it gathers, and a site of a thousand hosts not a thousand that have grown.
 * Those of the messages of one turn of the event loop are enough.
 */
const idle: Writer[] = []
const MOST_IDLE = 64
/** One that grew beyond is not kept. */
const MOST_IDLE_BYTES = 1 << 20

export class Outbox {
  readonly #duplex: Duplex
  readonly #maxBytes: number
  readonly #onOverflow: (queued: number) => void
  /** What was gathered; undefined: nothing. */
  #out: Writer | undefined
  readonly #pieces: Buffer[] = []
  #waiting = 0
  #flushing = false
  #drains = 0
  #drainsSeen = 0
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

  /** Bytes that the peer has not taken, as far as the stream tells. */
  get queued(): number {
    return this.#waiting + this.#duplex.writableLength
  }

  /** Bytes of whole messages. */
  append(bytes: Uint8Array): void {
    const out = this.#gathering()
    out.append(bytes)
    this.#schedule(out)
  }

  /** A message under this xid. @throws RangeError when it cannot be encoded; nothing of it is sent */
  write(message: Outgoing, xid: number): void {
    const out = this.#gathering()
    const at = out.length
    try {
      write(out, message)
    } catch (error) {
      out.length = at
      throw error
    }
    out.patch16(at + 4, xid >>> 16)
    out.patch16(at + 6, xid & 0xffff)
    this.#schedule(out)
  }

  #gathering(): Writer {
    this.#out ??= idle.pop() ?? new Writer(START_BYTES)
    return this.#out
  }

  #schedule(out: Writer): void {
    if (out.length >= PIECE_BYTES) this.flush()
    else if (!this.#flushing) {
      this.#flushing = true
      queueMicrotask(() => {
        this.#flushing = false
        this.flush()
      })
    }
  }

  /** Hands what was gathered to the stream, or puts it behind what the stream has not taken yet. */
  flush(): void {
    const out = this.#out
    if (!out || this.#duplex.destroyed) return
    const bytes = Buffer.from(out.bytes.subarray(0, out.length))
    this.#out = undefined
    out.length = 0
    if (idle.length < MOST_IDLE && out.bytes.length <= MOST_IDLE_BYTES) idle.push(out)
    if (bytes.length === 0) return
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      this.#pieces.push(bytes.subarray(at, at + PIECE_BYTES))
    }
    this.#waiting += bytes.length
    this.#pump()
    if (!this.isBusy) return
    this.#ready ??= new Promise((resolve) => {
      this.#resolveReady = resolve
    })
    if (this.queued > this.#maxBytes) this.#onOverflow(this.queued)
  }

  /** All that waits, to a stream that is to be ended. */
  flushAll(): void {
    this.flush()
    if (this.#duplex.destroyed) return
    for (const piece of this.#pieces.splice(0)) this.#duplex.write(piece)
    this.#waiting = 0
  }

  #pump(): void {
    while (this.#pieces.length > 0 && !this.#duplex.writableNeedDrain) {
      const piece = this.#pieces.shift() as Buffer
      this.#waiting -= piece.length
      this.#duplex.write(piece)
    }
  }

  /** Whether the stream has not taken everything. */
  get isBusy(): boolean {
    return this.#pieces.length > 0 || this.#duplex.writableNeedDrain
  }

  /** The stream has taken what it was given. */
  drained(): void {
    this.#drains++
    if (!this.#duplex.destroyed) this.#pump()
  }

  /** How often the peer has taken bytes that had to wait for it. */
  get drains(): number {
    return this.#drains
  }

  /** Whether it has since this was asked last. */
  hasProgressed(): boolean {
    const progressed = this.#drains !== this.#drainsSeen
    this.#drainsSeen = this.#drains
    return progressed
  }

  /** Nobody waits any longer: the stream has taken everything, or never will. */
  release(): void {
    this.#ready = undefined
    this.#resolveReady()
  }
}
