/**
 * The names in a certificate, from its bytes. The text that OpenSSL and Node print of a subjectAltName has quotes and
 * commas in it that whoever asked for the certificate has chosen; the bytes say where a name ends.
 * Neighbours: identity.ts (hosts), pki-folder.ts (the controller's names when it is renewed).
 */
import type { X509Certificate } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  Certificate,
  type GeneralName,
  id_ce_subjectAltName,
  SubjectAlternativeName,
} from '@peculiar/asn1-x509'

export interface AltNames {
  readonly uris: readonly string[]
  readonly dnsNames: readonly string[]
  readonly addresses: readonly string[]
}

/** RFC 5280 §4.2.1.6. Names of other kinds are left out; a subjectAltName that cannot be read names nothing. */
export function altNamesOf(certificate: X509Certificate): AltNames {
  const names = generalNamesOf(certificate)
  const of = (kind: 'uniformResourceIdentifier' | 'dNSName' | 'iPAddress') =>
    names.map((name) => name[kind]).filter((name) => name !== undefined)
  return {
    uris: of('uniformResourceIdentifier'),
    dnsNames: of('dNSName'),
    addresses: of('iPAddress'),
  }
}

function generalNamesOf({ raw }: X509Certificate): GeneralName[] {
  try {
    const { extensions } = AsnConvert.parse(raw, Certificate).tbsCertificate
    return (extensions ?? [])
      .filter(({ extnID }) => extnID === id_ce_subjectAltName)
      .flatMap(({ extnValue }) => [...AsnConvert.parse(extnValue.buffer, SubjectAlternativeName)])
  } catch {
    // A signed certificate whose names OpenSSL did not mind and we cannot read is nobody's.
    return []
  }
}
