/** `weft pki` from the command line, judged by openssl. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../../needs.ts'

const run = promisify(execFile)
const weftFile = fileURLToPath(new URL('../../../bin/weft.ts', import.meta.url))

describe('weft pki', needs('openssl'), () => {
  let cwd: string
  beforeAll(() => {
    cwd = mkdtempSync(join(tmpdir(), 'weft-pki-'))
  })
  afterAll(() => rmSync(cwd, { recursive: true }))

  const pki = async (...args: string[]) =>
    (await run(process.execPath, [weftFile, 'pki', ...args], { cwd })).stdout
  const openssl = async (...args: string[]) => (await run('openssl', args, { cwd })).stdout
  const verify = (purpose: string, file: string) =>
    openssl('verify', '-x509_strict', '-CAfile', 'pki/ca.crt', '-purpose', purpose, file)

  test('makes certificates that openssl takes, each for its own end of a connection only', async () => {
    expect(await pki('init', '--name', 'weft.example.net', '192.0.2.1')).toContain(
      'weft serve --tls-key',
    )
    expect(await pki('host', 'h1', 'h2')).toContain('ovs-vsctl set-ssl')
    expect(await verify('sslserver', 'pki/controller.crt')).toContain('OK')
    expect(await verify('sslclient', 'pki/hosts/h1.crt')).toContain('OK')
    await expect(verify('sslserver', 'pki/hosts/h1.crt')).rejects.toThrow('certificate purpose')
    await expect(verify('sslclient', 'pki/controller.crt')).rejects.toThrow('certificate purpose')
    const text = await openssl('x509', '-in', 'pki/hosts/h1.crt', '-noout', '-text')
    expect(text).toContain('URI:weft:host:h1')
    expect(text).toContain('NIST CURVE: P-256')
    const names = await openssl(
      'x509',
      '-in',
      'pki/controller.crt',
      '-noout',
      '-ext',
      'subjectAltName',
    )
    expect(names).toContain('DNS:weft.example.net, IP Address:192.0.2.1')
  })

  test('renews a host, and shows whose, until when and by which fingerprint', async () => {
    await expect(pki('host', 'h1')).rejects.toThrow('weft pki renew host h1')
    expect(await pki('renew', 'host', 'h1', '--days', '30')).toContain('h1.crt, 30 days')
    const args = ['x509', '-in', 'pki/hosts/h1.crt', '-noout', '-fingerprint', '-sha256']
    const printed = await openssl(...args)
    const fingerprint = printed.trim().split('=')[1]?.replaceAll(':', '').toLowerCase()
    expect((await pki('fingerprint', 'pki/hosts/h1.crt')).trim()).toBe(fingerprint)
    const rows = (await pki('show')).trim().split('\n')
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 4))).toEqual([
      ['certificate', 'subject', 'identity', 'days left'],
      ['ca', expect.stringMatching(/^CN=Weft CA /), '-', '3649'],
      ['controller', 'CN=weft controller', '-', '364'],
      ['host h1', 'CN=h1', 'h1', '29'],
      ['host h2', 'CN=h2', 'h2', '364'],
    ])
    expect(rows[3]).toContain(fingerprint)
    expect(await pki('ovs-pki')).toContain('ovs-pki req+sign h1 switch')
  })

  test('renews the CA and changes over to another one while openssl takes every certificate', async () => {
    const all = ['pki/controller.crt', 'pki/hosts/h1.crt', 'pki/hosts/h2.crt']
    const verifyAll = () => openssl('verify', '-x509_strict', '-CAfile', 'pki/ca.crt', ...all)
    await pki('renew', 'ca', '--days', '5000')
    await verifyAll()
    expect(await pki('rekey')).toContain('weft pki rekey --finish')
    await pki('renew', 'controller')
    await verifyAll()
    await expect(pki('rekey', '--finish')).rejects.toThrow('host h1, host h2')
    await pki('renew', 'host', 'h1', 'h2')
    await pki('rekey', '--finish')
    await verifyAll()
  })

  test.each([
    [['host', '../h1'], "'../h1' is no system-id"],
    [['host', 'h3', '--days', 'many'], 'NaN is no number of days'],
    [['host', 'h3', '--dir', 'elsewhere'], 'weft pki init'],
  ])('%j is refused in one sentence', async (args, words) => {
    await expect(pki(...args)).rejects.toThrow(words)
  })
})
