/**
 * A listener that speaks TLS with peers whose certificate our CA has signed. What is said to each of them ends with its
 * certificate; who shows none is named in an event. Neighbours: ../../southbound/wire/stream.ts, credentials.ts,
 * ../controller.ts.
 */
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../southbound/wire/clock.ts'
import type { TlsSource } from '../../southbound/wire/secure.ts'
import { listen } from '../../southbound/wire/stream.ts'
import type { EventLog } from '../reconciler/events.ts'
import { addressOf } from '../reconciler/host-line.ts'
import { Refusals } from '../reconciler/refusals.ts'
import { endAtExpiry } from './expiry.ts'
import { identityOfStream, type PeerIdentity } from './identity.ts'
import { explainRefusal } from './refusal-reason.ts'

export interface SecureListenerOptions {
  readonly host: string
  /** 0: the system chooses. */
  readonly port: number
  /** What is spoken there, for events: 'OVSDB'. */
  readonly protocol: string
  readonly tls: TlsSource
  readonly events: EventLog
  readonly clock: Clock
  /** The host that a certificate is, by its id; else how the certificate is called. */
  readonly hostOf: (identity: PeerIdentity) => string
}

export interface SecurePeer {
  readonly identity: PeerIdentity
  /** `192.0.2.11:40332`. */
  readonly peer: string
  /** The address by which it reached us. */
  readonly localAddress: string
}

export interface SecureListener {
  readonly port: number
  /** Of the streams that are open; a peer with two of them is there twice. */
  identities(): Iterable<PeerIdentity>
  /** Stops listening and ends all streams. */
  close(): Promise<void>
}

/** Rejects when the address cannot be had. */
export async function listenSecurely(
  { host, port, protocol, tls, events, clock, hostOf }: SecureListenerOptions,
  accept: (stream: Duplex, from: SecurePeer) => void,
): Promise<SecureListener> {
  const refusals = new Refusals(events, clock)
  const streams = new Map<Duplex, PeerIdentity>()
  const refuse = (peer: string, why: string) => {
    const address = addressOf(peer)
    const message = `${address} was refused on the TLS listener for ${protocol}: ${explainRefusal(why)}`
    refusals.add('tls_refused', address, message, { protocol })
  }
  const listener = await listen(
    { kind: 'pssl', host, port },
    {
      tls,
      onRefused: ({ endpoint, cause }) => refuse(plain(endpoint), (cause as Error).message),
    },
    (stream, name) => {
      const identity = identityOfStream(stream)
      const peer = plain(name)
      if (!identity || !(stream instanceof Socket)) {
        stream.destroy()
        return refuse(peer, 'it showed no certificate')
      }
      streams.set(stream, identity)
      stream.once('close', () => streams.delete(stream))
      endAtExpiry(stream, identity, clock, () => {
        const until = new Date(identity.expires).toISOString()
        const name = hostOf(identity)
        const message = `the certificate of ${name} was valid until ${until}; its ${protocol} session is closed`
        events.add('certificate_expired', name, message, {
          protocol,
          certificateFingerprint: identity.fingerprint,
        })
      })
      accept(stream, { identity, peer, localAddress: stream.localAddress ?? '' })
    },
  )
  return {
    port: 'port' in listener.address ? listener.address.port : port,
    identities: () => streams.values(),
    async close() {
      for (const stream of streams.keys()) stream.destroy()
      await listener.close()
    },
  }
}

/** `ssl:192.0.2.11:40332` without its scheme. */
function plain(endpoint: string): string {
  return endpoint.replace(/^ssl:/, '')
}
