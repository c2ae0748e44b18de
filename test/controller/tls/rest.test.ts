/** REST over TLS: real handshakes, keys that are exchanged under it, and what the command line makes of it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectPlainly } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import tls from 'node:tls'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { openRest } from '../../../bin/rest.ts'
import { Controller } from '../../../controller/controller.ts'
import { Store } from '../../../controller/store/store.ts'
import { type PkiFolder, pkiFolder } from '../../../controller/tls/pki-folder.ts'
import { shortCertificate, shortKey } from './short-key.ts'
import { DAY_S } from './site.ts'

vi.setConfig({ testTimeout: 120_000 })

const directory = mkdtempSync(join(tmpdir(), 'weft-rest-tls-'))
const store = Store.open(':memory:')
let pki: PkiFolder
let controller: Controller
beforeAll(async () => {
  pki = pkiFolder(directory, { now: Date.now })
  pki.makeAuthority({ validSeconds: 30 * DAY_S })
  const restTls = pki.issueController(['127.0.0.1'], { validSeconds: 6 * DAY_S })
  const rest = { host: '127.0.0.1', port: 0 }
  controller = await Controller.start({ store, rest, restTls })
})
afterAll(async () => {
  await controller.close()
  store.close()
  rmSync(directory, { recursive: true })
})

const port = () => Number(new URL(controller.url).port)
const ca = () => readFileSync(pki.controller.ca, 'utf8')

/** One connection; rejects with what the handshake ends with. */
async function handshake(options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: '127.0.0.1', port: port(), ca: ca(), ...options })
  await once(socket, 'secureConnect')
  return socket
}

async function serialNow(): Promise<string> {
  const socket = await handshake()
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

function rest(options: { readonly ca?: string; readonly controller?: string } = {}) {
  const { signal } = new AbortController()
  return openRest({ controller: controller.url, ca: ca(), signal, ...options })
}

test('a client that trusts the CA is answered, and told to come by TLS only', async () => {
  expect(controller.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
  expect(await rest().ask('GET', '/healthz')).toMatchObject({ status: 200 })
  const socket = await handshake()
  socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  let text = ''
  for await (const piece of socket) text += piece
  expect(text).toMatch(/^strict-transport-security: max-age=\d+/im)
})

test('over plain HTTP that header is not sent, which would lock names out that have no TLS', async () => {
  const plain = await Controller.start({ store, rest: { host: '127.0.0.1', port: 0 } })
  const { headers } = await fetch(`${plain.url}/healthz`)
  expect(headers.get('strict-transport-security')).toBeNull()
  await plain.close()
})

test('a client without the CA, by another name or without TLS is told so', async () => {
  const { signal } = new AbortController()
  const untrusting = openRest({ controller: controller.url, signal })
  await expect(untrusting.ask('GET', '/healthz')).rejects.toThrow('--ca FILE names the CA to trust')
  const named = rest({ controller: `https://localhost:${port()}` })
  await expect(named.ask('GET', '/healthz')).rejects.toThrow('Host: localhost. is not')
  const plain = rest({ controller: `http://127.0.0.1:${port()}` })
  await expect(plain.ask('GET', '/healthz')).rejects.toThrow('does it speak TLS (https://)?')
})

test('TLS 1.1 is refused, and so is HTTP without TLS, which gets no answer that others could read', async () => {
  const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  await expect(handshake(old)).rejects.toThrow(/protocol version|unsupported protocol/)
  const socket = connectPlainly(port(), '127.0.0.1')
  socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
  let text = ''
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece
  })
  await once(socket, 'close')
  expect(text).not.toContain('HTTP')
})

test('who dials after the files were exchanged sees the new certificate, and open connections stay', async () => {
  const open = await handshake()
  const first = await serialNow()
  pki.issueController(['127.0.0.1'], { validSeconds: 6 * DAY_S, renew: true })
  const second = await serialNow()
  expect(second).not.toBe(first)
  open.write('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  let text = ''
  for await (const piece of open) text += piece
  expect(text).toMatch(/^HTTP\/1\.1 200 /)
})

test('keys that TLS does not take are not taken while it runs: the former ones stay in use', async () => {
  const first = await serialNow()
  const { key, cert } = pki.controller
  const former = [readFileSync(key), readFileSync(cert)] as const
  writeFileSync(key, shortKey)
  writeFileSync(cert, shortCertificate)
  expect(await serialNow()).toBe(first)
  expect(await rest().ask('GET', '/healthz')).toMatchObject({ status: 200 })
  writeFileSync(key, former[0])
  writeFileSync(cert, former[1])
})

test('the health check of the container asks by TLS where REST has it', async () => {
  const script = fileURLToPath(new URL('../../../bin/container/health.ts', import.meta.url))
  const health = async (env: Readonly<Record<string, string>>) => {
    const at = { WEFT_REST: `0.0.0.0:${port()}`, ...env }
    const [code] = await once(spawn(execPath, [script], { env: at, stdio: 'ignore' }), 'close')
    return code
  }
  expect(await health({ WEFT_REST_TLS_CERT: pki.controller.cert })).toBe(0)
  expect(await health({})).toBe(1)
  // Where REST is at one address only, nobody hears at another.
  const elsewhere = { WEFT_REST: `127.0.0.2:${port()}`, WEFT_REST_TLS_CERT: pki.controller.cert }
  expect(await health(elsewhere)).toBe(1)
})

test('its end is announced, as that of certificates of hosts is', () => {
  expect(controller.events.since()).toContainEqual(
    expect.objectContaining({
      type: 'certificate_expiring',
      message: expect.stringMatching(/^the certificate of REST in .*\.crt ends in [56] days/),
    }),
  )
})
