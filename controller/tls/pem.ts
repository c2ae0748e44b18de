/** Certificates in PEM. Neighbours: credentials.ts and authority.ts, whose files may hold several. */
import { X509Certificate } from 'node:crypto'

const BLOCK = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[\s\S]*?-----END \1-----/g

/** All of a text, in their order; other text around them is skipped. @throws Error when there is none, or half of one */
export function certificatesIn(text: string): [X509Certificate, ...X509Certificate[]] {
  const [first, ...rest] = (text.match(BLOCK) ?? []).map((block) => new X509Certificate(block))
  if (!first) throw new Error('no BEGIN CERTIFICATE with its END CERTIFICATE')
  return [first, ...rest]
}
