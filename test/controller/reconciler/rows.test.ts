import { duplexPair } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import type { Edit } from '../../../controller/model/schema.ts'
import { memoryPair } from '../../../dataplane/ports/memory.ts'
import { addBridge, addPort, removePort } from '../../../dataplane/switch/operator.ts'
import { drop, put } from '../model/site.ts'
import {
  openSite,
  quiet,
  realized,
  rowOf,
  type TestHost,
  type TestSite,
  until,
  update,
} from './site.ts'

let site: TestSite
afterEach(() => site.close())

const uplinksOf = ({ device: { database } }: TestHost, name: string) =>
  rowOf(database, 'Bridge', name)
    ?.ports.map((uuid) => database.table('Port').get(uuid)?.name)
    .sort()
const bondOf = ({ device: { database } }: TestHost, bridge: string) => {
  const port = rowOf(database, 'Port', `weft-bond-${bridge}`)
  const names = port?.interfaces.map((uuid) => database.table('Interface').get(uuid)?.name)
  return [port?.bond_mode, ...(names ?? []).sort()]
}
const bridgeOf = (bridge: string): string => `infra/bridges/h1/${bridge}`
/** Interfaces of the host that nobody uses yet. */
const withDevices = (host: TestHost, ...names: readonly string[]): TestHost => {
  for (const name of names) {
    const [inside] = memoryPair({ name }, { name: `${name}.far` })
    host.device.register(name, inside)
  }
  return host
}
const commit = (...edits: readonly Edit[]) => site.store.commit(edits, { who: 'test' })
const mtuOf = ({ device }: TestHost, name: string) =>
  rowOf(device.database, 'Interface', name)?.mtu_request

test('two declared bridges come with their uplinks and MTU, follow changes, and go with their objects', async () => {
  site = await openSite()
  const h1 = withDevices(site.host('h1'), 'eth0', 'eth1', 'eth2', 'eth3')
  await realized(site, 'infra/hosts/h1')

  commit(
    put('bridge', 'h1/br-a', { uplinks: ['eth0', 'eth1'], mtuBytes: 9000 }),
    put('bridge', 'h1/br-b', { uplinks: ['eth2'] }),
  )
  await realized(site, 'infra/bridges/h1/br-a')
  await realized(site, 'infra/bridges/h1/br-b')
  expect(uplinksOf(h1, 'br-a')).toEqual(['br-a', 'weft-bond-br-a'])
  expect(bondOf(h1, 'br-a')).toEqual(['active-backup', 'eth0', 'eth1'])
  expect(uplinksOf(h1, 'br-b')).toEqual(['br-b', 'eth2'])
  expect([mtuOf(h1, 'br-a'), mtuOf(h1, 'eth1'), mtuOf(h1, 'eth2')]).toEqual([9000, 9000, undefined])

  commit(put('bridge', 'h1/br-a', { uplinks: ['eth1', 'eth3'], mtuBytes: 2000 }))
  await realized(site, 'infra/bridges/h1/br-a')
  expect(bondOf(h1, 'br-a')).toEqual(['active-backup', 'eth1', 'eth3'])
  expect(['br-a', 'eth1', 'eth3'].map((name) => mtuOf(h1, name))).toEqual([2000, 2000, 2000])

  commit(put('bridge', 'h1/br-a', { uplinks: ['eth1'] }))
  await realized(site, 'infra/bridges/h1/br-a')
  expect(uplinksOf(h1, 'br-a')).toEqual(['br-a', 'eth1'])
  expect(mtuOf(h1, 'eth1')).toBeUndefined()
  // What br-a gives up br-b may have in the same commit.
  commit(
    put('bridge', 'h1/br-a', { uplinks: ['eth0'] }),
    put('bridge', 'h1/br-b', { uplinks: ['eth1', 'eth2'] }),
  )
  await realized(site, 'infra/bridges/h1/br-a')
  await realized(site, 'infra/bridges/h1/br-b')
  expect(bondOf(h1, 'br-b')).toEqual(['active-backup', 'eth1', 'eth2'])
  expect(site.events('rows_failed')).toEqual([])
  commit(put('bridge', 'h1/br-b', { uplinks: ['eth2'] }))
  await realized(site, 'infra/bridges/h1/br-b')

  commit(drop('bridge', 'h1/br-a'))
  await until('br-a is gone', () => !rowOf(h1.device.database, 'Bridge', 'br-a'))
  expect(uplinksOf(h1, 'br-b')).toEqual(['br-b', 'eth2'])
  expect(uplinksOf(h1, 'br-int')).toContain('weft-vxlan')
})

