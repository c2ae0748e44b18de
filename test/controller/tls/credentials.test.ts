/** Keys and certificates in files: what is taken, what is said of the rest, what a certificate says. */
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { noLog } from '../../../controller/reconciler/log.ts'
import { type Issued, issue, issueAuthority } from '../../../controller/tls/certificate.ts'
import { credentials } from '../../../controller/tls/credentials.ts'
import { identityOf, proves } from '../../../controller/tls/identity.ts'
import { type PkiFolder, pkiFolder } from '../../../controller/tls/pki-folder.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'

const HOUR_S = 3600
let directory: string
let pki: PkiFolder
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'weft-pki-'))
  pki = pkiFolder(directory, { now: Date.now })
  pki.makeAuthority({ validSeconds: 24 * HOUR_S })
})
afterEach(() => rmSync(directory, { recursive: true }))

const open = () => credentials(pki.controller, { clock: systemClock, log: noLog })

describe('credentials', () => {
  test('the same object is given until a file changes, then another one', () => {
    pki.issueController([], { validSeconds: HOUR_S })
    const ask = open()
    const first = ask()
    expect(ask()).toBe(first)
    pki.issueController([], { validSeconds: HOUR_S, renew: true })
    const second = ask()
    expect(second).not.toBe(first)
    expect(second.cert).toBe(readFileSync(pki.controller.cert, 'utf8'))
  })

  test.each([
    ['a certificate without its key', () => copy(pki.host('h1').cert, pki.controller.cert)],
    ['half a certificate', () => truncate(pki.controller.cert)],
    ['half a key', () => truncate(pki.controller.key)],
    ['no CA', () => rmSync(pki.controller.ca)],
    ['an expired certificate', () => pki.issueController([], { validSeconds: -60, renew: true })],
  ])('%s does not replace what works, and is taken once it is whole', (_, spoil) => {
    pki.issueController([], { validSeconds: HOUR_S })
    pki.issueHost('h1', { validSeconds: HOUR_S })
    const ca = readFileSync(pki.controller.ca)
    const ask = open()
    const first = ask()
    spoil()
    expect(ask()).toBe(first)
    expect(ask()).toBe(first)
    writeFileSync(pki.controller.ca, ca)
    pki.issueController([], { validSeconds: HOUR_S, renew: true })
    expect(ask().cert).toBe(readFileSync(pki.controller.cert, 'utf8'))
  })

  test('a certificate whose time has not come is taken when it has, though no file changes', () => {
    pki.issueController([], { validSeconds: HOUR_S })
    let now = Date.now()
    const ask = credentials(pki.controller, {
      clock: { ...systemClock, wall: () => now },
      log: noLog,
    })
    const first = ask()
    const later = pkiFolder(directory, { now: () => now + 2 * HOUR_S * 1000 })
    later.issueController([], { validSeconds: HOUR_S, renew: true })
    expect(ask()).toBe(first)
    now += 2 * HOUR_S * 1000
    expect(ask().cert).toBe(readFileSync(pki.controller.cert, 'utf8'))
  })

  test.each([
    ['expired', () => pki.issueController([], { validSeconds: -60 })],
    ['unreadable', () => undefined],
    ['key_mismatch', () => copy(pki.host('h1').key, pki.controller.key)],
    ['bad_key', () => truncate(pki.controller.key)],
    ['bad_certificate', () => truncate(pki.controller.cert)],
  ])('at the start it is an error: %s', (problem, spoil) => {
    if (problem !== 'unreadable' && problem !== 'expired') {
      pki.issueController([], { validSeconds: HOUR_S })
      pki.issueHost('h1', { validSeconds: HOUR_S })
    }
    spoil()
    expect(open).toThrow(expect.objectContaining({ name: 'TlsError', problem }))
  })
})

