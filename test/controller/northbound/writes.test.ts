/** What HTTP says of writes and reads of one object: ETags, patches, cascades, chosen fields. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createNorthbound, type Northbound } from '../../../controller/northbound/northbound.ts'
import { Store } from '../../../controller/store/store.ts'
import { smallSite } from '../model/site.ts'
import { type Answer, call as callAt, json } from './client.ts'
import { realizedAtOnce } from './realized-at-once.ts'

let store: Store
let northbound: Northbound
let url: string

beforeAll(async () => {
  store = Store.open(':memory:')
  northbound = await createNorthbound({ store, realization: realizedAtOnce(store) })
  url = (await northbound.listen()).url
})
afterAll(async () => {
  await northbound.close()
  store.close()
})
beforeEach(() => {
  store.commit(smallSite, { who: 'test' })
})

const call = (
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> => callAt(url, method, path, body, { ...json, ...headers })

const path = '/v1/tenants/acme/networks/etag'
const etag = ({ headers }: Answer): string => headers.get('etag') ?? ''

test('the ETag of an object is its revision, and grows with each change alone', async () => {
  const created = await call('PUT', path, {})
  expect(etag(created)).toBe(`"${created.body.revision}"`)
  expect(etag(await call('GET', path))).toBe(etag(created))
  expect(etag(await call('PUT', path, {}))).toBe(etag(created))
  const changed = await call('PUT', path, { mtuBytes: 1300 })
  expect(changed.body.revision).toBeGreaterThan(created.body.revision)
  expect(etag(changed)).toBe(`"${changed.body.revision}"`)
})

test('a stale If-Match is refused with the ETag that would be right, a fresh one is not', async () => {
  const first = etag(await call('PUT', path, {}))
  const second = etag(await call('PUT', path, { mtuBytes: 1200 }))
  const revision = store.snapshot.revision
  for (const [method, body] of [
    ['PUT', { mtuBytes: 1400 }],
    ['PATCH', { mtuBytes: 1400 }],
    ['DELETE', undefined],
  ] as const) {
    const refused = await call(method, path, body, { 'if-match': first })
    expect(refused.status).toBe(412)
    expect(refused.body).toMatchObject({
      type: 'urn:weft:problem:precondition_failed',
      value: first,
      expected: `If-Match: ${second}`,
    })
  }
  expect(store.snapshot.revision).toBe(revision)
  expect(
    (await call('PUT', path, { mtuBytes: 1400 }, { 'if-match': `"1", ${second}` })).status,
  ).toBe(200)
  const weak = { 'if-match': `W/${etag(await call('GET', path))}` }
  expect((await call('PUT', path, { mtuBytes: 1401 }, weak)).status).toBe(412)
  expect((await call('DELETE', path, undefined, { 'if-match': '*' })).status).toBe(200)
  expect((await call('PUT', path, {}, { 'if-match': '*' })).status).toBe(412)
})

test('If-None-Match: * creates and never changes', async () => {
  const only = { 'if-none-match': '*' }
  expect((await call('PUT', path, {}, only)).status).toBe(201)
  const again = await call('PUT', path, { mtuBytes: 1200 }, only)
  expect(again).toMatchObject({ status: 412, body: { expected: 'no object there yet' } })
  const weak = { 'if-none-match': `"1", W/${etag(await call('GET', path))}` }
  expect((await call('PUT', path, { mtuBytes: 1200 }, weak)).status).toBe(412)
  await call('DELETE', path)
})

test('a patch changes what it names, takes away what it says is null, and keeps the rest', async () => {
  const port = '/v1/tenants/acme/ports/patched'
  const put = await call('PUT', port, { network: 'web', labels: { app: 'a', tier: 'db' } })
  const type = { 'content-type': 'application/merge-patch+json' }
  const patch = { labels: { app: null, zone: 'z1' }, addresses: ['10.0.0.99'] }
  const patched = await call('PATCH', port, patch, type)
  expect(patched.status).toBe(200)
  expect(patched.body).toMatchObject({
    uuid: put.body.uuid,
    mac: put.body.mac,
    addresses: ['10.0.0.99'],
    labels: { tier: 'db', zone: 'z1' },
  })
  expect(patched.body.labels).not.toHaveProperty('app')
  expect((await call('PATCH', port, { labels: null })).body).not.toHaveProperty('labels')
  expect((await call('PATCH', port, {})).body.revision).toBe(store.snapshot.revision)
  const wrong = await call('PATCH', port, { uuid: 'x' })
  expect(wrong).toMatchObject({ status: 400, body: { pointer: '/uuid' } })
  expect((await call('PATCH', '/v1/tenants/acme/ports/nobody', {})).status).toBe(404)
  await call('DELETE', port)
})

test('what is in use is deleted with all that uses it, or not at all', async () => {
  await call('PUT', '/v1/tenants/casc', {})
  await call('PUT', '/v1/tenants/casc/networks/n', {})
  await call('PUT', '/v1/tenants/casc/subnets/s', { network: 'n', cidr: '10.9.0.0/24' })
  await call('PUT', '/v1/tenants/casc/ports/p', { network: 'n' })
  await call('PUT', '/v1/tenants/casc/ports/sub', { network: 'n', parent: 'p', vid: 7 })
  const refused = await call('DELETE', '/v1/tenants/casc/subnets/s')
  expect(refused.status).toBe(409)
  expect(refused.body.references).toEqual(['port casc/p', 'port casc/sub'])
  const revision = store.snapshot.revision
  const gone = await call('DELETE', '/v1/tenants/casc?cascade=true')
  expect(gone.status).toBe(200)
  expect(gone.body).toMatchObject({ deleted: 'tenant casc', revision: revision + 1 })
  expect(new Set(gone.body.cascaded)).toEqual(
    new Set(['network casc/n', 'subnet casc/s', 'port casc/p', 'port casc/sub']),
  )
  expect((await call('GET', '/v1/tenants/casc')).status).toBe(404)
})

test('who asks for fields gets those alone', async () => {
  const port = '/v1/tenants/acme/ports/vm1'
  const { body } = await call('GET', `${port}?fields=id,status.realized,nothing`)
  expect(body).toEqual({ id: 'vm1', status: { realized: true } })
  const list = await call('GET', '/v1/tenants/acme/ports?fields=id')
  expect(list.body.items).toEqual([{ id: 'vm1' }])
  expect((await call('GET', `${port}?fields=id,,mac`)).status).toBe(400)
})

test('a quota holds for what is new, says what is left, and takes nothing away', async () => {
  await call('PUT', '/v1/tenants/small', { quota: { networks: 2 } })
  const at = '/v1/tenants/small/networks'
  expect((await call('PUT', `${at}/one`, {})).headers.get('quota-used')).toBe('1')
  const second = await call('PUT', `${at}/two`, {})
  expect([second.headers.get('quota-used'), second.headers.get('quota-limit')]).toEqual(['2', '2'])
  const refused = await call('PUT', `${at}/three`, {})
  expect(refused).toMatchObject({
    status: 409,
    body: { type: 'urn:weft:problem:quota_exceeded', detail: 'tenant small may have 2 networks' },
  })
  await call('PUT', '/v1/tenants/small', { quota: { networks: 1 } })
  expect((await call('PUT', `${at}/two`, { mtuBytes: 1300 })).status).toBe(200)
  await call('DELETE', `${at}/one`)
  expect((await call('PUT', `${at}/three`, {})).status).toBe(409)
  // A document that stays within it as a whole is taken, whatever goes and comes.
  const swap = JSON.stringify({ tenants: { small: { networks: { three: {} } } } })
  expect((await call('POST', '/v1/tenants/small:apply?prune=true', swap)).status).toBe(200)
  expect((await call('PATCH', '/v1/tenants/small', { quota: null })).status).toBe(200)
  expect((await call('PUT', `${at}/four`, {})).headers.get('quota-limit')).toBeNull()
  await call('DELETE', '/v1/tenants/small?cascade=true')
})
