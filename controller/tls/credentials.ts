/**
 * Our key, our certificate and, where peers show one too, their CA, as the files say now. Asked before every
 * handshake: the files are looked at (a stat call each) and read again when one of them has changed, so a rotation needs no
 * signal and no watcher. Files that do not fit together are a rotation half done: the former ones stay in use until they do.
 * Neighbours: ../../southbound/wire/secure.ts asks, pki-folder.ts writes such files.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Clock } from '../../southbound/wire/clock.ts'
import type { TlsOptions } from '../../southbound/wire/secure.ts'
import type { Logger } from '../reconciler/log.ts'
import { TlsError } from './error.ts'
import { certificatesIn } from './pem.ts'

/** Paths of PEM files. */
export interface KeyFiles {
  readonly key: string
  readonly cert: string
}

/** `ca` may hold several certificates: the old CA's and the new one's while they change. */
export interface CredentialFiles extends KeyFiles {
  readonly ca: string
}

/** PEM texts of a server whose clients show no certificate. */
export interface KeyPair {
  readonly key: string
  readonly cert: string
}

interface Surroundings {
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Reads the files; the result reads them again whenever they have changed, and gives the same object while they have
 * not. @throws TlsError when they are not usable at the start
 */
export function credentials(files: CredentialFiles, around: Surroundings): () => TlsOptions
export function credentials(files: KeyFiles, around: Surroundings): () => KeyPair
export function credentials(
  files: KeyFiles & { readonly ca?: string },
  { clock, log }: Surroundings,
): () => TlsOptions | KeyPair {
  let version = versionOf(files)
  let current = read(files, { clock, log })
  let complaint = ''
  return () => {
    try {
      const now = versionOf(files)
      if (now === version) return current
      // Files that did not fit are read again at every handshake: what is not valid yet will be without changing.
      const next = read(files, { clock, log })
      current = next
      version = now
      complaint = ''
      log.info({ ...files, expires: expiryOf(next) }, 'tls files reread')
    } catch (error) {
      if (!(error instanceof TlsError)) throw error
      if (error.message !== complaint)
        log.warn({ reason: error.message }, 'tls files do not fit; the former ones stay in use')
      complaint = error.message
    }
    return current
  }
}

/** Tells one state of the files from another. */
function versionOf({ key, cert, ca }: KeyFiles & { readonly ca?: string }): string {
  return [key, cert, ...(ca === undefined ? [] : [ca])]
    .map((file) => {
      const { ino, size, mtimeNs } = tryOn('unreadable', file, () =>
        statSync(file, { bigint: true }),
      )
      return `${ino} ${size} ${mtimeNs}`
    })
    .join('\n')
}

function read(
  files: KeyFiles & { readonly ca?: string },
  { clock, log }: Surroundings,
): KeyPair & { readonly ca?: string } {
  const text = (file: string) => tryOn('unreadable', file, () => readFileSync(file, 'utf8'))
  const { key, cert } = { key: text(files.key), cert: text(files.cert) }
  const trust = files.ca === undefined ? undefined : { file: files.ca, text: text(files.ca) }
  const secret: KeyObject = tryOn('bad_key', files.key, () => createPrivateKey(key))
  const [certificate] = tryOn('bad_certificate', files.cert, () => certificatesIn(cert))
  if (trust) tryOn('bad_certificate', trust.file, () => certificatesIn(trust.text))
  if (!certificate.checkPrivateKey(secret))
    throw new TlsError('key_mismatch', [files.key, files.cert])
  // A key that is too short, an algorithm that TLS does not know: who serves with them would find that out too late.
  tryOn('bad_certificate', files.cert, () => createSecureContext({ key, cert }))
  const { validFromDate: from, validToDate: until } = certificate
  if (until.getTime() < clock.wall())
    throw new TlsError('expired', [files.cert, until.toISOString()])
  if (from.getTime() > clock.wall())
    throw new TlsError('not_yet_valid', [files.cert, from.toISOString()])
  const mode = statSync(files.key).mode & 0o777
  if (mode & 0o077)
    log.warn(
      { key: files.key, mode: mode.toString(8) },
      'others than its owner can use the key; chmod 600',
    )
  return Object.freeze({ key, cert, ...(trust && { ca: trust.text }) })
}

/** All certificates in them, each with its file: ours with those that it is shown with, then the CAs. */
export function certificatesOf({ cert, ca }: TlsOptions, files: CredentialFiles) {
  const own = certificatesIn(String(cert)).map((certificate) => ({ certificate, file: files.cert }))
  const trusted = certificatesIn(String(ca)).map((certificate) => ({ certificate, file: files.ca }))
  return [...own, ...trusted]
}

function expiryOf({ cert }: KeyPair): string {
  return certificatesIn(cert)[0].validToDate.toISOString()
}

function tryOn<T>(
  problem: 'unreadable' | 'bad_certificate' | 'bad_key',
  file: string,
  act: () => T,
) {
  try {
    return act()
  } catch (cause) {
    throw new TlsError(problem, [file, (cause as Error).message], { cause })
  }
}
