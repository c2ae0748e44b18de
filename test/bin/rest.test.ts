/** How commands speak with a controller, and with what is none. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { printable } from '../../bin/print/printable.ts'
import { openRest, type RestOptions } from '../../bin/rest.ts'
import { RestError, refusalOf } from '../../bin/rest-error.ts'
import { type ServerEvent, serverEvents } from '../../bin/server-events.ts'
import { pkiFolder } from '../../controller/tls/pki-folder.ts'
import { runWeft } from './weft.ts'

let folder: string
const servers: Server[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-rest-'))
})
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  rmSync(folder, { recursive: true })
})

async function serve(
  answer: RequestListener,
  at: { path: string } | { port: number; host: string } = { port: 0, host: '127.0.0.1' },
) {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(at, resolve))
  return 'path' in at
    ? `unix:${at.path}`
    : `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
const open = (controller: string, options: Partial<RestOptions> = {}) =>
  openRest({ controller, signal: new AbortController().signal, ...options })
const refused = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: Error) => error,
  )

test('a list is read to its last page, over TCP and over a unix socket', async () => {
  const asked: string[] = []
  const answer: RequestListener = ({ url = '', headers }, response) => {
    asked.push(`${url} ${headers.authorization}`)
    const cursor = Number(new URL(url, 'http://x').searchParams.get('cursor') ?? 0)
    const next = cursor < 2 ? { next: `${cursor + 1}` } : {}
    response.end(JSON.stringify({ items: [{ id: `p${cursor}` }], revision: 1, ...next }))
  }
  for (const controller of [
    await serve(answer),
    await serve(answer, { path: join(folder, 'rest.sock') }),
  ]) {
    asked.length = 0
    const ids: string[] = []
    for await (const { id } of open(controller, { token: 's' }).items<{ id: string }>('/v1/x', {
      labels: 'a=b',
    }))
      ids.push(id)
    expect(ids).toEqual(['p0', 'p1', 'p2'])
    expect(asked).toEqual([
      ...['/v1/x?labels=a%3Db Bearer s', '/v1/x?labels=a%3Db&cursor=1 Bearer s'],
      '/v1/x?labels=a%3Db&cursor=2 Bearer s',
    ])
  }
})

test('a redirect is not followed: the token stays where it was sent', async () => {
  let isAsked = false
  const other = await serve((_, response) => {
    isAsked = true
    response.end('{}')
  })
  const controller = await serve((_, response) => {
    response.writeHead(307, { location: `${other}/v1/x` }).end('{}')
  })
  const error = await refused(open(controller, { token: 's' }).ask('GET', '/v1/x'))
  expect(error?.message).toBe(`${controller} is no controller: it answers 307`)
  expect(isAsked).toBe(false)
})

test('an https controller is held against the CA that was named', async () => {
  const pki = pkiFolder(folder, { now: Date.now })
  const lifetime = { validSeconds: 86_400 }
  pki.makeAuthority(lifetime)
  pki.issueController(['127.0.0.1'], lifetime)
  const { key, cert, ca } = pki.controller
  const server = createTlsServer(
    { key: readFileSync(key), cert: readFileSync(cert) },
    (_, response) => response.end('{"a":1}'),
  )
  servers.push(server as unknown as Server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const controller = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  expect((await open(controller, { ca: readFileSync(ca, 'utf8') }).ask('GET', '/')).body).toEqual({
    a: 1,
  })
  const error = await refused(open(controller).ask('GET', '/'))
  expect(error?.message).toMatch(
    new RegExp(`^no controller answers at ${controller}: .*; --ca FILE names the CA to trust$`),
  )
})

test('silence and half an answer are said in one sentence', async () => {
  const silent = await serve(() => {})
  const late = await refused(open(silent).ask('GET', '/', { limitMs: 20 }))
  expect(late?.message).toBe(`no controller answers at ${silent}: nothing within 0.02 s`)
  const broken = await serve((_, response) => {
    response
      .writeHead(200, { 'content-length': '100' })
      .write('{"items":', () => response.destroy())
  })
  const half = await refused(open(broken).ask('GET', '/'))
  expect(half).toBeInstanceOf(RestError)
  expect(half?.message).toMatch(`${broken} went away in the middle of its answer: `)
  const stop = new AbortController()
  const stopped = refused(open(silent, { signal: stop.signal }).ask('GET', '/'))
  stop.abort(new Error('Ctrl-C'))
  expect((await stopped)?.message).toBe('Ctrl-C')
})

test('a refusal has where, what and what would be right; several are lines; escape sequences are spelled out', () => {
  const one = { type: 'urn:weft:problem:x', title: 'X', status: 400, detail: 'no' }
  const message = (facts: object, name?: string) => refusalOf({ ...one, ...facts }, name).message
  expect(message({ pointer: '/mac', expected: 'a MAC' })).toBe('/mac: no; expected a MAC')
  expect(message({ pointer: '/a', line: 3, column: 7 }, 'site.yaml')).toBe('site.yaml:3:7: /a: no')
  expect(
    message({
      errors: [
        { ...one, detail: 'one' },
        { ...one, detail: 'two' },
      ],
    }),
  ).toBe('one\ntwo')
  const references = Array.from({ length: 12 }, (_, at) => `port a/p${at}`)
  expect(message({ references })).toMatch(
    /^no; referred to by port a\/p0, .*, port a\/p9 and 2 more$/,
  )
  expect(message({ detail: 'a\u001b]0;x\u0007' })).toBe('a\\u001b]0;x\\u0007')
  expect(printable('a\u202eb')).toBe('a\\u202eb')
})

test('events are found in pieces of any size, with any line end', async () => {
  const text =
    ': hello\r\nid: 1\r\nevent: drift\r\ndata: {"a":1}\r\n\r\n:\n\nid: 2\ndata: x\ndata:y\n\nid\rdata: z\r\rdata: cut'
  const expected: ServerEvent[] = [
    { id: '1', event: 'drift', data: '{"a":1}' },
    { id: '2', event: 'message', data: 'x\ny' },
    { id: '', event: 'message', data: 'z' },
  ]
  for (const size of [1, 2, 3, 7, text.length]) {
    const pieces = async function* () {
      for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
    }
    const found: ServerEvent[] = []
    for await (const event of serverEvents(pieces())) found.push(event)
    expect(found).toEqual(expected)
  }
})

test('no word of a controller moves the cursor or gives a command to type', async () => {
  const evil = '\u001b]0;title\u0007\u009b31m; reboot'
  const plan = { changes: [], warnings: [], hosts: {}, planId: evil, revision: 1 }
  const controller = await serve(({ url = '', method }, response) => {
    const deleted = { deleted: evil, cascaded: [evil], revision: evil, note: evil }
    const events = [{ id: 1, at: evil, type: evil, host: evil, message: evil }]
    response.statusCode = method === 'DELETE' ? 202 : 200
    response.end(
      JSON.stringify(method === 'DELETE' ? deleted : url.includes(':apply') ? plan : { events }),
    )
  })
  const env = { WEFT_CONTROLLER: controller }
  const [deleted, planned, events] = await Promise.all([
    runWeft(['delete', 'port', 'acme/vm1', '--yes'], { env }),
    runWeft(['plan', '-f', '-'], { env, input: 'tenants: {}' }),
    runWeft(['events'], { env }),
  ])
  const moves = (text: string) =>
    [...text.replaceAll('\n', '')].some(
      (each) => each < ' ' || (each >= '\u007f' && each < '\u00a0'),
    )
  for (const { stdout, stderr } of [deleted, planned, events])
    expect(moves(stdout + stderr)).toBe(false)
  expect(planned).toMatchObject({ code: 1, stderr: expect.stringContaining('no controller') })
  expect([deleted.code, events.code]).toEqual([3, 0])
})
