/**
 * All TLS listeners of a controller, and what they share: our files, who a certificate is on this site, the watch on
 * certificates that end. Neighbours: listener.ts (one of them), credentials.ts, expiry-watch.ts, ../controller.ts.
 */
import type { Duplex } from 'node:stream'
import type { Clock } from '../../southbound/wire/clock.ts'
import type { EventLog } from '../reconciler/events.ts'
import { ownerOf } from '../reconciler/identity-gate.ts'
import type { Logger } from '../reconciler/log.ts'
import type { Store } from '../store/store.ts'
import { type CredentialFiles, certificatesOf, credentials } from './credentials.ts'
import { type EndingCertificate, watchExpiry } from './expiry-watch.ts'
import { identityOf, type PeerIdentity } from './identity.ts'
import { listenSecurely, type SecureListener, type SecurePeer } from './listener.ts'

export interface SecureListenersOptions {
  readonly files: CredentialFiles
  readonly store: Store
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
}

export interface SecureListeners {
  /** Opens one. @param protocol what is spoken there, for events: 'OVSDB' */
  listen(
    at: { readonly host: string; readonly port: number },
    protocol: string,
    accept: (stream: Duplex, from: SecurePeer) => void,
  ): Promise<SecureListener>
  /** Ends the watch on certificates; the listeners are closed one by one. */
  close(): void
}

/** @throws TlsError when the files cannot be used */
export function secureListeners(options: SecureListenersOptions): SecureListeners {
  const { files, store, events, clock, log } = options
  const tls = credentials(files, { clock, log })
  const end = new AbortController()
  const listeners: SecureListener[] = []
  const ofPeer = (identity: PeerIdentity) =>
    endingOf(identity, ownerOf(identity, store.snapshot)?.id)
  const certificates = () => [
    ...certificatesOf(tls(), files).map(({ certificate, file }) =>
      (certificate.ca ? endingCa : endingOwn)(identityOf(certificate), file),
    ),
    ...listeners.flatMap((listener) => [...listener.identities()].map(ofPeer)),
  ]
  const watch = watchExpiry({ events, clock, log, signal: end.signal, certificates })
  return {
    async listen(at, protocol, accept) {
      const hostOf = (identity: PeerIdentity) => ofPeer(identity).host
      const listener = await listenSecurely(
        { ...at, protocol, tls, events, clock, hostOf },
        (stream, from) => {
          watch.see(ofPeer(from.identity))
          accept(stream, from)
        },
      )
      listeners.push(listener)
      return listener
    },
    close: () => end.abort(),
  }
}

function endingOf(identity: PeerIdentity, hostId: string | undefined): EndingCertificate {
  const { name, systemId, fingerprint, expires } = identity
  const remedy =
    systemId === undefined
      ? 'register the fingerprint of the next one on the host when it gets it'
      : `weft pki renew host ${systemId}`
  const host = hostId ?? name
  return {
    ...{ kind: 'host', what: `the certificate of ${host}`, host, fingerprint },
    expires,
    remedy,
  }
}

/** Names that `weft pki` gives: for those it is known how they are renewed. */
const renewal = (name: string, ours: string, command: string) =>
  name.startsWith(ours) ? `weft pki renew ${command}` : 'it wants to be replaced'

function endingOwn({ name, fingerprint, expires }: PeerIdentity, file: string): EndingCertificate {
  const remedy = `hosts do not take it any longer then: ${renewal(name, 'CN=weft controller', 'controller')}`
  return {
    ...{ kind: 'controller', what: `the controller's certificate in ${file}`, host: '' },
    ...{ fingerprint, expires, remedy },
  }
}

function endingCa({ name, fingerprint, expires }: PeerIdentity, file: string): EndingCertificate {
  const remedy = `nothing that it has signed counts then: ${renewal(name, 'CN=Weft CA', 'ca')}`
  return {
    ...{ kind: 'ca', what: `the CA ${name} in ${file}`, host: '', fingerprint, expires, remedy },
  }
}
