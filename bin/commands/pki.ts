/**
 * `weft pki`: keys and certificates for TLS between controller and hosts, and what to do with them.
 * Neighbours: pki-options.ts (names and help), ../../controller/tls/pki-folder.ts.
 */
import { resolve } from 'node:path'
import { TlsError } from '../../controller/tls/error.ts'
import {
  type Entry,
  entryOf,
  fingerprintOf,
  type Lifetime,
  type PkiFolder,
  pkiFolder,
} from '../../controller/tls/pki-folder.ts'

export interface PkiSettings {
  readonly dir: string
  readonly caKey?: string
  /** Of a new certificate. */
  readonly days: number
}

const DAY_S = 86_400
const DAY_MS = 1000 * DAY_S
/** A CA outlives what it signs: changing it means touching every host. */
const AUTHORITY_DAYS = 3650

/** Makes the CA, unless there is one, and the controller's certificate. @returns what to do next */
export function makeController(names: readonly string[], settings: PkiSettings): string {
  const folder = open(settings)
  const lifetime = lifetimeOf(settings)
  folder.makeAuthority({ validSeconds: AUTHORITY_DAYS * DAY_S })
  const { key, cert, ca } = folder.issueController(names, lifetime)
  return `${line('CA', ca)}${line('controller', cert)}
  weft serve --tls-key ${key} --tls-cert ${cert} --tls-ca ${ca}
`
}

/** Makes a certificate for each host. @returns what to do on each of them */
export function makeHosts(systemIds: readonly string[], settings: PkiSettings): string {
  const folder = open(settings)
  const lifetime = lifetimeOf(settings)
  return systemIds
    .map((systemId) => {
      const files = folder.issueHost(systemId, lifetime)
      return `${line(`host ${systemId}`, files.cert)}
  scp ${files.ca} ${files.cert} ${files.key} HOST:/etc/openvswitch/

  # on the host
  ovs-vsctl set-ssl /etc/openvswitch/${systemId}.key /etc/openvswitch/${systemId}.crt /etc/openvswitch/ca.crt
  ovs-vsctl set Open_vSwitch . external_ids:system-id=${systemId}
  ovs-vsctl set-manager ssl:CONTROLLER:6640
`
    })
    .join('\n')
}

/** A new key and certificate for the controller; without names it has those of the former one. */
export function renewController(names: readonly string[], settings: PkiSettings): string {
  const { cert } = open(settings).issueController(names, { ...lifetimeOf(settings), renew: true })
  return `${line('controller', cert)}
  weft serve takes it when the next host dials; open sessions stay
`
}

/** A new key and certificate for each of these hosts. */
export function renewHosts(systemIds: readonly string[], settings: PkiSettings): string {
  const folder = open(settings)
  const lifetime = lifetimeOf(settings)
  return systemIds
    .map((systemId) => {
      const { key, cert } = folder.issueHost(systemId, { ...lifetime, renew: true })
      return `${line(`host ${systemId}`, cert)}
  scp ${cert} HOST:/etc/openvswitch/
  scp ${key} HOST:/etc/openvswitch/      # the key last, or Open vSwitch takes neither; its sessions stay
`
    })
    .join('\n')
}

/** The same CA for longer. */
export function renewAuthority(settings: PkiSettings): string {
  const folder = open(settings)
  folder.renewAuthority(lifetimeOf(settings))
  const { ca } = folder.controller
  return `${line('CA', ca)}
  Its key is the same: all that it has signed stays good. Copy ${ca} to the hosts before the former one ends.
`
}

/** First step to another CA: it signs, and both are trusted. @returns what to do until the second one */
export function rekey(settings: PkiSettings): string {
  const folder = open(settings)
  folder.rekey(lifetimeOf(settings))
  const { ca } = folder.controller
  return `${line('new CA', ca)}
  1. copy ${ca} to every host: it holds the new CA and the old one
  2. weft pki renew controller, then weft pki renew host NAME for each host; copy their files out
  3. weft pki rekey --finish, and copy ca.crt to every host once more
`
}

/** Second step: the old CA is trusted no longer. */
export function finishRekey(settings: PkiSettings): string {
  const folder = open(settings)
  folder.finishRekey()
  const { ca } = folder.controller
  return `${line('CA', ca)}
  The old CA is gone from it; copy it to every host. Open vSwitch and weft serve read it again by themselves.
`
}

/** @returns a table of the certificates of the folder, or of these files */
export function show(files: readonly string[], dir: string): string {
  const entries = files.length
    ? files.map((file) => entryOf(file, file))
    : pkiFolder(resolve(dir), { now: Date.now }).list()
  const rows = entries.map((entry) => [
    ...[entry.what, entry.subject, entry.systemId ?? '-', daysLeft(entry), entry.fingerprint],
  ])
  return table([['certificate', 'subject', 'identity', 'days left', 'SHA-256'], ...rows])
}

export function showFingerprint(file: string): string {
  return `${fingerprintOf(file)}\n`
}

/** How certificates by ovs-pki, which name no host in a way that we could trust, are used. */
export const ovsPki = `ovs-pki comes with Open vSwitch. It makes two CAs, and certificates that name no system-id: the host object has
the SHA-256 of its certificate instead.

  ovs-pki init                                      # once; /var/lib/openvswitch/pki
  ovs-pki req+sign controller controller            # controller-privkey.pem, controller-cert.pem
  ovs-pki req+sign h1 switch                        # h1-privkey.pem, h1-cert.pem

  weft serve --tls-key controller-privkey.pem --tls-cert controller-cert.pem \\
             --tls-ca /var/lib/openvswitch/pki/switchca/cacert.pem

  weft pki fingerprint h1-cert.pem
  curl -X PUT -H 'content-type: application/json' http://127.0.0.1:8080/v1/infra/hosts/h1 \\
       -d '{"vtepAddress": "192.0.2.11", "certificateFingerprint": "FINGERPRINT"}'

  # on the host, with its two files and /var/lib/openvswitch/pki/controllerca/cacert.pem; full paths
  ovs-vsctl set-ssl /etc/openvswitch/h1-privkey.pem /etc/openvswitch/h1-cert.pem /etc/openvswitch/cacert.pem
  ovs-vsctl set Open_vSwitch . external_ids:system-id=h1
  ovs-vsctl set-manager ssl:CONTROLLER:6640

A new certificate has a new fingerprint: put that on the host object when the files on the host are replaced.
`

function open({ dir, caKey }: PkiSettings): PkiFolder {
  const authorityKey = caKey === undefined ? undefined : resolve(caKey)
  return pkiFolder(resolve(dir), { authorityKey, now: Date.now })
}

function lifetimeOf({ days }: PkiSettings): Lifetime {
  if (!(days >= 1 && days <= 36_500)) throw new TlsError('bad_days', [String(days)])
  return { validSeconds: Math.round(days * DAY_S) }
}

/** As the certificate itself has it: it ends with its CA at the latest. */
function line(what: string, file: string): string {
  const { expires } = entryOf(what, file)
  const days = Math.round((expires - Date.now()) / DAY_MS)
  return `${what.padEnd(14)} ${file}, ${days} days\n`
}

function daysLeft({ from, expires }: Entry): string {
  const now = Date.now()
  if (from > now) return `from ${new Date(from).toISOString()}`
  if (expires < now) return 'EXPIRED'
  return String(Math.floor((expires - now) / DAY_MS))
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  )
  const text = (row: readonly string[]) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0))
  return rows.map((row) => `${text(row).join('  ').trimEnd()}\n`).join('')
}
