/**
 * One database, wherever it is served at the moment: several remotes, reconnecting for ever, with
 * a cluster's leader followed when it moves. Replicas live through all of it.
 *
 *   const database = new RemoteDatabase(openVSwitch, { remotes: ['tcp:192.0.2.1:6640', …] })
 *   const replica = await database.monitor({ Bridge: ['name', 'ports'] }, { signal })
 *   await database.transact([insert('Bridge', { name: 'br-int' })], { signal })
 *   database.close()
 *
 * While there is no server calls wait, until their signals abort. After a reconnect a replica shows
 * what it missed as one change, sent as a difference where the server still knows it
 * (monitor_cond_since). A transaction is sent once: when its answer is lost it rejects with
 * 'unknown outcome', unless its operations only read.
 *
 * Neighbours: client.ts is one session, remotes.ts the order and the pauses, server-state.ts says
 * which server is the right one, watch.ts carries rows from session to session.
 */
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { BackoffOptions, Timer } from '../wire/backoff.ts'
import { dial } from '../wire/stream.ts'
import { type ChangeOptions, type ChangeTarget, changeRows, type Draft } from './change.ts'
import { type CallOptions, OvsdbClient, type Started } from './client.ts'
import type { Lock, LockOptions } from './client-locks.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import type { JsonRpcOptions } from './json-rpc.ts'
import type { Operation, OperationResult } from './operation.ts'
import { type Remotes, remotesOf } from './remotes.ts'
import type { MonitorRequest, Replica } from './replica.ts'
import type { DatabaseSchema } from './schema.ts'
import { serverSchema } from './schemas/server.ts'
import { type Progress, progressOf, serverColumns, unfit } from './server-state.ts'
import { Watch } from './watch.ts'

export interface RemoteOptions {
  /** 'tcp:HOST:PORT', 'ssl:…', 'unix:PATH'; one is enough. */
  readonly remotes: readonly string[]
  /** Stay with no server of a cluster but its leader; default true. Locks need it. */
  readonly leaderOnly?: boolean
  /** How to reach a remote; default: `dial` of wire/stream.ts, which needs options for `ssl:`. */
  readonly dial?: (remote: string, signal: AbortSignal) => Promise<Duplex>
  /** Pauses between rounds over all remotes; default 100 ms doubling to 1 s. `random` also shuffles. */
  readonly backoff?: BackoffOptions
  readonly timer?: Timer
  /** Limits of a session; it is probed every 5 s unless said otherwise here. */
  readonly rpc?: JsonRpcOptions
  /** To dial, list and look at `_Server`; ms, default 5,000. */
  readonly answerMs?: number
  /** Told of every session and failed attempt, for logs. */
  readonly onEvent?: (event: RemoteEvent) => void
}

export type RemoteEvent =
  /** Replicas are right. `resumed` of them got what they missed, `reloaded` were sent whole. */
  | { kind: 'connected'; remote: string; resumed: number; reloaded: number }
  | { kind: 'disconnected'; remote: string; reason: Error }
  | { kind: 'refused'; remote: string; reason: Error; pauseMs: number }

interface Session {
  readonly remote: string
  readonly client: OvsdbClient
  readonly watches: Map<Watch, Started>
  /** Transactions that were sent and not answered yet. */
  readonly calls: Set<Promise<unknown>>
  /** Resolves with the reason when the session is over, or its server no longer the right one. */
  readonly over: Promise<Error>
}

/** Operations that may be sent twice. */
const READS: ReadonlySet<string> = new Set(['select', 'wait', 'comment', 'assert', 'abort'])
/** A session that ends sooner counts as an attempt that failed. */
const SETTLED_MS = 1000
/** How long answers may still come from a server that stopped being the leader. */
const DRAIN_MS = 500

const systemTimer: Timer = {
  sleep: async (ms, signal) => {
    await delay(ms, undefined, { signal })
  },
}

export class RemoteDatabase<S extends DatabaseSchema> {
  readonly schema: S
  readonly #options: RemoteOptions
  readonly #timer: Timer
  readonly #remotes: Remotes
  readonly #end = new AbortController()
  readonly #watches = new Set<Watch>()
  readonly #waiting = new Set<(session: Session) => void>()
  #session: Session | undefined
  #progress: Progress | undefined

