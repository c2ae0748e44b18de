/**
 * TLS for control connections: both ends show a certificate that the other's CA has signed. What a
 * peer may do with its certificate is decided above (`peerCertificate`); its names are not compared
 * with the address, as Open vSwitch does not either. Sessions are not resumed: every connection shows
 * its certificate; nor renegotiated: it shows no other one later. Neighbours: stream.ts.
 */
import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import tls, { type PeerCertificate, type SecureContextOptions, TLSSocket } from 'node:tls'

/** PEM texts, as node:tls takes them. Both ends need all three: identity is mutual. */
export interface TlsOptions {
  readonly key: string | Buffer
  readonly cert: string | Buffer
  /** Certificates that sign those of peers; the system's own are not trusted. */
  readonly ca: string | Buffer | readonly (string | Buffer)[]
}

/**
 * A function is asked before every handshake, so that it may reread files that were rotated. The
 * object of the last time says that nothing changed. When it throws, or what it gives does not fit
 * together (a rotation half done), a listener goes on with what it had.
 */
export type TlsSource = TlsOptions | (() => TlsOptions)

export const wantsKeys = 'TLS wants a key, a certificate and the CA of the peers'

/** What node:tls takes, of a source as it is now. @throws Error when the source throws or is not given */
export function material(source: TlsSource | undefined): SecureContextOptions {
  const given = typeof source === 'function' ? source() : source
  if (!given) throw new Error(wantsKeys)
  const { key, cert, ca } = given
  const secureOptions = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION
  return { key, cert, ca: ca as string, minVersion: 'TLSv1.2', secureOptions }
}

interface ServerOptions {
  readonly source: TlsSource | undefined
  /** For a handshake. */
  readonly timeoutMs: number
  /** A stream whose peer has shown a certificate of our CA. */
  accept(socket: TLSSocket): void
  /** A handshake failed, or the source did; the connection of the latter goes on with former keys. */
  refuse(socket: Socket, cause: Error): void
}

/** The accepted socket below a TLS socket, which still knows its peer when that is gone. Node documents no way to it. */
const below = (socket: TLSSocket): Socket => (socket as { _parent?: Socket })._parent ?? socket

/** Peers that dial and say nothing: with more than this at a time, the oldest goes. */
const MOST_HANDSHAKES = 1024

const handshakes = new WeakMap<tls.Server, Map<string, Socket>>()
const nameOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`

/** A server that is not yet listening. @throws Error when its keys cannot be used */
export function secureServer({ source, timeoutMs, accept, refuse }: ServerOptions): tls.Server {
  let last = material(source)
  // Who is not authorized is sent away below, where the reason is known.
  const options = { requestCert: true, rejectUnauthorized: false, noDelay: true, keepAlive: true }
  const server = tls.createServer({ ...last, ...options, handshakeTimeout: timeoutMs })
  // A TLS socket takes the accepted one over; only by their names are the two the same.
  const open = new Map<string, Socket>()
  const crowdedOut = new WeakSet<Socket>()
  handshakes.set(server, open)
  server.prependListener('connection', (socket: Socket) => {
    const name = nameOf(socket)
    open.set(name, socket)
    const [oldest] = open.values()
    if (oldest && open.size > MOST_HANDSHAKES) {
      crowdedOut.add(oldest)
      refuse(oldest, new Error(`more than ${MOST_HANDSHAKES} peers were in their handshakes`))
      oldest.destroy()
    }
    socket.once('close', () => open.delete(name))
    if (typeof source !== 'function') return
    try {
      const now = material(source)
      if (now.key === last.key && now.cert === last.cert && now.ca === last.ca) return
      server.setSecureContext(now)
      last = now
    } catch (cause) {
      const { message } = cause as Error
      refuse(socket, new Error(`keys could not be reread: ${message}`, { cause }))
    }
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    open.delete(nameOf(socket))
    if (socket.authorized) return accept(socket)
    socket.on('error', () => {})
    refuse(socket, new Error(whyUnauthorized(socket)))
    socket.destroy()
  })
  server.on('tlsClientError', (cause, socket) => {
    const { reason } = cause as { reason?: string } // of OpenSSL, shorter than its message
    const peer = below(socket)
    if (!crowdedOut.has(peer)) refuse(peer, reason ? new Error(reason, { cause }) : cause)
    socket.destroy() // node leaves one that was too slow open
  })
  return server
}

function whyUnauthorized(socket: TLSSocket): string {
  const certificate = socket.getPeerX509Certificate()
  if (!certificate) return 'it showed no certificate'
  const name = certificate.subjectAltName ?? certificate.subject.replaceAll('\n', ', ')
  return `the certificate of ${name} is not accepted: ${socket.authorizationError}`
}

/** Cuts off what is still in its handshake. */
export function endHandshakes(server: tls.Server): void {
  for (const socket of handshakes.get(server)?.values() ?? []) socket.destroy()
}

/** A stream whose peer has shown a certificate that our CA has signed; undefined for any other. */
export function authorized(stream: Duplex): TLSSocket | undefined {
  return stream instanceof TLSSocket && stream.authorized ? stream : undefined
}

/** The certificate of a stream's peer, which our CA has signed; undefined when it is not over TLS. */
export function peerCertificate(stream: Duplex): PeerCertificate | undefined {
  return authorized(stream)?.getPeerCertificate()
}
