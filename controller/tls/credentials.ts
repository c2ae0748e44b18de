/**
 * Our key, our certificate and the CA of our peers, as the files say now. Asked before every handshake: the files are
 * looked at (three stat calls) and read again when one of them has changed, so a rotation needs no signal and no
 * watcher. Files that do not fit together are a rotation half done: the former ones stay in use until they do.
 * Neighbours: ../../southbound/wire/secure.ts asks, pki-folder.ts writes such files.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { TlsOptions } from '../../southbound/wire/secure.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../reconciler/log.ts'
import { TlsError } from './error.ts'

/** Paths of PEM files. `ca` may hold several certificates: the old CA's and the new one's while they change. */
export interface CredentialFiles {
  readonly key: string
  readonly cert: string
  readonly ca: string
}

/**
 * Reads the files; the result reads them again whenever they have changed, and gives the same object while they have
 * not. @throws TlsError when they are not usable at the start
 */
export function credentials(
  files: CredentialFiles,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): () => TlsOptions {
  let version = versionOf(files)
  let current = read(files, clock)
  let refused = ''
  return () => {
    try {
      const now = versionOf(files)
      if (now === version || now === refused) return current
      refused = now
      const next = read(files, clock)
      current = next
      version = now
      refused = ''
      log.info({ ...files, expires: expiryOf(next) }, 'tls files reread')
    } catch (error) {
      if (!(error instanceof TlsError)) throw error
      log.warn({ reason: error.message }, 'tls files do not fit; the former ones stay in use')
    }
    return current
  }
}

/** Tells one state of the files from another. */
function versionOf({ key, cert, ca }: CredentialFiles): string {
  return [key, cert, ca]
    .map((file) => {
      const { ino, size, mtimeNs } = tryOn('unreadable', file, () =>
        statSync(file, { bigint: true }),
      )
      return `${ino} ${size} ${mtimeNs}`
    })
    .join('\n')
}

function read(files: CredentialFiles, clock: Clock): TlsOptions {
  const text = (file: string) => tryOn('unreadable', file, () => readFileSync(file, 'utf8'))
  const { key, cert, ca } = { key: text(files.key), cert: text(files.cert), ca: text(files.ca) }
  const secret: KeyObject = tryOn('bad_key', files.key, () => createPrivateKey(key))
  const certificate = tryOn('bad_certificate', files.cert, () => new X509Certificate(cert))
  tryOn('bad_certificate', files.ca, () => new X509Certificate(ca))
  if (!certificate.checkPrivateKey(secret))
    throw new TlsError('key_mismatch', [files.key, files.cert])
  if (certificate.validToDate.getTime() < clock.now())
    throw new TlsError('expired', [files.cert, certificate.validToDate.toISOString()])
  return Object.freeze({ key, cert, ca })
}

function expiryOf({ cert }: TlsOptions): string {
  return new X509Certificate(cert).validToDate.toISOString()
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