test("a bridge of a declared name that is the host's own is left alone, with an event and a failed status", async () => {
  site = await openSite()
  const h1 = site.host('h1')
  addBridge(h1.device, 'br-own')
  await realized(site, 'infra/hosts/h1')
  const before = rowOf(h1.device.database, 'Bridge', 'br-own')
  site.store.commit([put('bridge', 'h1/br-own', { uplinks: ['eth0'] })], { who: 'test' })
  await until('the event', () => site.events('rows_failed').length > 0)
  await quiet()
  expect(site.events('rows_failed')).toHaveLength(1)
  expect(site.events('rows_failed')[0]?.message).toContain(
    'br-own on h1: it exists and is not ours',
  )
  expect(rowOf(h1.device.database, 'Bridge', 'br-own')).toEqual(before)
  expect(await site.status('infra/bridges/h1/br-own')).toMatchObject({
    realized: false,
    hosts: { h1: { state: 'failed', reason: expect.stringContaining('not ours') } },
  })
  await realized(site, 'infra/hosts/h1')
  site.store.commit([drop('bridge', 'h1/br-own')], { who: 'test' })
  await quiet()
  expect(rowOf(h1.device.database, 'Bridge', 'br-own')).toEqual(before)
})

test('a mode of the bond that somebody else sets is put right', async () => {
  site = await openSite(put('bridge', 'h1/br-a', { uplinks: ['eth0', 'eth1'] }))
  const h1 = withDevices(site.host('h1'), 'eth0', 'eth1')
  await realized(site, bridgeOf('br-a'))
  const port = rowOf(h1.device.database, 'Port', 'weft-bond-br-a')
  h1.device.database.transact([update('Port', port?._uuid ?? '', { bond_mode: 'balance-slb' })])
  const mode = () => rowOf(h1.device.database, 'Port', 'weft-bond-br-a')?.bond_mode
  await until('active-backup', () => mode() === 'active-backup')
})

test("an uplink on a bridge of the host's own is left out, and holds up neither other bridges nor br-int", async () => {
  site = await openSite()
  const h1 = withDevices(site.host('h1'), 'eth1', 'eth2')
  addBridge(h1.device, 'br-own')
  addPort(h1.device, 'br-own', 'eth1')
  await realized(site, 'infra/hosts/h1')
  commit(
    put('bridge', 'h1/br-x', { uplinks: ['eth1'] }),
    put('bridge', 'h1/br-y', { uplinks: ['eth2'] }),
  )
  await realized(site, bridgeOf('br-y'))
  await realized(site, 'infra/hosts/h1')
  await h1.plug('vm1', site.portUuid('acme/vm1'))
  await realized(site, 'tenants/acme/ports/vm1')
  expect(uplinksOf(h1, 'br-own')).toEqual(['br-own', 'eth1'])
  expect(uplinksOf(h1, 'br-x')).toEqual(['br-x'])
  expect((await site.status(bridgeOf('br-x'))).hosts).toEqual({
    h1: { state: 'failed', reason: 'uplink_taken: br-own' },
  })
  expect(site.events('rows_failed').map(({ message }) => message)).toEqual([
    'bridge br-x on h1: uplink_taken: br-own',
  ])
  removePort(h1.device, 'eth1')
  await realized(site, bridgeOf('br-x'))
  expect(uplinksOf(h1, 'br-x')).toEqual(['br-x', 'eth1'])
})

test('a bridge whose rows the host refuses fails alone, with what the host says', async () => {
  site = await openSite()
  const h1 = withDevices(site.host('h1'), 'br-x', 'eth2')
  addBridge(h1.device, 'br-own')
  // Its name is that of a port: no bridge can be called so.
  addPort(h1.device, 'br-own', 'br-x')
  await realized(site, 'infra/hosts/h1')
  commit(put('bridge', 'h1/br-x', {}), put('bridge', 'h1/br-y', { uplinks: ['eth2'] }))
  await until('br-x has failed', async () => {
    const { state, reason } = (await site.status(bridgeOf('br-x'))).hosts.h1 ?? {}
    return state === 'failed' && reason?.includes('h1 refused its rows') === true
  })
  await realized(site, 'infra/hosts/h1')
  await h1.plug('vm1', site.portUuid('acme/vm1'))
  await realized(site, 'tenants/acme/ports/vm1')
  await until('br-y is realized', async () => {
    site.clock.advance(1000)
    return (await site.status(bridgeOf('br-y'))).realized
  })
})

