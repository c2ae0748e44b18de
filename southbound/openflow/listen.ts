/**
 * Connections over sockets: listening for switches, and dialling one. A peer that does not greet in
 * time, greets wrongly or fails its TLS handshake is cut off and logged, and nobody else is held up.
 * Neighbours: connection.ts; wire/stream.ts has the sockets; reconnect.ts dials again.
 */
import type { PeerCertificate } from 'node:tls'
import { systemClock } from '../wire/clock.ts'
import { type Endpoint, formatEndpoint, OPENFLOW_PORT, parseEndpoint } from '../wire/endpoint.ts'
import { peerCertificate, type TlsSource } from '../wire/secure.ts'
import { dial, type Listener, listen } from '../wire/stream.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { ConnectionError } from './error.ts'
import { errorOf } from './pending.ts'

export interface SocketOptions extends Omit<ConnectionOptions, 'signal' | 'peer'> {
  /** For `ssl:` and `pssl:`. */
  readonly tls?: TlsSource | undefined
  /** For connecting, for TLS and for the peer's hello, each; ms, default 10,000. */
  readonly timeoutMs?: number | undefined
}

export interface DialOpenflowOptions extends SocketOptions {
  readonly signal?: AbortSignal | undefined
}

/**
 * A connection to an active endpoint, as `tcp:192.0.2.7` (port 6653) or `unix:/run/br-int.mgmt`.
 * Rejects with EndpointError, ConnectionError or the signal's reason.
 */
export async function dialOpenflow(
  to: string | Endpoint,
  options: DialOpenflowOptions = {},
): Promise<Connection> {
  const endpoint = typeof to === 'string' ? parseEndpoint(to, OPENFLOW_PORT) : to
  const stream = await dial(endpoint, options)
  return inTime(options, options.signal, (signal) =>
    Connection.open(stream, { ...options, signal, peer: formatEndpoint(endpoint) }),
  )
}

export interface ListenOpenflowOptions extends SocketOptions {
  /** More connections than this at a time are refused. Default: no limit. */
  readonly maxConnections?: number | undefined
}

/** Who came in. */
export interface OpenflowPeer {
  /** As `tcp:192.0.2.7:40332`. */
  readonly peer: string
  /** Over TLS. */
  readonly certificate: PeerCertificate | undefined
}

/**
 * Listens at a passive endpoint, as `ptcp:6653`. `onConnection` gets each connection after its hello,
 * before anything else that it says; what it throws, or rejects with, ends that one connection, with a
 * line in the log. close() ends them all. Rejects with EndpointError.
 */
export async function listenOpenflow(
  at: string | Endpoint,
  options: ListenOpenflowOptions,
  onConnection: (connection: Connection, peer: OpenflowPeer) => void | Promise<void>,
): Promise<Listener> {
  const endpoint = typeof at === 'string' ? parseEndpoint(at, OPENFLOW_PORT) : at
  const { log } = options
  const open = new Set<Connection>()
  const ending = new AbortController()
  const onRefused = (reason: Error) =>
    log?.warn({ reason: reason.message }, 'openflow connection refused')
  const listener = await listen(endpoint, { ...options, onRefused }, async (stream, peer) => {
    let connection: Connection
    try {
      connection = await inTime(options, ending.signal, (signal) =>
        Connection.open(stream, { ...options, signal, peer }),
      )
    } catch {
      return // logged by the connection, with the peer's name
    }
    open.add(connection)
    void connection.closed.then(() => open.delete(connection))
    try {
      await onConnection(connection, { peer, certificate: peerCertificate(stream) })
    } catch (error) {
      connection.close(errorOf(error))
    }
  })
  return {
    address: listener.address,
    port: listener.port,
    close: async () => {
      await listener.close()
      ending.abort(new ConnectionError('closed', 'nobody listens any more'))
      for (const connection of open) connection.close()
    },
  }
}

/** Runs a handshake under a signal that also aborts when it takes too long. */
async function inTime(
  { timeoutMs = 10_000, clock = systemClock }: SocketOptions,
  outer: AbortSignal | undefined,
  handshake: (signal: AbortSignal) => Promise<Connection>,
): Promise<Connection> {
  const late = new AbortController()
  const end = () => late.abort(new ConnectionError('silent', `no hello in ${timeoutMs} ms`))
  const cancel = clock.after(timeoutMs, end)
  try {
    return await handshake(outer ? AbortSignal.any([outer, late.signal]) : late.signal)
  } finally {
    cancel()
  }
}
