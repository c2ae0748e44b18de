/** How much one may ask, and what every answer has at its head. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tokenAccess } from '../../../controller/access/access.ts'
import { hashOf, newSecret } from '../../../controller/access/secret.ts'
import { createNorthbound, type Northbound } from '../../../controller/northbound/northbound.ts'
import { Store } from '../../../controller/store/store.ts'
import { realizedAtOnce } from './realized-at-once.ts'
import { fetchChecked } from './schemas.ts'

const store = Store.open(':memory:')
const secrets = { greedy: newSecret(), modest: newSecret(), operator: newSecret() }
let northbound: Northbound
let url: string

beforeAll(async () => {
  const member = (id: 'greedy' | 'modest') => ({
    ...{ collection: 'token', key: `acme/${id}` },
    spec: { role: 'member', sha256: hashOf(secrets[id]) },
  })
  const operator = { role: 'operator', sha256: hashOf(secrets.operator) }
  store.commit(
    [
      { collection: 'tenant', key: 'acme', spec: {} },
      member('greedy') as never,
      member('modest') as never,
      { collection: 'siteToken', key: 'o', spec: operator } as never,
    ],
    { who: 'test' },
  )
  northbound = await createNorthbound({
    ...{ store, realization: realizedAtOnce(store) },
    access: tokenAccess({ snapshot: () => store.snapshot }),
    limits: { perPrincipal: 20, failuresPerAddress: 5 },
  })
  url = (await northbound.listen()).url
})
afterAll(async () => {
  await northbound.close()
  store.close()
})

const get = (secret: string) =>
  fetchChecked(`${url}/v1/tenants/acme/networks`, {
    headers: { authorization: `Bearer ${secret}` },
  })

test('who asks too much is told when to ask again; others are not held up, operators never', async () => {
  const statuses: number[] = []
  for (let count = 0; count < 25; count++) statuses.push((await get(secrets.greedy)).status)
  expect(statuses).toEqual([...Array(20).fill(200), ...Array(5).fill(429)])
  const refused = await get(secrets.greedy)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await refused.json()).toMatchObject({
    type: 'urn:weft:problem:too_many_requests',
    status: 429,
    expected: expect.stringMatching(/^at most 20 within 10 s; again in \d+ s$/),
  })
  const other = await get(secrets.modest)
  expect(other.status).toBe(200)
  expect(other.headers.get('ratelimit-limit')).toBe('20')
  expect(other.headers.get('ratelimit-remaining')).toBe('19')
  for (let count = 0; count < 30; count++) expect((await get(secrets.operator)).status).toBe(200)
})

test('guessing is slowed down, and does not lock out who knows', async () => {
  const guesses: number[] = []
  for (let count = 0; count < 8; count++) guesses.push((await get(newSecret())).status)
  expect(guesses).toEqual([401, 401, 401, 401, 401, 429, 429, 429])
  expect((await get(secrets.operator)).status).toBe(200)
})

test('answers say that they are no page to be framed, guessed at or run', async () => {
  const { headers } = await get(secrets.operator)
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('x-frame-options')).toBe('SAMEORIGIN')
  expect(headers.get('content-security-policy')).toContain("default-src 'self'")
})

test('a request keeps the id that its client gave it, or gets one', async () => {
  const id = async (given?: string) => {
    const headers = given === undefined ? {} : { 'x-request-id': given }
    return (await fetchChecked(`${url}/healthz`, { headers })).headers.get('x-request-id')
  }
  expect(await id('client-7')).toBe('client-7')
  for (const given of [undefined, 'two words', 'x'.repeat(65)])
    expect(await id(given)).toMatch(/^[0-9a-f-]{36}$/)
})
