/** Whole documents: applied, planned, pruned, exported, refused whole. */
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { tokenAccess } from '../../../controller/access/access.ts'
import { hashOf, newSecret } from '../../../controller/access/secret.ts'
import { Controller } from '../../../controller/controller.ts'
import { Store } from '../../../controller/store/store.ts'
import type { Answer } from './client.ts'
import { fetchChecked } from './schemas.ts'

const topology = (name: string): string =>
  readFileSync(new URL(`../../../topologies/${name}`, import.meta.url), 'utf8')
const site = topology('two-tenants.yaml')

let store: Store
let controller: Controller
const secrets = { operator: newSecret(), member: newSecret() }

beforeEach(async () => {
  store = Store.open(':memory:')
  const spec = { role: 'operator', sha256: hashOf(secrets.operator) } as const
  store.commit([{ collection: 'siteToken', key: 'root', spec }], { who: 'test' })
  const access = tokenAccess({ snapshot: () => store.snapshot })
  controller = await Controller.start({ store, rest: { host: '127.0.0.1', port: 0 }, access })
})
afterEach(async () => {
  await controller.close()
  store.close()
})

async function call(
  method: string,
  path: string,
  body?: string,
  { by = 'operator', type = 'application/yaml' }: { by?: keyof typeof secrets; type?: string } = {},
): Promise<Answer & { text: string }> {
  const authorization = `Bearer ${secrets[by]}`
  const headers = { authorization, ...(body === undefined ? {} : { 'content-type': type }) }
  const response = await fetchChecked(controller.url + path, {
    method,
    headers,
    ...(body && { body }),
  })
  const text = await response.text()
  const answered = response.headers.get('content-type') ?? ''
  const json = answered.includes('json') ? JSON.parse(text) : undefined
  return { status: response.status, type: answered, headers: response.headers, body: json, text }
}
const memberOf = (tenant: string): void => {
  const spec = { role: 'member', sha256: hashOf(secrets.member) } as const
  store.commit([{ collection: 'token', key: `${tenant}/m`, spec }], { who: 'test' })
}

test('a document is applied as one revision; the second time nothing changes, and the answer says so', async () => {
  const before = store.snapshot.revision
  const first = await call('POST', '/v1:apply', site)
  expect(first.status).toBe(200)
  expect(first.body).toMatchObject({ mode: 'apply', revision: before + 1 })
  expect(first.body.changes).toContainEqual(
    expect.objectContaining({ action: 'add', object: 'tenant acme' }),
  )
  const again = await call('POST', '/v1:apply', site)
  expect(again.body).toEqual({
    ...{ mode: 'apply', revision: before + 1, changes: [], hosts: {}, warnings: [] },
  })
})

test('a plan says what would happen on which host, and does nothing', async () => {
  await call('POST', '/v1:apply', site)
  const { revision } = store.snapshot
  const acme = store.snapshot.get('port', 'acme/vm1')
  const placed = `
tenants:
  acme:
    networks: { web: { vni: 5001, mtuBytes: 1300 }, lonely: {} }
    ports: { extra: { network: web, hostId: h1, ofport: 99 } }
`
  const plan = await call('POST', '/v1:apply?mode=plan', placed)
  expect(plan.body).toMatchObject({ mode: 'plan', revision })
  expect(store.snapshot.revision).toBe(revision)
  expect(store.snapshot.get('port', 'acme/vm1')).toBe(acme)
  const objects = plan.body.changes.map((each: { object: string }) => each.object)
  expect(objects).toEqual(
    expect.arrayContaining(['network acme/web', 'network acme/lonely', 'port acme/extra']),
  )
  const web = plan.body.changes.find(
    ({ object }: { object: string }) => object === 'network acme/web',
  )
  expect(web).toMatchObject({
    action: 'change',
    properties: [{ pointer: '/mtuBytes', after: 1300 }],
  })
  expect(plan.body.hosts.h1.flows.added).toBeGreaterThan(0)
  expect(plan.body.warnings).toEqual([
    {
      type: 'unused',
      object: 'network acme/lonely',
      message: 'network acme/lonely is used by no port',
    },
  ])

  // What was planned is what is done, flow by flow.
  const applied = await call('POST', `/v1:apply?planId=${plan.body.planId}`, placed)
  expect(applied.body).toMatchObject({ mode: 'apply', revision: revision + 1 })
  expect(applied.body.hosts).toEqual(plan.body.hosts)
  expect(applied.body.changes).toEqual(plan.body.changes)
})

