/**
 * One OpenFlow connection over any Duplex, the same for both ends: hello, keepalive, framing,
 * requests matched by xid, back-pressure both ways. A peer that sends garbage, or nothing for three
 * echo intervals, is cut off with a typed reason; nothing that a peer sends throws out of here.
 * Neighbours: message.ts (codec), outbox.ts and pending.ts (its parts), listen.ts and reconnect.ts
 * (where connections come from), bundle.ts, monitor.ts and roles.ts (what is done over one).
 */
import type { Duplex } from 'node:stream'
import { WireError } from '../wire/error.ts'
import { ConnectionError, errorNumber, OpenflowError } from './error.ts'
import { Framer } from './framer.ts'
import { decode, type Message, type Outgoing, VERSION } from './message.ts'
import type { MultipartKind, ReplyElement, RequestBody } from './multipart.ts'
import { Outbox } from './outbox.ts'
import { exchange, type OnAnswer, type Pending, PendingTable, reasonOf } from './pending.ts'

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
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined
}

/** While more than this waits to be sent, nothing is read: a slow reader cannot make us queue. */
const PAUSE_BYTES = 4 << 20
/** Messages kept until the first listener comes; older ones are dropped. */
const MAX_BACKLOG = 1024
const done = Promise.resolve()

export class Connection {
  /** Resolves when the connection has ended: undefined after close() or the peer's end. */
  readonly closed: Promise<Error | undefined>
  /** As given in the options; '' otherwise. */
  readonly peer: string
  readonly #duplex: Duplex
  readonly #log: ConnectionLog | undefined
  readonly #outbox: Outbox
  readonly #pending = new PendingTable()
  readonly #listeners = new Set<(message: Message) => void>()
  #backlog: Message[] | undefined = []
  readonly #framer = new Framer()
  #lastLength = 0
  #holds = 0
  #xid = 0
  #lastHeard = 0
  #ticks = 0
  #timer: NodeJS.Timeout | undefined
  #open = true
  #resolveClosed: (reason: Error | undefined) => void = () => {}
  #onHello: ((hello: Message, version: number) => void) | undefined

  private constructor(duplex: Duplex, options: ConnectionOptions) {
    this.#duplex = duplex
    this.#log = options.log
    this.peer = options.peer ?? ''
    this.#outbox = new Outbox(duplex, options.maxQueuedBytes ?? 64 << 20, (queued) =>
      this.close(new ConnectionError('overflow', `the peer leaves ${queued} bytes unread`)),
    )
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    duplex.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    // Not before others had a turn: a fast peer would keep a sender busy for ever.
    duplex.on('drain', () => setImmediate(() => this.#drain()))
    duplex.on('end', () => this.#left())
    duplex.on('close', () => this.#left())
    duplex.on('error', (cause) =>
      this.close(new ConnectionError('closed', cause.message, { cause })),
    )
    const interval = options.echoIntervalMs ?? 5000
    this.#timer = setInterval(() => this.#tick(interval), interval)
  }

  /**
   * Says hello and waits for the peer's. Rejects with ConnectionError (`version` when the peer does
   * not speak OpenFlow 1.3) or the signal's reason; the duplex is destroyed then.
   */
  static async open(duplex: Duplex, options: ConnectionOptions = {}): Promise<Connection> {
    options.signal?.throwIfAborted()
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
        if (speaks(hello, version)) return resolve()
        const data = new TextEncoder().encode('only OpenFlow 1.3 is spoken here')
        const { xid } = hello
        void this.send({ type: 'error', xid, ...errorNumber('hello_failed', 'incompatible'), data })
        this.#outbox.flush()
        this.close(new ConnectionError('version', `the peer speaks no OpenFlow 1.3 (${version})`))
      }
      void this.closed.then((reason) =>
        reject(reason ?? new ConnectionError('closed', 'closed before the hello')),
      )
      void this.send({ type: 'hello', elements: [{ kind: 'version_bitmap', versions: [VERSION] }] })
    })
  }

  get isOpen(): boolean {
    return this.#open
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
    if (!this.#open || this.#duplex.writableNeedDrain) return
    this.#outbox.release()
    this.#regulate()
  }

  /** Reads from the peer, or not: not while it leaves much unread itself, nor while held. */
  #regulate(): void {
    const duplex = this.#duplex
    const wait = this.#holds > 0 || duplex.writableLength > PAUSE_BYTES
    if (wait !== duplex.isPaused()) wait ? duplex.pause() : duplex.resume()
  }

