/**
 * JSON-RPC 1.0 between two equal ends of any Duplex, as OVSDB speaks it (RFC 7047 §4).
 *
 * Both ends may request and notify; who dialled whom does not matter. `echo` is answered here. Back
 * pressure works both ways: while the peer does not read our replies we do not read its requests,
 * and a queue of more than `maxQueuedBytes` (a monitor that does not read) ends the connection. So does
 * silence: no whole message, no real progress with a large one, no reading of what we sent.
 * Everything is handled in the order of arrival, synchronously, so that a reply read after an
 * update finds the update done.
 *
 * Neighbours: framer.ts cuts the stream; client.ts and session.ts give the methods their meaning.
 */
import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../wire/clock.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import { type FramerLimits, type JsonFramer, jsonFramer } from './framer.ts'
import { formatJson, show } from './json.ts'
import { watchLiveness } from './liveness.ts'

/** A request of the peer; reply or fail must be called once, now or later. */
export interface Call {
  readonly method: string
  readonly params: readonly unknown[]
  /** The peer's id, any JSON value. */
  readonly id: unknown
  /** Of the request. */
  readonly bytes: number
  reply(result: unknown): void
  /** An OvsdbError goes out as its `<error>` object; any other value as it is. */
  fail(error: unknown): void
}

export interface JsonRpcHandlers {
  /** Absent: every request but echo is answered 'unknown method'. */
  onCall?(call: Call): void
  onNotify?(method: string, params: readonly unknown[]): void
  /** The peer has read all that was queued, after a time when it had not. */
  onDrain?(): void
  /** So many bytes of a message have come that is not whole yet, after it was another number. */
  onHeld?(bytes: number): void
  /** So many bytes wait for the peer to read, after something was sent or all was read. */
  onQueued?(bytes: number): void
}

export interface JsonRpcOptions extends Partial<FramerLimits> {
  /** Bytes queued for a peer that does not read, at which the connection is closed; 64 MiB. */
  maxQueuedBytes?: number
  /**
   * A peer without a whole message, or 16 KiB of a large one, in this time is asked for an echo, and cut
   * off after twice; one that has left bytes unread, when it reads none for 12 times. 0 = never (default).
   */
  echoIntervalMs?: number
  /** What silence is measured by. */
  clock?: Clock
}

export interface RequestOptions<T> {
  signal: AbortSignal
  /** Runs when the reply arrives, before anything that arrived after it; what it throws rejects. */
  read?: (result: unknown) => T
  /** Runs when the signal ends the request early, with the id that was sent. */
  onAbort?: (id: number) => void
}

interface Pending {
  settle(error: unknown, result: unknown): void
  fail(error: Error): void
}

/** Bytes queued in our socket above which no further request of the peer is read. */
const HIGH_WATER = 1024 * 1024
/** How long a closed connection may take to flush. */
const FLUSH_MS = 1000

/** One JSON-RPC connection; it owns the duplex and its timers. */
export class JsonRpc {
  /** Resolves once, with the reason, or undefined when either side ended it in good order. */
  readonly closed: Promise<Error | undefined>
  readonly #duplex: Duplex
  readonly #handlers: JsonRpcHandlers
  readonly #clock: Clock
  readonly #maxQueuedBytes: number
  readonly #pending = new Map<number, Pending>()
  readonly #framer: JsonFramer
  readonly #inbox: Uint8Array[] = []
  #nextId = 1
  #ended: { reason: Error | undefined } | undefined
  #resolveClosed: (reason: Error | undefined) => void = () => {}
  #stopWatching = () => {}
  readonly #line = { arrivedBytes: 0, messages: 0, sentBytes: 0, heldBytes: 0 }
  #progress = 0

