/** Hosts that leave the site: what was there before Weft came is there again, and what is not Weft's stays as it is. */
import { afterEach, expect, test } from 'vitest'
import type { Edit } from '../../../controller/model/schema.ts'
import { memoryPair } from '../../../dataplane/ports/memory.ts'
import { addBridge, addPort } from '../../../dataplane/switch/operator.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
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
  update,
} from './site.ts'

const { insert, mutate } = operations(openVSwitch)

let site: TestSite
afterEach(() => site.close())

const commit = (...edits: readonly Edit[]) => site.store.commit(edits, { who: 'test' })
const removed = () => site.events('host_removed').map(({ message }) => message)
const idOf = ({ device }: TestHost, name: string) =>
  rowOf(device.database, 'Bridge', name)?._uuid ?? ''
const setRoot = ({ device }: TestHost, columns: object) =>
  device.database.transact([update('Open_vSwitch', device.root._uuid, columns)])

/** All rows with what an operator may set, without what the switch reports. */
function rowsOf({ device: { database } }: TestHost) {
  const settable = {
    Open_vSwitch: ['bridges', 'manager_options', 'external_ids', 'other_config'],
    Manager: ['target', 'max_backoff', 'external_ids'],
    Bridge: [
      'name',
      'ports',
      'controller',
      'fail_mode',
      'protocols',
      'datapath_type',
      'external_ids',
      'other_config',
    ],
    Controller: ['target', 'connection_mode', 'max_backoff'],
    Port: ['name', 'interfaces', 'trunks', 'external_ids'],
    Interface: ['name', 'type', 'options', 'external_ids', 'ofport_request'],
  } as const
  return Object.entries(settable).map(([table, columns]) => {
    const rows = [...database.table(table as keyof typeof settable).values()]
    const texts = rows.map((row) =>
      JSON.stringify(columns.map((column) => (row as Record<string, unknown>)[column])),
    )
    return [table, texts.sort()]
  })
}

/** An own bridge that leads to a physical network, and settings of its own. */
function furnish(host: TestHost): void {
  addBridge(host.device, 'br-own')
  const [uplink] = memoryPair({ name: 'eth9' }, { name: 'eth9.cable' })
  host.device.register('eth9', uplink)
  addPort(host.device, 'br-own', 'eth9')
  const { external_ids } = host.device.root
  setRoot(host, {
    external_ids: { ...external_ids, 'weft-bridge-mappings': 'office:br-own', own: 'yes' },
    other_config: { 'vlan-limit': '1', own: 'yes' },
  })
}

test('a host that is deleted is as it was before it was named: bridges, patch ports, settings', async () => {
  site = await openSite(put('physicalNetwork', 'office', {}))
  const host = site.host('h9')
  furnish(host)
  await until('pending', () => site.events('host_pending').length > 0)
  await quiet()
  const before = rowsOf(host)
  commit(put('host', 'h9', { vtepAddress: '192.0.2.9' }))
  commit(put('bridge', 'h9/br-made', { uplinks: ['eth8'] }))
  await realized(site, 'infra/hosts/h9')
  await until('the patch port', () => rowOf(host.device.database, 'Interface', 'weft-int1'))
  await host.plug('vm1', site.portUuid('acme/vm1'))
  await realized(site, 'tenants/acme/ports/vm1')
  expect(host.device.root.other_config['vlan-limit']).toBe('0')
  expect(rowsOf(host)).not.toEqual(before)

  host.unplug('vm1')
  commit(drop('bridge', 'h9/br-made'), drop('host', 'h9'))
  await until('told', () => removed().length > 0)
  expect(removed()).toEqual(['h9 is as Weft found it'])
  expect(rowsOf(host)).toEqual(before)
  // And comes again as at first.
  commit(put('host', 'h9', { vtepAddress: '192.0.2.9' }))
  await realized(site, 'infra/hosts/h9')
})

test('br-int stays as long as something is plugged into it, without a flow, and goes with the last plug', async () => {
  site = await openSite()
  const host = site.host('h1')
  await host.plug('vm1', site.portUuid('acme/vm1'))
  await realized(site, 'tenants/acme/ports/vm1')
  commit(drop('host', 'h1'))
  await until('told', () => removed().length > 0)
  expect(removed()[0]).toMatch(/br-int of h1 stays, without flows, .* plugged into it: vm1$/)
  await until('no flows', () => [...host.bridge.flows.all()].length === 0)
  expect(rowOf(host.device.database, 'Interface', 'weft-vxlan')).toBeUndefined()
  expect(rowOf(host.device.database, 'Interface', 'vm1')).toBeDefined()
  host.unplug('vm1')
  await until('br-int is gone', () => !rowOf(host.device.database, 'Bridge', 'br-int'))
  await until('told', () => removed().at(-1) === 'h1 is as Weft found it')
})

