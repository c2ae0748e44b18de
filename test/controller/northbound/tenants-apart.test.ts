/** What one tenant can learn of another by ways round the front door: nothing. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Access } from '../../../controller/access/access.ts'
import type { Principal, Role } from '../../../controller/access/principal.ts'
import type { Collection, Edit } from '../../../controller/model/schema.ts'
import { createNorthbound, type Northbound } from '../../../controller/northbound/northbound.ts'
import { cursorText } from '../../../controller/northbound/paging.ts'
import { Store } from '../../../controller/store/store.ts'
import { drop, put } from '../model/site.ts'
import { call, json } from './client.ts'
import { realizedAtOnce } from './realized-at-once.ts'

let store: Store
let northbound: Northbound
let url: string

/** `Authorization: member acme` is one, as an OIDC provider may say of a tenant that is not there. */
const access: Access = {
  async authenticate(header = '') {
    const [role, tenant] = header.split(' ')
    return { subject: header, role: role as Role, ...(tenant && { tenant }) } as Principal
  },
}
const write = (...edits: readonly Edit[]) => store.commit(edits, { who: 'test' })
const as = (who: string, method: string, path: string, body?: unknown) =>
  call(url, method, path, body, { ...json, authorization: who })

beforeEach(async () => {
  store = Store.open(':memory:')
  write(
    put('host', 'h1', { vtepAddress: '192.0.2.11', underlayMtuBytes: 1500 }),
    put('host', 'v1', { kind: 'vtep', vtepAddress: '192.0.2.12' }),
    put('physicalNetwork', 'office', {}),
    ...['aaa', 'mmm', 'zzz'].map((id) => put('tenant', id, {})),
    put('network', 'aaa/secret', {}),
    put('network', 'mmm/web', {}),
    put('network', 'mmm/office', { type: 'vlan', physicalNetwork: 'office', vid: 100 }),
    put('port', 'mmm/vm1', { network: 'web', hostId: 'v1', interface: 'eth1', vid: 100 }),
    put('token', 'mmm/ci', { role: 'reader', sha256: 'a'.repeat(64) }),
  )
  northbound = await createNorthbound({ store, realization: realizedAtOnce(store), access })
  url = (await northbound.listen()).url
})
afterEach(async () => {
  await northbound.close()
  store.close()
})

test('a cursor made by hand does not lead out of the tenant', async () => {
  const { revision } = store.snapshot
  for (const after of ['', 'aaa/', 'aaa/secret', 'mmm', 'zzz/a']) {
    const cursor = cursorText({ revision, after })
    const { body } = await as('reader mmm', 'GET', `/v1/tenants/mmm/networks?cursor=${cursor}`)
    for (const { tenant } of body.items) expect(tenant).toBe('mmm')
    const tenants = await as('reader mmm', 'GET', `/v1/tenants?cursor=${cursor}`)
    for (const { id } of tenants.body.items) expect(id).toBe('mmm')
  }
})

test('who is of a tenant that is not there is told no name of one that is', async () => {
  const document = { tenants: { gone: { networks: { web: {} } } } }
  for (const [method, path, body] of [
    ['PUT', '/v1/tenants/gone/networks/web', {}],
    ['PUT', '/v1/tenants/gone/ports/vm1', { network: 'web' }],
    ['PUT', '/v1/tenants/gone/tokens/t', { role: 'reader', sha256: 'b'.repeat(64) }],
    ['POST', '/v1/tenants/gone:apply', document],
  ] as const) {
    const answer = await as('admin gone', method, path, body)
    expect(answer.status).toBe(404)
    expect(JSON.stringify(answer.body)).not.toMatch(/aaa|mmm|zzz/)
  }
})

test('the VLAN that a network or a port is on is for the operator to say, of a sub-port for its tenant', async () => {
  for (const [path, pointer] of [
    ['/v1/tenants/mmm/networks/office', '/vid'],
    ['/v1/tenants/mmm/ports/vm1', '/vid'],
  ]) {
    const refused = await as('member mmm', 'PATCH', `${path}`, { vid: 200 })
    expect(refused.body).toMatchObject({ type: 'urn:weft:problem:operator_field', pointer })
    const kept = await as('member mmm', 'PATCH', `${path}`, { vid: null, labels: { a: 'b' } })
    expect(kept.body).toMatchObject({ vid: 100, labels: { a: 'b' } })
  }
  await as('member mmm', 'PUT', '/v1/tenants/mmm/ports/trunk', { network: 'web' })
  const sub = { network: 'web', parent: 'trunk', vid: 7 }
  expect((await as('member mmm', 'PUT', '/v1/tenants/mmm/ports/sub', sub)).status).toBe(201)
  const other = await as('member mmm', 'PATCH', '/v1/tenants/mmm/ports/sub', { vid: 8 })
  expect(other.body).toMatchObject({ vid: 8 })
})

test('an array is no object, whoever puts it', async () => {
  for (const method of ['PUT', 'PATCH'])
    for (const who of ['member mmm', 'operator']) {
      const { status, body } = await as(who, method, '/v1/tenants/mmm/networks/web', [])
      expect([status, body.type]).toEqual([400, 'urn:weft:problem:wrong_type'])
    }
})

test('a tenant of the same id has nothing of the one before it, an operator has all', async () => {
  const before = store.snapshot.revision
  const of = (collection: Collection) => [...store.snapshot.list(collection).keys()]
  const all = (['token', 'port', 'network'] as const).flatMap((name) =>
    of(name)
      .filter((key) => key.startsWith('mmm/'))
      .map((key) => drop(name, key)),
  )
  write(...all, drop('tenant', 'mmm'))
  expect((await as('admin mmm', 'GET', `/v1/tenants/mmm/networks?at=${before}`)).status).toBe(404)
  write(put('tenant', 'mmm', {}))
  const cursor = cursorText({ revision: before, after: 'mmm/a' })
  for (const path of [
    `/v1/tenants?at=${before}`,
    `/v1/tenants/mmm?at=${before}`,
    `/v1/tenants/mmm/networks?at=${before}`,
    `/v1/tenants/mmm/networks?cursor=${cursor}`,
    `/v1/tenants/mmm/networks/web?at=${before}`,
    `/v1/tenants/mmm/tokens/ci?at=${before}`,
  ])
    expect([path, (await as('admin mmm', 'GET', path)).status]).toEqual([path, 404])
  const seen = await as('operator', 'GET', `/v1/tenants/mmm/networks?at=${before}`)
  expect(seen.body.items).toHaveLength(2)
})

test('a reader of the site learns of tokens that there are some, and not their hashes', async () => {
  const { revision } = store.snapshot
  const text = async (who: string) =>
    JSON.stringify((await as(who, 'GET', `/v1/revisions/${revision}`)).body)
  expect(await text('reader')).toContain('token mmm/ci')
  expect(await text('reader')).not.toContain('a'.repeat(64))
  expect(await text('operator')).toContain('a'.repeat(64))
})
