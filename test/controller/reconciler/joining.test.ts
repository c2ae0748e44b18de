import { duplexPair } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { addBridge } from '../../../dataplane/switch/operator.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import type { Message } from '../../../southbound/openflow/message.ts'
import { put } from '../model/site.ts'
import { gate, OPENFLOW, openSite, quiet, realized, type TestSite, until } from './site.ts'

let site: TestSite
afterEach(() => site.close())

/** A bridge that says it is the datapath of another one; gives what it was sent. */
async function impostor(datapath_id: bigint, address: string): Promise<readonly Message[]> {
  const [here, there] = duplexPair()
  site.controller.acceptOpenflow(there, { peer: `${address}:40000` })
  const connection = await Connection.open(here)
  const received: Message[] = []
  const counts = { n_buffers: 0, n_tables: 254, auxiliary_id: 0, capabilities: 15, reserved: 0 }
  connection.onMessage((message) => {
    received.push(message)
    if (message.type === 'features_request')
      void connection.send({ type: 'features_reply', xid: message.xid, datapath_id, ...counts })
  })
  await until('asked', () => received.length > 0)
  await quiet()
  return received
}

test('a bridge that dials before its host is driven as soon as the host is there', async () => {
  site = await openSite()
  const ovsdb = gate()
  const h1 = site.host('h1', { gates: { ovsdb: ovsdb.passed } })
  addBridge(h1.device, 'br-int', OPENFLOW)
  await until('asked who it is', () => h1.relay.sent.length > 0)
  await quiet()
  expect(h1.relay.sent.map(({ type }) => type)).toEqual(['features_request'])
  expect(site.events('host_connected')).toEqual([])
  ovsdb.open()
  await realized(site, 'infra/hosts/h1')
})

test('a bridge that dials after its host is driven then, and until then the host says what is missing', async () => {
  site = await openSite()
  const openflow = gate()
  const h1 = site.host('h1', { gates: { openflow: openflow.passed } })
  await h1.device.whenBridge('br-int', AbortSignal.timeout(3000))
  await quiet()
  expect((await site.status('infra/hosts/h1')).hosts.h1).toMatchObject({
    state: 'disconnected',
    reason: expect.stringContaining('has not dialled OpenFlow'),
  })
  openflow.open()
  await realized(site, 'infra/hosts/h1')
})

test('a bridge of a host that the model does not name waits, and is driven when it is named', async () => {
  site = await openSite()
  const stranger = site.host('h9')
  addBridge(stranger.device, 'br-int', OPENFLOW)
  await until('pending', () => site.events('host_pending').length > 0)
  await until('asked who it is', () => stranger.relay.sent.length > 0)
  await quiet()
  expect(stranger.relay.sent.map(({ type }) => type)).toEqual(['features_request'])
  site.store.commit([put('host', 'h9', { vtepAddress: '192.0.2.9' })], { who: 'test' })
  await realized(site, 'infra/hosts/h9')
  expect(stranger.relay.sent.filter(({ type }) => type === 'features_request')).not.toEqual([])
})

test("a connection with another host's datapath_id from another address is not driven", async () => {
  site = await openSite()
  const openflow = gate()
  const h1 = site.host('h1', { gates: { openflow: openflow.passed } })
  const bridge = await h1.device.whenBridge('br-int', AbortSignal.timeout(3000))
  await quiet()
  const early = await impostor(bridge.datapathId, '203.0.113.66')
  expect(site.events('host_connected')).toEqual([])
  openflow.open()
  await realized(site, 'infra/hosts/h1')
  const late = await impostor(bridge.datapathId, '203.0.113.67')
  site.store.commit([put('host', 'h2', { vtepAddress: '192.0.2.99' })], { who: 'test' })
  await realized(site, 'infra/hosts/h1')
  for (const received of [early, late])
    expect(received.map(({ type }) => type)).toEqual(['features_request'])
  expect(site.events('host_connected')).toHaveLength(1)
  expect(site.events('host_disconnected')).toEqual([])
})

test('a bridge that dials again takes the place of its old connection', async () => {
  site = await openSite()
  const h1 = site.host('h1')
  await realized(site, 'infra/hosts/h1')
  for (const session of [...h1.bridge.sessions]) session.close()
  await until('driven again', () => site.events('host_connected').length === 2)
  await realized(site, 'infra/hosts/h1')
})
