/**
 * The CA of a folder: its key, and `ca.crt` with the certificates that both ends trust. While a CA gives way to a new
 * one that file holds both, the new one first; the key says which of them signs.
 * Neighbours: certificate.ts makes what is in the files, pki-folder.ts.
 */
import { createPrivateKey, randomBytes, type X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { type Issued, issueAuthority, renewAuthority, type Validity } from './certificate.ts'
import { TlsError } from './error.ts'
import { certificatesIn } from './pem.ts'
import { createFile, replaceFiles } from './private-file.ts'

export interface Authority {
  exists(): boolean
  /** What signs. @throws TlsError when there is none, its key is elsewhere, or it has expired */
  signer(): Issued
  /** All that are trusted, newest first. @throws TlsError */
  trusted(): readonly X509Certificate[]
  /** Makes the CA. @throws TlsError when the file for its key is there already */
  make(validity: Validity): void
  /** A new certificate for the same key: what it has signed stays good, with the old `ca.crt` as with the new one. */
  renew(validity: Validity): void
  /** A new CA signs from now on; the old one is trusted as before, until `dropOld`. */
  rekey(validity: Validity): void
  /** Trusts the CA that signs alone. @throws TlsError when there is no other */
  dropOld(): void
}

export interface AuthorityFiles {
  readonly directory: string
  readonly cert: string
  readonly key: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export function authorityIn({ directory, cert, key, now }: AuthorityFiles): Authority {
  const trusted = () => {
    if (!existsSync(cert)) throw new TlsError('no_authority', [directory])
    try {
      return certificatesIn(readFileSync(cert, 'utf8'))
    } catch (cause) {
      throw new TlsError('bad_certificate', [cert, (cause as Error).message], { cause })
    }
  }
  const current = () => {
    const all = trusted()
    if (!existsSync(key)) throw new TlsError('no_authority_key', [key])
    const text = readFileSync(key, 'utf8')
    const secret = privateKey(key, text)
    const certificate = all.find((one) => one.checkPrivateKey(secret))
    if (!certificate) throw new TlsError('key_mismatch', [key, cert])
    if (secret.asymmetricKeyType !== 'ec')
      throw new TlsError('not_ecdsa', [key, String(secret.asymmetricKeyType)])
    return { all, certificate, issued: { key: text, cert: certificate.toString() } }
  }
  return {
    trusted,
    exists: () => existsSync(cert),
    signer() {
      const { certificate, issued } = current()
      const until = certificate.validToDate
      if (until.getTime() < now()) throw new TlsError('authority_expired', [until.toISOString()])
      return issued
    },
    make(validity) {
      const made = issueAuthority({ name: newName(), ...validity })
      try {
        createFile(key, made.key)
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
        throw new TlsError('authority_key_is_there', [key, cert])
      }
      replaceFiles([cert, made.cert])
    },
    renew(validity) {
      const { all, certificate, issued } = current()
      const renewed = renewAuthority(issued, validity).cert
      const texts = all.map((one) => (one === certificate ? renewed : one.toString()))
      replaceFiles([cert, texts.join('')])
    },
    rekey(validity) {
      const { all, certificate, issued } = current()
      // A new CA whose key never came to be, before a power failure, is not the one that signs: it is left out.
      if (all.length > 1 && all[0] === certificate) throw new TlsError('rekey_under_way', [cert])
      const made = issueAuthority({ name: newName(), ...validity })
      // In this order: at every moment the key has its certificate in the file.
      replaceFiles([cert, made.cert + issued.cert])
      replaceFiles([key, made.key])
    },
    dropOld() {
      const { all, issued } = current()
      if (all.length === 1) throw new TlsError('no_old_authority', [cert])
      replaceFiles([cert, issued.cert])
    },
  }
}

function newName(): string {
  return `Weft CA ${randomBytes(4).toString('hex')}`
}

function privateKey(file: string, text: string) {
  try {
    return createPrivateKey(text)
  } catch (cause) {
    throw new TlsError('bad_key', [file, (cause as Error).message], { cause })
  }
}
