/**
 * The flow monitor: a switch tells of every change of its flows as it happens. Updates come as
 * multipart replies with xid 0, before the barrier reply that follows the change.
 * Neighbours: flow-update.ts has the bytes, connection.ts the transport.
 */
import type { Connection } from './connection.ts'
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
  /** Number of the monitor on this connection. */
  readonly id?: number
  readonly signal?: AbortSignal
}

/**
 * Starts a monitor of all tables. Resolves when the switch has accepted it: later changes, and with
 * `initial` the flows before them, go to the listener. Call the result to stop listening and cancel.
 */
export async function monitorFlows(
  connection: Connection,
  { initial = false, own = false, id = 1, signal }: MonitorOptions,
  listener: (event: MonitorEvent) => void,
): Promise<() => Promise<void>> {
  const f = monitorFlags
  const flags = f.add | f.delete | f.modify | f.actions | (initial ? f.initial : 0)
  const stop = connection.onMessage((message: Message) => {
    if (message.type === 'multipart_reply' && message.kind === 'flow_monitor') {
      message.body.forEach(listener)
    } else if (message.type === 'flow_monitor_paused') listener({ event: 'paused' })
    else if (message.type === 'flow_monitor_resumed') listener({ event: 'resumed' })
  })
  try {
    const match = new Uint8Array(0)
    const body = [{ id, flags: flags | (own ? f.own : 0), out_port: ANY, table_id: 0xff, match }]
    const first = await connection.multipart({ kind: 'flow_monitor', body }, { signal })
    first.forEach(listener)
  } catch (error) {
    stop()
    throw error
  }
  return async () => {
    stop()
    await connection.send({ type: 'flow_monitor_cancel', id })
  }
}
