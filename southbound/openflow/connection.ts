/**
 * One OpenFlow connection over any Duplex, the same for both ends: hello, keepalive, framing,
 * requests matched by xid, back-pressure both ways. A peer that sends garbage, or nothing for three
 * echo intervals, is cut off with a typed reason; nothing that a peer sends throws out of here.
 * Neighbours: message.ts (codec), hello.ts, inbox.ts, intake.ts, keepalive.ts, outbox.ts and pending.ts
 * (its parts), listen.ts and reconnect.ts (where connections come from), bundle.ts, monitor.ts and roles.ts (what is done over one).
 */
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../wire/clock.ts'
import { WireError } from '../wire/error.ts'
import {
  type AnswerTo,
  type ExperimenterRequest,
  isAnswer,
  mismatch,
  unasked,
  whyUnanswered,
} from './answer.ts'
import { ConnectionError, OpenflowError } from './error.ts'
import { Framer } from './framer.ts'
import { decodeFirst, incompatible, ourHello, speaks } from './hello.ts'
import { Inbox, type Listener } from './inbox.ts'
import { Intake } from './intake.ts'
import { Keepalive } from './keepalive.ts'
import { decode, type Message, type MessageOf, type Outgoing } from './message.ts'
import { everything, type MultipartKind, type ReplyElement, type RequestBody } from './multipart.ts'
import { Outbox } from './outbox.ts'
import { exchange, type OnAnswer, type Pending, PendingTable, reasonOf } from './pending.ts'
import { type AnyMultipart, type ReassemblyOptions, reassemble } from './reassembly.ts'

export interface ConnectionLog {
  debug(fields: object, event: string): void
  warn(fields: object, event: string): void
}

export interface ConnectionOptions {
  /** Ends the handshake; the connection itself is ended by close(). */
  readonly signal?: AbortSignal | undefined
  readonly log?: ConnectionLog | undefined
  /** Names the other end in the log, as `tcp:192.0.2.7:40332`. */
  readonly peer?: string | undefined
  /** Milliseconds between keepalives; a peer silent for three of them is cut off. Default 5,000. */
  readonly echoIntervalMs?: number | undefined
  /** Bytes waiting to be sent beyond which the connection is closed. Default 64 MiB. */
  readonly maxQueuedBytes?: number | undefined
  /** What silence is measured by. Default: the system's. */
  readonly clock?: Clock | undefined
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined
}

type MultipartOptions<T> = WaitOptions & ReassemblyOptions<T>

const done = Promise.resolve()
/** A whole message that cannot be decoded; `bytes` are the listener's to keep. */
type MalformedListener = (bytes: Uint8Array, error: WireError) => void

export class Connection {
  /** Resolves when the connection has ended: undefined after close() or the peer's end. */
  readonly closed: Promise<Error | undefined>
  /** As given in the options; '' otherwise. */
  readonly peer: string
  readonly #duplex: Duplex
  readonly #log: ConnectionLog | undefined
  readonly #clock: Clock
  readonly #outbox: Outbox
  readonly #intake: Intake
  readonly #keepalive: Keepalive
  readonly #pending = new PendingTable()
  readonly #inbox = new Inbox((error) => this.close(error))
  readonly #framer = new Framer()
  #lastLength = 0
  #xid = 0
  #open = true
  #resolveClosed: (reason: Error | undefined) => void = () => {}
  #onMalformed: MalformedListener | undefined
  #onHello: ((hello: MessageOf<'hello'>, version: number) => void) | undefined

