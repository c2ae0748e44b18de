/** A host whose database takes rows at once and whose switch carries them out when the test says so. */
import { afterEach, expect, test } from 'vitest'
import { addBridge } from '../../../dataplane/switch/operator.ts'
import { put } from '../model/site.ts'
import {
  databaseOf,
  gate,
  OPENFLOW,
  openSite,
  quiet,
  realized,
  rowOf,
  type TestSite,
  until,
  update,
} from './site.ts'

let site: TestSite
afterEach(() => site.close())

/** h1: a database without a switch behind it; OpenFlow is spoken by a bridge of another process. */
async function slowHost() {
  const bridgeOnly = site.host('h1', { gates: { ovsdb: gate().passed } })
  addBridge(bridgeOnly.device, 'br-int', OPENFLOW)
  const bridge = await bridgeOnly.device.whenBridge('br-int', AbortSignal.timeout(3000))
  const database = databaseOf('h1')
  const root = () => [...database.table('Open_vSwitch').values()][0]
  return {
    database,
    dial: () => site.dialFrom(database, '198.51.100.1'),
    options: () => rowOf(database, 'Interface', 'weft-vxlan')?.options,
    /** What ovs-vswitchd does: ports, the datapath, and cur_cfg last. */
    carryOut() {
      const datapath_id = bridge.datapathId.toString(16).padStart(16, '0')
      const uuid = (table: 'Bridge' | 'Interface', name: string) =>
        rowOf(database, table, name)?._uuid ?? ''
      database.transact([
        update('Bridge', uuid('Bridge', 'br-int'), { datapath_id }),
        update('Interface', uuid('Interface', 'weft-vxlan'), { ofport: 65_000 }),
        update('Open_vSwitch', root()?._uuid ?? '', { cur_cfg: root()?.next_cfg ?? 0 }),
      ])
    },
  }
}

test('a new VTEP address is not realized before the switch has carried it out', async () => {
  site = await openSite()
  const h1 = await slowHost()
  h1.dial()
  await until('rows', () => h1.options())
  h1.carryOut()
  await realized(site, 'infra/hosts/h1')

  site.store.commit([put('host', 'h1', { vtepAddress: '192.0.2.77' })], { who: 'test' })
  expect((await site.status('infra/hosts/h1')).realized).toBe(false)
  await until('the row', () => h1.options()?.local_ip === '192.0.2.77')
  await quiet()
  expect(await site.status('infra/hosts/h1')).toMatchObject({
    realized: false,
    hosts: { h1: { state: 'pending', reason: expect.stringContaining('rows') } },
  })
  h1.carryOut()
  await realized(site, 'infra/hosts/h1')
  h1.database.close()
})

test('nor is it for a controller that starts while the switch is at it', async () => {
  site = await openSite()
  const h1 = await slowHost()
  h1.dial()
  await until('rows', () => h1.options())
  h1.carryOut()
  await realized(site, 'infra/hosts/h1')
  site.store.commit([put('host', 'h1', { vtepAddress: '192.0.2.77' })], { who: 'test' })
  await until('the row', () => h1.options()?.local_ip === '192.0.2.77')
  await site.restart()
  h1.dial()
  await until('driven', () => site.events('host_connected').length > 0)
  await quiet()
  expect((await site.status('infra/hosts/h1')).realized).toBe(false)
  h1.carryOut()
  await realized(site, 'infra/hosts/h1')
  h1.database.close()
})
