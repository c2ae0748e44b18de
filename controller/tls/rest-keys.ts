/**
 * Key and certificate of REST: read again when their files have changed, as those towards hosts are, and spoken of before
 * they end. Clients show no certificate, they have tokens. Neighbours: credentials.ts, expiry-watch.ts,
 * ../northbound/northbound.ts serves by them.
 */
import { constants, X509Certificate } from 'node:crypto'
import type { Server, ServerOptions } from 'node:https'
import type { Clock } from '../../southbound/wire/clock.ts'
import type { EventLog } from '../reconciler/events.ts'
import type { Logger } from '../reconciler/log.ts'
import { credentials, type KeyFiles, type KeyPair } from './credentials.ts'
import { watchExpiry } from './expiry-watch.ts'
import { identityOf } from './identity.ts'

export interface RestKeysOptions {
  readonly files: KeyFiles
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
  /** Ends the watch on the certificate. */
  readonly signal: AbortSignal
}

/** Asked before every handshake; the same object until a file has changed. */
export type KeySource = () => KeyPair

/** @throws TlsError when the files cannot be used */
export function restKeys({ files, events, clock, log, signal }: RestKeysOptions): KeySource {
  const source = credentials(files, { clock, log })
  const certificates = () => {
    const { fingerprint, expires } = identityOf(new X509Certificate(source().cert))
    const what = `the certificate of REST in ${files.cert}`
    const remedy = 'clients do not take it any longer then: replace it'
    return [{ kind: 'controller' as const, what, host: '', fingerprint, expires, remedy }]
  }
  watchExpiry({ events, clock, log, signal, certificates })
  return source
}

/** A handshake, milliseconds. */
const HANDSHAKE_MS = 10_000

export const httpsOptions = ({ key, cert }: KeyPair): ServerOptions => ({
  ...{ key, cert, minVersion: 'TLSv1.2', handshakeTimeout: HANDSHAKE_MS },
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
})

/** Whoever dials from now on sees the keys that the files have then. Open connections stay. */
export function keepKeys(server: Server, source: KeySource): void {
  let last = source()
  server.prependListener('connection', () => {
    const now = source()
    if (now === last) return
    last = now
    server.setSecureContext(httpsOptions(now))
  })
}