  constructor(duplex: Duplex, handlers: JsonRpcHandlers, options: JsonRpcOptions = {}) {
    const { maxQueuedBytes = 64 * 1024 * 1024, echoIntervalMs = 0, ...others } = options
    const { clock = systemClock, ...limits } = others
    this.#duplex = duplex
    this.#clock = clock
    this.#handlers = handlers
    this.#maxQueuedBytes = maxQueuedBytes
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    this.#framer = jsonFramer(limits, (message, bytes) => this.#dispatch(message, bytes))
    duplex.on('data', (chunk: Uint8Array) => {
      // An in-memory duplex delivers inside the peer's write, perhaps inside its commit; a
      // microtask later nobody is in the middle of anything.
      if (this.#inbox.push(chunk) === 1) queueMicrotask(() => this.#receive())
    })
    duplex.on('drain', () => {
      this.#tellQueued()
      this.#guard(() => handlers.onDrain?.())
      this.#receive()
      if (!this.#congested()) duplex.resume()
    })
    duplex.on('end', () => this.#onEnd())
    duplex.on('error', (error) => this.close(error))
    duplex.on('close', () => this.#onEnd())
    if (duplex.destroyed) this.close()
    else if (echoIntervalMs > 0) {
      const line = () => ({ ...this.#line, unreadBytes: this.queuedBytes })
      this.#stopWatching = watchLiveness(line, echoIntervalMs, {
        clock,
        probe: () => this.#send({ id: 'echo', method: 'echo', params: [] }),
        end: (reason) => this.close(reason),
      })
    }
  }

  /** Whether requests are still sent; false from the moment that either side ended it. */
  get isOpen(): boolean {
    return this.#ended === undefined
  }

  /** Bytes waiting for the peer to read. */
  get queuedBytes(): number {
    return this.#duplex.writableLength
  }

  /** Grows with each answer, and with each part of a large one. */
  get progress(): number {
    return this.#progress
  }

  /** Rejects with OvsdbError (the peer's error, or 'connection closed') or the signal's reason. */
  request<T = unknown>(
    method: string,
    params: readonly unknown[],
    { signal, read, onAbort }: RequestOptions<T>,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      signal.throwIfAborted()
      if (this.#ended) throw closedError(this.#ended.reason)
      const id = this.#nextId++
      const abort = () => {
        this.#pending.delete(id)
        if (!this.#ended) onAbort?.(id)
        reject(signal.reason)
      }
      const fail = (error: Error) => {
        signal.removeEventListener('abort', abort)
        reject(error)
      }
      const settle = (error: unknown, result: unknown) => {
        if (error !== null && error !== undefined) {
          fail(peerError(error))
          return
        }
        signal.removeEventListener('abort', abort)
        try {
          resolve(read ? read(result) : (result as T))
        } catch (cause) {
          reject(cause)
        }
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#pending.set(id, { settle, fail })
      this.#send({ id, method, params })
    })
  }

  /** A request that has no reply; dropped when the connection is closed. */
  notify(method: string, params: readonly unknown[]): void {
    this.#send({ id: null, method, params })
  }

  /** Without a reason, or told to `flush`: after what is queued. Else at once. Idempotent. */
  close(reason?: Error, flush = reason === undefined): void {
    if (this.#ended) return
    this.#ended = { reason }
    this.#stopWatching()
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const request of pending) request.fail(closedError(reason))
    this.#resolveClosed(reason)
    this.#tellHeld(0)
    this.#handlers.onQueued?.(0)
    const duplex = this.#duplex
    if (!flush || duplex.destroyed) {
      duplex.destroy()
      return
    }
    const cancel = this.#clock.after(FLUSH_MS, () => duplex.destroy())
    duplex.once('close', cancel)
    duplex.end(() => duplex.destroy())
  }

  #receive(): void {
    const chunks = this.#inbox.splice(0)
    this.#guard(() => {
      for (const [i, chunk] of chunks.entries()) {
        if (this.#ended) return
        if (this.#congested()) {
          this.#duplex.pause()
          this.#inbox.unshift(...chunks.slice(i))
          return
        }
        this.#framer.push(chunk)
        this.#line.arrivedBytes += chunk.length
        if (this.#framer.held > 0) this.#progress += chunk.length
      }
    })
    if (!this.#ended) this.#tellHeld(this.#framer.held)
  }

  /** Whatever goes wrong, a bug of ours as well, ends this connection and not the process. */
  #guard(work: () => void): void {
    if (this.#ended) return
    try {
      work()
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #tellHeld(bytes: number): void {
    if (bytes === this.#line.heldBytes) return
    this.#line.heldBytes = bytes
    this.#handlers.onHeld?.(bytes)
  }

  #tellQueued(): void {
    if (!this.#ended) this.#handlers.onQueued?.(this.queuedBytes)
  }

  /** Only whoever answers requests stops reading: two ends that both did would wait for ever. */
  #congested(): boolean {
    return this.#handlers.onCall !== undefined && this.#duplex.writableLength > HIGH_WATER
  }

  #onEnd(): void {
    this.#receive()
    this.close()
  }

  #send(message: object): void {
    if (this.#ended) return
    let text: string
    try {
      text = formatJson(message)
    } catch (error) {
      // Longer than any peer could take: nothing that the rest of the process should suffer from.
      this.close(error as Error)
      return
    }
    const bytes = Buffer.from(text)
    this.#line.sentBytes += bytes.length
    this.#duplex.write(bytes)
    if (this.#duplex.writableLength > this.#maxQueuedBytes) {
      const details = `peer left ${this.#duplex.writableLength} bytes unread`
      this.close(ovsdbError('resources exhausted', details))
    } else this.#tellQueued()
  }

  #dispatch(message: Record<string, unknown>, bytes: number): void {
    if (this.#ended) return
    this.#line.messages++
    const { method, params, id = null } = message
    if (method === undefined || method === null) this.#onReply(message)
    else if (typeof method !== 'string' || !Array.isArray(params)) {
      throw ovsdbError('syntax error', 'a request needs a method name and an array of params')
    } else if (id === null) this.#handlers.onNotify?.(method, params)
    else this.#onRequest(method, params, id, bytes)
  }

  #onReply({ id, error, result }: Record<string, unknown>): void {
    if (error === undefined && result === undefined) {
      throw ovsdbError('syntax error', 'a message that is neither request nor reply')
    }
    // Ids not pending: the echo of a probe, or a request that was aborted.
    const pending = typeof id === 'number' ? this.#pending.get(id) : undefined
    if (pending === undefined) return
    this.#progress++
    this.#pending.delete(id as number)
    pending.settle(error, result)
  }

  #onRequest(method: string, params: readonly unknown[], id: unknown, bytes: number): void {
    const reply = (result: unknown) => this.#send({ id, result, error: null })
    const fail = (error: unknown) => this.#send({ id, result: null, error })
    if (method === 'echo') reply(params)
    else if (this.#handlers.onCall) {
      this.#handlers.onCall({ method, params, id, bytes, reply, fail })
    } else fail(unknownMethod)
  }
}

/** What ovsdb-server answers; its clients look for this very string to fall back. */
export const unknownMethod = 'unknown method'

function closedError(reason: Error | undefined): OvsdbError {
  return ovsdbError('connection closed', reason?.message, reason)
}

/** The peer's `error` member, whatever JSON it is, as an OvsdbError. */
function peerError(error: unknown): OvsdbError {
  const isPeers = true
  if (typeof error === 'string') return new OvsdbError(error, undefined, { isPeers })
  const { error: tag, details } = Object(error)
  return new OvsdbError(
    typeof tag === 'string' ? tag : 'syntax error',
    typeof details === 'string' ? details : show(error),
    { isPeers },
  )
}
