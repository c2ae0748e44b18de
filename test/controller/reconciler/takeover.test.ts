/** A br-int that somebody else has filled is left alone until its host has `adopt`; one that is empty, or Weft's, is taken. */
import { afterEach, expect, test } from 'vitest'
import type { Edit } from '../../../controller/model/schema.ts'
import { memoryPair } from '../../../dataplane/ports/memory.ts'
import { addBridge, addPort, removePort } from '../../../dataplane/switch/operator.ts'
import { flowMod } from '../../../southbound/openflow/message.ts'
import { formatFlow } from '../../../southbound/openflow/text.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { connect } from '../../dataplane/rig.ts'
import { drop, put } from '../model/site.ts'
import {
  OPENFLOW,
  openSite,
  quiet,
  realized,
  rowOf,
  type TestHost,
  type TestSite,
  until,
} from './site.ts'

const { insert, update } = operations(openVSwitch)
const H9 = { vtepAddress: '192.0.2.9' }

let site: TestSite
afterEach(() => site.close())

const commit = (...edits: readonly Edit[]) => site.store.commit(edits, { who: 'test' })
const failed = async () => (await site.status('infra/hosts/h9')).hosts.h9?.reason ?? ''

/** A machine with a br-int of its own, which dials in and is no host yet. */
async function stranger(): Promise<TestHost> {
  const host = site.host('h9')
  addBridge(host.device, 'br-int')
  await host.device.whenBridge('br-int', AbortSignal.timeout(3000))
  await until('pending', () => site.events('host_pending').length > 0)
  return host
}
function plugOwn({ device }: TestHost, name: string, external_ids: Record<string, string> = {}) {
  const [inside] = memoryPair({ name }, { name: `${name}.vm` })
  device.register(name, inside)
  addPort(device, 'br-int', name, { external_ids })
}
async function addFlow({ bridge }: TestHost, priority: number): Promise<void> {
  const somebody = await connect(bridge)
  const nothing = { match: new Uint8Array(0), instructions: new Uint8Array(0) }
  await somebody.send(flowMod('add', { table_id: 0, priority, cookie: 0n, ...nothing }))
  await somebody.barrier()
  somebody.close()
}
const flowsOf = ({ bridge }: TestHost) => [...bridge.flows.all()].map(formatFlow).sort()
const bridgeOf = ({ device }: TestHost) => rowOf(device.database, 'Bridge', 'br-int')
const rowsOf = ({ device: { database } }: TestHost) =>
  JSON.stringify(
    (['Open_vSwitch', 'Bridge', 'Port', 'Interface', 'Controller'] as const).map((table) =>
      [...database.table(table).values()].map(({ _version, ...row }) => ({
        ...row,
        ...('statistics' in row && { statistics: {} }),
      })),
    ),
  )

test('ports and a controller of somebody else: nothing is written, the status says what is there; adopted, it is taken', async () => {
  site = await openSite()
  const host = await stranger()
  plugOwn(host, 'own0')
  const { device } = host
  const uuid = bridgeOf(host)?._uuid ?? ''
  device.database.transact([
    insert('Controller', { target: 'tcp:203.0.113.7:6653' }, 'other'),
    update('Bridge', uuid, { controller: ['other'] }),
  ])
  await quiet()
  const before = rowsOf(host)
  commit(put('host', 'h9', H9))
  await until('told', () => site.events('bridge_foreign').length > 0)
  await quiet()
  expect(await failed()).toMatch(
    /^bridge_foreign: br-int is .* 1 port without iface-id \(own0\), 1 controller \(tcp:203.0.113.7:6653\)/,
  )
  expect(rowsOf(host)).toBe(before)
  expect((await site.status('infra/hosts/h9')).phase).toBe('approved')

  commit(put('host', 'h9', { ...H9, adopt: true }))
  await realized(site, 'infra/hosts/h9')
  expect((await site.status('infra/hosts/h9')).phase).toBe('active')
  // From now on it is Weft's, whatever the object says and whoever takes the marks off.
  commit(put('host', 'h9', H9))
  await realized(site, 'infra/hosts/h9')
  removePort(device, 'weft-vxlan')
  device.database.transact([update('Bridge', uuid, { external_ids: {} })])
  await until('put right', () => 'weft-was' in (bridgeOf(host)?.external_ids ?? {}))
  await realized(site, 'infra/hosts/h9')
})

test("a bridge that was given back is somebody else's again", async () => {
  site = await openSite(put('host', 'h9', { ...H9, adopt: true }))
  const host = site.host('h9')
  addBridge(host.device, 'br-int')
  plugOwn(host, 'own0')
  await realized(site, 'infra/hosts/h9')
  commit(drop('host', 'h9'))
  await until('given back', () => site.events('host_removed').length > 0)
  commit(put('host', 'h9', H9))
  await until('told', () => site.events('bridge_foreign').length > 0)
  expect(bridgeOf(host)?.external_ids).toEqual({})
})

test('flows that nobody can see in rows: the bridge is asked for them, and asked no longer', async () => {
  site = await openSite()
  const host = await stranger()
  plugOwn(host, 'vm1', { 'iface-id': site.portUuid('acme/vm1') })
  await addFlow(host, 7)
  const [flows, rows] = [flowsOf(host), rowsOf(host)]
  commit(put('host', 'h9', H9))
  await until('told', () => site.events('bridge_foreign').length > 0)
  expect(await failed()).toMatch(/it has 1 flow \(priority=7 actions=drop\)\. It is left alone/)
  await until('no Controller', () => host.device.database.table('Controller').size === 0)
  expect(flowsOf(host)).toEqual(flows)
  const now = rowsOf(host).replace(/"(next|cur)_cfg":\d+/g, '')
  expect(now).toBe(rows.replace(/"(next|cur)_cfg":\d+/g, ''))
  expect(site.events('port_bound')).toEqual([])

  commit(put('host', 'h9', { ...H9, adopt: true }))
  await realized(site, 'tenants/acme/ports/vm1')
  expect(flowsOf(host)).not.toContain(flows[0])
})

