/** What can be wrong with keys and certificates, one row per sentence. Neighbours: credentials.ts, pki-folder.ts. */

const sentences = {
  unreadable: (file: string, why: string) => `${file} cannot be read: ${why}`,
  bad_certificate: (file: string, why: string) => `${file} holds no certificate in PEM: ${why}`,
  bad_key: (file: string, why: string) => `${file} holds no private key in PEM: ${why}`,
  key_mismatch: (key: string, cert: string) => `the key in ${key} is not that of ${cert}`,
  expired: (cert: string, when: string) => `the certificate in ${cert} expired at ${when}`,
  no_authority: (directory: string) => `there is no CA in ${directory}: weft pki init`,
  no_authority_key: (file: string) =>
    `the key of the CA is not at ${file}; --ca-key says where it is kept`,
  is_there: (what: string, when: string) =>
    `${what} has a certificate until ${when}; --renew makes a new key and certificate`,
  bad_system_id: (text: string) =>
    `'${text}' is no system-id: 1 to 128 letters, digits, '.', '_', ':' and '-'`,
  incomplete: (given: string) => `${given} alone is not TLS: --tls-key, --tls-cert and --tls-ca`,
  bad_days: (text: string) => `${text} is no number of days from 1 to 36500`,
} as const

export type TlsProblem = keyof typeof sentences

/** Keys, certificates or their folder are not usable. */
export class TlsError extends Error {
  override readonly name = 'TlsError'
  readonly problem: TlsProblem

  /** @param about goes into the sentence of the problem */
  constructor(problem: TlsProblem, about: readonly [string, string?], options?: ErrorOptions) {
    super(sentences[problem](about[0], about[1] ?? ''), options)
    this.problem = problem
  }
}
