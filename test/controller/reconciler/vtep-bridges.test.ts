/** Bridges of the model and physical networks on hosts of kind vtep, against a hardware_vtep database of ours. */
import { expect, test } from 'vitest'
import { drop, put } from '../model/site.ts'
import { quiet, realized, until } from './site.ts'
import { update, type VtepDevice, vtepDevice } from './vtep-device.ts'
import { vtepScene, whole } from './vtep-scene.ts'

const scene = vtepScene()
const bridge = { kind: 'linux', uplinks: ['eth7'], physicalNetwork: 'lan' } as const
const VALUE = 'uplinks=eth7 mtu=9000 physical-network=lan'

/** As an agent that makes bridges. */
function agent(): VtepDevice {
  const device = vtepDevice('v1', {
    ...{ address: '192.0.2.21', ports: ['eth1', 'eth2'], isTeller: true },
  })
  device.config('Physical_Switch', 'v1', { 'weft-capabilities': 'bridge vxlan' })
  device.database.onCommit(() => setImmediate(() => device.tell()))
  return device
}

const lan = () => scene.commit(put('physicalNetwork', 'lan', { mtuBytes: 9000 }))
/** A network of VLAN 5 with a port on an interface of v1. */
function vlan(): void {
  scene.commit(put('network', 'acme/lan', { type: 'vlan', physicalNetwork: 'lan', vid: 5 }))
  scene.commit(put('subnet', 'acme/lan', { network: 'lan', cidr: '10.1.0.0/24' }))
  const place = { hostId: 'v1', interface: 'eth2' }
  scene.commit(put('port', 'acme/lan1', { network: 'lan', addresses: ['10.1.0.5'], ...place }))
}
const state = async (path: string) => (await scene.site.status(path)).hosts.v1
const configOf = () => scene.device.named('Physical_Switch', 'v1').other_config
const keyIs = (value: string | undefined) =>
  until(`weft-bridge-br-lan is ${value}`, () => configOf()['weft-bridge-br-lan'] === value)

test('a bridge is a key of the row of its host, and real when the device says so', async () => {
  scene.device = agent()
  scene.dial()
  await realized(scene.site, 'infra/hosts/v1')
  lan()
  scene.commit(put('bridge', 'v1/br-lan', bridge))
  await keyIs(VALUE)
  scene.device.config('Physical_Switch', 'v1', { 'weft-seen-bridge-br-lan': 'ok' })
  await realized(scene.site, 'infra/bridges/v1/br-lan')
  scene.commit(drop('bridge', 'v1/br-lan'))
  await keyIs(undefined)
})

test('what the device has against a bridge is its status and an event, until it has nothing against it', async () => {
  scene.device = agent()
  scene.device.config('Physical_Switch', 'v1', {
    'weft-seen-bridge-br-lan': 'uplink_taken: eth7 is a port of br0',
  })
  scene.dial()
  lan()
  scene.commit(put('bridge', 'v1/br-lan', bridge))
  await keyIs(VALUE)
  await until('the event', () => scene.site.events('device_fault').length > 0)
  expect(await state('infra/bridges/v1/br-lan')).toEqual({
    state: 'failed',
    reason: 'uplink_taken: eth7 is a port of br0',
  })
  expect(scene.site.events('device_fault').map(({ message }) => message)).toEqual([
    'v1 says of bridge/br-lan: uplink_taken: eth7 is a port of br0',
  ])
  scene.device.config('Physical_Switch', 'v1', { 'weft-seen-bridge-br-lan': 'ok' })
  await realized(scene.site, 'infra/bridges/v1/br-lan')
})

test('who changes what asks for a bridge sees it put right; what the operator offers is his', async () => {
  scene.device = agent()
  scene.dial()
  lan()
  scene.commit(put('bridge', 'v1/br-lan', bridge))
  await keyIs(VALUE)
  await realized(scene.site, 'infra/hosts/v1')
  await quiet()
  scene.device.config('Physical_Switch', 'v1', {
    'weft-bridge-br-lan': 'uplinks=eth0',
    'weft-bridge-other': '',
    'weft-offers': 'lan:br0',
  })
  await keyIs(VALUE)
  await until('the other is gone', () => configOf()['weft-bridge-other'] === undefined)
  expect(configOf()['weft-offers']).toBe('lan:br0')
  expect(scene.drifts().sort()).toEqual([
    'bridge br-lan was another one on v1; put right',
    'bridge other was there unasked on v1; put right',
  ])
})

