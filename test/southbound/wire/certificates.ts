/** Certificates made with openssl, for tests of TLS: a CA and what it signs, as PEM texts. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TlsOptions } from '../../../southbound/wire/secure.ts'

export interface TestCa {
  /** A folder with NAME.key and NAME.pem of everything that was issued, and ca.pem. */
  readonly dir: string
  issue(name: string): TlsOptions
  /** Signed by what was issued to another, be that a CA or not, whose certificate goes along. */
  issueBy(signer: string, name: string, isCa?: boolean): TlsOptions
  remove(): void
}

export function testCa(): TestCa {
  const dir = mkdtempSync(join(tmpdir(), 'weft-certificates-'))
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] })
  const make = (name: string, ...more: string[]) =>
    openssl(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '2', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`],
      ...more,
    )
  make('ca')
  const read = (name: string) => readFileSync(join(dir, name), 'utf8')
  return {
    dir,
    issue(name) {
      make(name, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', 'basicConstraints=CA:FALSE')
      return { key: read(`${name}.key`), cert: read(`${name}.pem`), ca: read('ca.pem') }
    },
    issueBy(signer, name, isCa = false) {
      const constraints = `basicConstraints=CA:${isCa ? 'TRUE' : 'FALSE'}`
      make(name, '-CA', `${signer}.pem`, '-CAkey', `${signer}.key`, '-addext', constraints)
      const chain = signer === 'ca' ? '' : read(`${signer}.pem`)
      return { key: read(`${name}.key`), cert: read(`${name}.pem`) + chain, ca: read('ca.pem') }
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}
