/** What a device says, and what is on it, harms nobody: neither other sites nor other hosts nor the controller. */
import { expect, test } from 'vitest'
import { keys } from '../../../southbound/agent/other-config.ts'
import { drop, put } from '../model/site.ts'
import { quiet, realized, until } from './site.ts'
import { insert, update, vtepDevice } from './vtep-device.ts'
import { vtepScene, whole } from './vtep-scene.ts'

const scene = vtepScene()
const removed = () => scene.site.events('host_removed').map(({ message }) => message)
const show = (end: string, value: unknown) =>
  scene.device.config('Physical_Port', 'eth1', {
    [`${keys.lastDrop}${end}`]: JSON.stringify(value),
  })
const frame = {
  ...{ eth_src: '02:00:00:00:00:21', eth_dst: 'ff:ff:ff:ff:ff:ff', eth_type: '0x0806' },
}

test('who is on the VLAN of a joined network cannot be a guest of any host', async () => {
  scene.device.config('Physical_Port', 'eth2', { [keys.physicalNetwork]: 'lan' })
  scene.dial()
  const extension = { physicalNetwork: 'lan', vid: 5, hostId: 'v1' }
  scene.commit(put('physicalNetwork', 'lan', { mtuBytes: 9000 }))
  scene.commit(put('network', 'acme/web', { vni: 5001, extension }))
  const denied = () => {
    const uuid = scene.device.named('Physical_Port', 'eth2').acl_bindings[5]
    const entries = scene.device.rows('ACL').find(({ _uuid }) => _uuid === uuid)?.acl_entries ?? []
    return scene.device
      .rows('ACL_entry')
      .filter(({ _uuid, action }) => entries.includes(_uuid) && action === 'deny')
      .map(({ source_mac, ethertype, source_ip }) =>
        [source_mac, ethertype, source_ip].filter(Boolean).join(' '),
      )
      .sort()
  }
  const near = ['02:00:00:00:00:21', '0x0800 10.0.0.21', '0x0806 10.0.0.21']
  const far = [
    ...['02:00:00:00:00:31', '0x0800 10.0.0.31', '0x0800 10.0.0.32'],
    ...['0x0806 10.0.0.31', '0x0806 10.0.0.32'],
  ]
  const are = (...of: string[]) => until(`${of}`, () => denied().join() === [...of].sort().join())
  await are(...near, ...far)
  await quiet()
  const commits: number[] = []
  scene.device.database.onCommit((changes) => commits.push(changes.length))
  const one = { network: 'web', mac: '02:00:00:00:00:41', hostId: 'h1', ofport: 2 }
  scene.commit(put('port', 'acme/more', { ...one, addresses: ['10.0.0.41'] }))
  await are(...near, ...far, '02:00:00:00:00:41', '0x0800 10.0.0.41', '0x0806 10.0.0.41')
  scene.commit(drop('port', 'acme/more'), drop('port', 'acme/near'))
  await are(...far)
  // One row that was there is put back, and it is the only one that is told of.
  expect(scene.drifts()).toEqual([])
  const stolen = scene.device.rows('ACL_entry').find(({ source_ip }) => source_ip === '10.0.0.31')
  scene.device.database.transact([
    update('ACL_entry', stolen?._uuid ?? '', { source_ip: '10.0.0.99' }),
  ])
  await are(...far)
  await until('drift', () => scene.drifts().length > 0)
  expect(scene.drifts().join()).toMatch(/ACL weft-\S+ was without entry \d+ on v1; put right/)
  scene.commit(drop('port', 'acme/far'))
  await until('no ACL', () => scene.device.rows('ACL').length === 0)
  expect(scene.device.rows('ACL_entry')).toEqual([])
})

test('what is no text where text should be is left out, and the session stays', async () => {
  show('in', { at: '2026-11-23T02:00:00.000Z', ...frame, eth_src: { toString: 1 } })
  show('vlan', { at: '2026-11-23T02:00:00.000Z', ...frame, eth_type: ['0x0806'] })
  const ip = { ip_src: [['10.0.0.1']], ip_dst: { toString: 'x' } }
  show('mtu_exceeded', { at: '2026-11-23T02:00:00.000Z', ...frame, ...ip })
  scene.dial()
  await scene.becomes(whole)
  await until('told', () => scene.site.events('frames_dropped').length > 0)
  await realized(scene.site, 'infra/hosts/v1')
  const { counters } = await scene.site.status('tenants/acme/ports/near')
  expect(counters?.lastDrop).toMatchObject({ reason: 'mtu_exceeded', ...frame })
  expect(counters?.lastDrop).not.toHaveProperty('ip_src')
  expect(counters?.lastDrop).not.toHaveProperty('ip_dst')
  expect(scene.site.events('host_disconnected')).toEqual([])
})