test('a plan is stale once it would do something else, or the document is another one', async () => {
  await call('POST', '/v1:apply', site)
  const wider = 'tenants: { acme: { networks: { web: { vni: 5001, mtuBytes: 1300 } } } }'
  const planned = async () => (await call('POST', '/v1:apply?mode=plan', wider)).body.planId
  const applied = (planId: string, text = wider) => call('POST', `/v1:apply?planId=${planId}`, text)
  const stale = { status: 409, body: { type: 'urn:weft:problem:plan_stale' } }

  const planId = await planned()
  expect(await applied(planId, wider.replace('1300', '1301'))).toMatchObject(stale)
  // What it would change has changed, if only by a label that it would keep.
  const patch = await call('PATCH', '/v1/tenants/acme/networks/web', '{"labels":{"a":"b"}}', {
    type: 'application/json',
  })
  expect(patch.status).toBe(200)
  expect(await applied(planId)).toMatchObject(stale)

  const second = await planned()
  // Somewhere else, and a VM is plugged in there.
  store.commit([{ collection: 'tenant', key: 'new', spec: {} }], { who: 'test' })
  const port = store.snapshot.get('port', 'globex/vm1')?.uuid ?? ''
  const spec = { hostId: 'h1', ofport: 9 }
  store.observe([{ collection: 'binding', key: port, spec }], { who: 'test' })
  expect(await applied(second)).toMatchObject({ status: 200 })
  // It is done: nothing is left to do, which is not what was planned.
  expect(await applied(second)).toMatchObject(stale)

  const third = (await call('POST', '/v1:apply?mode=plan', wider.replace('1300', '1299'))).body
  const own = store.snapshot.get('port', 'acme/vm1')?.uuid ?? ''
  store.observe([{ collection: 'binding', key: own, spec: { ...spec, ofport: 8 } }], {
    who: 'test',
  })
  // Plugged in where the change matters: more flows than were shown.
  expect(await applied(third.planId, wider.replace('1300', '1299'))).toMatchObject(stale)
})

test('a deletion is planned: what goes along, on which host, and exactly that is done', async () => {
  await call('POST', '/v1:apply', site)
  memberOf('acme')
  const port = store.snapshot.get('port', 'acme/vm1')?.uuid ?? ''
  const spec = { hostId: 'h1', ofport: 9 }
  store.observe([{ collection: 'binding', key: port, spec }], { who: 'test' })
  const { revision } = store.snapshot
  const path = '/v1/tenants/acme/networks/web'
  expect(await call('DELETE', `${path}?mode=plan`)).toMatchObject({
    ...{ status: 409, body: { type: 'urn:weft:problem:in_use' } },
  })
  expect((await call('DELETE', '/v1/tenants/acme/networks/no?mode=plan')).status).toBe(404)
  const whole = `${path}?cascade=true`
  const plan = await call('DELETE', `${whole}&mode=plan`)
  expect(plan.body).toMatchObject({ mode: 'plan', revision, warnings: [] })
  const gone = plan.body.changes.map(({ action, object }: Record<string, string>) => [
    ...[action, object],
  ])
  expect(gone.at(-1)).toEqual(['remove', 'network acme/web'])
  expect(gone).toContainEqual(['remove', 'port acme/vm1'])
  expect(plan.body.hosts.h1.flows.removed).toBeGreaterThan(10)
  expect(store.snapshot.revision).toBe(revision)
  // A tenant is not told of hosts.
  const own = await call('DELETE', `${whole}&mode=plan`, undefined, { by: 'member' })
  expect(own.body).toMatchObject({ hosts: {}, changes: plan.body.changes })

  const extra = 'tenants: { acme: { ports: { extra: { network: web } } } }'
  await call('POST', '/v1:apply', extra)
  expect(await call('DELETE', `${whole}&planId=${plan.body.planId}`)).toMatchObject({
    ...{ status: 409, body: { type: 'urn:weft:problem:plan_stale' } },
  })
  const { planId, changes } = (await call('DELETE', `${whole}&mode=plan`)).body
  const done = await call('DELETE', `${whole}&planId=${planId}`)
  expect(done).toMatchObject({ status: 200, body: { deleted: 'network acme/web' } })
  expect([...done.body.cascaded, done.body.deleted]).toEqual(
    changes.map(({ object }: { object: string }) => object),
  )
})

