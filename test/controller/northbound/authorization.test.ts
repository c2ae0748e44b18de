/**
 * Who may do what over HTTP. The expected answers stand in tables written by hand, role × action × own or foreign tenant;
 * the routes of /openapi.json only multiply them, and a route without a row fails.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tokenAccess } from '../../../controller/access/access.ts'
import { hashOf, newSecret } from '../../../controller/access/secret.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { createNorthbound, type Northbound } from '../../../controller/northbound/northbound.ts'
import { Store } from '../../../controller/store/store.ts'
import { smallSite } from '../model/site.ts'
import { realizedAtOnce } from './realized-at-once.ts'
import { fetchChecked } from './schemas.ts'

const roles = ['operator', 'siteReader', 'admin', 'member', 'reader', 'nobody'] as const
type Role = (typeof roles)[number]
const secrets = Object.fromEntries(roles.map((role) => [role, newSecret()])) as Record<Role, string>

/** `yes`: let in, whatever else is wrong with the request. */
type Expected = 'yes' | 401 | 403 | 404
type Row = Readonly<Record<Role, Expected>>
const row = (...answers: readonly Expected[]): Row =>
  Object.fromEntries(roles.map((role, at) => [role, answers[at]])) as Row

//                            operator siteReader admin  member reader nobody
const everybody = /*       */ row('yes', 'yes', 'yes', 'yes', 'yes', 'yes')
const readsOwn = /*        */ row('yes', 'yes', 'yes', 'yes', 'yes', 401)
const writesOwn = /*       */ row('yes', 403, 'yes', 'yes', 403, 401)
const administersOwn = /*  */ row('yes', 403, 'yes', 403, 403, 401)
const readsForeign = /*    */ row('yes', 'yes', 404, 404, 404, 401)
const writesForeign = /*   */ row('yes', 403, 404, 404, 404, 401)
const readsSite = /*       */ row('yes', 'yes', 403, 403, 403, 401)
const operates = /*        */ row('yes', 403, 403, 403, 403, 401)

/** What a route asks at the path of one's own tenant, or of none, and at that of another. */
interface Rows {
  readonly own: Row
  readonly foreign?: Row
}
const reading: Rows = { own: readsOwn, foreign: readsForeign }
const writing: Rows = { own: writesOwn, foreign: writesForeign }
const administering: Rows = { own: administersOwn, foreign: writesForeign }
const operatingTenant: Rows = { own: operates, foreign: writesForeign }
const watching: Rows = { own: readsSite }
const operating: Rows = { own: operates }

/** All methods of a path: GET, POST, and what writes one object (PUT, PATCH, DELETE). */
const table: Readonly<
  Record<string, { readonly get?: Rows; readonly post?: Rows; readonly write?: Rows }>
> = {
  '/healthz': { get: { own: everybody } },
  '/readyz': { get: { own: everybody } },
  '/v1/tenants': { get: { own: readsOwn } },
  '/v1/tenants/{tenant}': { get: reading, write: operatingTenant },
  '/v1/tenants/{tenant}/networks': { get: reading },
  '/v1/tenants/{tenant}/networks/{id}': { get: reading, write: writing },
  '/v1/tenants/{tenant}/subnets': { get: reading },
  '/v1/tenants/{tenant}/subnets/{id}': { get: reading, write: writing },
  '/v1/tenants/{tenant}/ports': { get: reading },
  '/v1/tenants/{tenant}/ports/{id}': { get: reading, write: writing },
  '/v1/tenants/{tenant}/tokens': { get: administering },
  '/v1/tenants/{tenant}/tokens/{id}': { get: administering, write: administering },
  '/v1/tenants/{tenant}:apply': { post: writing },
  '/v1/tenants/{tenant}:export': { get: reading },
  '/v1:apply': { post: operating },
  '/v1:export': { get: watching },
  '/v1:backup': { get: operating },
  '/v1:trace': { get: watching, post: operating },
  '/v1/infra/tokens': { get: operating },
  '/v1/infra/tokens/{id}': { get: operating, write: operating },
  '/v1/infra/hosts': { get: watching },
  '/v1/infra/hosts/{id}': { get: watching, write: operating },
  '/v1/infra/hosts/{id}/drops': { get: watching },
  '/v1/infra/hosts/{id}/adoption': { get: operating },
  '/v1/infra/hosts/{id}/flows': { get: watching },
  '/v1/infra/bridges': { get: watching },
  '/v1/infra/bridges/{host}/{id}': { get: watching, write: operating },
  '/v1/infra/physical-networks': { get: watching },
  '/v1/infra/physical-networks/{id}': { get: watching, write: operating },
  '/v1/infra/vni-pools': { get: watching },
  '/v1/infra/vni-pools/{id}': { get: watching, write: operating },
  '/v1/infra/pending-hosts': { get: watching },
  '/v1/infra/quarantine': { get: watching },
  '/v1/infra/store': { get: watching },
  '/v1/events': { get: watching },
  '/v1/tenants/{tenant}/events': { get: reading },
  '/metrics': { get: watching },
  '/v1/revisions': { get: watching },
  '/v1/revisions/{revision}': { get: watching },
}

