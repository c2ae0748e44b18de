/**
 * An OVSDB client over any Duplex: dialled by us, or accepted from a host that dialled the
 * controller (`ovs-vsctl set-manager tcp:…`); the protocol is the same (RFC 7047 §4).
 *
 *   const client = await OvsdbClient.open(socket, { signal })
 *   const replica = await client.monitor(openVSwitch, { Bridge: ['name', 'ports'] }, { signal })
 *   await client.transact(openVSwitch, [insert('Bridge', { name: 'br-int' })], { signal })
 *
 * When a transaction resolves, the monitors have its changes already: the server sends updates
 * before the reply, and both are handled in order. Neighbours: operation.ts builds operations,
 * replica.ts holds the rows, json-rpc.ts carries.
 */
import type { Duplex } from 'node:stream'
import { ovsdbError } from './error.ts'
import { JsonRpc, type JsonRpcOptions } from './json-rpc.ts'
import {
  type ConditionInput,
  encodeWhere,
  type Operation,
  type OperationResult,
} from './operation.ts'
import {
  type AnyReplicaChange,
  type MonitorRequest,
  type Replica,
  type ReplicaStore,
  replicaStore,
} from './replica.ts'
import { readResults } from './result.ts'
import { tableCodec } from './row-codec.ts'
import type { DatabaseSchema } from './schema.ts'
import { parseSchema } from './schema-json.ts'

export interface ClientOptions extends JsonRpcOptions {
  /** Ends the opening only. */
  signal: AbortSignal
}
export interface CallOptions {
  signal: AbortSignal
}

type Listener = (changes: readonly AnyReplicaChange[]) => void
/** A monitor as the client keeps it; no store until the first reply is in. */
interface Watch {
  store: ReplicaStore | undefined
  readonly listeners: Set<Listener>
  /** Those who wait in `until`; called when the session ends. */
  readonly waiters: Set<(error: Error) => void>
}

/** One session with a server. */
export class OvsdbClient {
  /** What the server listed when the session was opened. */
  readonly databases: readonly string[]
  /** Resolves once, with the reason, or undefined when either side ended it in good order. */
  readonly closed: Promise<Error | undefined>
  readonly #rpc: JsonRpc
  readonly #watches: Map<number, Watch>
  #nextMonitor = 1
  #ended: Error | undefined

