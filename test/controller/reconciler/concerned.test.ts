/** Who looks at his rows after a commit: until a host has looked, nothing of it is confirmed. */

import { duplexPair } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Edit } from '../../../controller/model/schema.ts'
import { EventLog } from '../../../controller/reconciler/events.ts'
import { noLog } from '../../../controller/reconciler/log.ts'
import { Reconciler } from '../../../controller/reconciler/reconciler.ts'
import { Store } from '../../../controller/store/store.ts'
import { addBridge } from '../../../dataplane/switch/operator.ts'
import { Switch } from '../../../dataplane/switch/switch.ts'
import { virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { drop, put } from '../model/site.ts'
import { OPENFLOW, rowOf, until, update } from './site.ts'

const IDS = ['h1', 'h2', 'h3']
let store: Store
let reconciler: Reconciler
let devices: ReadonlyMap<string, Switch>

const host = (id: string, last: number) => put('host', id, { vtepAddress: `192.0.2.${last}` })
const deviceOf = (id: string): Switch => {
  const found = devices.get(id)
  if (!found) throw new Error(`no host ${id}`)
  return found
}
const isThere = (id: string) => reconciler.confirmed(id) === store.snapshot.revision
/** The hosts of which nothing is confirmed right after this, until they have looked. */
async function looking(...edits: readonly Edit[]): Promise<string[]> {
  store.commit(edits, { who: 'test' })
  const found = IDS.filter((id) => reconciler.confirmed(id) === undefined)
  await until('all hosts are confirmed again', () => IDS.every(isThere))
  return found
}

beforeEach(async () => {
  const clock = virtualClock()
  store = Store.open(':memory:')
  store.commit([host('h1', 1), host('h2', 2)], { who: 'test' })
  reconciler = new Reconciler({ store, events: new EventLog(clock), clock, log: noLog })
  devices = new Map(
    IDS.map((systemId, n) => {
      const dial = async (target: string) => {
        const [here, there] = duplexPair()
        const peer = `198.51.100.${n}:40000`
        if (target === OPENFLOW) void reconciler.acceptOpenflow(there, { peer })
        else void reconciler.acceptOvsdb(there, { peer, openflowTarget: OPENFLOW })
        return here
      }
      return [systemId, new Switch({ systemId, dial, statisticsIntervalMs: 0 })]
    }),
  )
  for (const device of devices.values()) device.setManager('tcp:127.0.0.1:6640')
  await until('two hosts, and one that waits', () => {
    return isThere('h1') && isThere('h2') && reconciler.pendingHosts().length === 1
  })
})
afterEach(() => {
  for (const device of devices.values()) device.close()
  reconciler.close()
  store.close()
})

test('a change of one host, of its bridges or of a physical network has nobody else look', async () => {
  // Who waits may be the new one.
  store.commit([host('h3', 3)], { who: 'test' })
  expect(['h1', 'h2'].every((id) => reconciler.confirmed(id) !== undefined)).toBe(true)
  await until('h3 is driven', () => IDS.every(isThere))

  addBridge(deviceOf('h2'), 'br-own')
  const { _uuid, external_ids } = deviceOf('h2').root
  const ids = { ...external_ids, 'weft-bridge-mappings': 'lab:br-own' }
  deviceOf('h2').database.transact([update('Open_vSwitch', _uuid, { external_ids: ids })])
  await until('h2 has looked', () => IDS.every(isThere))

  expect(await looking(put('bridge', 'h1/br-x', {}))).toEqual(['h1'])
  await until('the bridge', () => rowOf(deviceOf('h1').database, 'Bridge', 'br-x'))
  expect(await looking(host('h3', 77))).toEqual(['h3'])
  expect(await looking(put('physicalNetwork', 'office', {}))).toEqual([])
  expect(await looking(put('physicalNetwork', 'lab', {}))).toEqual(['h2'])
  await until('the patch port', () => rowOf(deviceOf('h2').database, 'Port', 'weft-phy2'))
  expect(await looking(put('physicalNetwork', 'lab', { mtuBytes: 9000 }))).toEqual([])
  expect(await looking(drop('physicalNetwork', 'lab'))).toEqual(['h2'])
  await until('it is gone', () => !rowOf(deviceOf('h2').database, 'Port', 'weft-phy2'))
  expect(await looking(drop('bridge', 'h1/br-x'))).toEqual(['h1'])
  await until('the bridge is gone', () => !rowOf(deviceOf('h1').database, 'Bridge', 'br-x'))
})

test('hosts that exchange their system-ids both look', async () => {
  const swap = (id: string, last: number, systemId: string) =>
    put('host', id, { vtepAddress: `192.0.2.${last}`, systemId })
  store.commit([swap('h1', 1, 'h2'), swap('h2', 2, 'h1')], { who: 'test' })
  await until('each is the other', () => isThere('h1') && isThere('h2'))
  const address = (device: Switch) =>
    rowOf(device.database, 'Interface', 'weft-vxlan')?.options.local_ip
  await until('the addresses', () => address(deviceOf('h1')) === '192.0.2.2')
  await until('the addresses', () => address(deviceOf('h2')) === '192.0.2.1')
})