test('the plan of an adoption has the rows, ports and flows that it would change, and changes none', async () => {
  site = await openSite()
  const host = await stranger()
  plugOwn(host, 'own0')
  plugOwn(host, 'vm1', { 'iface-id': site.portUuid('acme/vm1') })
  await addFlow(host, 7)
  commit(put('host', 'h9', H9))
  await until('told', () => site.events('bridge_foreign').length > 0)
  const flows = flowsOf(host)
  const { status, body } = await site.rest('GET', 'infra/hosts/h9/adoption')
  expect(status).toBe(200)
  expect(body).toMatchObject({
    state: 'foreign',
    ports: [{ name: 'own0' }, { name: 'vm1', port: 'acme/vm1' }],
    flows: { removed: ['priority=7 actions=drop'], changed: [], unlisted: 0, staying: 0 },
  })
  expect(body.flows.added).toBeGreaterThan(0)
  expect(body.rows).toContainEqual({
    ...{ row: 'Bridge br-int', action: 'change', column: 'protocols' },
    ...{ before: '', after: 'OpenFlow13' },
  })
  expect(body.rows.map(({ row }: { row: string }) => row)).toContain('Interface weft-vxlan')
  await until('no Controller', () => host.device.database.table('Controller').size === 0)
  expect(flowsOf(host)).toEqual(flows)
  expect((await site.rest('GET', 'infra/hosts/h1/adoption')).status).toBe(503)
})

test('an empty br-int of somebody else, and one with workloads alone, are taken', async () => {
  site = await openSite()
  const host = await stranger()
  plugOwn(host, 'vm1', { 'iface-id': site.portUuid('acme/vm1') })
  // Another type would make it anew, where ports of DPDK cannot be.
  const userspace = update('Bridge', bridgeOf(host)?._uuid ?? '', { datapath_type: 'netdev' })
  host.device.database.transact([userspace])
  commit(put('host', 'h9', H9))
  await realized(site, 'tenants/acme/ports/vm1')
  expect(bridgeOf(host)?.datapath_type).toBe('netdev')
  expect(site.events('bridge_foreign')).toEqual([])
  const controllers = [...host.device.database.table('Controller').values()]
  expect(controllers.map(({ type, external_ids }) => [type, external_ids])).toEqual([
    [undefined, {}],
  ])
})

test('a host that is deleted before it was adopted is as it was, and a controller that comes later takes its question back', async () => {
  site = await openSite()
  const host = await stranger()
  await addFlow(host, 7)
  const gates = host.gates
  const never = Promise.withResolvers<void>()
  gates.openflow = never.promise
  commit(put('host', 'h9', H9))
  await until('asked', () => host.device.database.table('Controller').size > 0)
  expect(await failed()).toMatch(/it has not dialled OpenFlow yet/)
  commit(drop('host', 'h9'))
  await until('no Controller', () => host.device.database.table('Controller').size === 0)
  never.resolve()
  expect(flowsOf(host)).toHaveLength(1)
})

test('a bridge that was seen empty while a port was in the way is read again before it is taken', async () => {
  site = await openSite()
  const host = await stranger()
  plugOwn(host, 'own0')
  commit(put('host', 'h9', H9))
  await until('told', () => site.events('bridge_foreign').length > 0)
  const { body } = await site.rest('GET', 'infra/hosts/h9/adoption')
  expect(body.flows).toMatchObject({ removed: [], staying: 0 })
  await until('no Controller', () => host.device.database.table('Controller').size === 0)
  await addFlow(host, 7)
  removePort(host.device, 'own0')
  await until('told of the flow', async () => (await failed()).includes('1 flow (priority=7 '))
  expect(flowsOf(host)).toHaveLength(1)
})

test('a bridge that does not dial is asked for half a minute, and again when somebody wants its plan', async () => {
  site = await openSite()
  const host = await stranger()
  const open = Promise.withResolvers<void>()
  host.gates.openflow = open.promise
  commit(put('host', 'h9', H9))
  await until('asked', () => host.device.database.table('Controller').size > 0)
  site.clock.advance(30_000)
  await until('given up', async () => (await failed()).includes('not told of them within 30 s'))
  await until('no Controller', () => host.device.database.table('Controller').size === 0)
  open.resolve()
  await site.rest('GET', 'infra/hosts/h9/adoption')
  await realized(site, 'infra/hosts/h9')
})

test('a bridge that has dialled already, by a controller row of its own, is read over that connection', async () => {
  site = await openSite()
  const host = await stranger()
  const uuid = bridgeOf(host)?._uuid ?? ''
  host.device.database.transact([
    insert('Controller', { target: OPENFLOW }, 'own'),
    update('Bridge', uuid, { controller: ['own'] }),
  ])
  await quiet()
  await addFlow(host, 7)
  commit(put('host', 'h9', H9))
  await until('told', () => site.events('bridge_foreign').length === 1)
  commit(drop('host', 'h9'))
  await quiet()
  commit(put('host', 'h9', H9))
  await until('told again', async () => (await failed()).includes('1 flow (priority=7 '))
  expect(flowsOf(host)).toHaveLength(1)
})
