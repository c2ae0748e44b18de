import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { put } from '../model/site.ts'
import { gate, openSite, realized, rowOf, type TestHost, type TestSite } from './site.ts'

let site: TestSite
let h1: TestHost
/** h1 is there, h2 and h3 are in the model and away. */
beforeEach(async () => {
  site = await openSite(
    put('port', 'acme/here', { network: 'web', hostId: 'h1', ofport: 11 }),
    put('network', 'acme/far', { vni: 5002 }),
    put('port', 'acme/there', { network: 'far', hostId: 'h2', ofport: 12, addresses: [] }),
  )
  h1 = site.host('h1')
  await realized(site, 'infra/hosts/h1')
})
afterEach(() => site.close())

const WAIT = '?wait=realized&timeout=3s'
/** Waits in vain: its time passes at once. */
const inVain = async (method: string, path: string, body?: unknown) => {
  let isOver = false
  const answer = site.rest(method, `${path}?wait=realized&timeout=100ms`, body).finally(() => {
    isOver = true
  })
  while (!isOver) {
    site.clock.advance(10)
    await delay(2)
  }
  return answer
}
const web = { network: 'web', hostId: 'h1' }

test('a port, a network, a host and a bridge are waited for until the host has them', async () => {
  const port = await site.rest('PUT', `tenants/acme/ports/new${WAIT}`, { ...web, ofport: 21 })
  expect(port).toMatchObject({ status: 201, body: { status: { realized: true } } })
  expect([...h1.bridge.flows.all()].some(({ cookie }) => cookie > 0n)).toBe(true)

  const network = await site.rest('PUT', `tenants/acme/networks/web${WAIT}`, { vni: 7001 })
  expect(network).toMatchObject({ status: 200, body: { status: { hosts: { h1: {} } } } })

  const host = await site.rest('PUT', `infra/hosts/h1${WAIT}`, { vtepAddress: '192.0.2.50' })
  expect(host).toMatchObject({ status: 200, body: { status: { realized: true } } })

  const bridge = await site.rest('PUT', `infra/bridges/h1/br-x${WAIT}`, { uplinks: ['eth0'] })
  expect(bridge).toMatchObject({ status: 201, body: { status: { realized: true } } })
  expect(rowOf(h1.device.database, 'Bridge', 'br-x')).toBeDefined()
})

test('what concerns a host that is away is kept and not realized', async () => {
  const port = { network: 'far', hostId: 'h2', ofport: 22, addresses: [] }
  const answers = await Promise.all([
    inVain('PUT', 'tenants/acme/ports/new', port),
    inVain('PUT', 'infra/hosts/h2', { vtepAddress: '192.0.2.60' }),
    inVain('PUT', 'infra/bridges/h2/br-x', {}),
  ])
  for (const { status, body } of answers) {
    expect(status).toBe(202)
    expect(body.status).toMatchObject({ hosts: { h2: { state: 'disconnected' } } })
  }
})

test('a deletion waits for the hosts that it touched and for no other', async () => {
  const here = await site.rest('DELETE', `tenants/acme/ports/here${WAIT}`)
  expect(here).toMatchObject({ status: 200, body: { realized: true } })
  const there = await inVain('DELETE', 'tenants/acme/ports/there')
  expect(there).toMatchObject({ status: 202, body: { realized: false } })
})

test('the deletion of a bridge is realized when the host has lost it', async () => {
  await site.rest('PUT', `infra/bridges/h1/br-x${WAIT}`, {})
  const gone = await site.rest('DELETE', `infra/bridges/h1/br-x${WAIT}`)
  expect(gone).toMatchObject({ status: 200, body: { realized: true } })
  expect(rowOf(h1.device.database, 'Bridge', 'br-x')).toBeUndefined()

  await site.rest('PUT', 'infra/bridges/h2/br-y', {})
  const away = await inVain('DELETE', 'infra/bridges/h2/br-y')
  expect(away).toMatchObject({ status: 202, body: { realized: false } })
})

test('a port that is nowhere is not realized, and its status says what to do', async () => {
  const answer = await inVain('PUT', 'tenants/acme/ports/vm1', { network: 'web' })
  expect(answer.status).toBe(202)
  const uuid = site.portUuid('acme/vm1')
  expect(answer.body.status).toMatchObject({
    realized: false,
    reason: `no host has an interface on br-int with external_ids:iface-id=${uuid}, or one with this ifalias where it is of kind vtep`,
  })
  const waiting = site.rest('PUT', `tenants/acme/ports/vm2${WAIT}`, { network: 'web' })
  await h1.plug('vm2', site.portUuid('acme/vm2'), 2)
  expect((await waiting).body.status).toMatchObject({ realized: true })
})

test('a declared port whose number is held by another one says so', async () => {
  await h1.plug('vm1', site.portUuid('acme/vm1'), 31)
  await realized(site, 'tenants/acme/ports/vm1')
  const answer = await inVain('PUT', 'tenants/acme/ports/late', {
    ...web,
    ofport: 31,
  })
  expect(answer.body.status.reason).toContain('ofport 31 of h1')
})

test('a host whose rows were written is not realized before it has dialled OpenFlow again', async () => {
  const openflow = gate()
  h1.gates.openflow = openflow.passed
  for (const session of [...h1.bridge.sessions]) session.close()
  const spec = { ...web, ofport: 41 }
  const answer = await inVain('PUT', 'tenants/acme/ports/new', spec)
  expect(answer).toMatchObject({ status: 202, body: { status: { realized: false } } })
  openflow.open()
  await realized(site, 'tenants/acme/ports/new')
})
