/**
 * Who a peer is, by its certificate. Which CA has signed it was settled by the handshake; here is only what it says.
 *
 *     subjectAltName URI:weft:host:h1   it is the host whose system-id is h1 (certificates by `weft pki`)
 *     SHA-256 fingerprint               it is the host on which the operator registered it (those by `ovs-pki`)
 *
 * Neighbours: certificate.ts makes such certificates, ../reconciler/identity-gate.ts holds sessions to them.
 */
import type { X509Certificate } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { authorized } from '../../southbound/wire/secure.ts'
import type { Host } from '../model/schema.ts'
import { altNamesOf } from './names.ts'

const HOST_URI = 'weft:host:'
/** Spelled exactly so: no other case, no percent-encoding, nothing around it. */
const HOST = /^weft:host:([A-Za-z0-9._:-]{1,128})$/

export interface PeerIdentity {
  /** For people: the host that the certificate names, else its subject. */
  readonly name: string
  /** The system-id that the certificate names; undefined when it names none, or several. */
  readonly systemId: string | undefined
  /** SHA-256 of the certificate, 64 lower-case hexadecimal digits. */
  readonly fingerprint: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

/** The subjectAltName that makes a certificate one of this host. */
export function hostUri(systemId: string): string {
  return `${HOST_URI}${systemId}`
}

/** What a certificate says. */
export function identityOf(certificate: X509Certificate): PeerIdentity {
  // A name that is spelled otherwise is a claim too: next to it no other one counts.
  const claims = altNamesOf(certificate).uris.filter((uri) => /^weft:host:/i.test(uri))
  const systemId = claims.length === 1 ? HOST.exec(claims[0] ?? '')?.[1] : undefined
  return {
    name: systemId ?? certificate.subject?.replaceAll('\n', ', ') ?? 'nobody',
    systemId,
    fingerprint: plainFingerprint(certificate.fingerprint256),
    expires: certificate.validToDate.getTime(),
  }
}

/** Who is at the other end of a stream; undefined when it is not over TLS. */
export function identityOfStream(stream: Duplex): PeerIdentity | undefined {
  const certificate = authorized(stream)?.getPeerX509Certificate()
  return certificate && identityOf(certificate)
}

/**
 * Whether a certificate is this host's. A registered fingerprint is exact: no other certificate will do then, and a
 * certificate that names another host never does.
 */
export function proves(
  { systemId, fingerprint }: PeerIdentity,
  host: Pick<Host, 'systemId' | 'certificateFingerprint'>,
): boolean {
  if (host.certificateFingerprint === undefined) return systemId === host.systemId
  if (systemId !== undefined && systemId !== host.systemId) return false
  return fingerprint === host.certificateFingerprint
}

/** A fingerprint as OpenSSL prints it (`AB:CD:…`), as the model keeps it. */
export function plainFingerprint(text: string): string {
  return text.replaceAll(':', '').toLowerCase()
}