test('prune deletes what the document does not have, of the whole site or of one tenant', async () => {
  await call('POST', '/v1:apply', site)
  memberOf('acme')
  const small = 'tenants: { acme: { networks: { web: { vni: 5001 } } } }'
  const planned = await call('POST', '/v1/tenants/acme:apply?mode=plan&prune=true', small, {
    by: 'member',
  })
  const removed = planned.body.changes.filter(
    ({ action }: { action: string }) => action === 'remove',
  )
  expect(removed.length).toBeGreaterThan(0)
  expect(planned.body.hosts).toEqual({})
  const ports = [...store.snapshot.list('port').keys()]
  const pruned = await call('POST', '/v1/tenants/acme:apply?prune=true', small, { by: 'member' })
  expect(pruned.status).toBe(200)
  expect([...store.snapshot.list('port').keys()]).toEqual(
    ports.filter((key) => !key.startsWith('acme/')),
  )
  expect(store.snapshot.get('tenant', 'globex')).toBeDefined()
  expect((await call('POST', '/v1:apply?prune=true', 'tenants: { acme: {} }')).status).toBe(200)
  expect([...store.snapshot.list('host').keys()]).toEqual([])
  expect([...store.snapshot.list('tenant').keys()]).toEqual(['acme'])
  // Who is let in is in no document.
  expect(store.snapshot.get('token', 'acme/m')).toBeDefined()
  expect(store.snapshot.get('siteToken', 'root')).toBeDefined()
})

test("a tenant applies to itself alone, and says nothing that is the operator's", async () => {
  await call('POST', '/v1:apply', site)
  memberOf('acme')
  const as = { by: 'member' } as const
  const { revision } = store.snapshot
  for (const [text, line, pointer, type] of [
    ['tenants:\n  globex: {}', 2, '/tenants/globex', 'outside_tenant'],
    [
      'tenants: { acme: {} }\nhosts:\n  h9: { vtepAddress: 192.0.2.9 }',
      2,
      '/hosts',
      'outside_tenant',
    ],
    [
      'tenants:\n  acme:\n    networks:\n      n: { vni: 77 }',
      4,
      '/tenants/acme/networks/n/vni',
      'operator_field',
    ],
    // Silence would look like a change.
    [
      'tenants:\n  acme:\n    quota: { networks: 1000 }',
      3,
      '/tenants/acme/quota',
      'operator_field',
    ],
  ] as const) {
    const answer = await call('POST', '/v1/tenants/acme:apply', text, as)
    expect(answer).toMatchObject({
      status: 403,
      body: { type: `urn:weft:problem:${type}`, line, pointer },
    })
  }
  expect(store.snapshot.revision).toBe(revision)
  const own = 'tenants: { acme: { networks: { mine: {} } } }'
  expect((await call('POST', '/v1/tenants/acme:apply', own, as)).status).toBe(200)
  expect((await call('POST', '/v1:apply', own, as)).status).toBe(403)
})

test('a tenant has a MiB of YAML, and eight of JSON', async () => {
  await call('POST', '/v1:apply', site)
  memberOf('acme')
  const as = { by: 'member' } as const
  const yaml = `tenants: { acme: {} } # ${' '.repeat(1024 * 1024)}`
  const refused = await call('POST', '/v1/tenants/acme:apply', yaml, as)
  expect(refused).toMatchObject({
    status: 413,
    body: { expected: expect.stringContaining('of YAML') },
  })
  const flow = `{tenants: {acme: {}}${' '.repeat(1024 * 1024)}}`
  expect((await call('POST', '/v1/tenants/acme:apply', flow, as)).status).toBe(413)
  const json = `{"tenants": {"acme": {}}${' '.repeat(2 * 1024 * 1024)}}`
  expect((await call('POST', '/v1/tenants/acme:apply', json, as)).status).toBe(200)
  expect((await call('POST', '/v1:apply?mode=plan', yaml)).status).toBe(200)
})

