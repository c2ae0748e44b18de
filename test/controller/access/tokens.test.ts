/** Local tokens: objects of the model let their holders in, and nobody else. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Access, openAccess, tokenAccess } from '../../../controller/access/access.ts'
import { hashOf, isSecret, newSecret } from '../../../controller/access/secret.ts'
import { ModelError } from '../../../controller/model/errors.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { Store } from '../../../controller/store/store.ts'

let store: Store
let now = Date.parse('2026-11-23T00:00:00Z')
let access: Access

beforeEach(() => {
  store = Store.open(':memory:')
  store.commit([{ collection: 'tenant', key: 'acme', spec: {} }], by)
  access = tokenAccess({ snapshot: () => store.snapshot, now: () => now })
})
afterEach(() => store.close())

const by = { who: 'test' }
const bearer = (secret: string) => access.authenticate(`Bearer ${secret}`)
const put = (edit: Edit) => store.commit([edit], by)

test('a secret has 256 random bits and a form of its own', () => {
  const secrets = new Set(Array.from({ length: 100 }, newSecret))
  expect(secrets.size).toBe(100)
  for (const secret of secrets) expect(isSecret(secret) && secret.length).toBe(48)
  expect(isSecret('weft_short')).toBe(false)
})

test('a token of a tenant is of that tenant alone, one of the site of none', async () => {
  const [mine, site] = [newSecret(), newSecret()]
  put({ collection: 'token', key: 'acme/ci', spec: { role: 'member', sha256: hashOf(mine) } })
  put({ collection: 'siteToken', key: 'noc', spec: { role: 'reader', sha256: hashOf(site) } })
  expect(await bearer(mine)).toEqual({ subject: 'token acme/ci', role: 'member', tenant: 'acme' })
  expect(await bearer(site)).toEqual({ subject: 'token noc', role: 'reader' })
  expect(await access.authenticate(`bearer  ${site}`)).toEqual({
    subject: 'token noc',
    role: 'reader',
  })
})

test('a token that is deleted or has expired lets nobody in', async () => {
  const secret = newSecret()
  const spec = { role: 'admin', sha256: hashOf(secret), expires: '2026-11-23T01:00:00Z' } as const
  put({ collection: 'token', key: 'acme/ci', spec })
  expect(await bearer(secret)).toMatchObject({ role: 'admin' })
  now += 3_600_000
  expect(await bearer(secret)).toEqual({
    refused: 'invalid',
    reason: 'token acme/ci has expired',
  })
  now -= 1
  expect(await bearer(secret)).toMatchObject({ role: 'admin' })
  put({ collection: 'token', key: 'acme/ci', spec: undefined })
  expect(await bearer(secret)).toEqual({
    refused: 'invalid',
    reason: 'no token has this secret',
  })
})

test.each([
  [undefined, 'missing'],
  ['', 'invalid'],
  ['Bearer', 'invalid'],
  ['Basic YWxhZGRpbjpvcGVu', 'invalid'],
  ['Bearer weft_', 'invalid'],
  [`Bearer ${newSecret()}`, 'invalid'],
  [`Bearer ${hashOf('weft_x')}`, 'invalid'],
  ['Bearer a.b.c', 'invalid'],
  [`Bearer ${'x'.repeat(100_000)}`, 'invalid'],
])('%s lets nobody in', async (header, refused) => {
  expect(await access.authenticate(header)).toMatchObject({ refused })
})

test('two tokens never have one secret; a tenant is not deleted while somebody has a token of it', () => {
  const sha256 = hashOf(newSecret())
  put({ collection: 'token', key: 'acme/ci', spec: { role: 'member', sha256 } })
  const again = () =>
    put({ collection: 'token', key: 'acme/other', spec: { role: 'member', sha256 } })
  expect(again).toThrow(/this secret is of another token/)
  const gone = () => put({ collection: 'tenant', key: 'acme', spec: undefined })
  expect(gone).toThrow(ModelError)
  expect(gone).toThrow(/still in use by token acme\/ci/)
})

test('where nobody is asked everybody is an operator', async () => {
  expect(await openAccess.authenticate(undefined)).toEqual({
    subject: 'anybody',
    role: 'operator',
  })
})
