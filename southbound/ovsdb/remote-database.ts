/**
 * One database, wherever it is served at the moment: several remotes, reconnecting for ever, with
 * a cluster's leader followed when it moves. Replicas live through all of it.
 *
 *   const database = new RemoteDatabase(openVSwitch, { remotes: ['tcp:192.0.2.1:6640', …] })
 *   const replica = await database.monitor({ Bridge: ['name', 'ports'] }, { signal })
 *   await database.transact([insert('Bridge', { name: 'br-int' })], { signal })
 *   database.close()
 *
 * While there is no server calls wait, until their signals abort (the `cause` of a timeout is why there
 * is none). After a reconnect a replica shows
 * what it missed as one change, sent as a difference where the server still knows it
 * (monitor_cond_since). A transaction is sent once: when its answer is lost it rejects with
 * 'unknown outcome', unless its operations only read.
 *
 * Neighbours: remote-session.ts is one session with the right server, remotes.ts the order and the
 * pauses, watch.ts carries rows from session to session.
 */
import type { Duplex } from 'node:stream'
import type { BackoffOptions } from '../wire/backoff.ts'
import { type Clock, systemClock } from '../wire/clock.ts'
import { OVSDB_PORT, parseEndpoint } from '../wire/endpoint.ts'
import type { TlsSource } from '../wire/secure.ts'
import { checkDial, dial } from '../wire/stream.ts'
import { type ChangeOptions, type ChangeTarget, changeRows, type Draft } from './change.ts'
import type { CallOptions, Started } from './client.ts'
import type { Lock, LockOptions } from './client-locks.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import type { JsonRpcOptions } from './json-rpc.ts'
import { type ListenerOptions, tell, warnOfListener } from './listener.ts'
import type { Operation, OperationResult } from './operation.ts'
import {
  drain,
  openRemoteSession,
  type RemoteSession,
  resumeInTime,
  type Seen,
  type SessionRequest,
} from './remote-session.ts'
import { type Remotes, remotesOf } from './remotes.ts'
import type { MonitorRequest, Replica } from './replica.ts'
import type { DatabaseSchema } from './schema.ts'
import { Watch } from './watch.ts'

export interface RemoteOptions extends ListenerOptions {
  /** 'tcp:HOST:PORT', 'ssl:…', 'unix:PATH'; one is enough. A port left out is 6640. */
  readonly remotes: readonly string[]
  /** Stay with no server of a cluster but its leader; default true. Locks need it. */
  readonly leaderOnly?: boolean
  /** For `ssl:` remotes, as `dial` of wire/stream.ts takes it. */
  readonly tls?: TlsSource
  /** How to reach a remote, by any name then; default: `dial` of wire/stream.ts. */
  readonly dial?: (remote: string, signal: AbortSignal) => Promise<Duplex>
  /** Pauses between rounds over all remotes; default 100 ms doubling to 1 s. `random` also shuffles. */
  readonly backoff?: BackoffOptions
  readonly clock?: Clock
  /** Limits of a session; it is probed every 5 s unless said otherwise here. */
  readonly rpc?: JsonRpcOptions
  /**
   * To dial, list and look at `_Server`; four times that from one part of a monitor's rows to the next;
   * ms, default 5,000. Then the next remote is tried.
   */
  readonly answerMs?: number
  /** Told of every session and failed attempt, for logs. */
  readonly onEvent?: (event: RemoteEvent) => void
}

export type RemoteEvent =
  /** Replicas are right. `resumed` of them got what they missed, `reloaded` were sent whole. */
  | { kind: 'connected'; remote: string; resumed: number; reloaded: number }
  | { kind: 'disconnected'; remote: string; reason: Error }
  | { kind: 'refused'; remote: string; reason: Error; pauseMs: number }

/** Operations that may be sent twice. */
const READS: ReadonlySet<string> = new Set(['select', 'wait', 'comment', 'assert', 'abort'])
/** A session that ends sooner counts as an attempt that failed. */
const SETTLED_MS = 1000

