/** An interface of a vtep host that carries a port of one tenant, and another tenant who wants VIDs of it. */
import { expect, test } from 'vitest'
import { put } from '../model/site.ts'
import { quiet, realized, until } from './site.ts'
import { vtepScene } from './vtep-scene.ts'

const scene = vtepScene()

const globex = [
  put('tenant', 'globex', {}),
  put('network', 'globex/net', { vni: 7007 }),
  put('subnet', 'globex/net', { network: 'net', cidr: '10.9.0.0/24' }),
  put('port', 'globex/guest', { network: 'net', addresses: ['10.9.0.1'] }),
  put('port', 'globex/sub', { network: 'net', addresses: ['10.9.0.2'], parent: 'guest', vid: 30 }),
]
const thief = put('port', 'acme/thief', {
  network: 'web',
  addresses: ['10.0.0.60'],
  hostId: 'v1',
  interface: 'tap1',
  vid: 30,
})
const boundOn = (name: string) =>
  scene.device.shown().filter((row) => row.startsWith(`bound ${name} `))

test('what another tenant has declared of it goes when a guest is plugged in there, and his sub-ports are', async () => {
  scene.commit(...globex, thief)
  scene.device.addPort('tap1')
  scene.dial()
  await until('the first come has it', () => boundOn('tap1').length === 1)
  expect(boundOn('tap1')).toEqual(['bound tap1 30 acme/web with ACL'])

  scene.device.delPort('tap1')
  scene.device.addPort('tap1', scene.site.portUuid('globex/guest'))
  await until('the guest has all of it', () => boundOn('tap1').length === 2)
  expect(boundOn('tap1')).toEqual([
    'bound tap1 0 globex/net with ACL',
    'bound tap1 30 globex/net with ACL',
  ])
  const status = await scene.site.status('tenants/acme/ports/thief')
  expect(status).toMatchObject({
    realized: false,
    reason:
      'interface_held: interface tap1 of v1 carries a port of another tenant, who has all VIDs of it',
  })
  expect(JSON.stringify(status)).not.toMatch(/globex|guest|7007/)
  expect(JSON.stringify(status)).not.toContain(scene.site.portUuid('globex/guest'))

  // Nor does anybody get one by asking now.
  const spec = { network: 'web', addresses: [], hostId: 'v1', interface: 'tap1', vid: 31 }
  await scene.site.rest('PUT', 'tenants/acme/ports/late', spec)
  await quiet()
  expect(boundOn('tap1')).toHaveLength(2)
  expect((await scene.site.status('tenants/acme/ports/late')).reason).toMatch(/^interface_held: /)

  scene.device.delPort('tap1')
  scene.device.addPort('tap1')
  await until('both are there', () => boundOn('tap1').length === 2)
  expect(boundOn('tap1')).toEqual([
    'bound tap1 30 acme/web with ACL',
    'bound tap1 31 acme/web with ACL',
  ])
})

test('what a device says of itself is told to tenants by its code alone', async () => {
  scene.dial()
  await realized(scene.site, 'infra/hosts/v1')
  const text = 'kernel_refused: bridge fdb add 02:66:00:00:00:01 dev vx7007: no such device'
  scene.device.config('Physical_Switch', 'v1', { 'weft-fault': text })
  await until('it is told', () => scene.site.events('device_fault').length > 0)
  const reason = async (path: string) => (await scene.site.status(path)).hosts.v1?.reason
  expect(await reason('tenants/acme/ports/near')).toBe('kernel_refused')
  expect(await reason('tenants/acme/networks/web')).toBe('kernel_refused')
  expect(await reason('infra/hosts/v1')).toBe(text)
  expect(scene.site.events('device_fault')[0]?.message).toContain(text)
})
