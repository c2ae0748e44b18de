import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createNorthbound, type Northbound } from '../../../controller/northbound/northbound.ts'
import { Store } from '../../../controller/store/store.ts'
import { smallSite } from '../model/site.ts'
import { type Answer, call as callAt, json } from './client.ts'
import { type RealizedAtOnce, realizedAtOnce } from './realized-at-once.ts'
import { fetchChecked } from './schemas.ts'

let store: Store
let realization: RealizedAtOnce
let northbound: Northbound
let url: string

beforeAll(async () => {
  store = Store.open(':memory:')
  realization = realizedAtOnce(store)
  northbound = await createNorthbound({ store, realization })
  url = (await northbound.listen()).url
})
afterAll(async () => {
  await northbound.close()
  store.close()
})
beforeEach(() => {
  realization.release()
  store.commit(smallSite, { who: 'test' })
})

const call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Answer> => callAt(url, method, path, body, headers)

test('an object is created, read, listed, put again without a new revision, and deleted', async () => {
  const path = '/v1/tenants/acme/ports/vm7'
  const created = await call('PUT', path, { network: 'web', addresses: ['10.0.0.77'] })
  expect(created.status).toBe(201)
  expect(created.body).toMatchObject({
    tenant: 'acme',
    id: 'vm7',
    network: 'web',
    addresses: ['10.0.0.77'],
    status: { realized: true, revision: created.body.revision, hosts: {} },
  })
  const again = await call('PUT', path, { network: 'web', addresses: ['10.0.0.77'] })
  expect(again.status).toBe(200)
  expect(again.body).toEqual(created.body)
  expect((await call('GET', path)).body).toEqual(created.body)
  const list = await call('GET', '/v1/tenants/acme/ports')
  expect(list.body.items.map(({ id }: { id: string }) => id)).toEqual(['vm1', 'vm7'])
  const deleted = await call('DELETE', path)
  expect(deleted).toMatchObject({ status: 200, body: { deleted: 'port acme/vm7' } })
  expect(deleted.body.revision).toBeGreaterThan(created.body.revision)
  expect((await call('GET', path)).status).toBe(404)
})

test('a write that waits is answered when it is realized', async () => {
  realization.hold()
  const answer = call('PUT', '/v1/tenants/acme/ports/w?wait=realized&timeout=10s', {
    network: 'web',
  })
  setTimeout(() => realization.release(), 50)
  expect(await answer).toMatchObject({ status: 201, body: { status: { realized: true } } })
  const gone = await call('DELETE', '/v1/tenants/acme/ports/w?wait=realized')
  expect(gone).toMatchObject({ status: 200, body: { realized: true } })
})

test('a write that is not realized in time is kept, and the answer says so', async () => {
  realization.hold()
  const path = '/v1/tenants/acme/ports/late'
  const late = await call('PUT', `${path}?wait=realized&timeout=30ms`, { network: 'web' })
  expect(late.status).toBe(202)
  expect(late.body.status.realized).toBe(false)
  expect(late.body.note).toBe(
    `kept as revision ${late.body.revision}, not realized within 30ms: port acme/late is not`,
  )
  expect((await call('GET', path)).status).toBe(200)
  const gone = await call('DELETE', `${path}?wait=realized&timeout=30ms`)
  expect(gone).toMatchObject({ status: 202, body: { realized: false } })
  expect((await call('GET', path)).status).toBe(404)
})

test('a fault of the program is a problem without any of its text', async () => {
  const broken = {
    ...realization,
    events: () => {
      throw new Error('secret detail')
    },
  }
  const other = await createNorthbound({ store, realization: broken })
  const { url: otherUrl } = await other.listen()
  const response = await fetchChecked(`${otherUrl}/v1/events`)
  const text = await response.text()
  expect(response.status).toBe(500)
  expect(JSON.parse(text)).toMatchObject({ type: 'urn:weft:problem:internal', status: 500 })
  expect(text).not.toContain('secret')
  await other.close()
})

test('closing ends a wait instead of waiting for it', async () => {
  const other = await createNorthbound({ store, realization })
  const { url: otherUrl } = await other.listen()
  realization.hold()
  const waiting = fetchChecked(`${otherUrl}/v1/tenants/acme/ports/c?wait=realized&timeout=60s`, {
    method: 'PUT',
    headers: json,
    body: '{"network":"web"}',
  }).then(
    (response) => response.status,
    () => 'cut off',
  )
  await new Promise((resolve) => setTimeout(resolve, 50))
  const start = performance.now()
  await other.close()
  expect([202, 'cut off']).toContain(await waiting)
  expect(performance.now() - start).toBeLessThan(2000)
})