  /**
   * Reads nothing more of the peer until the returned function is called: for a listener that cannot
   * keep up. What was read already (at most 64 KiB) still comes; silence is not held against the peer.
   */
  hold(): () => void {
    let held = true
    this.#holds++
    this.#regulate()
    return () => {
      if (!held) return
      held = false
      this.#holds--
      if (this.#open) this.#regulate()
    }
  }

  /**
   * Sends a message and resolves with the first that answers its xid. Rejects with OpenflowError when
   * that is an error, ConnectionError when the connection ends, the signal's reason when aborted.
   */
  request(message: Outgoing, { signal }: WaitOptions = {}): Promise<Message> {
    return this.#exchange<Message>(message, signal, (answer, finish) => finish(answer))
  }

  /**
   * A multipart request; resolves with the elements of all its replies (of kinds whose reply is no
   * list: one element). `maxBytes` (default 256 MiB) bounds what a peer may make us hold.
   */
  multipart<K extends MultipartKind>(
    request: { kind: K; body?: RequestBody<K> },
    { signal, maxBytes = 256 << 20 }: WaitOptions & { maxBytes?: number } = {},
  ): Promise<ReplyElement<K>[]> {
    const all: ReplyElement<K>[] = []
    let bytes = 0
    const { kind, body = {} } = request
    const outgoing = { type: 'multipart_request', kind, body } as unknown as Outgoing
    return this.#exchange(outgoing, signal, (answer, finish, fail) => {
      if (answer.type !== 'multipart_reply' || answer.kind !== kind) {
        return fail(new WireError(`a ${answer.type} answers a multipart request`, 0))
      }
      bytes += this.#lastLength
      if (bytes > maxBytes) return fail(new WireError(`a reply of over ${maxBytes} bytes`, 0))
      const part = answer.body as unknown
      if (Array.isArray(part)) for (const element of part) all.push(element)
      else all.push(part as ReplyElement<K>)
      if (!answer.more) finish(all)
    })
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
   * before the first listener is kept for it (the last 1,024). An error that a listener throws ends the
   * connection with it as the reason. Returns what removes the listener.
   */
  onMessage(listener: (message: Message) => void): () => void {
    this.#listeners.add(listener)
    const backlog = this.#backlog
    this.#backlog = undefined
    if (backlog?.length) {
      queueMicrotask(() => {
        for (const message of backlog) this.#tell(message)
      })
    }
    return () => this.#listeners.delete(listener)
  }

  /** Ends the connection: with a reason at once, without one after what is queued was sent. */
  close(reason?: Error): void {
    if (!this.#open) return
    if (!reason) this.#outbox.flush()
    this.#open = false
    clearInterval(this.#timer)
    const duplex = this.#duplex
    if (reason && !(reason instanceof ConnectionError && reason.code === 'version')) {
      duplex.destroy()
    } else {
      duplex.end(() => duplex.destroy())
      // A peer that reads nothing would keep the stream open for ever.
      setTimeout(() => duplex.destroy(), 1000).unref()
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

  #tick(interval: number): void {
    if (this.#holds > 0) this.#lastHeard = this.#ticks
    if (++this.#ticks - this.#lastHeard > 3) {
      this.close(new ConnectionError('silent', `the peer was silent for ${3 * interval} ms`))
    } else if (this.#ticks - this.#lastHeard > 0 && !this.#onHello) {
      void this.send({ type: 'echo_request', data: new Uint8Array(0) })
    }
  }

  #receive(chunk: Uint8Array): void {
    if (!this.#open) return
    let current = ''
    try {
      this.#framer.push(chunk, (bytes, start, end) => {
        current = `; message ${hexOf(bytes.subarray(start, Math.min(end, start + 32)))}`
        this.#lastLength = end - start
        this.#handle(bytes, start, end)
        return this.#open
      })
    } catch (cause) {
      const { message } = cause as Error
      if (!(cause instanceof WireError)) this.close(cause as Error)
      else this.close(new ConnectionError('garbage', message + current, { cause }))
      return
    }
    if (this.#open) this.#regulate()
  }

  #handle(bytes: Uint8Array, start: number, end: number): void {
    const message = decode(bytes, start, end)
    // Whole messages count, bytes do not: one byte a second is silence.
    this.#lastHeard = this.#ticks
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
    const isAnswer = answers(message)
    const pending = isAnswer ? this.#pending.get(message.xid) : undefined
    if (!pending) {
      if (isAnswer && this.#pending.isLate(message)) return
      if (message.type !== 'hello' && message.type !== 'echo_reply') this.#tell(message)
    } else if (message.type === 'error') pending.fail(new OpenflowError(message))
    else pending.answer(message)
  }

  #tell(message: Message): void {
    if (this.#backlog) {
      this.#backlog.push(message)
      if (this.#backlog.length > MAX_BACKLOG) this.#backlog.shift()
      return
    }
    try {
      for (const listener of this.#listeners) listener(message)
    } catch (error) {
      this.close(error as Error)
    }
  }
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** Whether a message can answer one of ours; xids of what the peer starts are its own. */
const answers = ({ type }: Message) =>
  type.endsWith('_reply') ||
  type === 'error' ||
  type === 'bundle_control' ||
  type === 'experimenter'

/** Messages that answer nothing and ask nothing: sent with xid 0, as Open vSwitch does. */
const unasked = new Set<string>([
  ...['multipart_reply', 'packet_in', 'port_status', 'flow_removed'],
  ...['flow_monitor_paused', 'flow_monitor_resumed'],
])

function speaks(hello: Message, version: number): boolean {
  if (hello.type !== 'hello') return false
  for (const element of hello.elements) {
    if (element.kind === 'version_bitmap') return element.versions.includes(VERSION)
  }
  return version >= VERSION
}