test('a network on a physical network is bound to whichever port leads there, and says so where none does', async () => {
  scene.device = agent()
  scene.dial()
  lan()
  vlan()
  await until('the event', () => scene.site.events('physical_network_missing').length > 0)
  const missing = {
    state: 'failed',
    reason: 'physical_network_missing: no port of it leads to lan',
  }
  expect(await state('tenants/acme/networks/lan')).toEqual(missing)
  expect(await state('tenants/acme/ports/lan1')).toEqual(missing)

  scene.device.addPort('br-lan')
  scene.device.config('Physical_Port', 'br-lan', { 'weft-physical-network': 'lan' })
  const bound = [
    'bound br-lan 5 acme/lan with ACL',
    ...whole.slice(0, 1),
    'bound eth2 0 acme/lan with ACL',
    ...whole.slice(1, 4),
    'switch acme/lan undefined source_node {"weft-mtu":"1500","weft-number":"4101"}',
    ...whole.slice(4),
  ]
  await scene.becomes(bound)
  await realized(scene.site, 'tenants/acme/ports/lan1')

  // Another port leads there now: the VLAN moves.
  scene.device.addPort('uplink')
  scene.device.config('Physical_Port', 'uplink', { 'weft-physical-network': 'lan' })
  const { _uuid } = scene.device.named('Physical_Port', 'br-lan')
  scene.device.database.transact([update('Physical_Port', _uuid, { other_config: {} })])
  await scene.becomes([
    bound[1] ?? '',
    bound[2] ?? '',
    'bound uplink 5 acme/lan with ACL',
    ...bound.slice(3),
  ])
  scene.commit(drop('port', 'acme/lan1'))
  await scene.becomes(whole)
})

test('of a bridge that the host offers and one that the model declares the declared one leads there', async () => {
  scene.device = agent()
  scene.device.addPort('br-first')
  scene.device.config('Physical_Port', 'br-first', { 'weft-physical-network': 'lan' })
  scene.dial()
  lan()
  scene.commit(put('bridge', 'v1/br-lan', bridge))
  vlan()
  const bound = (port: string) => () =>
    scene.device.shown().includes(`bound ${port} 5 acme/lan with ACL`)
  await until('the offered one, as long as the other is not there', bound('br-first'))
  scene.device.addPort('br-lan')
  scene.device.config('Physical_Port', 'br-lan', { 'weft-physical-network': 'lan' })
  await until('the declared one', bound('br-lan'))
  expect(bound('br-first')()).toBe(false)
})

test('a fault of a port that leads to a physical network is one of the networks there', async () => {
  scene.device = agent()
  scene.device.addPort('br-lan')
  scene.device.config('Physical_Port', 'br-lan', { 'weft-physical-network': 'lan' })
  scene.dial()
  lan()
  vlan()
  await realized(scene.site, 'tenants/acme/ports/lan1')
  scene.device.config('Physical_Port', 'br-lan', {
    'weft-fault': 'interface_taken: br0',
    'weft-dropped-vid-5-in-1': '3',
    'weft-dropped-trunk-in-eth7': '2',
  })
  await until('the event', () => scene.site.events('device_fault').length > 0)
  expect((await state('tenants/acme/networks/lan'))?.reason).toBe('interface_taken: br0')
  const { drops } = (await scene.site.rest('GET', 'infra/hosts/v1/drops')).body
  expect(drops).toHaveLength(2)
  expect(drops).toContainEqual({ reason: 'source_looped', packets: 3, network: 'acme/lan' })
  expect(drops).toContainEqual({ reason: 'vlan_unknown', packets: 2 })
})

test('a device that knows no bridges has them unsupported, and may lead to a physical network all the same', async () => {
  scene.dial()
  await realized(scene.site, 'infra/hosts/v1')
  lan()
  scene.commit(put('bridge', 'v1/br-lan', bridge))
  await keyIs(VALUE)
  await quiet()
  expect(await state('infra/bridges/v1/br-lan')).toEqual({
    state: 'failed',
    reason: 'unsupported: this device makes no bridges',
  })
  vlan()
  // The operator of the switch has written what leads where.
  scene.device.addPort('Ethernet7')
  scene.device.config('Physical_Port', 'Ethernet7', { 'weft-physical-network': 'lan' })
  await until('bound', () => scene.device.shown().includes('bound Ethernet7 5 acme/lan with ACL'))
})
