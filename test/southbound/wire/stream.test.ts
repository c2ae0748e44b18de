import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  EndpointError,
  formatEndpoint,
  type InetEndpoint,
} from '../../../southbound/wire/endpoint.ts'
import { peerCertificate, type TlsOptions } from '../../../southbound/wire/secure.ts'
import {
  dial,
  type Listener,
  type ListenOptions,
  listen,
  removeStaleSocket,
} from '../../../southbound/wire/stream.ts'
import { needs } from '../../needs.ts'
import { type TestCa, testCa } from './certificates.ts'

const opened: { close?(): unknown; destroy?(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await (one.close?.() ?? one.destroy?.())
})

/** Listens, echoes, and gives the endpoint that reaches it. */
async function echoing(at: string, options: ListenOptions = {}): Promise<[string, Listener]> {
  const listener = await listen(at, options, (stream) => {
    opened.push(stream)
    stream.pipe(stream)
  })
  opened.push(listener)
  const text = formatEndpoint(listener.address)
  const { host, port } = listener.address as InetEndpoint
  return [
    text.startsWith('punix') ? text.slice(1) : `${text.slice(1, 4)}:${host}:${port}`,
    listener,
  ]
}

async function echo(stream: Duplex): Promise<string> {
  opened.push(stream)
  // Who is cut off at once may be gone before anybody listens.
  if (stream.destroyed) throw new Error('cut off')
  stream.write('hello')
  return new Promise((resolve, reject) => {
    stream.once('data', (chunk: Buffer) => resolve(chunk.toString()))
    stream.once('close', () => reject(new Error('cut off')))
    stream.once('error', reject)
  })
}

test('tcp and unix sockets carry bytes both ways, and are refused with the endpoint named', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-stream-'))
  const socket = join(dir, 's')
  const [tcp, listener] = await echoing('ptcp:0:127.0.0.1')
  const [unix] = await echoing(`punix:${socket}`)
  expect(await echo(await dial(tcp))).toBe('hello')
  expect(await echo(await dial(unix))).toBe('hello')
  await expect(listen(`punix:${socket}`, {}, () => {})).rejects.toThrow('EADDRINUSE')
  await listener.close()
  await expect(dial(tcp)).rejects.toThrow(`${tcp}: connect ECONNREFUSED`)
  await expect(dial('unix:/nowhere')).rejects.toThrow(EndpointError)
  await expect(dial('ptcp:1')).rejects.toThrow('cannot dial it')
  await expect(listen('tcp:h:1', {}, () => {})).rejects.toThrow('cannot listen there')
  rmSync(dir, { recursive: true })
})

test('a socket file that nobody serves any more is replaced', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-stream-'))
  const socket = join(dir, 's')
  // A process that dies leaves its file behind; closing would have removed it.
  const dead = `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 9))`
  const { spawnSync } = await import('node:child_process')
  spawnSync(process.execPath, ['-e', dead])
  expect(existsSync(socket)).toBe(true)
  const [unix] = await echoing(`punix:${socket}`)
  expect(await echo(await dial(unix))).toBe('hello')
  rmSync(dir, { recursive: true })
})

test('a file that is no socket, or one that is served, stays', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-stream-'))
  const file = join(dir, 'precious.db')
  writeFileSync(file, 'my data')
  await expect(listen(`punix:${file}`, {}, () => {})).rejects.toThrow('EADDRINUSE')
  expect(readFileSync(file, 'utf8')).toBe('my data')
  expect(await removeStaleSocket(file)).toBe(false)
  expect(await removeStaleSocket(join(dir, 'nothing'))).toBe(false)
  rmSync(dir, { recursive: true })
})

test('dialling ends by its signal and by its time', async () => {
  const silent = net.createServer(() => {}).listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  opened.push({ close: () => void silent.close() })
  const to = `ssl:127.0.0.1:${(silent.address() as net.AddressInfo).port}`
  const tls = { key: '', cert: '', ca: '' }
  const abort = AbortSignal.abort(new Error('not now'))
  await expect(dial(to, { tls, signal: abort })).rejects.toThrow('not now')
  await expect(dial(to, { tls, signal: AbortSignal.timeout(20) })).rejects.toThrow('timeout')
  await expect(dial(to, { tls, timeoutMs: 20 })).rejects.toThrow(`${to}: no answer in 20 ms`)
  await expect(dial(to)).rejects.toThrow(`${to}: TLS wants a key`)
})

test('one connection too many is refused and said, the others stay', async () => {
  const refused: string[] = []
  const onRefused = (reason: EndpointError) => refused.push(reason.message)
  const [tcp] = await echoing('ptcp:0:127.0.0.1', { maxConnections: 1, onRefused })
  const first = await dial(tcp)
  const second = await dial(tcp)
  await expect(echo(second)).rejects.toThrow()
  expect(await echo(first)).toBe('hello')
  expect(refused.join()).toContain('one connection more than 1')
})

