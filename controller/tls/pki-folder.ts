/**
 * A folder with a CA and what it has signed.
 *
 *     PKI/private/ca.key              signs; needed for issuing only, may be kept elsewhere
 *     PKI/ca.crt                      what both ends trust; two certificates while a new CA takes over
 *     PKI/controller.key .crt         for `weft serve`
 *     PKI/hosts/SYSTEM-ID.key .crt    for `ovs-vsctl set-ssl` on that host
 *
 * Neighbours: authority.ts (the CA), certificate.ts makes what is in the files, private-file.ts writes them,
 * ../../bin/commands/pki.ts is the command.
 */
import { X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { basename, join } from 'node:path'
import { authorityIn } from './authority.ts'
import { type CertificateRequest, issue, type Validity } from './certificate.ts'
import type { CredentialFiles } from './credentials.ts'
import { TlsError } from './error.ts'
import { hostUri, identityOf } from './identity.ts'
import { altNamesOf } from './names.ts'
import { replaceFiles } from './private-file.ts'

/** Clocks of hosts may be behind ours by this. Milliseconds. */
const CLOCK_SKEW_MS = 5 * 60_000
const SECOND_MS = 1000
const CONTROLLER_URI = 'weft:controller'
/** A file name that stays in its folder and is no option of a command. */
const SYSTEM_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/
const DNS_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/

export interface PkiOptions {
  /** Where the CA's key is; default `private/ca.key` of the folder. */
  readonly authorityKey?: string | undefined
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface Lifetime {
  /** Of the new certificate; it ends with its CA at the latest. */
  readonly validSeconds: number
}

export interface IssueOptions extends Lifetime {
  /** Replaces a certificate that is there, and only such a one, by one with a new key. */
  readonly renew?: boolean | undefined
}

/** One certificate of the folder. */
export interface Entry {
  /** 'ca', 'controller' or 'host SYSTEM-ID'. */
  readonly what: string
  readonly file: string
  /** As RFC 4514 writes it, about: 'CN=h1'. */
  readonly subject: string
  /** The system-id that it proves; undefined when it proves none. */
  readonly systemId: string | undefined
  /** SHA-256, 64 lower-case hexadecimal digits. */
  readonly fingerprint: string
  /** Milliseconds since the epoch. */
  readonly from: number
  /** Milliseconds since the epoch. */
  readonly expires: number
}

/** All methods throw TlsError. */
export interface PkiFolder {
  readonly controller: CredentialFiles
  host(systemId: string): CredentialFiles
  /** Makes the CA, unless there is one. @returns whether it made one */
  makeAuthority(lifetime: Lifetime): boolean
  /** The same CA for longer: what it has signed stays good. */
  renewAuthority(lifetime: Lifetime): void
  /** A new CA, which signs from now on. Both are trusted until `finishRekey`. */
  rekey(lifetime: Lifetime): void
  /** Ends trust in the old CA. @throws TlsError while something in the folder is signed by it */
  finishRekey(): void
  /**
   * @param names DNS names and addresses, for clients that compare them; Open vSwitch does not. None: a renewed
   * certificate has those of the former one
   */
  issueController(names: readonly string[], options: IssueOptions): CredentialFiles
  issueHost(systemId: string, options: IssueOptions): CredentialFiles
  /** The CA first, then the controller, then hosts by name. */
  list(): Entry[]
}

export function pkiFolder(directory: string, options: PkiOptions): PkiFolder {
  const { now, authorityKey = join(directory, 'private', 'ca.key') } = options
  const ca = join(directory, 'ca.crt')
  const authority = authorityIn({ directory, cert: ca, key: authorityKey, now })
  const filesAt = (...path: string[]): CredentialFiles => {
    const stem = join(directory, ...path)
    return { key: `${stem}.key`, cert: `${stem}.crt`, ca }
  }
  const controller = filesAt('controller')
  const host = (systemId: string): CredentialFiles => {
    if (!SYSTEM_ID.test(systemId)) throw new TlsError('bad_system_id', [systemId])
    return filesAt('hosts', systemId)
  }
  const validity = ({ validSeconds }: Lifetime): Validity => ({
    from: new Date(now() - CLOCK_SKEW_MS),
    until: new Date(now() + validSeconds * SECOND_MS),
  })
  const issueTo = (
    files: CredentialFiles,
    { what, renew, ...lifetime }: IssueOptions & { readonly what: string },
    names: Omit<CertificateRequest, keyof Validity>,
  ): CredentialFiles => {
    const signer = authority.signer()
    const former = existsSync(files.cert)
    if (former && !renew) {
      const until = new Date(entryOf(what, files.cert).expires).toISOString()
      throw new TlsError('is_there', [what, until])
    }
    if (!former && renew)
      throw new TlsError('is_not_there', [what === 'controller' ? 'init' : what])
    const { key, cert } = issue(signer, { ...names, ...validity(lifetime) })
    // In this order: Open vSwitch that sees a new key before its certificate never takes either of them.
    replaceFiles([files.cert, cert], [files.key, key])
    return files
  }
  const issued = (): Entry[] => {
    const hosts = existsSync(join(directory, 'hosts')) ? readdirSync(join(directory, 'hosts')) : []
    return [
      ...(existsSync(controller.cert) ? [entryOf('controller', controller.cert)] : []),
      ...hosts
        .filter((file) => file.endsWith('.crt'))
        .sort()
        .map((file) => entryOf(`host ${basename(file, '.crt')}`, join(directory, 'hosts', file))),
    ]
  }

  return {
    controller,
    host,
    makeAuthority(lifetime) {
      if (authority.exists()) return false
      authority.make(validity(lifetime))
      return true
    },
    renewAuthority: (lifetime) => authority.renew(validity(lifetime)),
    rekey: (lifetime) => authority.rekey(validity(lifetime)),
    finishRekey() {
      const signer = new X509Certificate(authority.signer().cert)
      const late = issued().filter(({ file }) => !certificateIn(file).verify(signer.publicKey))
      if (late.length) throw new TlsError('still_signed', [late.map(({ what }) => what).join(', ')])
      authority.dropOld()
    },
    issueController(given, issueOptions) {
      const former = given.length === 0 && issueOptions.renew && existsSync(controller.cert)
      const names = former ? namesIn(controller.cert) : given
      const bad = names.find((name) => isIP(name) === 0 && !DNS_NAME.test(name))
      if (bad !== undefined) throw new TlsError('bad_name', [bad])
      return issueTo(
        controller,
        { ...issueOptions, what: 'controller' },
        {
          name: 'weft controller',
          role: 'controller',
          uris: [CONTROLLER_URI],
          dnsNames: names.filter((name) => isIP(name) === 0),
          addresses: names.filter((name) => isIP(name) !== 0),
        },
      )
    },
    issueHost(systemId, issueOptions) {
      const request = { name: systemId, role: 'host' as const, uris: [hostUri(systemId)] }
      return issueTo(host(systemId), { ...issueOptions, what: `host ${systemId}` }, request)
    },
    list: () => [
      ...authority.trusted().map((certificate) => entry('ca', ca, certificate)),
      ...issued(),
    ],
  }
}

/** What the certificate in a PEM file says. @throws TlsError */
export function entryOf(what: string, file: string): Entry {
  return entry(what, file, certificateIn(file))
}

/** The SHA-256 fingerprint of the certificate in a PEM file, as the model takes it. @throws TlsError */
export function fingerprintOf(file: string): string {
  return entryOf('', file).fingerprint
}

function entry(what: string, file: string, certificate: X509Certificate): Entry {
  const { systemId, fingerprint, expires } = identityOf(certificate)
  const subject = certificate.subject?.replaceAll('\n', ', ') ?? ''
  const from = certificate.validFromDate.getTime()
  return { what, file, subject, systemId, fingerprint, from, expires }
}

function certificateIn(file: string): X509Certificate {
  try {
    return new X509Certificate(readFileSync(file))
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const problem =
      code?.startsWith('E') && !code.startsWith('ERR_') ? 'unreadable' : 'bad_certificate'
    throw new TlsError(problem, [file, message], { cause })
  }
}

/** Of a certificate that is to be renewed; none when its file is there and spoilt. */
function namesIn(file: string): readonly string[] {
  try {
    const { dnsNames, addresses } = altNamesOf(certificateIn(file))
    return [...dnsNames, ...addresses]
  } catch (error) {
    if (error instanceof TlsError && error.problem === 'bad_certificate') return []
    throw error
  }
}
