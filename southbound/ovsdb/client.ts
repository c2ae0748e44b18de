/**
 * An OVSDB client over any Duplex: dialled by us, or accepted from a host that dialled the
 * controller (`ovs-vsctl set-manager tcp:…`); the protocol is the same (RFC 7047 §4).
 *
 *   const client = await OvsdbClient.open(socket, { signal })
 *   const replica = await client.monitor(openVSwitch, { Bridge: ['name', 'ports'] }, { signal })
 *   await client.transact(openVSwitch, [insert('Bridge', { name: 'br-int' })], { signal })
 *
 * When a transaction resolves, the monitors have its changes already: the server sends updates
 * before the reply, and both are handled in order. This is one session; remote-database.ts keeps
 * one to whichever server is right. Neighbours: operation.ts builds operations, watch.ts and
 * replica.ts hold the rows, change.ts reads, modifies and writes, json-rpc.ts carries.
 */
import type { Duplex } from 'node:stream'
import { type Clock, deadline, systemClock } from '../wire/clock.ts'
import { type ChangeOptions, type ChangeTarget, changeRows, type Draft } from './change.ts'
import { type ClientLocks, clientLocks, type Lock, type LockOptions } from './client-locks.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import { JsonRpc, type JsonRpcOptions, unknownMethod } from './json-rpc.ts'
import { type ListenerOptions, warnOfListener } from './listener.ts'
import type { Operation, OperationResult } from './operation.ts'
import type { MonitorRequest, Replica } from './replica.ts'
import { readResults } from './result.ts'
import type { DatabaseSchema } from './schema.ts'
import { parseSchema } from './schema-json.ts'
import { Watch, type WatchControl } from './watch.ts'

export interface ClientOptions extends JsonRpcOptions, ListenerOptions {
  /** Ends the opening only. */
  signal: AbortSignal
}
export interface CallOptions {
  signal: AbortSignal
}
export interface MonitorOptions extends CallOptions {
  /** The server's own schema (`getSchema`): what that lacks is not asked for, and has its default value in every row. */
  present?: DatabaseSchema
}

/** What the handlers of the connection and the client share. */
interface Shared {
  readonly watches: Map<number, Watch>
  locks: ClientLocks | undefined
}
type MonitorMethod = 'monitor_cond_since' | 'monitor_cond' | 'monitor'

/** A watch as it runs in one session. */
export interface Started extends WatchControl {
  /** What the server had to send: what was missed since the last session, or all rows. */
  readonly how: 'missed' | 'all'
}
/** Stands for the time before the first transaction. */
const NO_TRANSACTION = '00000000-0000-0000-0000-000000000000'

/** One session with a server. */
export class OvsdbClient {
  /** What the server listed when the session was opened. */
  readonly databases: readonly string[]
  /** Resolves once, with the reason, or undefined when either side ended it in good order. */
  readonly closed: Promise<Error | undefined>
  readonly #rpc: JsonRpc
  readonly #clock: Clock
  readonly #watches: Map<number, Watch>
  readonly #locks: ClientLocks
  readonly #onListenerError: (error: unknown) => void
  /** Watches that end with this session. */
  readonly #own = new Set<Watch>()
  #nextMonitor = 1

