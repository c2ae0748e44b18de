/**
 * A folder with a CA and what it has signed.
 *
 *     PKI/private/ca.key              signs; needed for issuing only, may be kept elsewhere
 *     PKI/ca.crt                      what both ends trust
 *     PKI/controller.key .crt         for `weft serve`
 *     PKI/hosts/SYSTEM-ID.key .crt    for `ovs-vsctl set-ssl` on that host
 *
 * Files have mode 0600 and are replaced by renaming, so that a reader sees an old one or a new one, never a part.
 * Neighbours: certificate.ts makes what is in them, ../../bin/commands/pki.ts is the command.
 */
import { randomBytes, X509Certificate } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { type Issued, issue, issueAuthority } from './certificate.ts'
import type { CredentialFiles } from './credentials.ts'
import { TlsError } from './error.ts'
import { hostUri, identityOf } from './identity.ts'

/** Clocks of hosts may be behind ours by this. Milliseconds. */
const CLOCK_SKEW_MS = 5 * 60_000
const SECOND_MS = 1000

export interface PkiOptions {
  /** Where the CA's key is; default `private/ca.key` of the folder. */
  readonly authorityKey?: string | undefined
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface IssueOptions {
  readonly validSeconds: number
  /** Replaces a certificate that is there. */
  readonly renew?: boolean | undefined
}

/** One certificate of the folder. */
export interface Entry {
  /** 'ca', 'controller' or 'host SYSTEM-ID'. */
  readonly what: string
  readonly file: string
  readonly fingerprint: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

export interface PkiFolder {
  readonly controller: CredentialFiles
  /** @throws TlsError when it is no system-id */
  host(systemId: string): CredentialFiles
  /** Makes the CA, unless there is one. @returns whether it made one */
  makeAuthority(options: { validSeconds: number }): boolean
  /** @param names DNS names and addresses, for clients that compare them; Open vSwitch does not */
  issueController(names: readonly string[], options: IssueOptions): CredentialFiles
  issueHost(systemId: string, options: IssueOptions): CredentialFiles
  list(): Entry[]
}

export function pkiFolder(directory: string, options: PkiOptions): PkiFolder {
  const { now, authorityKey = join(directory, 'private', 'ca.key') } = options
  const ca = join(directory, 'ca.crt')
  const filesAt = (path: string): CredentialFiles => ({
    key: join(directory, `${path}.key`),
    cert: join(directory, `${path}.crt`),
    ca,
  })
  const controller = filesAt('controller')
  const host = (systemId: string): CredentialFiles => {
    if (!/^[A-Za-z0-9._:-]{1,128}$/.test(systemId)) throw new TlsError('bad_system_id', [systemId])
    return filesAt(join('hosts', systemId))
  }
  const validity = (seconds: number) => ({
    from: new Date(now() - CLOCK_SKEW_MS),
    until: new Date(now() + seconds * SECOND_MS),
  })
  const authority = (): Issued => {
    if (!existsSync(ca)) throw new TlsError('no_authority', [directory])
    if (!existsSync(authorityKey)) throw new TlsError('no_authority_key', [authorityKey])
    return { key: readFileSync(authorityKey, 'utf8'), cert: readFileSync(ca, 'utf8') }
  }
  const issueTo = (
    files: CredentialFiles,
    what: string,
    { validSeconds, renew }: IssueOptions,
    names: Omit<Parameters<typeof issue>[1], 'from' | 'until'>,
  ): CredentialFiles => {
    const signer = authority()
    if (existsSync(files.cert) && !renew)
      throw new TlsError('is_there', [
        what,
        new Date(entryOf(what, files.cert).expires).toISOString(),
      ])
    const { key, cert } = issue(signer, { ...names, ...validity(validSeconds) })
    replace(files.key, key)
    replace(files.cert, cert)
    return files
  }

  return {
    controller,
    host,
    makeAuthority({ validSeconds }) {
      if (existsSync(ca)) return false
      const name = `Weft CA ${randomBytes(4).toString('hex')}`
      const made = issueAuthority({ name, ...validity(validSeconds) })
      replace(authorityKey, made.key)
      replace(ca, made.cert)
      return true
    },
    issueController(names, issueOptions) {
      return issueTo(controller, 'the controller', issueOptions, {
        name: 'weft controller',
        role: 'controller',
        uris: ['weft:controller'],
        dnsNames: names.filter((name) => isIP(name) === 0),
        addresses: names.filter((name) => isIP(name) !== 0),
      })
    },
    issueHost(systemId, issueOptions) {
      const uris = [hostUri(systemId)]
      return issueTo(host(systemId), systemId, issueOptions, { name: systemId, role: 'host', uris })
    },
    list() {
      if (!existsSync(ca)) throw new TlsError('no_authority', [directory])
      const hosts = globSync(join('hosts', '*.crt'), { cwd: directory }).sort()
      return [
        entryOf('ca', ca),
        ...(existsSync(controller.cert) ? [entryOf('controller', controller.cert)] : []),
        ...hosts.map((file) => entryOf(`host ${basename(file, '.crt')}`, join(directory, file))),
      ]
    },
  }
}

/** The SHA-256 fingerprint of the certificate in a PEM file, as the model takes it. @throws TlsError */
export function fingerprintOf(file: string): string {
  return entryOf('', file).fingerprint
}

function entryOf(what: string, file: string): Entry {
  try {
    const { fingerprint, expires } = identityOf(new X509Certificate(readFileSync(file)))
    return { what, file, fingerprint, expires }
  } catch (cause) {
    throw new TlsError('bad_certificate', [file, (cause as Error).message], { cause })
  }
}

function replace(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const next = `${file}.new`
  writeFileSync(next, text, { mode: 0o600, flush: true })
  renameSync(next, file)
}