describe('the folder', () => {
  test('only its owner reads the files, and a certificate is replaced only when asked', () => {
    const { key, cert } = pki.issueHost('h1', { validSeconds: HOUR_S })
    const files = [key, cert, join(directory, 'private/ca.key')]
    expect(files.map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600, 0o600])
    expect(() => pki.issueHost('h1', { validSeconds: HOUR_S })).toThrow(/weft pki renew host h1/)
    const before = readFileSync(key, 'utf8')
    pki.issueHost('h1', { validSeconds: HOUR_S, renew: true })
    expect(readFileSync(key, 'utf8')).not.toBe(before)
    expect(pki.list().map(({ what }) => what)).toEqual(['ca', 'host h1'])
  })

  test('a key of the CA that is kept elsewhere is not left in the folder', () => {
    const authorityKey = join(directory, 'elsewhere', 'ca.key')
    const other = pkiFolder(join(directory, 'other'), { now: Date.now, authorityKey })
    other.makeAuthority({ validSeconds: HOUR_S })
    other.issueHost('h1', { validSeconds: HOUR_S })
    const lost = pkiFolder(join(directory, 'other'), { now: Date.now })
    expect(() => lost.issueHost('h2', { validSeconds: HOUR_S })).toThrow(/--ca-key/)
  })
})

describe('identity', () => {
  const validity = { from: new Date(Date.now() - 1000), until: new Date(Date.now() + 60_000) }
  const authority = issueAuthority({ name: 'test', ...validity })
  const says = (...uris: string[]) => identityOf(parsed(issue(authority, request(uris))))
  const request = (uris: string[]) => ({ name: 'cn', role: 'host' as const, uris, ...validity })
  const parsed = ({ cert }: Issued) => new X509Certificate(cert)

  test.each([
    ['h1', ['weft:host:h1']],
    ['a:b-c._9', ['urn:other', 'weft:host:a:b-c._9']],
    [undefined, []],
    [undefined, ['weft:controller']],
    [undefined, ['weft:host:h1', 'weft:host:h2']],
    [undefined, ['weft:host:h1', 'weft:host:h1']],
    [undefined, ['weft:host:h1', 'WEFT:host:h2']],
    [undefined, ['WEFT:HOST:h1']],
    [undefined, ['weft:host:']],
    [undefined, ['weft:host:h%31']],
    [undefined, ['weft:host:h1\0']],
    [undefined, ['weft:host:h1\0.example.net']],
    [undefined, ['weft:host:h1\n']],
    [undefined, [' weft:host:h1']],
    [undefined, [`weft:host:${'x'.repeat(129)}`]],
    ['H1', ['weft:host:H1']],
  ] as [string | undefined, string[]][])('%s is what %j says', (systemId, uris) => {
    expect(says(...uris).systemId).toBe(systemId)
  })

  test.each([
    'weft:host:h9, URI:weft:host:h1',
    'weft:host:h9", URI:weft:host:h1, "',
    'urn:x\\", URI:weft:host:h1',
  ])('one name that looks like several, %s, is not h1', (uri) => {
    expect(says(uri).systemId).not.toBe('h1')
  })

  test('a registered fingerprint is exact, and never makes a certificate another host', () => {
    const h1 = says('weft:host:h1')
    const nobody = says()
    const other = says('weft:host:h1').fingerprint
    const host = (systemId: string, certificateFingerprint?: string) => ({
      systemId,
      ...(certificateFingerprint !== undefined && { certificateFingerprint }),
    })
    expect(proves(h1, host('h1'))).toBe(true)
    expect(proves(h1, host('h2'))).toBe(false)
    expect(proves(h1, host('h1', h1.fingerprint))).toBe(true)
    expect(proves(h1, host('h1', other))).toBe(false)
    expect(proves(h1, host('h2', h1.fingerprint))).toBe(false)
    expect(proves(nobody, host('h2'))).toBe(false)
    expect(proves(nobody, host('h2', nobody.fingerprint))).toBe(true)
  })
})

function copy(from: string, to: string): void {
  writeFileSync(to, readFileSync(from))
}

function truncate(file: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').slice(0, 90))
}
