/**
 * The flow monitor: a switch tells of every change of its flows as it happens. Updates come as
 * multipart replies with xid 0, before the barrier reply that follows the change.
 * Neighbours: flow-update.ts has the bytes, connection.ts the transport.
 */
import type { Connection } from './connection.ts'
import { OpenflowError } from './error.ts'
import { type FlowUpdate, monitorFlags } from './flow-update.ts'
import type { Message } from './message.ts'
import { ANY } from './port.ts'

/** What monitorFlows tells: updates in order, and gaps. */
export type MonitorEvent =
  | FlowUpdate
  /** The reader was too slow: changes are being left out until `resumed`. */
  | { readonly event: 'paused' }
  /** What was left out has come as added and modified; deletions were told on time. */
  | { readonly event: 'resumed' }

export interface MonitorOptions {
  /** Tell the flows that are there already, as added. */
  readonly initial?: boolean
  /** Tell changes by this connection whole instead of as `abbrev`. */
  readonly own?: boolean
  /** By which the switch knows it, default 1. */
  readonly id?: number
  readonly signal?: AbortSignal
}

const watched = new WeakSet<Connection>()

/**
 * Starts a monitor of all tables. Resolves when the switch has accepted it. The listener gets the
 * flows that are there (with `initial`) and every later change in the order in which the switch told
 * them, the first of them before this resolves; what it throws, or rejects with, ends the connection.
 * Call the result to stop listening and cancel. A connection has one monitor at a time, since updates
 * do not say which they are of: RangeError. Else rejects as Connection.multipart() does.
 */
export async function monitorFlows(
  connection: Connection,
  { initial = false, own = false, id = 1, signal }: MonitorOptions,
  listener: (event: MonitorEvent) => unknown,
): Promise<() => Promise<void>> {
  if (watched.has(connection)) throw new RangeError('the connection has a flow monitor already')
  watched.add(connection)
  const tell = (events: readonly MonitorEvent[]) => settled(events.map((event) => listener(event)))
  /** What comes before the first answer is of a monitor that was cancelled, and known to this one. */
  let started = false
  const forget = connection.onMessage((message: Message) => {
    if (!started) return undefined
    if (message.type === 'multipart_reply' && message.kind === 'flow_monitor') {
      return tell(message.body)
    }
    if (message.type === 'flow_monitor_paused') return listener({ event: 'paused' })
    return message.type === 'flow_monitor_resumed' ? listener({ event: 'resumed' }) : undefined
  })
  const stop = () => {
    forget()
    watched.delete(connection)
  }
  const cancel = { type: 'flow_monitor_cancel', id } as const
  try {
    const f = monitorFlags
    const events = f.add | f.delete | f.modify | f.actions
    const flags = events | (initial ? f.initial : 0) | (own ? f.own : 0)
    const body = [{ id, flags, out_port: ANY, table_id: 0xff, match: new Uint8Array(0) }]
    const onPart = (updates: readonly FlowUpdate[]) => {
      started = true
      return tell(updates)
    }
    await connection.multipart({ kind: 'flow_monitor', body }, { signal, onPart })
  } catch (error) {
    stop()
    // Given up, not refused: the switch may have it.
    if (!(error instanceof OpenflowError)) connection.dismiss(cancel)
    throw error
  }
  let isStopped = false
  return async () => {
    if (isStopped) return
    isStopped = true
    stop()
    connection.dismiss(cancel)
  }
}

/** Rejects when one does; undefined when none is a promise. */
function settled(results: readonly unknown[]): Promise<unknown> | undefined {
  return results.some((one) => one instanceof Promise) ? Promise.all(results) : undefined
}
