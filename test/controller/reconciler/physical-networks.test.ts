import { afterEach, expect, test } from 'vitest'
import { memoryPair } from '../../../dataplane/ports/memory.ts'
import { addBridge, addPort } from '../../../dataplane/switch/operator.ts'
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

const office = put('physicalNetwork', 'office', { vids: ['1-100'] })
const desk = [
  office,
  put('network', 'acme/desk', { type: 'vlan', physicalNetwork: 'office', vid: 7 }),
  put('port', 'acme/pc', { network: 'desk', mac: '02:00:00:00:00:21', hostId: 'h1', ofport: 9 }),
]
const PC = 'tenants/acme/ports/pc'
const DESK = 'tenants/acme/networks/desk'

const portsOf = ({ device: { database } }: TestHost, name: string) =>
  rowOf(database, 'Bridge', name)
    ?.ports.map((uuid) => database.table('Port').get(uuid)?.name)
    .sort()
const map = ({ device }: TestHost, mappings: string) =>
  device.database.transact([
    update('Open_vSwitch', device.root._uuid, {
      external_ids: { ...device.root.external_ids, 'weft-bridge-mappings': mappings },
    }),
  ])
const MISSING = 'physical_network_missing: h1 offers no bridge to office'
const failedWith = (reason: string) => ({
  realized: false,
  hosts: { h1: { state: 'failed', reason } },
})
const failed = failedWith(MISSING)
const withDevice = ({ device }: TestHost, name: string) =>
  device.register(name, memoryPair({ name }, { name: `${name}.far` })[0])

test('without a bridge to its physical network a port is not realized and an event says so; a mapping heals it', async () => {
  site = await openSite(...desk)
  const h1 = site.host('h1')
  addBridge(h1.device, 'br-own')
  addPort(h1.device, 'br-own', 'theirs')
  await until('an event', () => site.events('physical_network_missing').length > 0)
  expect(await site.status(PC)).toMatchObject(failed)
  expect(await site.status(DESK)).toMatchObject(failed)
  await realized(site, 'infra/hosts/h1')

  map(h1, 'else:br-x, office:br-own ,broken')
  await realized(site, PC)
  await realized(site, DESK)
  expect(portsOf(h1, 'br-own')).toEqual(['br-own', 'theirs', 'weft-int1'])
  expect(rowOf(h1.device.database, 'Interface', 'weft-phy1')).toMatchObject({
    type: 'patch',
    options: { peer: 'weft-int1' },
    ofport: 65_024,
  })

  map(h1, 'office:br-nowhere')
  await until('said again', () => site.events('physical_network_missing').length > 1)
  expect(await site.status(PC)).toMatchObject(failedWith(`${MISSING}: there is no br-nowhere`))
  expect(portsOf(h1, 'br-own')).toEqual(['br-own', 'theirs'])
  expect(portsOf(h1, 'br-int')).not.toContain('weft-phy1')
  expect(site.events('physical_network_missing')).toHaveLength(2)
})

test('a declared bridge is joined by a patch port, its uplinks carry its VLANs and what is untagged', async () => {
  site = await openSite(
    ...desk,
    put('bridge', 'h1/br-office', {
      uplinks: ['eth1'],
      physicalNetwork: 'office',
      vids: [7, '9-10'],
    }),
  )
  const h1 = site.host('h1')
  withDevice(h1, 'eth1')
  await realized(site, PC)
  await realized(site, 'infra/bridges/h1/br-office')
  expect(site.events('physical_network_missing')).toEqual([])
  expect(portsOf(h1, 'br-office')).toEqual(['br-office', 'eth1', 'weft-int1'])
  const trunks = () => rowOf(h1.device.database, 'Port', 'eth1')?.trunks
  expect(trunks()).toEqual([0, 7, 9, 10])
  expect(h1.device.root.other_config['vlan-limit']).toBe('0')

  const spec = { uplinks: ['eth1'], physicalNetwork: 'office' }
  site.store.commit([put('bridge', 'h1/br-office', spec)], { who: 'test' })
  await until('all VLANs', () => trunks()?.length === 0)
  await realized(site, PC)
  site.store.commit([drop('bridge', 'h1/br-office')], { who: 'test' })
  await until('an event', () => site.events('physical_network_missing').length === 1)
  expect(portsOf(h1, 'br-int')).not.toContain('weft-phy1')
})

test("a bridge of the host's own under a declared name is not joined, unless the host maps it", async () => {
  site = await openSite(
    ...desk,
    put('bridge', 'h1/br-own', { uplinks: ['eth1'], physicalNetwork: 'office' }),
  )
  const h1 = site.host('h1')
  addBridge(h1.device, 'br-own')
  await until('an event', () => site.events('physical_network_missing').length > 0)
  await quiet()
  expect(portsOf(h1, 'br-own')).toEqual(['br-own'])
  map(h1, 'office:br-own')
  await realized(site, PC)
  expect(portsOf(h1, 'br-own')).toEqual(['br-own', 'weft-int1'])
})

