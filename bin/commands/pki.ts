/**
 * `weft pki`: keys and certificates for TLS between controller and hosts, and what to do with them.
 * Neighbours: ../weft.ts, ../../controller/tls/pki-folder.ts.
 */
import { resolve } from 'node:path'
import { TlsError } from '../../controller/tls/error.ts'
import {
  type Entry,
  fingerprintOf,
  type PkiFolder,
  pkiFolder,
} from '../../controller/tls/pki-folder.ts'

export interface PkiSettings {
  readonly dir: string
  readonly caKey?: string
  /** Of a new certificate. */
  readonly days: number
  readonly renew: boolean
}

const DAY_S = 86_400
/** A CA outlives what it signs: changing it means touching every host. */
const AUTHORITY_DAYS = 3650

/** Makes the CA, unless there is one, and the controller's certificate. @returns what to do next */
export function makeController(names: readonly string[], settings: PkiSettings): string {
  const folder = open(settings)
  const { renew } = settings
  const made = folder.makeAuthority({ validSeconds: AUTHORITY_DAYS * DAY_S })
  const { key, cert, ca } = folder.issueController(names, {
    validSeconds: seconds(settings),
    renew,
  })
  return `${made ? `CA             ${ca}, ${AUTHORITY_DAYS} days\n` : ''}controller     ${cert}, ${settings.days} days

  weft serve --tls-key ${key} --tls-cert ${cert} --tls-ca ${ca}
`
}

/** Makes a certificate for each host. @returns what to do on each of them */
export function makeHosts(systemIds: readonly string[], settings: PkiSettings): string {
  const folder = open(settings)
  const issueOptions = { validSeconds: seconds(settings), renew: settings.renew }
  return systemIds.map((systemId) => makeHost(folder, systemId, issueOptions, settings)).join('\n')
}

function makeHost(
  folder: PkiFolder,
  systemId: string,
  issueOptions: Parameters<PkiFolder['issueHost']>[1],
  { days, renew }: PkiSettings,
): string {
  const { key, cert, ca } = folder.issueHost(systemId, issueOptions)
  const copy = `scp ${key} ${cert} ${ca} ${systemId}:/etc/openvswitch/`
  const first = `
  ovs-vsctl set-ssl /etc/openvswitch/${systemId}.key /etc/openvswitch/${systemId}.crt /etc/openvswitch/ca.crt
  ovs-vsctl set Open_vSwitch . external_ids:system-id=${systemId}
  ovs-vsctl set-manager ssl:CONTROLLER:6640`
  const then = renew ? '\n  (Open vSwitch rereads the files by itself; its sessions stay)' : first
  return `host ${systemId}${' '.repeat(Math.max(1, 10 - systemId.length))}${cert}, ${days} days

  ${copy}${then}
`
}

/** @returns a line per certificate of the folder */
export function listFolder(dir: string): string {
  const entries = pkiFolder(resolve(dir), { now: Date.now }).list()
  const width = Math.max(...entries.map(({ what }) => what.length))
  const line = ({ what, expires, fingerprint }: Entry) =>
    `${what.padEnd(width)}  ${expires < Date.now() ? 'EXPIRED' : 'until'} ${new Date(expires).toISOString()}  ${fingerprint}\n`
  return entries.map(line).join('')
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

  # on the host, with its two files and controllerca/cacert.pem
  ovs-vsctl set-ssl h1-privkey.pem h1-cert.pem cacert.pem
  ovs-vsctl set-manager ssl:CONTROLLER:6640

A new certificate has a new fingerprint: put that on the host object when the files on the host are replaced.
`

function open({ dir, caKey }: PkiSettings): PkiFolder {
  const authorityKey = caKey === undefined ? undefined : resolve(caKey)
  return pkiFolder(resolve(dir), { authorityKey, now: Date.now })
}

function seconds({ days }: PkiSettings): number {
  if (!(days >= 1 && days <= 36_500)) throw new TlsError('bad_days', [String(days)])
  return Math.round(days * DAY_S)
}
