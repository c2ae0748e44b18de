/**
 * What `weft pki init` and `weft pki host` do, for a lab: a CA, a certificate for the controller and one for each host,
 * in a folder that goes with the lab.
 */
import { type PkiFolder, pkiFolder } from '../../controller/tls/pki-folder.ts'
import type { LabDocument } from './lab.ts'

/** Nobody is told that a lab's certificates end soon. Seconds. */
const VALID_S = 60 * 86_400

/** A lab cannot bring the certificates that a document asks for. */
export class LabTlsError extends Error {
  override readonly name = 'LabTlsError'
}

/** @throws LabTlsError when the document registers a certificate: its key is somebody else's */
export function makeCertificates(
  { hosts }: Pick<LabDocument, 'hosts'>,
  { directory, controller }: { readonly directory: string; readonly controller: string },
): PkiFolder {
  const pki = pkiFolder(directory, { now: Date.now })
  const lifetime = { validSeconds: VALID_S }
  pki.makeAuthority(lifetime)
  pki.issueController([controller], lifetime)
  for (const [id, { systemId = id, certificateFingerprint }] of Object.entries(hosts)) {
    if (certificateFingerprint !== undefined)
      throw new LabTlsError(
        `host ${id} has a certificateFingerprint; a lab over TLS makes certificates of its own: leave it out`,
      )
    pki.issueHost(systemId, lifetime)
  }
  return pki
}