test('an uplink that the host has no interface for is a failed bridge, with the words of the host, until it comes', async () => {
  site = await openSite(put('bridge', 'h1/br-x', { uplinks: ['nosuch0'] }))
  const h1 = site.host('h1')
  const state = async () => (await site.status(bridgeOf('br-x'))).hosts.h1
  await until('it has failed', async () => (await state())?.state === 'failed')
  expect((await state())?.reason).toMatch(/could not open network device nosuch0/)
  await realized(site, 'infra/hosts/h1')
  withDevices(h1, 'nosuch0')
  await realized(site, bridgeOf('br-x'))
})

test('a changed VTEP address is on the tunnel before the host is said to be realized', async () => {
  site = await openSite()
  const h1 = site.host('h1')
  await realized(site, 'infra/hosts/h1')
  const spec = { vtepAddress: '192.0.2.77' }
  const answer = await site.rest('PUT', 'infra/hosts/h1?wait=realized', spec)
  expect(answer.body.status).toMatchObject({ realized: true })
  const tunnel = rowOf(h1.device.database, 'Interface', 'weft-vxlan')
  expect(tunnel?.options.local_ip).toBe('192.0.2.77')
  expect(h1.device.root.cur_cfg).toBe(h1.device.root.next_cfg)
})

test('a host whose tunnel port got another number is not realized, and an event says why', async () => {
  site = await openSite()
  commit(put('host', 'h1', { vtepAddress: '192.0.2.1', adopt: true }))
  const h1 = site.host('h1')
  addBridge(h1.device, 'br-int')
  const [squatter] = memoryPair({ name: 'squatter' }, { name: 'squatter.vm' })
  h1.device.register('squatter', squatter)
  addPort(h1.device, 'br-int', 'squatter', { ofport_request: 65_000 })
  await until('the event', () => site.events('rows_failed').length > 0)
  await until('driven', () => site.events('host_connected').length > 0)
  await quiet()
  expect(site.events('rows_failed')).toHaveLength(1)
  expect(site.events('rows_failed')[0]?.message).toMatch(/tunnel port of h1 is \d+, not 65000/)
  expect(await site.status('infra/hosts/h1')).toMatchObject({ realized: false })
})

test('what somebody changes of br-int is put right', async () => {
  site = await openSite()
  const { device } = site.host('h1')
  await realized(site, 'infra/hosts/h1')
  const { _uuid } = rowOf(device.database, 'Bridge', 'br-int') ?? { _uuid: '' }
  device.database.transact([update('Bridge', _uuid, { fail_mode: 'standalone' })])
  await until('secure', () => rowOf(device.database, 'Bridge', 'br-int')?.fail_mode === 'secure')
  await realized(site, 'infra/hosts/h1')
  expect(site.events('rows_contested')).toEqual([])
})

test('two controllers that fight over the rows of one host write at a bounded rate, and both tell', async () => {
  site = await openSite()
  const other = await openSite()
  try {
    const { device } = site.host('h1')
    await realized(site, 'infra/hosts/h1')
    let writes = 0
    device.database.onCommit((changes) => {
      if (changes.some(({ table, before }) => table === 'Controller' && !before)) writes++
    })
    const [here, there] = duplexPair()
    device.database.accept(here)
    const from = { peer: '198.51.100.1:50000', localAddress: '127.0.0.9' }
    other.controller.acceptOvsdb(there, from)
    for (const each of [site, other]) {
      await until('told', () => {
        for (const { clock } of [site, other]) clock.advance(100)
        return each.events('rows_contested').length > 0
      })
    }
    await quiet()
    const start = writes
    expect(start).toBeLessThan(10)
    for (let second = 1; second <= 10; second++) {
      for (const each of [site, other]) each.clock.advance(1000)
      await quiet(40)
    }
    expect(writes - start).toBeGreaterThan(0)
    expect(writes - start).toBeLessThanOrEqual(20)
    for (const each of [site, other]) expect(each.events('rows_contested')).toHaveLength(1)
    there.destroy()
    await quiet()
    for (let second = 1; second <= 10; second++) {
      site.clock.advance(1000)
      await quiet(10)
    }
    await realized(site, 'infra/hosts/h1')
  } finally {
    await other.close()
  }
})