export class RemoteDatabase<S extends DatabaseSchema> {
  readonly schema: S
  readonly #options: RemoteOptions
  readonly #clock: Clock
  readonly #remotes: Remotes
  readonly #end = new AbortController()
  readonly #watches = new Set<Watch>()
  readonly #waiting = new Set<(session: RemoteSession) => void>()
  #session: RemoteSession | undefined
  readonly #onListenerError: (error: unknown) => void
  readonly #seen: Seen = { progress: undefined }
  /** Why there is no session; undefined while there is one. */
  #refusal: Error | undefined

  /**
   * Starts to connect at once. Throws what no attempt could mend: OvsdbError without a remote,
   * WireError for one that is no endpoint, EndpointError for one to listen at or without its keys.
   */
  constructor(schema: S, options: RemoteOptions) {
    const { remotes, tls } = options
    if (!options.dial)
      for (const remote of remotes) checkDial(remote, { tls, defaultPort: OVSDB_PORT })
    this.schema = schema
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#onListenerError = options.onListenerError ?? warnOfListener
    this.#remotes = remotesOf(options.remotes, { firstMs: 100, maxMs: 1000, ...options.backoff })
    void this.#run()
  }

  /** The remote of the present session; undefined while there is none. */
  get remote(): string | undefined {
    return this.#session?.remote
  }

  /** Resolves when there is a server to talk to, and what it says is in all replicas. */
  async connected({ signal }: CallOptions): Promise<void> {
    await this.#ready(signal)
  }

  /** A copy of the columns, complete when this resolves, and kept right until `close`. */
  async monitor<const R extends MonitorRequest<S>>(
    request: R,
    { signal }: CallOptions,
  ): Promise<Replica<S, R>> {
    const watch = new Watch(this.schema, request, this.#onListenerError)
    this.#watches.add(watch)
    try {
      await this.#carried(watch, signal)
    } catch (error) {
      this.#watches.delete(watch)
      throw error
    }
    return watch.replica<S, R>({
      conditionsChanged: (signal) =>
        this.#again(async () => {
          await (await this.#carried(watch, signal)).conditionsChanged(signal)
        }),
      cancel: async (signal) => {
        this.#watches.delete(watch)
        const started = this.#session?.watches.get(watch)
        this.#session?.watches.delete(watch)
        // Without a session there is nothing to end.
        await started?.cancel(signal)
      },
    })
  }

