/**
 * One client at the server: the methods of RFC 7047 §4.1 and of ovsdb-server(7), one row each.
 *
 * Monitors are told of a commit before the reply to the transaction that made it goes out, as in
 * ovsdb-server. Neighbours: json-rpc.ts below; session-monitors.ts, triggers.ts and locks.ts beside;
 * server.ts above.
 */
import type { Duplex } from 'node:stream'
import { systemClock } from '../wire/clock.ts'
import type { AnyChange } from './apply.ts'
import { isId } from './atom.ts'
import type { Buffers, Holder } from './buffers.ts'
import type { Database } from './database.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import { type Call, JsonRpc, type JsonRpcOptions, unknownMethod } from './json-rpc.ts'
import type { LockClient, Locks } from './locks.ts'
import { makeQuota } from './quota.ts'
import { formatSchema } from './schema-json.ts'
import { makeMonitors } from './session-monitors.ts'
import { makeTriggers } from './triggers.ts'

/** What sessions share. */
export interface SessionHost {
  readonly databases: ReadonlyMap<string, Database>
  readonly locks: Locks
  /** Stable for the life of the server, a uuid. */
  readonly serverId: string
  /** Messages half sent, and answers unread, of all clients together. */
  readonly halfSent: Buffers
  readonly unread: Buffers
  /** Another schema for a database, in its JSON form; throws OvsdbError and changes nothing. */
  convert(database: Database, schema: unknown): void
}

export interface SessionOptions extends JsonRpcOptions {
  /** Transactions that wait, monitors and locks, each, of one client; default 1,024. */
  maxPending?: number
  /**
   * What those may cost together: bytes of their requests, and 16 for each row that a transaction
   * looks at to find that it still waits; default 16 MiB.
   */
  maxPendingCost?: number
  /** Unread bytes from which on the updates of monitors are merged, not queued; default 1 MiB. */
  maxBacklogBytes?: number
}

export interface Session {
  readonly closed: Promise<Error | undefined>
  /** The client asked to be told when databases come and go, instead of being cut off. */
  readonly isChangeAware: boolean
  /** Without a reason, or told to `flush`: after what is queued. */
  close(reason?: Error, flush?: boolean): void
  /** Sends what the client's monitors see of a commit. */
  tell(database: Database, changes: readonly AnyChange[], txnId: string): void
  /** Tries the waiting transactions again. */
  retry(): void
  /** Ends the monitors of a database that goes away, or whose schema does. */
  drop(database: Database): void
  /** Ends the transactions that wait there. */
  dropWaiting(database: Database): void
}

/** Characters: they stay for as long as the lock. */
const MAX_LOCK_NAME = 1024