  private constructor(
    rpc: JsonRpc,
    shared: Shared,
    {
      databases,
      clock,
      onListenerError,
    }: Pick<OvsdbClient, 'databases'> & ListenerOptions & { readonly clock: Clock },
  ) {
    this.#rpc = rpc
    this.#clock = clock
    this.#onListenerError = onListenerError ?? warnOfListener
    this.#watches = shared.watches
    this.#locks = clientLocks(rpc, clock)
    shared.locks = this.#locks
    this.databases = databases
    this.closed = rpc.closed
    void rpc.closed.then((reason) => {
      const ended = ovsdbError('connection closed', reason?.message, reason)
      for (const watch of this.#own) watch.end(ended)
      this.#locks.end(ended)
    })
  }

  /** Resolves when the peer has listed its databases; closes the duplex when it does not. */
  static async open(
    duplex: Duplex,
    { signal, onListenerError, ...options }: ClientOptions,
  ): Promise<OvsdbClient> {
    const shared: Shared = { watches: new Map(), locks: undefined }
    const onNotify = (method: string, params: readonly unknown[]) =>
      onNotification(shared, method, params)
    const { clock = systemClock } = options
    const rpc = new JsonRpc(duplex, { onNotify }, options)
    try {
      const databases = await rpc.request('list_dbs', [], { signal, read: readNames })
      return new OvsdbClient(rpc, shared, {
        ...{ databases, clock },
        ...(onListenerError && { onListenerError }),
      })
    } catch (error) {
      rpc.close(error as Error)
      throw error
    }
  }

  /** Whether calls are still sent; false from the moment that either side ended the session. */
  get isOpen(): boolean {
    return this.#rpc.isOpen
  }

  /** Grows with each answer, and with each part of a large one. */
  get progress(): number {
    return this.#rpc.progress
  }

  /** The schema as the server has it, for databases that we do not declare. */
  getSchema(database: string, { signal }: CallOptions): Promise<DatabaseSchema> {
    return this.#rpc.request('get_schema', [database], { signal, read: parseSchema })
  }

  /**
   * All operations or none. Rejects with the OvsdbError of the one that failed; with 'connection
   * closed' when the session had ended before, and 'unknown outcome' when it ended in between. An
   * abort sends `cancel`, after which a transaction that waits is over and any other may have
   * happened.
   */
  async transact(
    database: string | DatabaseSchema,
    operations: readonly Operation[],
    { signal }: CallOptions,
  ): Promise<OperationResult[]> {
    const sent = this.isOpen
    try {
      return await this.#rpc.request('transact', [nameOf(database), ...operations], {
        signal,
        read: (result) => readResults(result, operations.length),
        onAbort: (id) => this.#rpc.notify('cancel', [id]),
      })
    } catch (error) {
      if (!sent || !(error instanceof OvsdbError) || error.isPeers) throw error
      if (error.tag !== 'connection closed') throw error
      throw ovsdbError('unknown outcome', error.details ?? 'connection closed', error)
    }
  }

  /**
   * Reads, modifies and writes: `build` makes operations from rows of the replica, which the
   * transaction takes for granted; when another client was faster, `build` runs again (change.ts).
   */
  change<S extends DatabaseSchema, R extends MonitorRequest<S>>(
    replica: Replica<S, R>,
    build: (draft: Draft<S, R>) => readonly Operation[],
    options: ChangeOptions,
  ): Promise<OperationResult[]> {
    const target: ChangeTarget = {
      transact: (operations, call) => this.transact(replica.schema, operations, call),
      ready: async () => {},
    }
    return changeRows(target, replica, build, options)
  }

  /** A copy of the columns, complete when this resolves. With a `where`: monitor_cond. */
  async monitor<S extends DatabaseSchema, const R extends MonitorRequest<S>>(
    schema: S,
    request: R,
    { signal, present }: MonitorOptions,
  ): Promise<Replica<S, R>> {
    const watch = new Watch(schema, request, this.#onListenerError, present)
    const method = watch.conditional ? 'monitor_cond' : 'monitor'
    const started = await this.#start(watch, method, signal)
    this.#own.add(watch)
    return watch.replica<S, R>({
      conditionsChanged: started.conditionsChanged,
      cancel: (signal) => {
        this.#own.delete(watch)
        return started.cancel(signal)
      },
    })
  }

  /**
   * Carries on a watch that other sessions carried before, by the best method that the server knows:
   * only what it missed where the server still knows that, everything otherwise. The watch does
   * not end with this session.
   */
  async resume(watch: Watch, { signal }: CallOptions): Promise<Started> {
    for (const method of ['monitor_cond_since', 'monitor_cond', 'monitor'] as const) {
      if (method === 'monitor' && watch.conditional) break
      try {
        return await this.#start(watch, method, signal)
      } catch (error) {
        if (!(error instanceof OvsdbError) || error.tag !== unknownMethod) throw error
      }
    }
    throw ovsdbError('syntax error', 'the server knows no monitors with conditions')
  }

  /** Asks for a lock and resolves when we have it. */
  lock(name: string, options: LockOptions): Promise<Lock> {
    return this.#locks.lock(name, options)
  }

  /** Without a reason in good order, with one at once; pending calls reject. */
  close(reason?: Error): void {
    this.#rpc.close(reason)
  }

  /** Resolves when the rows are complete. */
  async #start(watch: Watch, method: MonitorMethod, signal: AbortSignal): Promise<Started> {
    const id = this.#nextMonitor++
    const isSince = method === 'monitor_cond_since'
    const tail = isSince ? [watch.since ?? NO_TRANSACTION] : []
    const { version } = watch
    const missed = await this.#rpc.request(
      method,
      [watch.schema.name, id, watch.requests(), ...tail],
      {
        signal,
        read: (result) => {
          const [found, lastId, updates] = isSince ? readSince(result) : [false, undefined, result]
          if (found) watch.apply(updates, lastId)
          else watch.replace(updates, lastId, version)
          this.#watches.set(id, watch)
          return found
        },
        onAbort: () => this.#forget(id),
      },
    )
    return {
      how: missed ? 'missed' : 'all',
      conditionsChanged: async (signal) => {
        const { version } = watch
        await this.#rpc.request('monitor_cond_change', [id, id, watch.conditions()], { signal })
        watch.acknowledge(version)
      },
      cancel: async (signal) => {
        this.#watches.delete(id)
        await this.#rpc.request('monitor_cancel', [id], { signal })
      },
    }
  }

  /** Nobody waits for this monitor any more; should the server have begun it, it may end it. */
  #forget(id: number): void {
    this.#watches.delete(id)
    const signal = deadline(this.#clock, 10_000)
    // Any outcome will do: unknown there, ended, or the connection is gone.
    this.#rpc.request('monitor_cancel', [id], { signal }).catch(() => undefined)
  }
}

/** Updates of monitors that were cancelled may still be on their way and are dropped. */
function onNotification(
  { watches, locks }: Shared,
  method: string,
  params: readonly unknown[],
): void {
  if (method === 'locked' || method === 'stolen') {
    locks?.onNotify(method, params[0])
    return
  }
  const [id] = params
  const watch = typeof id === 'number' ? watches.get(id) : undefined
  if (method === 'update' || method === 'update2') watch?.apply(params[1])
  else if (method === 'update3') watch?.apply(params[2], readId(params[1]))
}

function nameOf(database: string | DatabaseSchema): string {
  return typeof database === 'string' ? database : database.name
}

function readNames(result: unknown): string[] {
  if (Array.isArray(result) && result.every((name) => typeof name === 'string')) return result
  throw ovsdbError('syntax error', 'list_dbs result is no list of names')
}
function readSince(result: unknown): [found: boolean, lastId: string, updates: unknown] {
  if (!Array.isArray(result) || typeof result[0] !== 'boolean') {
    throw ovsdbError('syntax error', 'monitor_cond_since result is no [found, id, updates]')
  }
  return [result[0], readId(result[1]), result[2]]
}
function readId(wire: unknown): string {
  if (typeof wire === 'string') return wire
  throw ovsdbError('syntax error', 'a transaction id is a string')
}
