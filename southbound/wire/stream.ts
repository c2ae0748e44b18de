/**
 * Streams to and from endpoints: tcp, TLS and unix sockets, dialled and accepted.
 * Neighbours: endpoint.ts (spelling), secure.ts (TLS), backoff.ts (dialling again).
 */
import { lstat, unlink } from 'node:fs/promises'
import net, { type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import tls, { TLSSocket } from 'node:tls'
import { type Endpoint, EndpointError, formatEndpoint, listens, parseEndpoint } from './endpoint.ts'
import { endHandshakes, material, secureServer, type TlsSource, wantsKeys } from './secure.ts'

const TIMEOUT_MS = 10_000
/** Connections that wait to be accepted: a site's hosts dial in at once. The system cuts it (net.core.somaxconn). */
const BACKLOG = 4096

export interface DialOptions {
  /** For `ssl:`. */
  readonly tls?: TlsSource | undefined
  readonly signal?: AbortSignal | undefined
  /** Connecting and the TLS handshake take no longer; ms, default 10,000. */
  readonly timeoutMs?: number | undefined
}

/**
 * What no attempt to dial could mend: throws WireError on a text that is no endpoint, EndpointError for
 * one to listen at or whose keys are not given. Returns the endpoint.
 */
export function checkDial(
  to: string | Endpoint,
  { tls, defaultPort }: { tls?: TlsSource | undefined; defaultPort?: number } = {},
): Endpoint {
  const endpoint = typeof to === 'string' ? parseEndpoint(to, defaultPort) : to
  const name = formatEndpoint(endpoint)
  if (listens(endpoint)) throw new EndpointError(name, 'one listens there and cannot dial it')
  if (endpoint.kind === 'ssl' && !tls) throw new EndpointError(name, wantsKeys)
  return endpoint
}

/**
 * A stream to an active endpoint; over TLS when the handshake is done. Rejects with EndpointError or
 * the signal's reason. @throws WireError on a text that is no endpoint
 */
export async function dial(to: string | Endpoint, options: DialOptions = {}): Promise<Duplex> {
  const { signal, timeoutMs = TIMEOUT_MS } = options
  const endpoint = checkDial(to, options)
  const name = formatEndpoint(endpoint)
  signal?.throwIfAborted()
  const socket = socketTo(endpoint, options.tls, name)
  try {
    await new Promise<void>((resolve, reject) => {
      const abort = () => reject(signal?.reason)
      const late = () => reject(new EndpointError(name, `no answer in ${timeoutMs} ms`))
      const timer = setTimeout(late, timeoutMs)
      const end = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
      }
      signal?.addEventListener('abort', abort, { once: true })
      socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
        end()
        resolve()
      })
      socket.on('error', (cause) => {
        end()
        reject(new EndpointError(name, cause.message, { cause }))
      })
      socket.once('close', () => {
        end()
        reject(new EndpointError(name, 'closed by the peer'))
      })
    })
  } catch (error) {
    socket.destroy()
    throw error
  }
  return socket
}

function socketTo(endpoint: Endpoint, source: TlsSource | undefined, name: string): Socket {
  if ('path' in endpoint) return net.connect({ path: endpoint.path })
  const { kind, host, port } = endpoint
  if (kind !== 'ssl') return net.connect({ host, port, noDelay: true, keepAlive: true })
  const socket = withKeys(
    () =>
      tls.connect({
        ...material(source),
        host,
        port,
        // Said, because NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment is the default otherwise.
        rejectUnauthorized: true,
        checkServerIdentity: () => undefined,
      }),
    name,
  )
  return socket.setNoDelay(true).setKeepAlive(true)
}

/** What keys that are not there, or do not fit together, throw as EndpointError. */
function withKeys<T>(make: () => T, name: string): T {
  try {
    return make()
  } catch (cause) {
    throw new EndpointError(name, (cause as Error).message, { cause })
  }
}

export interface ListenOptions {
  /** For `pssl:`. */
  readonly tls?: TlsSource | undefined
  /** A TLS handshake that takes longer is cut off; ms, default 10,000. */
  readonly timeoutMs?: number | undefined
  /** More connections than this at a time are refused. Default: no limit. */
  readonly maxConnections?: number | undefined
  /** Told of a connection that never came to be: bad handshakes, one too many, unreadable keys. */
  readonly onRefused?: ((reason: EndpointError) => void) | undefined
}