test('events, drops, pending hosts and health are there to look at', async () => {
  const events = (await call('GET', '/v1/events')).body.events as { id: number }[]
  expect(events.length).toBeGreaterThan(0)
  const since = events.at(-2)?.id ?? 0
  expect((await call('GET', `/v1/events?since=${since}`)).body.events).toEqual(events.slice(-1))
  expect((await call('GET', '/v1/infra/hosts/h1/drops')).body).toEqual({
    host: 'h1',
    drops: [{ reason: 'port_security', port: 'acme/vm1', packets: 3 }],
  })
  store.commit(
    [
      {
        collection: 'host',
        key: 'h2',
        spec: { vtepAddress: '192.0.2.12', underlayMtuBytes: 9050 },
      },
    ],
    { who: 'test' },
  )
  expect(await call('GET', '/v1/infra/hosts/h2/drops')).toMatchObject({
    status: 503,
    body: { type: 'urn:weft:problem:host_disconnected' },
  })
  expect((await call('GET', '/v1/infra/pending-hosts')).body.items).toEqual([
    { phase: 'pending', systemId: 'stranger' },
  ])
  expect((await call('GET', '/healthz')).body).toEqual({
    status: 'ok',
    revision: store.snapshot.revision,
  })
})

test('a bridge belongs to a host, and its key has both', async () => {
  const put = await call('PUT', '/v1/infra/bridges/h1/br-x', { uplinks: ['eth1'], mtuBytes: 9000 })
  expect(put).toMatchObject({ status: 201, body: { host: 'h1', id: 'br-x', uplinks: ['eth1'] } })
  expect(store.snapshot.get('bridge', 'h1/br-x')?.mtuBytes).toBe(9000)
  expect((await call('DELETE', '/v1/infra/bridges/h1/br-x')).status).toBe(200)
})

test('a physical network is created, used, and not deleted while it is used', async () => {
  const path = '/v1/infra/physical-networks/office'
  const body = { mtuBytes: 9000, vids: [7, '100-199'] }
  expect(await call('PUT', path, body)).toMatchObject({
    status: 201,
    body: { id: 'office', ...body },
  })
  expect((await call('GET', '/v1/infra/physical-networks')).body.items).toHaveLength(1)
  const vlan = '/v1/tenants/acme/networks/office'
  const spec = { type: 'vlan', physicalNetwork: 'office' }
  expect(await call('PUT', vlan, spec)).toMatchObject({
    status: 201,
    body: { type: 'vlan', physicalNetwork: 'office', vid: 7, mtuBytes: 1500 },
  })
  expect(await call('DELETE', path)).toMatchObject({
    status: 409,
    body: { type: 'urn:weft:problem:in_use', references: ['network acme/office'] },
  })
  expect((await call('DELETE', vlan)).status).toBe(200)
  expect((await call('DELETE', path)).status).toBe(200)
  expect((await call('GET', path)).body).toMatchObject({
    detail: 'physical network office does not exist',
  })
})

test('OpenAPI 3.1 describes every route with the schemas that validate', async () => {
  const { body } = await call('GET', '/openapi.json')
  expect(body.openapi).toBe('3.1.0')
  expect(Object.keys(body.paths)).toEqual(
    expect.arrayContaining([
      '/v1/tenants/{tenant}',
      '/v1/tenants/{tenant}/networks/{id}',
      '/v1/tenants/{tenant}/subnets/{id}',
      '/v1/tenants/{tenant}/ports/{id}',
      '/v1/infra/hosts/{id}',
      '/v1/infra/physical-networks/{id}',
      '/v1/infra/bridges/{host}/{id}',
      '/v1/infra/hosts/{id}/drops',
      '/v1/events',
      '/healthz',
    ]),
  )
  const put = body.paths['/v1/tenants/{tenant}/ports/{id}'].put
  expect(put.requestBody.content['application/json'].schema).toEqual({
    $ref: '#/components/schemas/PortSpec',
  })
  expect(body.components.schemas.PortSpec).toMatchObject({
    additionalProperties: false,
    required: ['network'],
    properties: { ofport: { type: 'integer', minimum: 1, maximum: 64_999 } },
  })
  expect(body.components.schemas.NetworkSpec.properties).toMatchObject({
    type: { type: 'string', enum: ['vxlan', 'vlan', 'flat'] },
    vid: { type: 'integer', minimum: 1, maximum: 4094 },
    vlanTransparent: { anyOf: [{ type: 'boolean' }, { enum: ['qinq'] }] },
    extension: { required: ['physicalNetwork', 'hostId'] },
  })
  const waits = put.parameters.map(({ name, description }: Record<string, string>) => [
    name,
    description,
  ])
  expect(Object.fromEntries(waits)).toMatchObject({
    wait: expect.stringContaining('every host that it concerns has confirmed'),
    timeout: expect.stringContaining('left out, 5s'),
  })
  expect(put.responses[202].description).toContain('not realized within the timeout')
  const references = JSON.stringify(body).match(/"#\/components\/schemas\/[^"]+"/g) ?? []
  for (const each of new Set(references)) {
    expect(body.components.schemas).toHaveProperty(each.slice(22, -1))
  }
})