  private constructor(duplex: Duplex, options: ConnectionOptions) {
    this.#duplex = duplex
    this.#log = options.log
    this.peer = options.peer ?? ''
    this.#clock = options.clock ?? systemClock
    this.#outbox = new Outbox(duplex, options.maxQueuedBytes ?? 64 << 20, (queued) =>
      this.close(new ConnectionError('overflow', `the peer leaves ${queued} bytes unread`)),
    )
    this.#intake = new Intake(duplex, () => this.#outbox.queued)
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    duplex.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    duplex.on('drain', () => {
      this.#outbox.drained()
      // Not before others had a turn: a fast peer would keep a sender busy for ever.
      setImmediate(() => this.#drain())
    })
    duplex.on('end', () => this.#left())
    duplex.on('close', () => this.#left())
    duplex.on('error', (cause) =>
      this.close(new ConnectionError('closed', cause.message, { cause })),
    )
    this.#keepalive = new Keepalive(this.#clock, options.echoIntervalMs ?? 5000, {
      // A peer whom we do not read may speak; one that takes what waits for it lives, however slowly.
      isExcused: () => this.#outbox.hasProgressed() || this.#intake.isHeld,
      probe: () => {
        if (!this.#onHello) void this.send({ type: 'echo_request', data: new Uint8Array(0) })
      },
      onSilent: (ms) =>
        this.close(new ConnectionError('silent', `the peer was silent for ${ms} ms`)),
    })
  }

  /**
   * Says hello and waits for the peer's. Rejects with ConnectionError (`version` when the peer does
   * not speak OpenFlow 1.3) or the signal's reason; the duplex is destroyed then.
   */
  static async open(duplex: Duplex, options: ConnectionOptions = {}): Promise<Connection> {
    if (options.signal?.aborted) {
      duplex.on('error', () => {})
      duplex.destroy()
      throw reasonOf(options.signal)
    }
    const connection = new Connection(duplex, options)
    const abort = () => connection.close(reasonOf(options.signal))
    options.signal?.addEventListener('abort', abort, { once: true })
    try {
      await connection.#handshake()
    } finally {
      options.signal?.removeEventListener('abort', abort)
    }
    return connection
  }

  #handshake(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onHello = (hello, version) => {
        this.#onHello = undefined
        this.#framer.isFirst = false
        if (speaks(hello, version)) return resolve()
        void this.send(incompatible(hello))
        this.#outbox.flushAll()
        this.close(new ConnectionError('version', `the peer speaks no OpenFlow 1.3 (${version})`))
      }
      void this.closed.then((reason) =>
        reject(reason ?? new ConnectionError('closed', 'closed before the hello')),
      )
      void this.send(ourHello)
    })
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** Bytes that the peer leaves unread, and a number that grows when it has taken some of them. */
  get backlog(): { readonly bytes: number; readonly taken: number } {
    return { bytes: this.#outbox.queued, taken: this.#outbox.drains }
  }

  /** A transaction id that this end has not used lately; never 0. */
  nextXid(): number {
    return this.reserveXids(1)
  }

  /** The first of `count` transaction ids in a row. */
  reserveXids(count: number): number {
    if (this.#xid + count > 0xffffffff) this.#xid = 0
    const first = this.#xid + 1
    this.#xid += count
    return first
  }

  /**
   * Queues a message, or bytes of whole messages, and resolves when the next may be sent: at once, or
   * when the queue has drained to the peer. Without an xid it gets one (0 when it asks for nothing).
   * Never rejects: the end of the connection is told by `closed`
   * and by requests. Throws RangeError on a message that cannot be encoded.
   */
  send(message: Outgoing | Uint8Array): Promise<void> {
    if (!this.#open) return done
    if (message instanceof Uint8Array) this.#outbox.append(message)
    else
      this.#outbox.write(message, message.xid ?? (unasked.has(message.type) ? 0 : this.nextXid()))
    return this.#outbox.ready
  }

  #drain(): void {
    if (!this.#open) return
    if (!this.#outbox.isBusy) this.#outbox.release()
    this.#intake.regulate()
  }

  /**
   * Reads nothing more of the peer until the returned function is called: for a listener that cannot
   * keep up. What was read already (at most 64 KiB) still comes; silence is not held against the peer.
   */
  hold(): () => void {
    return this.#intake.hold()
  }

  /**
   * Sends a message and resolves with what answers it. Rejects with OpenflowError when that is an
   * error, ConnectionError when the connection ends, the signal's reason when aborted, WireError when
   * the answer is of another type; TypeError for a message that nothing answers when all is well.
   */
  request<M extends Outgoing>(
    message: M,
    { signal }: WaitOptions = {},
  ): Promise<AnswerTo<M['type']>> {
    const why = whyUnanswered(message.type)
    if (why !== undefined) return Promise.reject(new TypeError(why))
    return this.#exchange<AnswerTo<M['type']>>(message, signal, (answer, finish, fail) => {
      const wrong = mismatch(message.type, answer)
      if (wrong) fail(wrong)
      else finish(answer as AnswerTo<M['type']>)
    })
  }

  /**
   * Sends a message whose answer, or whose refusal, is no news for anybody: no listener hears of it.
   */
  dismiss(message: Outgoing): void {
    if (!this.#open) return
    const xid = message.xid ?? this.nextXid()
    this.#pending.abandon(xid)
    this.#outbox.write(message, xid)
  }

  /**
   * A multipart request, by default for everything of its kind; resolves with the elements of all its
   * replies (of kinds whose reply is no list: one element; of an experimenter's that no row declares: the
   * bytes of each). Rejects as request() does.
   */
  multipart<K extends MultipartKind>(
    request: { kind: K; body?: RequestBody<K> },
    options?: MultipartOptions<ReplyElement<K>>,
  ): Promise<ReplyElement<K>[]>
  multipart(
    request: ExperimenterRequest,
    options?: MultipartOptions<Uint8Array>,
  ): Promise<Uint8Array[]>
  multipart(
    request: AnyMultipart,
    { signal, ...options }: MultipartOptions<never> = {},
  ): Promise<unknown[]> {
    const body = request.body ?? everything(request.kind)
    if (body === undefined) {
      return Promise.reject(new TypeError(`a request for ${request.kind} wants a body`))
    }
    const outgoing = { ...request, type: 'multipart_request', body } as unknown as Outgoing
    const onAnswer = reassemble(
      request,
      options,
      () => this.#lastLength,
      (call) => this.#inbox.attempt(call),
    )
    return this.#exchange(outgoing, signal, onAnswer)
  }

  /** Resolves when the peer has done all that was sent before. */
  async barrier(options: WaitOptions = {}): Promise<void> {
    await this.request({ type: 'barrier_request' }, options)
  }

  #exchange<T>(
    message: Outgoing,
    signal: AbortSignal | undefined,
    onAnswer: OnAnswer<T>,
  ): Promise<T> {
    if (!this.#open) {
      return Promise.reject(new ConnectionError('closed', 'the connection has ended'))
    }
    const xid = message.xid ?? this.nextXid()
    const send = () => this.#outbox.write(message, xid)
    return exchange(this.#pending, xid, signal, send, onAnswer)
  }

  /**
   * Takes what answers the `count` xids from `first`: answers, error messages as OpenflowError, and
   * (once) the end of the connection. Returns what ends it. For exchanges such as bundle.ts.
   */
  watch(first: number, count: number, pending: Pending): () => void {
    return this.#pending.add(first, count, pending)
  }

  /**
   * Calls the listener with every message that answers nothing asked for here, in order. What came
   * before the first listener is kept for it (the last 256 KiB). An error that a listener throws, or
   * rejects with, ends the connection with it as the reason. Returns what removes the listener.
   */
  onMessage(listener: Listener): () => void {
    return this.#inbox.add(listener)
  }

  /**
   * Takes messages of the right framing that cannot be decoded, for who answers them with an error, as
   * a switch does (malformedReply() of answer.ts makes it); without one they end the connection.
   */
  onMalformed(listener: MalformedListener): void {
    this.#onMalformed = listener
  }

  /** Ends the connection: with a reason at once, without one after what is queued was sent. */
  close(reason?: Error): void {
    if (!this.#open) return
    if (!reason) this.#outbox.flushAll()
    this.#open = false
    this.#keepalive.stop()
    const duplex = this.#duplex
    if (reason && !(reason instanceof ConnectionError && reason.code === 'version')) {
      duplex.destroy()
    } else {
      duplex.end(() => duplex.destroy())
      // A peer that reads nothing would keep the stream open for ever.
      this.#clock.after(1000, () => duplex.destroy())
    }
    const { peer } = this
    if (reason) this.#log?.warn({ peer, reason: reason.message }, 'openflow connection closed')
    else this.#log?.debug({ peer }, 'openflow connection ended')
    this.#outbox.release()
    const error = reason ?? new ConnectionError('closed', 'the connection has ended')
    this.#pending.failAll(error)
    this.#framer.clear()
    this.#resolveClosed(reason)
  }

  #left(): void {
    const early = 'the peer left before the hello'
    this.close(this.#onHello && new ConnectionError('closed', early))
  }

  #receive(chunk: Uint8Array): void {
    if (!this.#open) return
    const current = { bytes: chunk, start: 0, end: 0 }
    try {
      this.#framer.push(chunk, (bytes, start, end) => {
        current.bytes = bytes
        current.start = start
        current.end = end
        this.#lastLength = end - start
        this.#handle(bytes, start, end)
        return this.#open
      })
    } catch (cause) {
      const { message } = cause as Error
      if (!(cause instanceof WireError)) this.close(cause as Error)
      else {
        const { bytes, start, end } = current
        const head = bytes.subarray(start, Math.min(end, start + 32))
        const text = head.length > 0 ? `${message}; message ${hexOf(head)}` : message
        this.close(new ConnectionError('garbage', text, { cause }))
      }
      return
    }
    if (this.#open) this.#intake.regulate()
  }

  #handle(bytes: Uint8Array, start: number, end: number): void {
    const message = this.#decode(bytes, start, end)
    this.#keepalive.heard()
    if (!message) return
    if (this.#onHello) {
      if (message.type === 'hello') this.#onHello(message, bytes[start] as number)
      else if (message.type === 'error') this.close(new OpenflowError(message))
      else throw new WireError(`a ${message.type} before the hello`, start)
      return
    }
    if (message.type === 'echo_request') {
      void this.send({ ...message, type: 'echo_reply' })
      return
    }
    const answers = isAnswer(message)
    const pending = answers ? this.#pending.get(message.xid) : undefined
    if (!pending) {
      if (answers && this.#pending.isLate(message)) return
      if (message.type === 'hello' || message.type === 'echo_reply') return
      this.#inbox.tell(message, bytes, start, end)
    } else if (message.type === 'error') pending.fail(new OpenflowError(message))
    else pending.answer(message)
  }

  #decode(bytes: Uint8Array, start: number, end: number): Message | undefined {
    if (this.#onHello) return decodeFirst(bytes, start, end)
    try {
      return decode(bytes, start, end)
    } catch (error) {
      if (!(error instanceof WireError) || !this.#onMalformed) throw error
      this.#onMalformed(bytes.slice(start, end), error)
      return undefined
    }
  }
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
