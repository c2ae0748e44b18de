/** Which interface of an ovs host carries what, and that its MTU limits the networks over it. */
import { afterEach, expect, test } from 'vitest'
import { addBridge, addPort } from '../../../dataplane/switch/operator.ts'
import { put } from '../model/site.ts'
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

const LAN = 'tenants/acme/networks/lan'
const lan = [
  put('physicalNetwork', 'office', { mtuBytes: 1500 }),
  put('network', 'acme/lan', { type: 'vlan', physicalNetwork: 'office', vid: 7, mtuBytes: 1500 }),
  put('port', 'acme/pc', { network: 'lan', mac: '02:00:00:00:00:21', hostId: 'h1', ofport: 9 }),
  ...['h1', 'h2'].map((hostId) =>
    put('port', `acme/at-${hostId}`, { network: 'web', hostId, ofport: 8 }),
  ),
]

function setMtu({ device: { database } }: TestHost, name: string, mtu: number): void {
  const row = rowOf(database, 'Interface', name)
  database.transact([update('Interface', row?._uuid ?? '', { mtu_request: mtu })])
}
const external = ({ device }: TestHost, ids: Record<string, string>) =>
  device.database.transact([
    update('Open_vSwitch', device.root._uuid, {
      external_ids: { ...device.root.external_ids, ...ids },
    }),
  ])
const effective = async (path: string) => (await site.status(path)).mtu?.effective

test("the uplink of a bridge that a host offers for a physical network limits that network's packets", async () => {
  site = await openSite(...lan)
  const h1 = site.host('h1')
  addBridge(h1.device, 'br-own')
  addPort(h1.device, 'br-own', 'eth7', { type: 'internal' })
  external(h1, { 'weft-bridge-mappings': 'office:br-own' })
  await realized(site, LAN)
  setMtu(h1, 'eth7', 1400)
  let mtu = (await site.status(LAN)).mtu
  await until('it is named', async () => {
    mtu = (await site.status(LAN)).mtu
    return mtu?.effective === 1400
  })
  expect(mtu?.limitedBy).toMatchObject([
    { kind: 'interface', host: 'h1', interface: 'eth7', mtuBytes: 1400, packetBytes: 1400 },
  ])
  expect((await site.status('tenants/acme/ports/pc')).mtu).toEqual(mtu)
  // It is not the one that carries tunnels, although it is the only bridge beside br-int.
  expect((await site.status('infra/hosts/h1')).underlay).toBe(undefined)
  expect(await effective('tenants/acme/networks/web')).toBe(1450)
  setMtu(h1, 'eth7', 1500)
  await until('it is enough', async () => (await effective(LAN)) === 1500)
})

test('a bridge that the model declares carries no tunnels, whatever its MTU', async () => {
  site = await openSite(
    put('bridge', 'h1/br-office', { uplinks: ['eth1'], mtuBytes: 1000 }),
    ...lan.slice(-2),
  )
  const h1 = site.host('h1')
  await until(
    'it is there',
    () => rowOf(h1.device.database, 'Interface', 'br-office')?.mtu === 1000,
  )
  await quiet()
  expect((await site.status('infra/hosts/h1')).underlay).toBe(undefined)
  expect(await effective('tenants/acme/networks/web')).toBe(1450)
  // Beside it the only other one does.
  addBridge(h1.device, 'br-theirs')
  addPort(h1.device, 'br-theirs', 'eth2', { type: 'internal' })
  setMtu(h1, 'eth2', 1400)
  await until('eth2', async () => (await effective('tenants/acme/networks/web')) === 1350)
  expect((await site.status('infra/hosts/h1')).underlay).toEqual({
    interface: 'eth2',
    mtuBytes: 1400,
  })
})
