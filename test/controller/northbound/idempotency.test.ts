/** The same POST sent more than once: done once, answered the same. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tokenAccess } from '../../../controller/access/access.ts'
import { hashOf, newSecret } from '../../../controller/access/secret.ts'
import { createNorthbound, type Northbound } from '../../../controller/northbound/northbound.ts'
import { Store } from '../../../controller/store/store.ts'
import { type Answer, call as callAt } from './client.ts'
import { type RealizedAtOnce, realizedAtOnce } from './realized-at-once.ts'

let store: Store
let realization: RealizedAtOnce
let northbound: Northbound
let url: string
const secrets = { one: newSecret(), other: newSecret() }

beforeAll(async () => {
  store = Store.open(':memory:')
  realization = realizedAtOnce(store)
  for (const [key, secret] of Object.entries(secrets)) {
    const spec = { role: 'operator', sha256: hashOf(secret) } as const
    store.commit([{ collection: 'siteToken', key, spec }], { who: 'test' })
  }
  const access = tokenAccess({ snapshot: () => store.snapshot })
  northbound = await createNorthbound({
    store,
    realization,
    access,
    limits: { keysPerPrincipal: 20 },
  })
  url = (await northbound.listen()).url
})
afterAll(async () => {
  await northbound.close()
  store.close()
})

const apply = (
  key: string,
  body: object,
  { query = '', by = 'one' }: { query?: string; by?: keyof typeof secrets } = {},
): Promise<Answer> =>
  callAt(url, 'POST', `/v1:apply${query}`, body, {
    'content-type': 'application/json',
    authorization: `Bearer ${secrets[by]}`,
    'idempotency-key': key,
  })
const tenant = (id: string, labels = {}) => ({ tenants: { [id]: { labels } } })

test('what was done is not done again, though the site has changed since; the answer is the same', async () => {
  const first = await apply('"k1"', tenant('a', { by: 'k1' }))
  expect(first).toMatchObject({ status: 200, body: { changes: [{ action: 'add' }] } })
  store.commit([{ collection: 'tenant', key: 'a', spec: { labels: { by: 'me' } } }], { who: 'x' })
  const { revision } = store.snapshot
  // Quoted as structured fields are, or bare.
  for (const key of ['"k1"', 'k1']) {
    const again = await apply(key, tenant('a', { by: 'k1' }))
    expect([again.status, again.type, again.body]).toEqual([200, first.type, first.body])
  }
  expect(store.snapshot.revision).toBe(revision)
  expect(store.snapshot.get('tenant', 'a')?.labels).toEqual({ by: 'me' })
})

test('a key is of one request, and of one principal', async () => {
  await apply('k2', tenant('b'))
  for (const [body, query] of [
    [tenant('c'), ''],
    [tenant('b'), '?prune=true'],
  ] as const) {
    expect(await apply('k2', body, { query })).toMatchObject({
      status: 422,
      body: { type: 'urn:weft:problem:idempotency_key_reused', value: 'k2' },
    })
  }
  expect(store.snapshot.get('tenant', 'c')).toBeUndefined()
  expect(await apply('k2', tenant('c'), { by: 'other' })).toMatchObject({ status: 200 })
})

test('sent while the first is still running it waits, and is answered with that', async () => {
  realization.hold()
  const { revision } = store.snapshot
  const query = '?wait=realized&timeout=30s'
  const both = [0, 1].map(() => apply('k3', tenant('d'), { query }))
  const other = await apply('k4', tenant('e'))
  expect(other.status).toBe(200)
  realization.release()
  const [one, two] = await Promise.all(both)
  expect(one).toMatchObject({ status: 200, body: { mode: 'apply' } })
  expect(two?.body).toEqual(one?.body)
  expect(store.snapshot.revision).toBe(revision + 2)
})

test('a refusal has done nothing: the same key is asked anew', async () => {
  const body = { tenants: { f: { ports: { p: { network: 'later' } } } } }
  expect((await apply('k5', body)).status).toBe(409)
  await apply('k6', { tenants: { f: { networks: { later: {} } } } })
  expect((await apply('k5', body)).status).toBe(200)
})

test('a key that is none is refused', async () => {
  for (const key of ['', '"open', 'with space', `"${'x'.repeat(129)}"`])
    expect(await apply(key, tenant('g'))).toMatchObject({
      status: 400,
      body: { type: 'urn:weft:problem:parameter_invalid', parameter: 'idempotency-key' },
    })
})

test('of more keys than one principal may have the oldest is forgotten, and nobody else’s', async () => {
  await apply('mine', tenant('h'), { by: 'other' })
  await apply('oldest', tenant('h', { by: 'oldest' }))
  await Promise.all(Array.from({ length: 20 }, (_, n) => apply(`n${n}`, tenant('h'))))
  expect((await apply('mine', tenant('other'), { by: 'other' })).status).toBe(422)
  expect((await apply('oldest', tenant('h', { by: 'anew' }))).status).toBe(200)
})
