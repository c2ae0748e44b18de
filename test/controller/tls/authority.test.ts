/** The CA of a folder, renewed and changed: what it has signed stays good, at every moment. */
import { X509Certificate } from 'node:crypto'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { altNamesOf } from '../../../controller/tls/names.ts'
import { certificatesIn } from '../../../controller/tls/pem.ts'
import { type PkiFolder, pkiFolder } from '../../../controller/tls/pki-folder.ts'
import { replaceFiles } from '../../../controller/tls/private-file.ts'

const DAY = { validSeconds: 86_400 }
const YEAR = { validSeconds: 365 * 86_400 }
let directory: string
let pki: PkiFolder
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'weft-ca-'))
  pki = pkiFolder(directory, { now: Date.now })
  pki.makeAuthority(DAY)
})
afterEach(() => rmSync(directory, { recursive: true }))

const trusted = () => certificatesIn(readFileSync(pki.controller.ca, 'utf8'))
const certificateOf = (file: string) => new X509Certificate(readFileSync(file))
/** Whether a certificate is signed by one that the file of the CA holds. */
const isGood = (file: string) =>
  trusted().some((ca) => {
    const certificate = certificateOf(file)
    return certificate.checkIssued(ca) && certificate.verify(ca.publicKey)
  })
const authorityKey = () => join(directory, 'private/ca.key')

describe('a renewed CA', () => {
  test('is the same one for longer: what it had signed is good, and what it signs may last longer', () => {
    const { cert } = pki.issueHost('h1', YEAR)
    const [before] = trusted()
    expect(certificateOf(cert).validTo).toBe(before.validTo)
    pki.renewAuthority(YEAR)
    const [after] = trusted()
    expect(after.subject).toBe(before.subject)
    expect(after.publicKey.equals(before.publicKey)).toBe(true)
    expect(after.validToDate.getTime()).toBeGreaterThan(before.validToDate.getTime())
    expect(isGood(cert)).toBe(true)
    expect(certificateOf(pki.issueHost('h2', YEAR).cert).validTo).toBe(after.validTo)
  })

  test('signs again after it had expired', () => {
    pki.renewAuthority({ validSeconds: -60 })
    expect(() => pki.issueHost('h1', DAY)).toThrow(/the CA expired at .*: weft pki renew ca/)
    pki.renewAuthority(DAY)
    expect(isGood(pki.issueHost('h1', DAY).cert)).toBe(true)
  })
})

describe('a new CA', () => {
  test('signs at once while the old one is trusted, until nothing here needs that any more', () => {
    const [old] = trusted()
    const h1 = pki.issueHost('h1', DAY).cert
    pki.rekey(DAY)
    const [first, second] = trusted()
    expect(second?.fingerprint256).toBe(old.fingerprint256)
    const h2 = pki.issueHost('h2', DAY).cert
    expect(certificateOf(h2).verify(first.publicKey)).toBe(true)
    expect([isGood(h1), isGood(h2)]).toEqual([true, true])
    expect(() => pki.rekey(DAY)).toThrow(/weft pki rekey --finish/)
    expect(() => pki.finishRekey()).toThrow(/: host h1$/)
    pki.issueHost('h1', { ...DAY, renew: true })
    pki.finishRekey()
    expect(trusted().map(({ fingerprint256 }) => fingerprint256)).toEqual([first.fingerprint256])
    expect([isGood(h1), isGood(h2)]).toEqual([true, true])
    expect(() => pki.finishRekey()).toThrow(/one CA only/)
  })

  test('that was half made when the power failed leaves the old one in charge, and is made anew', () => {
    const key = readFileSync(authorityKey())
    const [old] = trusted()
    pki.rekey(DAY)
    writeFileSync(authorityKey(), key)
    const { cert } = pki.issueHost('h1', DAY)
    expect(certificateOf(cert).verify(old.publicKey)).toBe(true)
    pki.rekey(DAY)
    expect(trusted()).toHaveLength(2)
    expect(isGood(cert)).toBe(true)
  })

  test('never takes the place of a key that is there', () => {
    const other = pkiFolder(join(directory, 'b'), { now: Date.now, authorityKey: authorityKey() })
    const key = readFileSync(authorityKey())
    expect(() => other.makeAuthority(DAY)).toThrow(/not overwritten/)
    expect(readFileSync(authorityKey())).toEqual(key)
  })
})

describe('the files', () => {
  test('stay private when they are replaced, whatever they were, and leave nothing beside them', () => {
    const { key, cert } = pki.issueHost('h1', DAY)
    for (const file of [key, cert]) chmodSync(file, 0o644)
    pki.issueHost('h1', { ...DAY, renew: true })
    expect([key, cert].map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600])
    expect(() =>
      replaceFiles([join(directory, 'a'), 'a'], [join(cert, 'no-folder'), 'b']),
    ).toThrow()
    expect(readdirSync(directory).sort()).toEqual(['ca.crt', 'hosts', 'private'])
    expect(readdirSync(join(directory, 'hosts')).sort()).toEqual(['h1.crt', 'h1.key'])
  })

  test.each(['..', '.', '../h1', 'a/b', 'a\0b', '-h', '.h1', '', 'h1\n', 'x'.repeat(129)])(
    'no host is called %j',
    (systemId) => {
      expect(() => pki.issueHost(systemId, DAY)).toThrow(/is no system-id/)
    },
  )

  test("a renewed controller keeps its names, and a host that has nothing can't be renewed", () => {
    pki.issueController(['weft.example.net', '192.0.2.1', '2001:db8::1'], DAY)
    const { cert } = pki.issueController([], { ...DAY, renew: true })
    expect(altNamesOf(certificateOf(cert))).toEqual({
      uris: ['weft:controller'],
      dnsNames: ['weft.example.net'],
      addresses: ['192.0.2.1', '2001:db8::1'],
    })
    expect(() => pki.issueHost('h9', { ...DAY, renew: true })).toThrow(/weft pki host h9/)
    expect(() => pki.issueController(['a b'], { ...DAY, renew: true })).toThrow(/'a b' is neither/)
  })
})
