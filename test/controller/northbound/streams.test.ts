/** What goes on for long: event streams and waits, of whom they are, and how many there may be. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { tokenAccess } from '../../../controller/access/access.ts'
import { hashOf, newSecret } from '../../../controller/access/secret.ts'
import { createNorthbound, type Northbound } from '../../../controller/northbound/northbound.ts'
import { EventLog } from '../../../controller/reconciler/events.ts'
import { Store } from '../../../controller/store/store.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import { drop, put } from '../model/site.ts'
import { type RealizedAtOnce, realizedAtOnce } from './realized-at-once.ts'
import { fetchChecked } from './schemas.ts'

const secrets = { site: newSecret(), acme: newSecret(), globex: newSecret() }
const by = { who: 'test' }
let store: Store
let log: EventLog
let realization: RealizedAtOnce
let northbound: Northbound
let url: string
/** Of clients that go with the test. */
let leaving: AbortController

beforeEach(async () => {
  leaving = new AbortController()
  store = Store.open(':memory:')
  store.commit(
    [
      put('tenant', 'acme', {}),
      put('tenant', 'globex', {}),
      put('siteToken', 's', { role: 'reader', sha256: hashOf(secrets.site) }),
      put('token', 'acme/t', { role: 'member', sha256: hashOf(secrets.acme) }),
      put('token', 'globex/t', { role: 'member', sha256: hashOf(secrets.globex) }),
    ],
    by,
  )
  log = new EventLog(systemClock)
  realization = realizedAtOnce(store)
  northbound = await createNorthbound({
    store,
    realization: {
      ...realization,
      events: (since?: number) => log.since(since),
      onEvent: (listener: Parameters<EventLog['onEvent']>[0]) => log.onEvent(listener),
    },
    access: tokenAccess({ snapshot: () => store.snapshot }),
    limits: { heldPerTenant: 3 },
  })
  url = (await northbound.listen()).url
})
afterEach(async () => {
  leaving.abort()
  await northbound.close()
  store.close()
})

const headersOf = (secret: string, id?: number) => ({
  authorization: `Bearer ${secret}`,
  accept: 'text/event-stream',
  ...(id !== undefined && { 'last-event-id': `${id}` }),
})
const open = (secret: string, path = '/v1/events', id?: number, signal = leaving.signal) =>
  fetchChecked(url + path, { headers: headersOf(secret, id), signal })

/** As bytes, so that it can be left unread. */
function openRaw(secret: string): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const head = Object.entries({ host: 'x', ...headersOf(secret) })
  socket.write(`GET /v1/events HTTP/1.1\r\n${head.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n`)
  return socket
}

test('a stream ends with its token', async () => {
  const stream = await open(secrets.site)
  store.commit([drop('siteToken', 's')], by)
  expect(await stream.text()).toBe(': weft\n\n')
})

test('a stream of a tenant ends with the tenant, and one of the same id has nothing of it', async () => {
  log.add('port_bound', 'h1', 'of the first', { port: 'acme/vm1' })
  const stream = await open(secrets.acme, '/v1/tenants/acme/events')
  store.commit([drop('token', 'acme/t'), drop('tenant', 'acme')], by)
  expect(await stream.text()).toBe(': weft\n\n')
  const again = put('token', 'acme/t', { role: 'reader', sha256: hashOf(secrets.acme) })
  store.commit([put('tenant', 'acme', {}), again], by)
  log.add('port_bound', 'h1', 'of the second', { port: 'acme/vm1' })
  const list = await fetchChecked(`${url}/v1/tenants/acme/events`, {
    headers: { authorization: `Bearer ${secrets.acme}` },
  })
  const { events } = (await list.json()) as { events: { message: string }[] }
  expect(events.map(({ message }) => message)).toEqual(['of the second'])
})

test('HEAD of a stream has an end', async () => {
  const head = await fetchChecked(`${url}/v1/events`, {
    method: 'HEAD',
    headers: headersOf(secrets.site),
  })
  expect(head.headers.get('content-type')).toBe('text/event-stream')
})

test('who comes back reads all that was missed, however much, and then what happens', async () => {
  log.add('drift', 'h0', 'seen')
  const seen = log.since().at(-1)?.id
  for (let count = 0; count < 2000; count++) log.add('drift', 'h0', `${count} ${'x'.repeat(1900)}`)
  const stream = await open(secrets.site, '/v1/events', seen)
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  let isSaid = false
  while (!text.includes('"live"')) {
    text += (await reader?.read())?.value ?? ''
    if (isSaid || !text.includes('"1999 ')) continue
    isSaid = true
    log.add('drift', 'h0', 'live')
  }
  const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))
  expect(ids).toEqual(Array.from({ length: 2001 }, (_, at) => (seen ?? 0) + 1 + at))
})

test('a gap that a full log has in its middle is a gap: the client is to read the site again', async () => {
  log.add('host_connected', 'rare', 'stays')
  log.add('drift', 'h1', 'first of many')
  const seen = log.since().at(-1)?.id
  for (let count = 0; count < 10_050; count++) log.add('drift', 'h1', 'many')
  expect(log.since()[0]?.message).toBe('stays')
  expect((await open(secrets.site, '/v1/events', seen)).status).toBe(410)
  const last = await open(secrets.site, '/v1/events', log.since().at(-1)?.id)
  expect(last.status).toBe(200)
})

test('what happens while streams end is no fault, though a client does not read', async () => {
  const socket = openRaw(secrets.site)
  await once(socket, 'data')
  socket.pause()
  for (let count = 0; count < 300; count++) log.add('drift', 'h0', 'x'.repeat(1900))
  const closed = northbound.close()
  log.add('drift', 'h0', 'after the end')
  socket.resume()
  await closed
  socket.destroy()
})

test('a tenant has so many answers under way and no more; others have theirs', async () => {
  const events = (tenant: 'acme' | 'globex', signal?: AbortSignal) =>
    open(secrets[tenant], `/v1/tenants/${tenant}/events`, undefined, signal)
  const going = new AbortController()
  await Promise.all([1, 2, 3].map(() => events('acme', going.signal)))
  const fourth = await events('acme')
  expect(fourth.status).toBe(429)
  expect(fourth.headers.get('retry-after')).toBe('1')
  expect(await fourth.json()).toMatchObject({ expected: 'at most 3 of a tenant at a time' })
  expect((await events('globex')).status).toBe(200)
  going.abort()
  await expect.poll(async () => (await events('acme')).status, { timeout: 20_000 }).toBe(200)
})
