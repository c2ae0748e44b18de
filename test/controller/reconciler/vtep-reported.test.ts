/** Hosts of kind vtep: what the device reports, as bindings, counters and status. */
import { expect, test } from 'vitest'
import { keys } from '../../../southbound/agent/other-config.ts'
import { put } from '../model/site.ts'
import { quiet, realized, until } from './site.ts'
import { vtepScene, whole } from './vtep-scene.ts'

const scene = vtepScene()

test('an interface that the device does not have is waited for', async () => {
  scene.device.delPort('eth1')
  scene.dial()
  await until('it is told', () => scene.site.events('device_fault').length > 0)
  const { hosts } = await scene.site.status('tenants/acme/ports/near')
  expect(hosts.v1).toEqual({ state: 'failed', reason: 'the device has no port eth1' })
  scene.device.addPort('eth1')
  await scene.becomes(whole)
  await until(
    'no fault',
    async () => (await scene.site.status('tenants/acme/ports/near')).hosts.v1?.state === 'realized',
  )
  expect(scene.drifts()).toEqual([])
})

test('dropped frames are told by our reasons', async () => {
  scene.dial()
  await scene.becomes(whole)
  scene.device.config('Physical_Port', 'eth1', {
    'weft-dropped-in-1000': '3',
    'weft-dropped-vlan': '2',
    'weft-dropped-in-900': 'many',
    'weft-dropped-by-magic': '7',
  })
  scene.device.config('Logical_Switch', scene.ourSwitch()?.name ?? '', {
    'weft-dropped-foreign-vtep': '5',
  })
  await quiet()
  const { body } = await scene.site.rest('GET', 'infra/hosts/v1/drops')
  expect(body.drops).toEqual([
    { reason: 'port_security', packets: 3, port: 'acme/near' },
    { reason: 'vlan_not_allowed', packets: 2, port: 'acme/near' },
    { reason: 'vtep_unknown', packets: 5, network: 'acme/web' },
  ])
})

test('the counters of a port are what its device says', async () => {
  scene.dial()
  await scene.becomes(whole)
  scene.device.config('Physical_Port', 'eth1', {
    'weft-dropped-in-1000': '3',
    'weft-dropped-mtu_exceeded': '4',
  })
  await quiet()
  const { counters } = await scene.site.status('tenants/acme/ports/near')
  expect(counters?.drops).toEqual([
    { reason: 'port_security', packets: 3, of: 'port' },
    { reason: 'mtu_exceeded', packets: 4, of: 'port' },
  ])
})

test('what a device says of its paths and of its NIC limits the MTU of its networks', async () => {
  scene.dial()
  await scene.becomes(whole)
  const say = async (pairs: Record<string, string>) => {
    scene.device.config('Physical_Switch', 'v1', pairs)
    await quiet()
    return (await scene.site.status('tenants/acme/networks/web')).mtu
  }
  expect(await say({ [`${keys.pathMtu}192.0.2.1`]: '1500' })).toMatchObject({ effective: 1450 })
  expect(await say({ [`${keys.pathMtu}192.0.2.1`]: '1400' })).toMatchObject({
    configured: 1450,
    effective: 1350,
    limitedBy: [{ kind: 'path', from: 'v1', to: 'h1', vteps: ['192.0.2.21', '192.0.2.1'] }],
  })
  expect(await say({ [keys.underlay]: 'u0 1300' })).toMatchObject({
    effective: 1250,
    limitedBy: [{ kind: 'interface', host: 'v1', interface: 'u0', mtuBytes: 1300 }],
  })
  expect(scene.site.events('mtu_limited').map(({ message }) => message)).toEqual([
    'no packet over 1350 bytes gets from v1 (192.0.2.21) to h1 (192.0.2.1), and 1450 bytes are needed',
    'interface u0 of host v1 carries 1300 bytes, and 1500 are needed',
  ])
})

test('the underlay that the device reports is shown', async () => {
  scene.device.config('Physical_Switch', 'v1', { [keys.underlay]: 'u0 9050' })
  scene.dial()
  await realized(scene.site, 'infra/hosts/v1')
  const status = await scene.site.status('infra/hosts/v1')
  expect(status).toMatchObject({ underlay: { interface: 'u0', mtuBytes: 9050 } })
})

