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

test('two ACL entries that drop for one reason are one counter', async () => {
  scene.dial()
  await scene.becomes(whole)
  const drops = { 'weft-dropped-in-1000': '3', 'weft-dropped-in-2000': '4' }
  scene.device.config('Physical_Port', 'eth1', drops)
  await quiet()
  const { counters } = await scene.site.status('tenants/acme/ports/near')
  expect(counters?.drops).toEqual([{ reason: 'port_security', packets: 7, of: 'port' }])
})

test('what a binding has carried is asked of the device, and where it does not count, that is said', async () => {
  scene.dial()
  await scene.becomes(whole)
  const read = async () => (await scene.site.status('tenants/acme/ports/near')).counters
  const uncounted = 'the device has no statistics of this binding'
  expect(await read()).toMatchObject({ uncounted, drops: [] })
  expect(await read()).not.toHaveProperty('sent')
  scene.device.stats('eth1', {
    ...{ packets_from_local: 7, bytes_from_local: 700 },
    ...{ packets_to_local: 5, bytes_to_local: 500 },
  })
  await quiet()
  // An answer is good for 5 s.
  expect(await read()).toMatchObject({ uncounted })
  scene.site.clock.advance(5000)
  expect(await read()).toMatchObject({
    ...{ sent: { frames: 7, bytes: 700 }, received: { frames: 5, bytes: 500 } },
  })
  expect(await read()).not.toHaveProperty('uncounted')
})

test('a dropped frame that the device shows is the last drop of its port and told once; what is none is left out', async () => {
  scene.dial()
  await scene.becomes(whole)
  const at = '2026-11-23T01:02:03.000Z'
  const frame = {
    ...{ eth_src: '02:00:00:00:00:01', eth_dst: '02:00:00:00:00:02', eth_type: '0x0800' },
    ...{ ip_src: '10.0.0.9', ip_dst: '10.0.0.2', ip_proto: 17, src_port: 1, dst_port: 53 },
  }
  const show = (end: string, text: string) =>
    scene.device.config('Physical_Port', 'eth1', { [`weft-last-drop-${end}`]: text })
  show('vlan', '{"at":"yesterday"}')
  show('mtu_exceeded', 'no JSON')
  show('magic', JSON.stringify({ at, ...frame }))
  await quiet()
  expect(scene.site.events('frames_dropped')).toEqual([])
  const evil = { ip_proto: 4711, vlan_vid: -1, frameBytes: 'many', from: ['site'], host: 'h9' }
  show('in', JSON.stringify({ at, ...frame, ...evil, src_port: 1 }))
  await until('it is told', () => scene.site.events('frames_dropped').length > 0)
  const { counters } = await scene.site.status('tenants/acme/ports/near')
  const { ip_proto: _, ...believed } = frame
  expect(counters?.lastDrop).toEqual({
    ...{ at, reason: 'port_security', host: 'v1', from: ['port/acme/near'] },
    ...believed,
  })
  scene.device.config('Physical_Port', 'eth1', { 'weft-link': 'up' })
  await quiet()
  expect(scene.site.events('frames_dropped')).toHaveLength(1)
  expect(scene.site.events('frames_dropped')[0]).toMatchObject({
    ...{ host: 'v1', port: 'acme/near', reason: 'port_security', from: ['port/acme/near'] },
    ...{ ip_src: '10.0.0.9', dst_port: 53 },
  })
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
  // Events are told once a second.
  const told = (count: number) =>
    until(`${count} events`, () => {
      scene.site.clock.advance(100)
      return scene.site.events('mtu_limited').length === count
    })
  await told(1)
  expect(await say({ [keys.underlay]: 'u0 1300' })).toMatchObject({
    effective: 1250,
    limitedBy: [{ kind: 'interface', host: 'v1', interface: 'u0', mtuBytes: 1300 }],
  })
  await told(2)
  expect(scene.site.events('mtu_limited').map(({ message }) => message)).toEqual([
    'no packet over 1350 bytes gets from v1 (192.0.2.21) to h1 (192.0.2.1), and 1450 bytes are needed',
    'interface u0 of host v1 carries 1300 bytes, and 1500 are needed',
  ])
})

test('what leads to a physical network limits the networks on it, and is named as the device names it', async () => {
  scene.dial()
  await scene.becomes(whole)
  const lan = { type: 'vlan', physicalNetwork: 'office', vid: 7, mtuBytes: 1500 } as const
  scene.site.store.commit(
    [
      put('physicalNetwork', 'office', { mtuBytes: 1500 }),
      put('network', 'acme/lan', lan),
      put('port', 'acme/pc', { network: 'lan', hostId: 'v1', interface: 'eth1', vid: 30 }),
    ],
    { who: 'test' },
  )
  const becomes = (bytes: number) =>
    until(`${bytes} bytes`, async () => {
      const { mtu } = await scene.site.status('tenants/acme/networks/lan')
      return mtu?.effective === bytes && mtu
    })
  const seen = { [keys.physicalNetwork]: 'office', [keys.narrowest]: 'eth9' }
  scene.device.config('Physical_Port', 'eth2', { ...seen, [keys.mtuSeen]: '1400' })
  expect((await becomes(1400)).limitedBy).toMatchObject([
    { kind: 'interface', host: 'v1', interface: 'eth9', mtuBytes: 1400, packetBytes: 1400 },
  ])
  expect((await scene.site.status('tenants/acme/networks/web')).mtu).toMatchObject({
    limitedBy: [],
  })
  scene.device.config('Physical_Port', 'eth2', { ...seen, [keys.mtuSeen]: '1500' })
  expect((await becomes(1500)).limitedBy).toEqual([])
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
