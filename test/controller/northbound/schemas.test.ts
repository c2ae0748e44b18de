/** That an answer which is not what /openapi.json says does not pass, and what that document and its page are. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createNorthbound, type Northbound } from '../../../controller/northbound/northbound.ts'
import { Store } from '../../../controller/store/store.ts'
import { smallSite } from '../model/site.ts'
import { realizedAtOnce } from './realized-at-once.ts'
import { type Checker, checkerAt } from './schemas.ts'

let store: Store
let northbound: Northbound
let url: string
let check: Checker

beforeAll(async () => {
  store = Store.open(':memory:')
  store.commit(smallSite, { who: 'test' })
  northbound = await createNorthbound({ store, realization: realizedAtOnce(store) })
  url = (await northbound.listen()).url
  check = await checkerAt(url)
})
afterAll(async () => {
  await northbound.close()
  store.close()
})

const status = { realized: true, revision: 7, observedRevision: 7, conditions: [], hosts: {} }
const network = {
  ...{ tenant: 'acme', id: 'web', uuid: '00000000-0000-4000-8000-000000000000', number: 1 },
  ...{ type: 'vxlan', vni: 10_001, mtuBytes: 1450, revision: 7, status },
}
const problem = { type: 'urn:weft:problem:x', title: 'X', status: 404, detail: 'x' }
const path = '/v1/tenants/acme/networks/web'
const answer = (body: object, more: object = {}) =>
  check({
    ...{ method: 'GET', path, status: 200, type: 'application/json' },
    ...more,
    text: JSON.stringify(body),
  })
const refusal = { status: 404, type: 'application/problem+json; charset=utf-8' }

test('an answer as /openapi.json says passes', () => {
  expect(answer(network)).toBeUndefined()
  expect(answer(problem, refusal)).toBeUndefined()
  expect(answer({ id: 'web' }, { path: `${path}?fields=id` })).toBeUndefined()
  const { status: _, ...past } = network
  expect(answer(past, { path: `${path}?at=7` })).toBeUndefined()
})

test.each<[string, object, object, string]>([
  ['a property too many', { ...network, colour: 'red' }, {}, 'additionalProperties'],
  ['one too many further down', { ...network, status: { ...status, x: 1 } }, {}, '/status'],
  ['a property missing', { id: 'web' }, {}, 'required'],
  ['a value out of range', { ...network, vni: 0 }, {}, '/vni'],
  ['a status that no route declares', network, { status: 204 }, 'is not declared'],
  ['a refusal that is no problem', { error: 'no' }, refusal, 'required'],
  ['a refusal as plain JSON', problem, { status: 404 }, 'application/json, which is not declared'],
  ['the list in place of the object', network, { path: '/v1/tenants/acme/networks' }, 'items'],
  ['success where there is nothing', network, { path: '/v1/nothing' }, 'is not declared'],
])('%s does not', (_, body, more, said) => {
  expect(answer(body, more)).toContain(said)
})

interface Operation {
  readonly operationId?: string
  readonly summary?: string
  readonly tags?: readonly string[]
  readonly security?: readonly object[]
  readonly responses: Readonly<Record<string, { readonly description: string }>>
}
const open: readonly string[] = ['/healthz', '/readyz']

test('every operation has a name of its own, a summary, a tag, who may, and its refusals', async () => {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  }
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  )
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length)
  for (const { path, method, operationId, summary, tags, security, responses } of operations) {
    expect({ path, method, operationId, summary, tags, security }).toEqual({
      ...{ path, method, tags: [expect.any(String)] },
      operationId: expect.stringMatching(/^[a-z]+[A-Z]\w+$/),
      summary: expect.stringMatching(/^[A-Z].{9}/),
      security: open.includes(path) ? [] : [{ bearer: [] }],
    })
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['4XX', '5XX']))
    const said = Object.values(responses).map(({ description }) => description)
    expect(said, operationId).not.toContain('Default Response')
  }
})

test('/docs shows every operation and fetches nothing', async () => {
  const response = await fetch(`${url}/docs`)
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
  const page = await response.text()
  const [, style = ''] = /<style>([^<]*)<\/style>/.exec(page) ?? []
  const digest = createHash('sha256').update(style).digest('base64')
  expect(response.headers.get('content-security-policy')).toBe(
    `default-src 'none';style-src 'sha256-${digest}';base-uri 'none';frame-ancestors 'none'`,
  )
  const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))
  for (const id of ['putPort', 'applyTenant', 'listTenantEvents', 'getHealth', 'PortSpec'])
    expect(ids).toContain(id)
  const links = [...page.matchAll(/ href="([^"]+)"/g)].map(([, href = '']) => href)
  const outside = links.filter((href) => !ids.has(href.slice(1)))
  expect([...new Set(outside)]).toEqual(['/openapi.json'])
  expect(page).not.toMatch(/<script|<link|<img|\bsrc=|@import|url\(|https?:/)
})
