/** `weft serve` when it is told to stop: what is under way is answered, whoever hangs does not hold it up, nothing is lost. */
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test, vi } from 'vitest'
import { Store } from '../../controller/store/store.ts'
import { type Serving, startServing } from './serving.ts'

vi.setConfig({ testTimeout: 120_000 })

const folder = mkdtempSync(join(tmpdir(), 'weft-stop-'))
afterAll(() => rmSync(folder, { recursive: true }))
// The buffers of a unix socket are smaller than what the slow reader asks for.
const socketPath = join(folder, 'rest.sock')

interface Answer {
  readonly status: number | undefined
  /** Once it has ended. */
  readonly body: Promise<string>
}

/** Resolves when the answer begins. */
async function ask(method: string, path: string, body?: object, accept = '*/*'): Promise<Answer> {
  const headers = { accept, 'content-type': 'application/json' }
  const asked = request({ ...{ socketPath, method, path, headers }, agent: false })
  asked.end(body && JSON.stringify(body))
  const [response] = await once(asked, 'response')
  return { status: response.statusCode, body: text(response) }
}

/** A PUT whose head has come in and whose body has not: its answer, and how to send that. */
async function halfSent(path: string): Promise<[Promise<Answer>, (body: object) => void]> {
  const headers = { expect: '100-continue', 'content-type': 'application/json' }
  const asked = request({ ...{ socketPath, method: 'PUT', path, headers }, agent: false })
  const answer = once(asked, 'response').then(([response]) => ({
    ...{ status: response.statusCode, body: text(response) },
  }))
  asked.flushHeaders()
  await once(asked, 'continue')
  return [answer, (body) => asked.end(JSON.stringify(body))]
}

/** A client that asks and reads no more than the first byte of the answer. */
async function deaf(asks: string): Promise<Socket> {
  const socket = connect(socketPath)
  socket.on('error', () => {})
  socket.write(asks)
  await once(socket, 'readable')
  socket.read(1)
  return socket
}

/** A site of its own, with a tenant, a network, and a host that is not there. */
async function start(grace: number): Promise<Serving & { readonly path: string }> {
  const path = join(folder, `grace${grace}.db`)
  const args = ['--store', path, '--no-auth', '--rest', `unix:${socketPath}`, '--grace', `${grace}`]
  const serving = await startServing(args)
  const put = (at: string, body: object) => ask('PUT', `/v1/${at}`, body)
  const made = [
    await put('infra/hosts/h1', { vtepAddress: '192.0.2.11' }),
    await put('tenants/acme', {}),
    await put('tenants/acme/networks/web', { type: 'vxlan' }),
  ]
  expect(made.map(({ status }) => status)).toEqual([201, 201, 201])
  return { ...serving, path }
}

test('SIGTERM: a wait is answered, a stream ends, what is being sent is taken, the store is whole', async () => {
  // Longer than the test may take: nobody is cut off.
  const { child, ended, said, path } = await start(600)
  const stream = await ask('GET', '/v1/events', undefined, 'text/event-stream')
  const [late, finish] = await halfSent('/v1/tenants/acme/ports/vm2')
  const port = { network: 'web', hostId: 'h1', ofport: 7 }
  const wait = ask('PUT', '/v1/tenants/acme/ports/vm1?wait=realized&timeout=60s', port)
  // The write is made before its wait begins.
  while ((await ask('GET', '/v1/tenants/acme/ports/vm1')).status !== 200);

  child.kill('SIGTERM')
  const { status, body } = await wait
  expect(status).toBe(202)
  expect(JSON.parse(await body)).toMatchObject({
    note: expect.stringMatching(
      /^kept as revision \d+, not realized when the controller stopped: \w+ \S+ is not/,
    ),
  })
  expect(await stream.body).toContain(': weft')
  // Soon nobody new is let in.
  while (await ask('GET', '/healthz').catch(() => undefined));
  finish({ network: 'web' })
  expect((await late).status).toBe(201)
  expect(await ended, said()).toBe(0)

  expect(existsSync(`${path}-wal`), 'what was in the log of the store is in its file').toBe(false)
  const store = Store.open(path)
  expect(store.snapshot.get('port', 'acme/vm1')).toMatchObject({ hostId: 'h1' })
  expect(store.snapshot.get('port', 'acme/vm2')).toMatchObject({ network: 'web' })
  store.close()
})

test('clients that hang are cut off when their time is over: one that does not read, one that does not end its request', async () => {
  const { child, ended, said } = await start(0.2)
  const slow = await deaf('GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(8))
  const half = await deaf('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HT')
  child.kill('SIGTERM')
  expect(await ended, said()).toBe(0)
  for (const socket of [slow, half]) socket.destroy()
})
