/**
 * A connection that comes back: dials one of several targets, lets it be used, and dials the next
 * after a pause when it ends. Neighbours: listen.ts (dialOpenflow), wire/backoff.ts (the pauses).
 */
import { type PersistOptions, persist } from '../wire/backoff.ts'
import { OPENFLOW_PORT } from '../wire/endpoint.ts'
import { checkDial } from '../wire/stream.ts'
import type { Connection } from './connection.ts'
import { type DialOpenflowOptions, dialOpenflow } from './listen.ts'

export interface KeepConnectedOptions extends Omit<DialOpenflowOptions, 'signal'>, PersistOptions {
  /** How a target is reached; dialOpenflow by default. */
  readonly connect?:
    | ((target: string, options: DialOpenflowOptions) => Promise<Connection>)
    | undefined
}

/**
 * Keeps one connection to one of the targets (active endpoints, tried in turn) until the signal
 * aborts; resolves then, with the connection closed. `use` gets each connection, with a signal that
 * aborts when that connection ends; when it rejects, the connection is closed with that reason. Rejects
 * at once for a target that no attempt could reach (`checkDial`).
 */
export async function keepConnected(
  targets: readonly string[],
  options: KeepConnectedOptions,
  use: (connection: Connection, signal: AbortSignal) => Promise<void> | void,
): Promise<void> {
  const { connect = dialOpenflow, signal, tls } = options
  if (!options.connect) {
    for (const target of targets) checkDial(target, { tls, defaultPort: OPENFLOW_PORT })
  }
  return persist(async (attempt) => {
    const connection = await connect(targets[attempt % targets.length] as string, options)
    const end = new AbortController()
    const close = () => connection.close()
    signal.addEventListener('abort', close, { once: true })
    if (signal.aborted) close()
    const using = async () => use(connection, end.signal)
    using().catch((error: Error) => connection.close(error))
    const reason = await connection.closed
    signal.removeEventListener('abort', close)
    end.abort(reason)
    return reason
  }, options)
}
