/** What can be wrong with keys and certificates, one row per sentence. Neighbours: credentials.ts, pki-folder.ts. */

const sentences = {
  unreadable: (file: string, why: string) => `${file} cannot be read: ${why}`,
  bad_certificate: (file: string, why: string) => `${file} holds no certificate in PEM: ${why}`,
  bad_key: (file: string, why: string) => `${file} holds no private key in PEM: ${why}`,
  key_mismatch: (key: string, cert: string) => `the key in ${key} is not that of ${cert}`,
  expired: (cert: string, when: string) => `the certificate in ${cert} expired at ${when}`,
  not_yet_valid: (cert: string, when: string) =>
    `the certificate in ${cert} is not valid before ${when}; is the clock right?`,
  wrong_purpose: (cert: string) =>
    `the certificate in ${cert} is for clients only and would be refused; the controller's is wanted`,
  no_authority: (directory: string) => `there is no CA in ${directory}: weft pki init`,
  no_authority_key: (file: string) =>
    `the key of the CA is not at ${file}; --ca-key says where it is kept`,
  authority_key_is_there: (key: string, cert: string) =>
    `${key} is there, and no ${cert}: it may be the key of another CA, which is not overwritten`,
  authority_expired: (when: string) => `the CA expired at ${when}: weft pki renew ca`,
  not_ecdsa: (key: string, type: string) =>
    `the key of the CA in ${key} is ${type}; weft pki signs with keys on an elliptic curve (ECDSA) only`,
  is_there: (what: string, when: string) =>
    `there is a certificate of it until ${when}: weft pki renew ${what} makes a new key and certificate`,
  is_not_there: (what: string) =>
    `there is no certificate of it yet that could be renewed: weft pki ${what}`,
  rekey_under_way: (cert: string) =>
    `${cert} already has a new CA and an old one: weft pki rekey --finish ends that first`,
  no_old_authority: (cert: string) => `${cert} has one CA only: weft pki rekey makes another`,
  still_signed: (what: string) =>
    `the old CA has signed what is still here, which nobody would accept without it; renew it and copy it out first: ${what}`,
  bad_system_id: (text: string) =>
    `'${text}' is no system-id: 1 to 128 letters, digits, '.', '_', ':' and '-', a letter or digit first`,
  bad_name: (text: string) => `'${text}' is neither a DNS name nor an address`,
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