  private constructor(rpc: JsonRpc, watches: Map<number, Watch>, databases: readonly string[]) {
    this.#rpc = rpc
    this.#watches = watches
    this.databases = databases
    this.closed = rpc.closed
    void rpc.closed.then((reason) => {
      this.#ended = ovsdbError('connection closed', reason?.message, reason)
      for (const watch of watches.values()) for (const end of watch.waiters) end(this.#ended)
    })
  }

  /** Resolves when the peer has listed its databases; closes the duplex when it does not. */
  static async open(duplex: Duplex, { signal, ...options }: ClientOptions): Promise<OvsdbClient> {
    const watches = new Map<number, Watch>()
    const rpc = new JsonRpc(duplex, { onNotify: (...call) => onUpdate(watches, ...call) }, options)
    try {
      const databases = await rpc.request('list_dbs', [], { signal, read: readNames })
      return new OvsdbClient(rpc, watches, databases)
    } catch (error) {
      rpc.close(error as Error)
      throw error
    }
  }

  /** The schema as the server has it, for databases that we do not declare. */
  getSchema(database: string, { signal }: CallOptions): Promise<DatabaseSchema> {
    return this.#rpc.request('get_schema', [database], { signal, read: parseSchema })
  }

  /**
   * All operations or none. Rejects with the OvsdbError of the one that failed. An abort sends
   * `cancel`, after which a transaction that waits is over and any other may have happened.
   */
  transact(
    database: string | DatabaseSchema,
    operations: readonly Operation[],
    { signal }: CallOptions,
  ): Promise<OperationResult[]> {
    return this.#rpc.request('transact', [nameOf(database), ...operations], {
      signal,
      read: (result) => readResults(result, operations.length),
      onAbort: (id) => this.#rpc.notify('cancel', [id]),
    })
  }

  /** A copy of the columns, complete when this resolves. With a `where`: monitor_cond. */
  async monitor<S extends DatabaseSchema, const R extends MonitorRequest<S>>(
    schema: S,
    request: R,
    { signal }: CallOptions,
  ): Promise<Replica<S, R>> {
    const columns = new Map<string, readonly string[]>()
    const wire: Record<string, unknown> = {}
    let conditional = false
    for (const [table, asked] of Object.entries(request) as [string, Asked][]) {
      const { columns: wanted, where } = isColumns(asked) ? { columns: asked } : asked
      columns.set(table, wanted)
      conditional ||= where !== undefined
      const condition = where && { where: encodeWhere(tableCodec(schema, table), where) }
      wire[table] = [{ columns: wanted, ...condition }]
    }
    const id = this.#nextMonitor++
    const watch: Watch = { store: undefined, listeners: new Set(), waiters: new Set() }
    this.#watches.set(id, watch)
    const store = replicaStore(schema, columns)
    const method = conditional ? 'monitor_cond' : 'monitor'
    try {
      await this.#rpc.request(method, [schema.name, id, wire], {
        signal,
        read(result) {
          store.apply(result)
          watch.store = store
        },
        onAbort: () => this.#forget(id),
      })
    } catch (error) {
      this.#watches.delete(id)
      throw error
    }
    return this.#replica<S, R>(schema, id, watch, store)
  }

  /** Without a reason in good order, with one at once; pending calls reject. */
  close(reason?: Error): void {
    this.#rpc.close(reason)
  }

  #replica<S extends DatabaseSchema, R extends MonitorRequest<S>>(
    schema: S,
    id: number,
    watch: Watch,
    store: ReplicaStore,
  ): Replica<S, R> {
    const replica: Replica<S, R> = {
      table(name) {
        const rows = store.tables.get(name)
        if (!rows) throw ovsdbError('syntax error', `table ${name} is not monitored`)
        return rows as never // decoded by the schema that the types come from
      },
      onChange(listener) {
        watch.listeners.add(listener as unknown as Listener)
        return () => watch.listeners.delete(listener as unknown as Listener)
      },
      until: (predicate, { signal }) => this.#until(watch, predicate, signal),
      setConditions: async (where, { signal }) => {
        const wire: Record<string, unknown> = {}
        for (const [table, conditions] of Object.entries(where)) {
          const list = conditions as readonly ConditionInput[]
          wire[table] = [{ where: encodeWhere(tableCodec(schema, table), list) }]
        }
        await this.#rpc.request('monitor_cond_change', [id, id, wire], { signal })
      },
      cancel: async ({ signal }) => {
        this.#watches.delete(id)
        await this.#rpc.request('monitor_cancel', [id], { signal })
      },
    }
    return replica
  }

  #until(watch: Watch, predicate: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      if (predicate()) {
        resolve()
        return
      }
      const stop = () => {
        watch.listeners.delete(check)
        watch.waiters.delete(end)
        signal.removeEventListener('abort', abort)
      }
      const check = () => {
        if (!predicate()) return
        stop()
        resolve()
      }
      const end = (error: Error) => {
        stop()
        reject(error)
      }
      const abort = () => end(signal.reason)
      watch.listeners.add(check)
      watch.waiters.add(end)
      signal.addEventListener('abort', abort, { once: true })
      // A session that has ended already brings no change any more.
      if (this.#ended) end(this.#ended)
    })
  }

  /** Nobody waits for this monitor any more; should the server have begun it, it may end it. */
  #forget(id: number): void {
    this.#watches.delete(id)
    const signal = AbortSignal.timeout(10_000)
    // Any outcome will do: unknown there, ended, or the connection is gone.
    this.#rpc.request('monitor_cancel', [id], { signal }).catch(() => undefined)
  }
}

type Asked =
  | readonly string[]
  | { readonly columns: readonly string[]; readonly where?: readonly ConditionInput[] }

function isColumns(asked: Asked): asked is readonly string[] {
  return Array.isArray(asked)
}

/** Updates of monitors that were cancelled may still be on their way and are dropped. */
function onUpdate(
  watches: ReadonlyMap<number, Watch>,
  method: string,
  [id, updates]: readonly unknown[],
): void {
  if (method !== 'update' && method !== 'update2') return
  const watch = typeof id === 'number' ? watches.get(id) : undefined
  const changes = watch?.store?.apply(updates) ?? []
  if (changes.length === 0) return
  for (const listener of [...(watch?.listeners ?? [])]) listener(changes)
}

function nameOf(database: string | DatabaseSchema): string {
  return typeof database === 'string' ? database : database.name
}

function readNames(result: unknown): string[] {
  if (Array.isArray(result) && result.every((name) => typeof name === 'string')) return result
  throw ovsdbError('syntax error', 'list_dbs result is no list of names')
}