test('a patch port that somebody takes out, turns or renumbers is put right', async () => {
  site = await openSite(...desk)
  const h1 = site.host('h1')
  addBridge(h1.device, 'br-own')
  map(h1, 'office:br-own')
  await realized(site, PC)
  const { database } = h1.device
  const bridge = rowOf(database, 'Bridge', 'br-own')
  database.transact([
    update('Bridge', bridge?._uuid ?? '', { ports: bridge?.ports.slice(0, 1) ?? [] }),
  ])
  const isThere = () => portsOf(h1, 'br-own')?.includes('weft-int1')
  await until('put back', isThere)
  const near = rowOf(database, 'Interface', 'weft-phy1')
  database.transact([update('Interface', near?._uuid ?? '', { options: { peer: 'else' } })])
  const peer = () => rowOf(database, 'Interface', 'weft-phy1')?.options.peer
  await until('turned back', () => peer() === 'weft-int1')
  await realized(site, PC)
})

test('a bridge leads to one physical network: the second one that it is named for is refused, and told of', async () => {
  site = await openSite(
    ...desk,
    put('physicalNetwork', 'dmz', {}),
    put('bridge', 'h1/br-office', { uplinks: ['eth1'], physicalNetwork: 'office' }),
    put('network', 'acme/far', { type: 'vlan', physicalNetwork: 'dmz', vid: 7 }),
    put('port', 'acme/pd', { network: 'far', hostId: 'h1', ofport: 10 }),
  )
  const h1 = site.host('h1')
  withDevice(h1, 'eth1')
  await realized(site, PC)
  map(h1, 'dmz:br-office')
  const refused = () => site.events('offer_refused').map(({ message }) => message)
  await until('an event', () => refused().length > 0)
  expect(refused()).toEqual([
    'h1 names a bridge for physical network dmz that cannot lead there: br-office leads to physical network office',
  ])
  const reason =
    'physical_network_missing: h1 offers no bridge to dmz: br-office leads to physical network office'
  expect(await site.status('tenants/acme/ports/pd')).toMatchObject(failedWith(reason))
  expect(site.events('physical_network_missing').at(-1)?.message).toContain(
    'networks on it need: br-office leads to physical network office',
  )
  expect(portsOf(h1, 'br-office')).toEqual(['br-office', 'eth1', 'weft-int1'])
  await realized(site, PC)

  addBridge(h1.device, 'br-dmz')
  map(h1, 'dmz:br-dmz,third:br-dmz')
  await realized(site, 'tenants/acme/ports/pd')
  expect(portsOf(h1, 'br-dmz')).toEqual(['br-dmz', 'weft-int2'])
})

test('a bridge with another datapath_type than br-int is named as the reason', async () => {
  site = await openSite(...desk)
  const h1 = site.host('h1')
  addBridge(h1.device, 'br-own')
  const bridge = rowOf(h1.device.database, 'Bridge', 'br-own')
  h1.device.database.transact([update('Bridge', bridge?._uuid ?? '', { datapath_type: 'netdev' })])
  map(h1, 'office:br-own')
  const why = 'br-own has datapath_type netdev, br-int has system'
  await until('an event', () =>
    site.events('physical_network_missing').some(({ message }) => message.endsWith(`: ${why}`)),
  )
  expect(await site.status(PC)).toMatchObject(failedWith(`${MISSING}: ${why}`))
})

test('a network whose VID the bridge of its host does not carry has failed there, until it does', async () => {
  const bridge = (vids: readonly (number | string)[]) =>
    put('bridge', 'h1/br-office', { uplinks: ['eth1'], physicalNetwork: 'office', vids: [...vids] })
  site = await openSite(...desk, bridge([8, '10-20']))
  withDevice(site.host('h1'), 'eth1')
  await realized(site, 'infra/bridges/h1/br-office')
  const reason = 'vid_not_carried: bridge br-office of h1 carries VIDs 8, 10-20 and not 7'
  expect(await site.status(PC)).toMatchObject(failedWith(reason))
  expect(await site.status(DESK)).toMatchObject(failedWith(reason))
  site.store.commit([bridge(['1-8'])], { who: 'test' })
  await realized(site, PC)
})

test('the system-id that a waiting machine says becomes a host by its object', async () => {
  site = await openSite()
  const strange = site.host('h9')
  await until('it waits', () => site.events('host_pending').length > 0)
  site.store.commit([put('host', 'h9', { vtepAddress: '192.0.2.9' })], { who: 'test' })
  await realized(site, 'infra/hosts/h9')
  expect(portsOf(strange, 'br-int')).toContain('weft-vxlan')
})