test('a document is refused whole, with every line that is wrong', async () => {
  const { revision } = store.snapshot
  const wrong =
    'tenants:\n  acme:\n    networks:\n      web: { vni: 5001, mtuByte: 1 }\n      other: { vni: -1 }'
  const answer = await call('POST', '/v1:apply', wrong)
  expect(answer.status).toBe(400)
  expect(
    answer.body.errors.map(({ line, pointer }: { line: number; pointer: string }) => [
      line,
      pointer,
    ]),
  ).toEqual([
    [4, '/tenants/acme/networks/web/mtuByte'],
    [5, '/tenants/acme/networks/other/vni'],
  ])
  const reference = 'tenants:\n  acme:\n    ports:\n      p: { network: nowhere }'
  expect((await call('POST', '/v1:apply', reference)).body).toMatchObject({
    status: 409,
    line: 4,
    pointer: '/tenants/acme/ports/p/network',
  })
  expect((await call('POST', '/v1:apply', 'a: [')).body).toMatchObject({ status: 400, line: 1 })
  expect((await call('POST', '/v1:apply', '{"a": "b"}', { type: 'text/plain' })).status).toBe(415)
  expect(store.snapshot.revision).toBe(revision)
})

test('JSON is taken as YAML is', async () => {
  const document = JSON.stringify({
    tenants: { acme: { labels: { a: 'b' }, networks: { web: {} } } },
  })
  const answer = await call('POST', '/v1:apply', document, { type: 'application/json' })
  expect(answer.status).toBe(200)
  expect(store.snapshot.get('tenant', 'acme')?.labels).toEqual({ a: 'b' })
})

const documents = readdirSync(new URL('../../../topologies', import.meta.url)).filter((name) =>
  name.endsWith('.yaml'),
)
test.each(documents)('what is exported of %s makes the same site again', async (name) => {
  expect((await call('POST', '/v1:apply', topology(name))).status).toBe(200)
  const exported = await call('GET', '/v1:export')
  expect(exported.type).toMatch(/^application\/yaml/)
  expect((await call('POST', '/v1:apply?prune=true', exported.text)).body.changes).toEqual([])
  const objects = () =>
    (['network', 'port', 'host'] as const).map((each) => [...store.snapshot.list(each)])
  const before = JSON.stringify(objects(), (key, value) =>
    /^(uuid|revision|number)$/.test(key) ? 0 : value,
  )
  expect((await call('POST', '/v1:apply?prune=true', 'tenants: {}')).status).toBe(200)
  expect((await call('POST', '/v1:apply', exported.text)).status).toBe(200)
  const after = JSON.stringify(objects(), (key, value) =>
    /^(uuid|revision|number)$/.test(key) ? 0 : value,
  )
  expect(after).toBe(before)
})

test('the addresses that a plan shows are those that are given, in each of several new subnets', async () => {
  const tenant = `
    networks: { web: {} }
    subnets: { web: { network: web, cidr: 10.0.0.0/24 }, six: { network: web, cidr: '2001:db8::/64' } }
    ports: { a: { network: web }, b: { network: web } }`
  const document = `tenants:\n  t1:${tenant}\n  t2:${tenant}\n`
  const plan = await call('POST', '/v1:apply?mode=plan', document)
  const done = await call('POST', `/v1:apply?planId=${plan.body.planId}`, document)
  expect(done.body.changes).toEqual(plan.body.changes)
  const addresses = [...store.snapshot.list('port').values()].map((port) => port.addresses)
  for (const given of addresses) expect(plan.text).toContain(JSON.stringify(given).slice(1, -1))
  expect(addresses.map(([first]) => first)).toEqual([
    '10.0.0.2',
    '10.0.0.3',
    '10.0.0.2',
    '10.0.0.3',
  ])
})