  /** Starts to connect at once. */
  constructor(schema: S, options: RemoteOptions) {
    this.schema = schema
    this.#options = options
    this.#timer = options.timer ?? systemTimer
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
    const watch = new Watch(this.schema, request)
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
        if (this.#end.signal.aborted || !(error instanceof OvsdbError)) throw error
        const unsent = error.tag === 'connection closed'
        if (!unsent && !(reads && error.tag === 'unknown outcome')) throw error
      }
    }
  }

  /** Makes sure that the present session carries the watch. */
  #carried(watch: Watch, signal: AbortSignal): Promise<Started> {
    return this.#again(async () => {
      const session = await this.#ready(signal)
      const started = session.watches.get(watch) ?? (await session.client.resume(watch, { signal }))
      session.watches.set(watch, started)
      return started
    })
  }

  #ready(signal: AbortSignal): Promise<Session> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      this.#end.signal.throwIfAborted()
      if (this.#session?.client.open) {
        resolve(this.#session)
        return
      }
      const ends = AbortSignal.any([signal, this.#end.signal])
      const abort = () => {
        this.#waiting.delete(wake)
        reject(ends.reason)
      }
      const wake = (session: Session) => {
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
      let session: Session | undefined
      try {
        session = await this.#connect(remote)
        this.#publish(session)
        reason = await session.over
      } catch (error) {
        reason = error as Error
      }
      this.#session = undefined
      if (signal.aborted) {
        session?.client.close()
        return
      }
      const pauseMs = this.#remotes.next()
      if (session) {
        void this.#drain(session, reason)
        this.#options.onEvent?.({ kind: 'disconnected', remote, reason })
      } else this.#options.onEvent?.({ kind: 'refused', remote, reason, pauseMs })
      // Rejects only when the database is closed.
      if (pauseMs > 0) await this.#timer.sleep(pauseMs, signal).catch(() => undefined)
    }
  }

  #publish(session: Session): void {
    this.#session = session
    const resumed = [...session.watches.values()].filter(({ how }) => how === 'missed').length
    const reloaded = session.watches.size - resumed
    this.#options.onEvent?.({ kind: 'connected', remote: session.remote, resumed, reloaded })
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake(session)
    const ended = new AbortController()
    void session.over.then(() => ended.abort())
    const settled = this.#timer.sleep(SETTLED_MS, ended.signal)
    settled.then(() => this.#remotes.settled()).catch(() => undefined)
  }

  /** A session whose server is the right one, with all rows brought up to date. */
  async #connect(remote: string): Promise<Session> {
    const { answerMs = 5000, leaderOnly = true, rpc } = this.#options
    const late = new AbortController()
    const signal = AbortSignal.any([this.#end.signal, late.signal])
    const done = new AbortController()
    const reason = ovsdbError('timed out', `${remote} gave no answer in ${answerMs} ms`)
    const deadline = this.#timer.sleep(answerMs, done.signal)
    deadline.then(() => late.abort(reason)).catch(() => undefined)
    const reach = this.#options.dial ?? ((to, signal) => dial(to, { signal }))
    let client: OvsdbClient | undefined
    try {
      const stream = await reach(remote, signal)
      client = await OvsdbClient.open(stream, { probeIntervalMs: 5000, ...rpc, signal })
      const wanted = { name: this.schema.name, leaderOnly }
      const { over } = await this.#follow(client, remote, wanted, signal)
      done.abort()
      const watches = new Map<Watch, Started>()
      for (const watch of this.#watches) {
        if (!watch.complete) continue
        watches.set(watch, await client.resume(watch, { signal: this.#end.signal }))
      }
      return { remote, client, watches, calls: new Set(), over }
    } catch (error) {
      client?.close(error as Error)
      throw error
    } finally {
      done.abort()
    }
  }

  /** Rejects when this is the wrong server; `over` resolves when it becomes that. */
  async #follow(
    client: OvsdbClient,
    remote: string,
    wanted: { name: string; leaderOnly: boolean },
    signal: AbortSignal,
  ): Promise<{ over: Promise<Error> }> {
    const closed = client.closed.then(
      (reason) => reason ?? ovsdbError('connection closed', `${remote} ended the session`),
    )
    // Servers older than the `_Server` database, and those of one process, are never clustered.
    if (!client.databases.includes(serverSchema.name)) {
      if (client.databases.includes(wanted.name)) return { over: closed }
      throw ovsdbError('unknown database', `${remote} does not serve ${wanted.name}`)
    }
    const state = await client.monitor(serverSchema, serverColumns, { signal })
    const rows = state.table('Database')
    const refused = unfit(rows.values(), wanted, this.#progress)
    if (refused) throw new OvsdbError('canceled', `${remote} ${refused}`)
    const note = () => {
      this.#progress = progressOf(rows.values(), wanted.name) ?? this.#progress
    }
    note()
    const moved = new Promise<Error>((resolve) => {
      state.onChange(() => {
        const why = unfit(rows.values(), wanted, undefined)
        if (why) resolve(new OvsdbError('canceled', `${remote} ${why}`))
        else note()
      })
    })
    return { over: Promise.race([closed, moved]) }
  }

  /** Answers that are on their way may still come; what is asked from now on goes elsewhere. */
  async #drain({ client, calls }: Session, reason: Error): Promise<void> {
    const done = new AbortController()
    const late = this.#timer.sleep(DRAIN_MS, done.signal).catch(() => undefined)
    if (calls.size > 0) await Promise.race([Promise.all(calls), late])
    done.abort()
    client.close(reason)
  }
}