const store = Store.open(':memory:')
let northbound: Northbound
let url = ''

beforeAll(async () => {
  const token = (role: Role): { sha256: string } => ({ sha256: hashOf(secrets[role]) })
  const site = (key: string, role: 'operator' | 'reader', of: Role): Edit => ({
    collection: 'siteToken',
    key,
    spec: { role, ...token(of) },
  })
  const ofAcme = (role: 'admin' | 'member' | 'reader'): Edit => ({
    collection: 'token',
    key: `acme/${role}`,
    spec: { role, ...token(role) },
  })
  const secret: Edit = { collection: 'network', key: 'globex/secret', spec: {} }
  const tokens = [
    site('o', 'operator', 'operator'),
    site('s', 'reader', 'siteReader'),
    ofAcme('admin'),
    ofAcme('member'),
    ofAcme('reader'),
  ]
  store.commit([...smallSite, secret, ...tokens], { who: 'test' })
  const access = tokenAccess({ snapshot: () => store.snapshot })
  northbound = await createNorthbound({
    ...{ store, realization: realizedAtOnce(store), access },
    limits: { perPrincipal: 1_000_000, failuresPerAddress: 1_000_000 },
  })
  url = (await northbound.listen()).url
})
afterAll(async () => {
  await northbound.close()
  store.close()
})