test('a br-int that was there before Weft gets its settings and its controller back', async () => {
  site = await openSite()
  const host = site.host('h9')
  addBridge(host.device, 'br-int')
  const [own] = memoryPair({ name: 'own0' }, { name: 'own0.peer' })
  host.device.register('own0', own)
  addPort(host.device, 'br-int', 'own0')
  host.device.database.transact([
    insert('Controller', { target: 'tcp:203.0.113.7:6653' }, 'other'),
    update('Bridge', idOf(host, 'br-int'), { controller: ['other'], other_config: { own: 'yes' } }),
  ])
  await until('pending', () => site.events('host_pending').length > 0)
  const before = rowsOf(host).filter(([table]) => table !== 'Bridge')
  const bridge = { ...rowOf(host.device.database, 'Bridge', 'br-int'), controller: [] }
  commit(put('host', 'h9', { vtepAddress: '192.0.2.9', adopt: true }))
  await realized(site, 'infra/hosts/h9')
  commit(drop('host', 'h9'))
  await until('told', () => removed().length > 0)
  expect(removed()).toEqual(['h9 is as Weft found it'])
  expect(rowsOf(host).filter(([table]) => table !== 'Bridge')).toEqual(before)
  expect({
    ...rowOf(host.device.database, 'Bridge', 'br-int'),
    controller: [],
    _version: '',
  }).toEqual({
    ...bridge,
    _version: '',
  })
})

test('a host that was deleted while it was away is given back when it dials in, also to a controller that came later', async () => {
  site = await openSite()
  const open = Promise.withResolvers<void>()
  const host = site.host('h1')
  await realized(site, 'infra/hosts/h1')
  host.gates.ovsdb = open.promise
  await site.restart()
  commit(drop('host', 'h1'))
  await site.restart()
  await quiet()
  expect(rowOf(host.device.database, 'Bridge', 'br-int')).toBeDefined()
  open.resolve()
  await until('br-int is gone', () => !rowOf(host.device.database, 'Bridge', 'br-int'))
  await until('told', () => removed().length > 0)
  expect(removed()).toEqual(['h1 is as Weft found it'])
  expect(host.device.root.other_config).toEqual({})
})

test('rows of Weft on a machine that never was a host here are told of and left alone', async () => {
  const first = await openSite()
  const host = first.host('h1')
  await realized(first, 'infra/hosts/h1')
  site = await openSite()
  commit(drop('host', 'h1'))
  const { database, root } = host.device
  setRoot(host, { external_ids: { ...root.external_ids, 'system-id': 'stranger' } })
  const before = rowsOf(host)
  site.dialFrom(database, '198.51.100.1')
  const told = () => site.events('host_pending').map(({ message }) => message)
  await until('told', () => told().some((message) => message.includes('rows of Weft')))
  expect(told().at(-1)).toContain('stranger has rows of Weft (br-int, vlan-limit, weft-vxlan)')
  await quiet()
  expect(rowsOf(host)).toEqual(before)
  await first.close()
})

test.each([
  ['no text of ours', 'mine, do not touch'],
  [
    'what no bridge can be',
    '{"fail_mode":"x","protocols":[7],"controllers":[{}],"ports":[],"datapath_type":""}',
  ],
])('a br-int whose memory of what was before says %s is not deleted', async (_, text) => {
  site = await openSite()
  const host = site.host('h1')
  await realized(site, 'infra/hosts/h1')
  host.device.database.transact([
    mutate('Bridge', idOf(host, 'br-int'), 'external_ids', 'delete', ['weft-was']),
    mutate('Bridge', idOf(host, 'br-int'), 'external_ids', 'insert', { 'weft-was': text }),
  ])
  await quiet()
  commit(drop('host', 'h1'))
  await until('told', () => removed().at(-1) === 'h1 is as Weft found it')
  expect(rowOf(host.device.database, 'Bridge', 'br-int')).toMatchObject({
    external_ids: {},
    controller: [],
  })
})

test('a host that another controller drives by now is left alone', async () => {
  site = await openSite()
  const host = site.host('h1')
  await realized(site, 'infra/hosts/h1')
  const [controller] = host.device.database.table('Controller').keys()
  const open = Promise.withResolvers<void>()
  host.gates.ovsdb = open.promise
  await site.restart()
  commit(drop('host', 'h1'))
  const target = 'tcp:203.0.113.7:6653'
  expect(OPENFLOW).not.toBe(target)
  host.device.database.transact([
    update('Controller', controller ?? '', { target }),
    mutate('Bridge', idOf(host, 'br-int'), 'external_ids', 'insert', { theirs: 'yes' }),
  ])
  const before = rowsOf(host)
  open.resolve()
  const said = () => site.events('host_pending').map(({ message }) => message)
  await until('told', () => said().some((text) => text.includes(`controller ${target}, not`)))
  await quiet()
  expect(rowsOf(host)).toEqual(before)
})
