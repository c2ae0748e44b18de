/**
 * One client at the server: the methods of RFC 7047 §4.1 and of ovsdb-server(7), one row each.
 *
 * A transaction that waits is kept here with its timer and tried again after every commit; monitors
 * are told of a commit before the reply to the transaction that made it goes out, as in
 * ovsdb-server. Neighbours: json-rpc.ts below, server-monitor.ts and locks.ts beside, server.ts above.
 */
import type { Duplex } from 'node:stream'
import type { AnyChange } from './commit.ts'
import { type Database, resultArray } from './database.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import { type Call, JsonRpc, type JsonRpcOptions, unknownMethod } from './json-rpc.ts'
import type { LockClient, Locks } from './locks.ts'
import { formatSchema } from './schema-json.ts'
import { type ServerMonitor, serverMonitor } from './server-monitor.ts'

/** What sessions share. */
export interface SessionHost {
  readonly databases: ReadonlyMap<string, Database>
  readonly locks: Locks
  /** Stable for the life of the server, a uuid. */
  readonly serverId: string
}

/** Transactions that wait and monitors, each, of one client. */
const MAX_PENDING = 1024

export interface Session {
  readonly closed: Promise<Error | undefined>
  close(reason?: Error): void
  /** Sends what the client's monitors see of a commit. */
  tell(database: Database, changes: readonly AnyChange[]): void
  /** Tries the waiting transactions again. */
  retry(): void
}

interface Waiting {
  readonly call: Call
  readonly database: Database
  readonly operations: readonly unknown[]
  readonly timeoutMs: number | undefined
  timer: NodeJS.Timeout | undefined
}

export function openSession(duplex: Duplex, host: SessionHost, options: JsonRpcOptions): Session {
  const waiting = new Set<Waiting>()
  const monitors = new Map<string, { id: unknown; database: Database; monitor: ServerMonitor }>()
  const me: LockClient = { onLock: (event, lock) => rpc.notify(event, [lock]) }
  const holds = (lock: string) => host.locks.holds(lock, me)

  /** The result of a method, or `later` when it replies by itself. */
  const later = Symbol('later')
  type Method = (params: readonly unknown[], call: Call) => unknown

  const methods: Readonly<Record<string, Method>> = {
    list_dbs: () => [...host.databases.keys()],
    get_schema: ([name]) => formatSchema(databaseOf('get_schema', name).schema),
    get_server_id: () => host.serverId,
    set_db_change_aware: () => ({}),
    transact,
    monitor: (params) => startMonitor('monitor', 'update', params),
    monitor_cond: (params) => startMonitor('monitor_cond', 'update2', params),
    monitor_cond_change: changeMonitor,
    monitor_cancel: ([id]) => {
      if (!monitors.delete(key(id))) throw new OvsdbError('unknown monitor')
      return {}
    },
    lock: ([name]) => ({ locked: host.locks.lock(lockName(name), me, false) }),
    steal: ([name]) => ({ locked: host.locks.lock(lockName(name), me, true) }),
    unlock: ([name]) => {
      host.locks.unlock(lockName(name), me)
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
      // ovsdb-server sends this one, like 'unknown method', as a bare string.
      call.fail(error.tag === 'unknown monitor' ? error.tag : error)
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

  function transact([name, ...operations]: readonly unknown[], call: Call): unknown {
    const database = databaseOf('transact', name)
    const attempt = database.attempt(operations, holds)
    if (attempt.kind !== 'blocked') {
      const error = attempt.kind === 'failed' ? attempt.error : undefined
      return resultArray(attempt, error, operations.length)
    }
    if (waiting.size >= MAX_PENDING) {
      throw ovsdbError('resources exhausted', `over ${MAX_PENDING} transactions wait`)
    }
    const { timeoutMs } = attempt
    const entry: Waiting = { call, database, operations, timeoutMs, timer: undefined }
    waiting.add(entry)
    if (timeoutMs !== undefined) {
      // setTimeout takes 31 bits; nobody waits longer than the 24 days that this is.
      entry.timer = setTimeout(() => expire(entry), Math.min(timeoutMs, 2 ** 31 - 1))
    }
    return later
  }

  function settle(entry: Waiting): void {
    waiting.delete(entry)
    clearTimeout(entry.timer)
  }

  function expire(entry: Waiting): void {
    settle(entry)
    const { call, database, operations, timeoutMs } = entry
    const attempt = database.attempt(operations, holds)
    const details = `"wait" timed out after ${timeoutMs} ms`
    const late = attempt.kind === 'blocked' ? ovsdbError('timed out', details) : undefined
    const error = attempt.kind === 'failed' ? attempt.error : late
    call.reply(resultArray(attempt, error, operations.length))
  }

  function retry(): void {
    for (const entry of [...waiting]) {
      const attempt = entry.database.attempt(entry.operations, holds)
      if (attempt.kind === 'blocked') continue
      settle(entry)
      const error = attempt.kind === 'failed' ? attempt.error : undefined
      entry.call.reply(resultArray(attempt, error, entry.operations.length))
    }
  }

  function startMonitor(
    method: string,
    dialect: 'update' | 'update2',
    [name, id, requests]: readonly unknown[],
  ): unknown {
    const database = databaseOf(method, name)
    if (monitors.has(key(id))) throw ovsdbError('syntax error', 'duplicate monitor ID')
    if (monitors.size >= MAX_PENDING) {
      throw ovsdbError('resources exhausted', `over ${MAX_PENDING} monitors`)
    }
    const monitor = serverMonitor(database, requests, dialect)
    monitors.set(key(id), { id, database, monitor })
    return monitor.initial()
  }

  function changeMonitor([id, newId, requests]: readonly unknown[]): unknown {
    const entry = monitors.get(key(id))
    if (!entry) throw ovsdbError('syntax error', 'unknown monitor session')
    if (key(newId) !== key(id) && monitors.has(key(newId))) {
      throw ovsdbError('syntax error', 'duplicate monitor ID')
    }
    const updates = entry.monitor.changeConditions(requests)
    monitors.delete(key(id))
    monitors.set(key(newId), { ...entry, id: newId })
    if (updates) rpc.notify(entry.monitor.method, [newId, updates])
    return {}
  }

  function tell(database: Database, changes: readonly AnyChange[]): void {
    for (const entry of monitors.values()) {
      if (entry.database !== database) continue
      const updates = entry.monitor.updates(changes)
      if (updates) rpc.notify(entry.monitor.method, [entry.id, updates])
    }
  }

  function onNotify(method: string, params: readonly unknown[]): void {
    if (method !== 'cancel') return
    for (const entry of waiting) {
      if (key(entry.call.id) !== key(params[0])) continue
      settle(entry)
      entry.call.fail('canceled')
    }
  }

  const rpc = new JsonRpc(duplex, { onCall, onNotify }, options)
  const closed = rpc.closed.then((reason) => {
    for (const entry of [...waiting]) settle(entry)
    monitors.clear()
    host.locks.release(me)
    return reason
  })
  return { closed, close: (reason) => rpc.close(reason), tell, retry }
}

/** Ids of requests and monitors are any JSON; equal JSON is the same id. */
function key(id: unknown): string {
  return JSON.stringify(id) ?? 'null'
}

function lockName(name: unknown): string {
  if (typeof name === 'string') return name
  throw ovsdbError('syntax error', 'lock request params must be <id>')
}