test('an interface with the uuid of a port is that port, untagged, and goes with it', async () => {
  const h1 = scene.site.host('h1')
  const vm1 = scene.site.portUuid('acme/vm1')
  const bound = () => {
    const binding = scene.site.store.snapshot.get('binding', vm1)
    return binding && `${binding.hostId} ${binding.interface ?? binding.ofport} ${binding.vid}`
  }
  scene.dial()
  scene.device.addPort('tap1', vm1)
  await until('vm1 is on v1', () => bound() === 'v1 tap1 0')
  await until('it is bound', () => scene.device.shown().includes('bound tap1 0 acme/web with ACL'))
  expect(scene.site.events('port_bound')[0]).toMatchObject({
    message: 'acme/vm1 was plugged in on v1',
    interface: 'tap1',
    vid: 0,
  })
  // The rules are those of all hosts: the first of two interfaces stays, the newer plug elsewhere has it.
  scene.device.addPort('tap2', vm1)
  await until('a refusal', () => scene.site.events('binding_refused').length > 0)
  expect(scene.site.events('binding_refused').map(({ message }) => message)).toEqual([
    'interface tap2 on v1: interface tap1 already is acme/vm1',
  ])
  await h1.plug('vm1', vm1, 7)
  await until('vm1 is on h1', () => bound() === 'h1 7 undefined')
  await until('unbound', () => !scene.device.shown().some((row) => row.startsWith('bound tap')))
  h1.unplug('vm1')
  await until('vm1 is on v1 again', () => bound() === 'v1 tap1 0')
  scene.device.delPort('tap1')
  await until('tap2 is it', () => bound() === 'v1 tap2 0')
})

test('a port that a VLAN of an interface is declared for is bound under that VID', async () => {
  const spec = {
    network: 'web',
    addresses: ['10.0.0.50'],
    hostId: 'v1',
    interface: 'eth2',
    vid: 30,
  }
  scene.commit(put('port', 'acme/tagged', spec))
  scene.dial()
  await until('bound', () => scene.device.shown().includes('bound eth2 30 acme/web with ACL'))
})

test('a port on a vtep host concerns the ovs hosts of its network too', async () => {
  scene.dial()
  await realized(scene.site, 'infra/hosts/v1')
  const state = async () => (await scene.site.status('tenants/acme/ports/near')).hosts
  expect(await state()).toMatchObject({ h1: { state: 'disconnected' }, v1: { state: 'realized' } })
  scene.site.host('h1')
  await realized(scene.site, 'tenants/acme/ports/near')
  expect(await state()).toMatchObject({ h1: { state: 'realized' }, v1: { state: 'realized' } })
})

test('what rows cannot say is not called realized', async () => {
  scene.dial()
  await realized(scene.site, 'infra/hosts/v1')
  scene.commit(put('physicalNetwork', 'lan', {}))
  scene.commit(put('network', 'acme/lan', { type: 'vlan', physicalNetwork: 'lan', vid: 5 }))
  scene.commit(put('subnet', 'acme/lan', { network: 'lan', cidr: '10.1.0.0/24' }))
  scene.commit(put('port', 'acme/lan1', { network: 'lan', addresses: ['10.1.0.5'] }))
  scene.device.addPort('tap1', scene.site.portUuid('acme/lan1'))
  await until('bound', () => scene.site.events('port_bound').length > 0)
  await quiet()
  const failed = (reason: string) => ({
    realized: false,
    hosts: { v1: { state: 'failed', reason } },
  })
  expect(await scene.site.status('tenants/acme/ports/lan1')).toMatchObject(
    failed(
      'unsupported: hosts of kind vtep carry networks of type vxlan, and this is one of type vlan',
    ),
  )
  scene.commit(
    put('bridge', 'v1/br-lan', { kind: 'linux', uplinks: ['eth2'], physicalNetwork: 'lan' }),
  )
  await realized(scene.site, 'infra/hosts/v1')
  expect(await scene.site.status('infra/bridges/v1/br-lan')).toMatchObject(
    failed('unsupported: hardware_vtep has no rows for bridges; the host makes and keeps its own'),
  )
  expect(scene.device.shown()).toEqual(whole)
})

test('a bridge of a vtep host is not waited for: the status is the same while the host is away', async () => {
  scene.commit(put('bridge', 'v1/br-lan', { kind: 'linux' }))
  expect((await scene.site.status('infra/bridges/v1/br-lan')).hosts.v1?.state).toBe('failed')
  expect((await scene.site.status('infra/hosts/v1')).hosts.v1?.state).toBe('disconnected')
})