describe('TLS', needs('openssl'), () => {
  let ca: TestCa
  let other: TestCa
  let server: TlsOptions
  let client: TlsOptions
  beforeAll(() => {
    ca = testCa()
    other = testCa()
    server = ca.issue('server')
    client = ca.issue('client')
  })
  afterAll(() => {
    ca?.remove()
    other?.remove()
  })

  test('both ends see the certificate of the other', async () => {
    const names: (string | string[] | undefined)[] = []
    const listener = await listen('pssl:0:127.0.0.1', { tls: server }, (stream, peer) => {
      opened.push(stream)
      names.push(peerCertificate(stream)?.subject.CN, peer.slice(0, 14))
      stream.pipe(stream)
    })
    opened.push(listener)
    const to = `ssl:127.0.0.1:${(listener.address as InetEndpoint).port}`
    const stream = await dial(to, { tls: client })
    expect(await echo(stream)).toBe('hello')
    expect(peerCertificate(stream)?.subject.CN).toBe('server')
    expect(names).toEqual(['client', 'ssl:127.0.0.1:'])
  })

  test('who has no certificate of our CA gets in on neither side, and the others stay', async () => {
    const refused: string[] = []
    const onRefused = (reason: EndpointError) => refused.push(reason.message)
    const [to] = await echoing('pssl:0:127.0.0.1', { tls: server, onRefused, timeoutMs: 500 })
    const good = await dial(to, { tls: client })
    const forged = { ...other.issue('client'), ca: server.ca }
    await expect(dial(to, { tls: forged }).then(echo)).rejects.toThrow()
    await expect(dial(to, { tls: { ...client, ca: forged.cert } })).rejects.toThrow(to)
    await expect(dial(to.replace('ssl', 'tcp')).then(echo)).rejects.toThrow()
    const silent = await dial(to.replace('ssl', 'tcp'))
    await new Promise((resolve) => silent.resume().once('close', resolve))
    expect(await echo(good)).toBe('hello')
    expect(refused).toHaveLength(4)
    for (const line of refused) expect(line).toMatch(/^ssl:127\.0\.0\.1:\d+: ./)
    expect(refused.join()).toMatch(/CN=client|TLS handshake timeout/)
  })

  test('a CA below ours signs as well, and whose certificate is no CA signs nobody', async () => {
    ca.issueBy('ca', 'below', true)
    const names: unknown[] = []
    const refused: string[] = []
    const onRefused = (reason: EndpointError) => refused.push(reason.message)
    const tls = ca.issueBy('below', 'far server')
    const listener = await listen('pssl:0:127.0.0.1', { tls, onRefused }, (stream) => {
      opened.push(stream)
      names.push(peerCertificate(stream)?.subject.CN)
      stream.pipe(stream)
    })
    opened.push(listener)
    const to = `ssl:127.0.0.1:${listener.port}`
    const stream = await dial(to, { tls: ca.issueBy('below', 'far client') })
    expect(await echo(stream)).toBe('hello')
    expect(peerCertificate(stream)?.subject.CN).toBe('far server')
    // A host that signs another name with its own key, and one that leaves the CA between out.
    const forged = ca.issueBy('client', 'another host')
    await expect(dial(to, { tls: forged }).then(echo)).rejects.toThrow()
    const { key, cert } = ca.issueBy('below', 'lonely client')
    const alone = {
      key,
      cert: `${cert.toString().split('-----END')[0]}-----END CERTIFICATE-----\n`,
    }
    await expect(dial(to, { tls: { ...alone, ca: tls.ca } }).then(echo)).rejects.toThrow()
    expect(names).toEqual(['far client'])
    expect(refused.join()).toMatch(/another host.*lonely client/)
  })

  test('no variable of the environment lets in a server of another CA', async () => {
    const [to] = await echoing('pssl:0:127.0.0.1', { tls: other.issue('server') })
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    await expect(dial(to, { tls: client })).rejects.toThrow(to)
    vi.unstubAllEnvs()
  })

  test('keys are reread for new connections; a rotation half done changes nothing', async () => {
    let now = server
    const refused: string[] = []
    const onRefused = (reason: EndpointError) => refused.push(reason.message)
    const [to] = await echoing('pssl:0:127.0.0.1', { tls: () => now, onRefused })
    const name = async () => {
      const stream = await dial(to, { tls: () => client })
      expect(await echo(stream)).toBe('hello')
      return peerCertificate(stream)?.subject.CN
    }
    const before = await dial(to, { tls: client })
    expect(await name()).toBe('server')
    const next = ca.issue('next')
    now = { ...server, cert: next.cert }
    expect(await name()).toBe('server')
    expect(refused.join()).toContain('keys could not be reread')
    now = next
    expect(await name()).toBe('next')
    expect(await echo(before)).toBe('hello')
  })

  test('a listener that closes cuts off what is still in its handshake and keeps the rest', async () => {
    const [to, listener] = await echoing('pssl:0:127.0.0.1', { tls: server })
    const good = await dial(to, { tls: client })
    expect(await echo(good)).toBe('hello')
    const silent = await dial(to.replace('ssl', 'tcp'))
    await sleep(20)
    await listener.close()
    await new Promise((resolve) => silent.resume().once('close', resolve))
    expect(await echo(good)).toBe('hello')
  })
})