export interface Listener {
  /** Where it listens, with the port that the system chose. */
  readonly address: Endpoint
  /** Of the address; undefined for a unix socket. */
  readonly port: number | undefined
  /** Stops listening and cuts off what is in a handshake; streams that were handed out stay. */
  close(): Promise<void>
}

/**
 * Listens at a passive endpoint. `onConnection` gets each stream (over TLS: its handshake is done and
 * its certificate is signed by our CA) with the peer's name, as `tcp:192.0.2.7:40332`. A socket file
 * that nobody serves any more is replaced. Rejects with EndpointError.
 */
export async function listen(
  at: string | Endpoint,
  options: ListenOptions,
  onConnection: (stream: Duplex, peer: string) => void,
): Promise<Listener> {
  const endpoint = typeof at === 'string' ? parseEndpoint(at) : at
  const name = formatEndpoint(endpoint)
  if (!listens(endpoint)) throw new EndpointError(name, 'one dials it and cannot listen there')
  const { onRefused = () => {}, maxConnections } = options
  const refuse = (peer: string, cause: Error) =>
    onRefused(new EndpointError(peer, cause.message, { cause }))
  const accept = (socket: Socket) => {
    const peer = peerName(socket, endpoint)
    // Until its owner listens for errors; a peer that resets at once must not end the process.
    socket.on('error', () => {})
    onConnection(socket, peer)
  }
  const secure = () =>
    secureServer({
      ...{ source: options.tls, timeoutMs: options.timeoutMs ?? TIMEOUT_MS, accept },
      refuse: (socket, cause) => refuse(peerName(socket, endpoint), cause),
    })
  const server =
    endpoint.kind === 'pssl'
      ? withKeys(secure, name)
      : net.createServer({ noDelay: true, keepAlive: true }, accept)
  if (maxConnections !== undefined) {
    server.maxConnections = maxConnections
    server.on('drop', (data) => {
      const peer = data?.remoteAddress ? `tcp:${data.remoteAddress}:${data.remotePort}` : name
      refuse(peer, new Error(`one connection more than ${maxConnections}`))
    })
  }
  await bind(server, endpoint, name)
  const bound = server.address()
  const port = typeof bound === 'object' && bound ? bound.port : undefined
  return {
    address: port !== undefined && 'host' in endpoint ? { ...endpoint, port } : endpoint,
    port,
    close: async () => {
      server.close()
      if (server instanceof tls.Server) endHandshakes(server)
    },
  }
}

async function bind(server: net.Server, endpoint: Endpoint, name: string): Promise<void> {
  const where =
    'path' in endpoint
      ? { path: endpoint.path }
      : { port: endpoint.port, ...(endpoint.host !== '' && { host: endpoint.host }) }
  const once = () =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ ...where, backlog: BACKLOG }, () => {
        server.off('error', reject)
        resolve()
      })
    })
  try {
    await once().catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE' || !where.path) throw error
      if (!(await removeStaleSocket(where.path))) throw error
      await once()
    })
  } catch (cause) {
    throw new EndpointError(name, (cause as Error).message, { cause })
  }
  server.on('error', () => {}) // what accept() says when descriptors run out; the next may do
}

/**
 * A process that was killed leaves its unix socket behind: the file is removed when it is a socket
 * where nobody answers. Resolves with whether it was; other files, and what is not there, stay so.
 */
export async function removeStaleSocket(path: string): Promise<boolean> {
  const code = await new Promise<string | undefined>((resolve) => {
    const probe = net.connect({ path }, () => resolve(undefined))
    probe.once('connect', () => probe.destroy())
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
  })
  // A file that is no socket refuses as well.
  if (code !== 'ECONNREFUSED' || !(await lstat(path)).isSocket()) return false
  await unlink(path)
  return true
}

function peerName(socket: Socket, endpoint: Endpoint): string {
  if ('path' in endpoint) return `unix:${endpoint.path}`
  const host = socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '') ?? 'gone'
  const kind = endpoint.kind === 'pssl' ? 'ssl' : 'tcp'
  return formatEndpoint({ kind, host, port: socket.remotePort ?? 0 })
}