  /** As OvsdbClient.transact; waits for a server, and sends again only what cannot have happened. */
  transact(operations: readonly Operation[], { signal }: CallOptions): Promise<OperationResult[]> {
    const reads = operations.every(({ op }) => READS.has(op))
    return this.#again(async () => {
      const { client, calls } = await this.#ready(signal)
      const call = client.transact(this.schema, operations, { signal })
      const settled = call.catch(() => undefined).finally(() => calls.delete(settled))
      calls.add(settled)
      return call
    }, reads)
  }

  /** As OvsdbClient.change. */
  change<R extends MonitorRequest<S>>(
    replica: Replica<S, R>,
    build: (draft: Draft<S, R>) => readonly Operation[],
    options: ChangeOptions,
  ): Promise<OperationResult[]> {
    const target: ChangeTarget = {
      transact: (operations, call) => this.transact(operations, call),
      ready: (signal) => this.connected({ signal }),
    }
    return changeRows(target, replica, build, options)
  }

  /** As OvsdbClient.lock; lost when the session ends. */
  lock(name: string, options: LockOptions): Promise<Lock> {
    return this.#again(async () => (await this.#ready(options.signal)).client.lock(name, options))
  }

  /** Ends the session; calls and replicas reject with 'connection closed'. Idempotent. */
  close(): void {
    if (this.#end.signal.aborted) return
    const reason = ovsdbError('connection closed', 'closed by its owner')
    this.#end.abort(reason)
    this.#session?.client.close()
    for (const watch of this.#watches) watch.end(reason)
  }

  /** Repeats what never reached a server, or may be done twice. */
  async #again<T>(attempt: () => Promise<T>, reads = false): Promise<T> {
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        if (this.#end.signal.aborted || !(error instanceof OvsdbError) || error.isPeers) throw error
        const unsent = error.tag === 'connection closed'
        if (!unsent && !(reads && error.tag === 'unknown outcome')) throw error
      }
    }
  }

  /** Makes sure that the present session carries the watch. */
  #carried(watch: Watch, signal: AbortSignal): Promise<Started> {
    return this.#again(async () => {
      const session = await this.#ready(signal)
      const started =
        session.watches.get(watch) ??
        (await resumeInTime(session.client, watch, { ...this.#asked(session.remote), signal }))
      session.watches.set(watch, started)
      return started
    })
  }

  #ready(signal: AbortSignal): Promise<RemoteSession> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      this.#end.signal.throwIfAborted()
      if (this.#session?.client.isOpen) {
        resolve(this.#session)
        return
      }
      const ends = AbortSignal.any([signal, this.#end.signal])
      const abort = () => {
        this.#waiting.delete(wake)
        reject(explained(ends.reason, this.#refusal))
      }
      const wake = (session: RemoteSession) => {
        ends.removeEventListener('abort', abort)
        resolve(session)
      }
      this.#waiting.add(wake)
      ends.addEventListener('abort', abort, { once: true })
    })
  }

  async #run(): Promise<void> {
    const { signal } = this.#end
    while (!signal.aborted) {
      const remote = this.#remotes.current
      let reason: Error
      let session: RemoteSession | undefined
      try {
        session = await openRemoteSession(this.#asked(remote))
        this.#publish(session)
        reason = await session.over
      } catch (error) {
        reason = error as Error
      }
      this.#session = undefined
      this.#refusal = reason
      if (signal.aborted) {
        session?.client.close()
        return
      }
      const pauseMs = this.#remotes.next()
      if (session) {
        void drain(session, reason, this.#clock)
        this.#tell({ kind: 'disconnected', remote, reason })
      } else this.#tell({ kind: 'refused', remote, reason, pauseMs })
      // Rejects only when the database is closed.
      if (pauseMs > 0) await this.#clock.sleep(pauseMs, signal).catch(() => undefined)
    }
  }

  #asked(remote: string): SessionRequest {
    const { answerMs = 5000, leaderOnly = true, rpc = {}, dial: reach, tls } = this.#options
    return {
      remote,
      wanted: { name: this.schema.name, leaderOnly },
      dial: reach ?? ((to, signal) => dial(parseEndpoint(to, OVSDB_PORT), { signal, tls })),
      answerMs,
      rpc,
      clock: this.#clock,
      watches: this.#watches,
      seen: this.#seen,
      signal: this.#end.signal,
    }
  }

  #tell(event: RemoteEvent): void {
    tell(() => this.#options.onEvent?.(event), this.#onListenerError)
  }

  #publish(session: RemoteSession): void {
    this.#session = session
    this.#refusal = undefined
    const resumed = [...session.watches.values()].filter(({ how }) => how === 'missed').length
    const reloaded = session.watches.size - resumed
    this.#tell({ kind: 'connected', remote: session.remote, resumed, reloaded })
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake(session)
    const ended = new AbortController()
    void session.over.then(() => ended.abort())
    const settled = this.#clock.sleep(SETTLED_MS, ended.signal)
    settled.then(() => this.#remotes.settled()).catch(() => undefined)
  }
}

/** A signal of the system's says only that time is up: what was in the way is its cause then. */
function explained(reason: unknown, refusal: Error | undefined): unknown {
  if (!refusal || !(reason instanceof DOMException)) return reason
  const { name, message } = reason
  return new DOMException(`${message}; ${refusal.message}`, { name, cause: refusal })
}