interface Asked {
  readonly status: number
  readonly text: string
  readonly headers: Headers
}
async function ask(role: Role, method: string, path: string, body?: string): Promise<Asked> {
  const authorization = `Bearer ${secrets[role]}`
  const headers = {
    ...(role === 'nobody' ? {} : { authorization }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  }
  const response = await fetchChecked(url + path, { method, headers, ...(body && { body }) })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

/** A path of a tenant; ids that nothing has, so that what is let in changes nothing. */
const pathOf = (template: string, tenant: string): string =>
  template
    .replace('{tenant}', tenant)
    .replace('{revision}', '999999')
    .replaceAll(/\{\w+\}/g, 'nothing-here')

/** Refused because of who asks, or let in. */
function verdictOf({ status, text }: Asked, tenant: string): Expected {
  if (status === 401 || status === 403) return status
  return status === 404 && text.includes(`"tenant ${tenant}"`) ? 404 : 'yes'
}

describe('every route, by every role', () => {
  test('the routes are those of the table', async () => {
    const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: object }
    const routes = Object.entries(paths).map(([path, methods]) => {
      const names = Object.keys(methods).filter((name) => name !== 'head')
      const kinds = names.map((name) => (name === 'get' || name === 'post' ? name : 'write'))
      return [path, [...new Set(kinds)].sort()]
    })
    const rows = Object.entries(table).map(([path, kinds]) => [path, Object.keys(kinds).sort()])
    expect(Object.fromEntries(routes)).toEqual(Object.fromEntries(rows))
  })

  for (const [template, { get, post, write }] of Object.entries(table)) {
    const methods = [
      ['GET', get],
      ['HEAD', get],
      ['POST', post],
      ['PUT', write],
      ['PATCH', write],
      ['DELETE', write],
    ] as const
    for (const [method, rows] of methods) {
      for (const [tenant, expected] of [
        ['acme', rows?.own],
        ['globex', rows?.foreign],
      ] as const) {
        if (!expected) continue
        // A tenant itself is not deleted by who asks whether it may be.
        const isTenant = template === '/v1/tenants/{tenant}' && method === 'DELETE'
        test(`${method} ${template} of ${tenant}`, async () => {
          const { revision } = store.snapshot
          for (const role of roles) {
            const body =
              method !== 'GET' && method !== 'HEAD' && method !== 'DELETE'
                ? '"no object"'
                : undefined
            const path = pathOf(template, tenant) + (isTenant ? '?nonsense=1' : '')
            const answer = await ask(role, method, path, body)
            const wanted = expected[role]
            // HEAD has no body to tell one 404 from another: the tenant exists, so what is let in finds it, or lacks parameters.
            if (method === 'HEAD') {
              const refused = wanted === 'yes' ? [200, 400, 404] : [wanted]
              expect([role, refused.includes(answer.status)]).toEqual([role, true])
            } else expect([role, verdictOf(answer, tenant)]).toEqual([role, wanted])
          }
          expect(store.snapshot.revision).toBe(revision)
        })
      }
    }
  }
})

describe('a tenant cannot learn that another exists', () => {
  const paths = [
    '',
    '/networks',
    '/networks/secret',
    '/ports/none',
    '/tokens/none',
    '/nothing-at-all',
  ]
  test.each(paths)('%s of one that exists and of one that does not answer alike', async (path) => {
    for (const method of ['GET', 'PUT', 'DELETE'] as const) {
      const body = method === 'PUT' ? '{}' : undefined
      const there = await ask('admin', method, `/v1/tenants/globex${path}`, body)
      const absent = await ask('admin', method, `/v1/tenants/absent${path}`, body)
      expect(there.text.replaceAll('globex', 'absent')).toBe(absent.text)
      expect(there.status).toBe(absent.status)
      const names = ({ headers }: Asked) => [...headers.keys()].filter((name) => name !== 'date')
      expect(names(there)).toEqual(names(absent))
    }
  })

  test('the list of tenants has its own alone', async () => {
    const { text } = await ask('member', 'GET', '/v1/tenants?fields=id')
    expect(JSON.parse(text).items).toEqual([{ id: 'acme' }])
    const all = await ask('siteReader', 'GET', '/v1/tenants?fields=id')
    expect(JSON.parse(all.text).items).toEqual([{ id: 'acme' }, { id: 'globex' }])
  })

  test("numbers of the site are the operator's: who asks for a VNI learns nothing of others", async () => {
    const vni = store.snapshot.get('network', 'globex/secret')?.vni
    for (const number of [vni, 424_242]) {
      const answer = await ask('admin', 'PUT', '/v1/tenants/acme/networks/x', `{"vni":${number}}`)
      expect(answer.status).toBe(403)
      expect(JSON.parse(answer.text)).toMatchObject({
        type: 'urn:weft:problem:operator_field',
        pointer: '/vni',
      })
    }
  })
})

test('what an operator has said of a port stays when its tenant puts it again', async () => {
  const path = '/v1/tenants/acme/ports/placed'
  const placed = { network: 'web', hostId: 'h1', ofport: 77 }
  expect((await ask('operator', 'PUT', path, JSON.stringify(placed))).status).toBe(201)
  const again = await ask('member', 'PUT', path, '{"network":"web","labels":{"app":"x"}}')
  expect(JSON.parse(again.text)).toMatchObject({ hostId: 'h1', ofport: 77, labels: { app: 'x' } })
  const moved = await ask('member', 'PATCH', path, '{"hostId":"h2"}')
  expect(JSON.parse(moved.text)).toMatchObject({ status: 403, pointer: '/hostId' })
  expect((await ask('operator', 'PATCH', path, '{"hostId":null,"ofport":null}')).status).toBe(200)
  expect((await ask('member', 'DELETE', path)).status).toBe(200)
})

test('nobody is told why a token is not valid', async () => {
  for (const authorization of [
    'Bearer weft_x',
    `Bearer ${newSecret()}`,
    'Basic Zm9v',
    'nonsense',
  ]) {
    const response = await fetchChecked(`${url}/v1/tenants`, { headers: { authorization } })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
    expect(await response.json()).toEqual({
      type: 'urn:weft:problem:unauthenticated',
      title: 'Unauthenticated',
      status: 401,
      detail: 'it is not known who asks',
      expected: 'Authorization: Bearer TOKEN, with a token that is valid',
    })
  }
})

test('a token that its admin deletes lets nobody in any longer; the journal says who wrote', async () => {
  const secret = newSecret()
  const path = '/v1/tenants/acme/tokens/short-lived'
  const body = JSON.stringify({ role: 'member', sha256: hashOf(secret) })
  expect((await ask('admin', 'PUT', path, body)).status).toBe(201)
  const put = (): Promise<Response> =>
    fetchChecked(`${url}/v1/tenants/acme/networks/by-token`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: '{}',
    })
  expect((await put()).status).toBe(201)
  expect([...store.journal()].at(-1)?.who).toBe('token acme/short-lived')
  expect((await ask('admin', 'DELETE', path)).status).toBe(200)
  expect((await put()).status).toBe(401)
})