test('the last drop of a port is the newest of all reasons, and one of before the session is no event', async () => {
  show('in', { at: '2025-12-31T02:00:00.000Z', ...frame })
  show('vlan', { at: '2025-12-01T00:00:00.000Z', ...frame })
  scene.dial()
  await scene.becomes(whole)
  await realized(scene.site, 'infra/hosts/v1')
  const last = async () =>
    (await scene.site.status('tenants/acme/ports/near')).counters?.lastDrop?.reason
  expect(await last()).toBe('port_security')
  expect(scene.site.events('frames_dropped')).toEqual([])
  show('vlan', { at: '2026-11-23T02:00:00.000Z', ...frame })
  await until('told', () => scene.site.events('frames_dropped').length > 0)
  expect(await last()).toBe('vlan_not_allowed')
  expect(scene.site.events('frames_dropped')).toHaveLength(1)
})

/** As another site writes them. */
function writeOthers() {
  const name = 'weft-11111111-2222-4333-8444-555555555555'
  const locator = { encapsulation_type: 'vxlan_over_ipv4', dst_ip: '203.0.113.9' } as const
  const mac = { MAC: '02:00:00:00:00:77', logical_switch: 'ls', locator: 'loc' }
  const entry = { sequence: 1, direction: 'ingress', action: 'deny' } as const
  scene.device.database.transact([
    insert('Logical_Switch', { name, description: 'other/site', tunnel_key: 77 }, 'ls'),
    insert('Physical_Locator', locator, 'loc'),
    insert('Ucast_Macs_Remote', mac, 'mac'),
    insert('ACL_entry', entry, 'entry'),
    insert('ACL', { acl_name: name, acl_entries: ['entry'] }, 'acl'),
  ])
  scene.device.config('Physical_Switch', 'v1', { [`${keys.bridge}br-other`]: 'uplinks=eth7' })
}
const others = [
  'mac other/site 02:00:00:00:00:77  -> 203.0.113.9',
  'switch other/site 77 undefined {}',
]
function expectOthers() {
  expect(scene.device.shown()).toEqual(others)
  expect(scene.device.rows('ACL')).toHaveLength(1)
  const { other_config } = scene.device.named('Physical_Switch', 'v1')
  expect(other_config).toEqual({ [`${keys.bridge}br-other`]: 'uplinks=eth7' })
}

test('a device that another site has by now keeps what is that site’s', async () => {
  scene.dial()
  await scene.becomes(whole)
  scene.commit(drop('port', 'acme/near'), drop('host', 'v1'))
  await scene.becomes([])
  await until('told', () => removed().length > 0)
  writeOthers()
  await until('it is told of', () => traces().length > 0)
  await quiet()
  expectOthers()
  // Neither by a controller that has to look it up, which has a part of its own to take back.
  await scene.site.restart()
  const tunnel_key = 5001
  const uuid = scene.site.store.snapshot.get('network', 'acme/web')?.uuid
  scene.device.database.transact([insert('Logical_Switch', { name: `weft-${uuid}`, tunnel_key })])
  scene.dial()
  await scene.becomes(others)
  await until('told', () => removed().length > 0)
  await quiet()
  expectOthers()
})

const traces = () =>
  scene.site.events('host_pending').filter(({ message }) => message.includes('rows of Weft'))

test('a stranger with rows of Weft that dials again and again is told of once', async () => {
  scene.device = vtepDevice('v9', { address: '192.0.2.29' })
  writeOthersOn('v9')
  for (let dials = 0; dials < 5; dials++) {
    const session = scene.dial()
    await until('it waits', () => scene.site.events('host_pending').length > 0)
    await quiet()
    session.destroy()
    await quiet()
  }
  expect(traces()).toHaveLength(1)
})

function writeOthersOn(name: string) {
  scene.device.config('Physical_Switch', name, { [`${keys.bridge}br-other`]: 'uplinks=eth7' })
  scene.device.database.transact([
    insert('Logical_Switch', { name: 'weft-11111111-2222-4333-8444-555555555555' }),
  ])
}

test('the name of an interface is short, or it is another one', async () => {
  scene.device.config('Physical_Port', 'eth2', {
    ...{ [keys.physicalNetwork]: 'lan', [keys.mtuSeen]: '1000' },
    [keys.narrowest]: 'x'.repeat(1 << 16),
  })
  scene.dial()
  scene.commit(put('physicalNetwork', 'lan', { mtuBytes: 9000 }))
  scene.commit(put('network', 'acme/lan', { type: 'vlan', physicalNetwork: 'lan', vid: 5 }))
  scene.commit(put('subnet', 'acme/lan', { network: 'lan', cidr: '10.1.0.0/24' }))
  const place = { hostId: 'v1', interface: 'eth2', vid: 7 }
  scene.commit(put('port', 'acme/lan1', { network: 'lan', addresses: ['10.1.0.5'], ...place }))
  await until('it is told', () => {
    scene.site.clock.advance(1000)
    return scene.site.events('mtu_limited').length > 0
  })
  const [{ message } = { message: '' }] = scene.site.events('mtu_limited')
  expect(message).toContain('eth2')
  expect(message.length).toBeLessThan(1000)
})