export function openSession(duplex: Duplex, host: SessionHost, options: SessionOptions): Session {
  const { maxPending = 1024, maxPendingCost = 16 * 1024 * 1024, ...others } = options
  const { maxBacklogBytes = 1024 * 1024, ...limits } = others
  const { clock = systemClock } = limits
  const quota = makeQuota(maxPendingCost)
  let isChangeAware = false
  const me: LockClient = { onLock: (event, lock) => rpc.notify(event, [lock]) }
  const monitors = makeMonitors({
    notify: (method, params) => rpc.notify(method, params),
    backlogBytes: () => rpc.queuedBytes,
    // Below the stream's own mark nobody would tell us that the client has read.
    maxBacklogBytes: Math.max(maxBacklogBytes, duplex.writableHighWaterMark),
    maxMonitors: maxPending,
    quota,
  })
  const triggers = makeTriggers({
    holds: (lock) => host.locks.holds(lock, me),
    beforeReply: monitors.flush,
    max: maxPending,
    quota,
    clock,
    guarded: (work) => guarded(work),
  })

  /** The result of a method, or `later` when it replies by itself. */
  const later = Symbol('later')
  type Method = (params: readonly unknown[], call: Call) => unknown

  const methods: Readonly<Record<string, Method>> = {
    list_dbs: () => [...host.databases.keys()].sort(),
    get_schema: ([name]) => formatSchema(databaseOf('get_schema', name).schema),
    get_server_id: () => host.serverId,
    set_db_change_aware(params) {
      const [aware] = params
      if (params.length !== 1 || typeof aware !== 'boolean') {
        throw ovsdbError('syntax error', 'set_db_change_aware: true or false parameter expected')
      }
      isChangeAware = aware
      return {}
    },
    transact([name, ...operations], call) {
      triggers.transact(databaseOf('transact', name), operations, call)
      return later
    },
    convert([name, schema, ...more]) {
      const database = databaseOf('convert', name)
      if (schema === undefined || more.length > 0)
        throw ovsdbError('syntax error', 'array expected')
      host.convert(database, schema)
      return {}
    },
    monitor(params, { bytes }) {
      // ovsdb-server reads over more than it asks for here, and falls over less.
      const [name, id, requests] = exactly(3, params.slice(0, 3))
      return monitors.start(databaseOf('monitor', name), 'update', { id, requests, bytes })
    },
    monitor_cond(params, { bytes }) {
      const [name, id, requests] = exactly(3, params)
      return monitors.start(databaseOf('monitor_cond', name), 'update2', { id, requests, bytes })
    },
    monitor_cond_since(params, { bytes }) {
      const [name, id, requests, txnId] = exactly(4, params)
      const database = databaseOf('monitor_cond_since', name)
      return monitors.startSince(database, { id, requests, bytes }, txnId)
    },
    monitor_cond_change(params, { bytes }) {
      const [id, newId, requests] = exactly(3, params)
      monitors.change(id, { id: newId, requests, bytes })
      return {}
    },
    monitor_cancel(params) {
      if (params.length !== 1) throw new OvsdbError('invalid parameters')
      monitors.cancel(params[0])
      return {}
    },
    lock: (params) => ({ locked: takeLock('lock', params) }),
    steal: (params) => ({ locked: takeLock('steal', params) }),
    unlock(params) {
      host.locks.unlock(lockName('unlock', params), me)
      return {}
    },
  }

  function onCall(call: Call): void {
    const method = Object.hasOwn(methods, call.method) ? methods[call.method] : undefined
    if (!method) {
      call.fail(unknownMethod)
      return
    }
    try {
      const result = method(call.params, call)
      if (result !== later) call.reply(result)
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error
      // ovsdb-server sends those of monitor_cancel, like 'unknown method', as a bare string.
      call.fail(call.method === 'monitor_cancel' ? error.tag : error)
    }
  }

  function databaseOf(method: string, name: unknown): Database {
    const database = typeof name === 'string' ? host.databases.get(name) : undefined
    if (database) return database
    if (typeof name !== 'string') {
      throw ovsdbError('syntax error', `${method} request params must begin with <db-name>`)
    }
    throw ovsdbError('unknown database', `${method} request specifies unknown database ${name}`)
  }

  function takeLock(method: 'lock' | 'steal', params: readonly unknown[]): boolean {
    const name = lockName(method, params)
    if (host.locks.countOf(me) >= maxPending) {
      throw ovsdbError('resources exhausted', `over ${maxPending} locks`)
    }
    return host.locks.lock(name, me, method === 'steal')
  }

  const close = (reason: Error) => rpc.close(reason)
  const sender: Holder = { close }
  const reader: Holder = { close, heldBytes: () => rpc.queuedBytes }
  /** What goes wrong for one client ends its session. */
  const guarded = (work: () => void) => {
    try {
      work()
    } catch (error) {
      rpc.close(error instanceof Error ? error : new Error(String(error)))
    }
  }
  const rpc = new JsonRpc(
    duplex,
    {
      onCall,
      onNotify: (method, params) => {
        if (method === 'cancel') triggers.cancel(params[0])
      },
      onDrain: monitors.flush,
      onHeld: (bytes) => host.halfSent.hold(sender, bytes),
      onQueued: (bytes) => host.unread.hold(reader, bytes),
    },
    limits,
  )
  const closed = rpc.closed.then((reason) => {
    triggers.close()
    host.locks.release(me)
    return reason
  })
  return {
    closed,
    get isChangeAware() {
      return isChangeAware
    },
    close: (reason, flush) => rpc.close(reason, flush),
    tell: (database, changes, txnId) => guarded(() => monitors.tell(database, changes, txnId)),
    retry: () => guarded(triggers.retry),
    drop(database) {
      const ids = monitors.drop(database)
      // Others are cut off instead.
      if (isChangeAware) for (const id of ids) rpc.notify('monitor_canceled', [id])
    },
    dropWaiting: triggers.drop,
  }
}

function exactly(size: number, params: readonly unknown[]): readonly unknown[] {
  if (params.length === size) return params
  throw ovsdbError('syntax error', 'invalid parameters')
}

function lockName(method: string, params: readonly unknown[]): string {
  const [name] = params
  if (params.length === 1 && isId(name)) {
    if (name.length <= MAX_LOCK_NAME) return name
    throw ovsdbError('resources exhausted', `a lock's name has at most ${MAX_LOCK_NAME} characters`)
  }
  throw ovsdbError('syntax error', `${method} request params must be <id>`)
}
