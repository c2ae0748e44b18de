/**
 * The monitors of one client, and how commits reach a client that reads slowly.
 *
 * A commit is written out at once, while the client keeps up. From `maxBacklogBytes` unread on its
 * changes are kept instead, merged row by row with those that are kept already, and go out as one
 * update when the client has read all: it skips states, sees each row's last one, and costs the
 * server a reference per changed row, never a queue. Neighbours: server-monitor.ts writes the
 * updates, session.ts owns one of these.
 */
import type { AnyChange } from './apply.ts'
import type { Database } from './database.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import { type Merge, makeMerge } from './history.ts'
import { type DialectName, type ServerMonitor, serverMonitor } from './server-monitor.ts'

export interface SessionMonitors {
  /** The reply to monitor, monitor_cond (by dialect). */
  start(database: Database, dialect: DialectName, id: unknown, requests: unknown): unknown
  /** The reply to monitor_cond_since: found, the newest transaction, updates. */
  startSince(database: Database, id: unknown, requests: unknown, txnId: unknown): unknown
  /** monitor_cond_change. */
  change(id: unknown, newId: unknown, requests: unknown): void
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
  readonly kept: Merge
  /** Of the last transaction kept or sent. */
  txnId: string
}

export interface MonitorOptions {
  notify(method: string, params: readonly unknown[]): void
  /** Bytes that the client has not read yet. */
  backlogBytes(): number
  maxBacklogBytes: number
  maxMonitors: number
}

export function makeMonitors(options: MonitorOptions): SessionMonitors {
  const { notify, backlogBytes, maxBacklogBytes, maxMonitors } = options
  const monitors = new Map<string, Entry>()

  function add(database: Database, dialect: DialectName, id: unknown, requests: unknown) {
    if (monitors.has(jsonKey(id))) throw ovsdbError('syntax error', 'duplicate monitor ID')
    if (monitors.size >= maxMonitors) {
      throw ovsdbError('resources exhausted', `over ${maxMonitors} monitors`)
    }
    const monitor = serverMonitor(database, requests, dialect)
    const txnId = database.lastTxnId
    monitors.set(jsonKey(id), { id, database, monitor, kept: makeMerge(), txnId })
    return monitor
  }

  function send({ id, monitor, txnId }: Entry, changes: readonly AnyChange[]): void {
    const updates = monitor.updates(changes)
    if (updates) notify(monitor.method, monitor.params(id, txnId, updates))
  }
  function flushOne(entry: Entry): void {
    if (!entry.kept.isEmpty) send(entry, entry.kept.take())
  }

  return {
    start: (database, dialect, id, requests) => add(database, dialect, id, requests).initial(),
    startSince(database, id, requests, txnId) {
      if (typeof txnId !== 'string') throw ovsdbError('syntax error', 'last-txn-id must be string')
      const monitor = add(database, 'update3', id, requests)
      const missed = database.since(txnId)
      const updates = missed ? (monitor.updates(missed) ?? {}) : monitor.initial()
      return [missed !== undefined, database.lastTxnId, updates]
    },
    change(id, newId, requests) {
      const entry = monitors.get(jsonKey(id))
      if (!entry) throw ovsdbError('syntax error', 'unknown monitor session')
      if (jsonKey(newId) !== jsonKey(id) && monitors.has(jsonKey(newId))) {
        throw ovsdbError('syntax error', 'duplicate monitor ID')
      }
      flushOne(entry)
      const { monitor, txnId } = entry
      const updates = monitor.changeConditions(requests)
      monitors.delete(jsonKey(id))
      monitors.set(jsonKey(newId), { ...entry, id: newId })
      if (updates) notify(monitor.method, monitor.params(newId, txnId, updates))
    },
    cancel(id) {
      if (!monitors.delete(jsonKey(id))) throw new OvsdbError('unknown monitor')
    },
    tell(database, changes, txnId) {
      for (const entry of monitors.values()) {
        if (entry.database !== database) continue
        entry.txnId = txnId
        if (entry.kept.isEmpty && backlogBytes() <= maxBacklogBytes) send(entry, changes)
        else entry.kept.add(changes)
      }
    },
    flush() {
      for (const entry of monitors.values()) flushOne(entry)
    },
    drop(database) {
      const gone = [...monitors].filter(([, entry]) => entry.database === database)
      for (const [key] of gone) monitors.delete(key)
      return gone.map(([, { id }]) => id)
    },
  }
}

/** Ids of requests and monitors are any JSON; equal JSON is the same id. */
export function jsonKey(id: unknown): string {
  return JSON.stringify(id) ?? 'null'
}
