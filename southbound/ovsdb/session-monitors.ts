/**
 * The monitors of one client, and how commits reach a client that reads slowly.
 *
 * A commit is written out at once, while the client keeps up. From `maxBacklogBytes` unread on its
 * changes are kept instead, merged row by row with those that are kept already, and go out as one
 * update when the client has read all: it skips states, sees each row's last one, and costs the
 * server a reference per changed row, however many monitors it has, never a queue. Neighbours: server-monitor.ts writes the
 * updates, session.ts owns one of these.
 */
import type { AnyChange } from './apply.ts'
import type { Database } from './database.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import { type Merge, makeMerge } from './history.ts'
import { formatJson } from './json.ts'
import type { Quota } from './quota.ts'
import { type DialectName, type ServerMonitor, serverMonitor } from './server-monitor.ts'

/** A request about one monitor. */
export interface Asked {
  readonly id: unknown
  readonly requests: unknown
  readonly bytes: number
}

export interface SessionMonitors {
  /** The reply to monitor, monitor_cond (by dialect). */
  start(database: Database, dialect: DialectName, asked: Asked): unknown
  /** The reply to monitor_cond_since: found, the newest transaction, updates. */
  startSince(database: Database, asked: Asked, txnId: unknown): unknown
  /** monitor_cond_change. */
  change(id: unknown, asked: Asked): void
  /** Throws OvsdbError 'unknown monitor'. */
  cancel(id: unknown): void
  tell(database: Database, changes: readonly AnyChange[], txnId: string): void
  /** Writes out what is kept back, whatever the backlog. */
  flush(): void
  /** Ends the monitors of a database that goes away, and returns their ids. */
  drop(database: Database): unknown[]
}

interface Entry {
  readonly id: unknown
  readonly database: Database
  readonly monitor: ServerMonitor
  /** Bytes of the request that it began by, and of the last that changed it, table by table. */
  readonly costs: ReadonlyMap<string, number>
}
/** What the client has not been told of a database, all of its monitors alike. */
interface Kept {
  readonly changes: Merge
  /** Of the last transaction. */
  txnId: string
}

export interface MonitorOptions {
  notify(method: string, params: readonly unknown[]): void
  /** Bytes that the client has not read yet. */
  backlogBytes(): number
  maxBacklogBytes: number
  maxMonitors: number
  quota: Quota
}

export function makeMonitors(options: MonitorOptions): SessionMonitors {
  const { notify, backlogBytes, maxBacklogBytes, maxMonitors, quota } = options
  const monitors = new Map<string, Entry>()
  const kept = new Map<Database, Kept>()

  function add(database: Database, dialect: DialectName, { id, requests, bytes }: Asked) {
    if (monitors.has(jsonKey(id))) throw ovsdbError('syntax error', 'duplicate monitor ID')
    if (monitors.size >= maxMonitors) {
      throw ovsdbError('resources exhausted', `over ${maxMonitors} monitors`)
    }
    const monitor = serverMonitor(database, requests, dialect)
    quota.take(bytes)
    // What is kept is older than this monitor.
    flush()
    monitors.set(jsonKey(id), { id, database, monitor, costs: new Map([[START, bytes]]) })
    return monitor
  }

  function send(database: Database, changes: readonly AnyChange[], txnId: string): void {
    for (const { id, database: watched, monitor } of monitors.values()) {
      const updates = watched === database ? monitor.updates(changes) : undefined
      if (updates) notify(monitor.method, monitor.params(id, txnId, updates))
    }
  }
  function end({ id, costs }: Entry): void {
    monitors.delete(jsonKey(id))
    quota.give(costOf(costs))
  }
  function flush(): void {
    for (const [database, { changes, txnId }] of kept) send(database, changes.take(), txnId)
    kept.clear()
  }

  return {
    start: (database, dialect, asked) => add(database, dialect, asked).initial(),
    startSince(database, asked, txnId) {
      if (typeof txnId !== 'string') throw ovsdbError('syntax error', 'last-txn-id must be string')
      const monitor = add(database, 'update3', asked)
      const missed = database.since(txnId)
      const updates = missed ? (monitor.updates(missed) ?? {}) : monitor.initial()
      return [missed !== undefined, database.lastTxnId, updates]
    },
    change(id, { id: newId, requests, bytes }) {
      const entry = monitors.get(jsonKey(id))
      if (!entry) throw ovsdbError('syntax error', 'unknown monitor session')
      if (jsonKey(newId) !== jsonKey(id) && monitors.has(jsonKey(newId))) {
        throw ovsdbError('syntax error', 'duplicate monitor ID')
      }
      flush()
      const { monitor, database } = entry
      const costs = new Map(entry.costs)
      for (const table of Object.keys(Object(requests))) costs.set(table, bytes)
      const more = costOf(costs) - costOf(entry.costs)
      quota.take(more)
      const updates = changed(monitor, requests, () => quota.give(more))
      monitors.delete(jsonKey(id))
      monitors.set(jsonKey(newId), { ...entry, id: newId, costs })
      if (updates) notify(monitor.method, monitor.params(newId, database.lastTxnId, updates))
    },
    cancel(id) {
      const entry = monitors.get(jsonKey(id))
      if (!entry) throw new OvsdbError('unknown monitor')
      end(entry)
    },
    tell(database, changes, txnId) {
      const earlier = kept.get(database)
      if (!earlier && backlogBytes() <= maxBacklogBytes) {
        send(database, changes, txnId)
        return
      }
      if (monitors.size === 0) return
      const { changes: merged } = earlier ?? { changes: makeMerge() }
      merged.add(changes)
      kept.set(database, { changes: merged, txnId })
    },
    flush,
    drop(database) {
      const gone = [...monitors.values()].filter((entry) => entry.database === database)
      gone.forEach(end)
      kept.delete(database)
      return gone.map(({ id }) => id)
    },
  }
}

function changed(monitor: ServerMonitor, requests: unknown, undo: () => void) {
  try {
    return monitor.changeConditions(requests)
  } catch (error) {
    undo()
    throw error
  }
}

/** No table is called so. */
const START = ''
function costOf(costs: ReadonlyMap<string, number>): number {
  return [...costs.values()].reduce((sum, cost) => sum + cost, 0)
}

/** Ids of requests and monitors are any JSON; equal JSON is the same id. */
export function jsonKey(id: unknown): string {
  return formatJson(id)
}
