/** Hosts of kind vtep: what becomes of rows that others change, of faults and of refusals. */
import { expect, test } from 'vitest'
import { keys } from '../../../southbound/agent/other-config.ts'
import { drop } from '../model/site.ts'
import { quiet, realized, until } from './site.ts'
import { deleteRows, insert, mutate, update, vtepDevice } from './vtep-device.ts'
import { vtepScene, whole } from './vtep-scene.ts'

const scene = vtepScene()

test('rows that somebody changes are put right and told of with the intent behind them', async () => {
  scene.dial()
  await realized(scene.site, 'infra/hosts/v1')
  const { database } = scene.device
  const [mac] = scene.device.rows('Ucast_Macs_Remote')
  const [flood] = scene.device.rows('Mcast_Macs_Remote')
  const [acl] = scene.device.rows('ACL')
  const own = scene.ourSwitch()?._uuid ?? ''
  const wrong: [string, Parameters<typeof database.transact>[0]][] = [
    ['a MAC is gone', [deleteRows('Ucast_Macs_Remote', mac?._uuid ?? '')]],
    ['another VNI', [update('Logical_Switch', own, { tunnel_key: 6666 })]],
    [
      'a MAC behind a stranger',
      [
        insert(
          'Physical_Locator',
          { encapsulation_type: 'vxlan_over_ipv4', dst_ip: '203.0.113.1' },
          'l',
        ),
        insert('Ucast_Macs_Remote', {
          MAC: '02:00:00:00:00:66',
          logical_switch: own,
          locator: 'l',
          ipaddr: '',
        }),
      ],
    ],
    ['no floods', [deleteRows('Mcast_Macs_Remote', flood?._uuid ?? '')]],
    [
      'unbound',
      [
        mutate(
          'Physical_Port',
          scene.device.named('Physical_Port', 'eth1')._uuid,
          'vlan_bindings',
          'delete',
          ['0'],
        ),
      ],
    ],
    [
      'the last deny is gone',
      [mutate('ACL', acl?._uuid ?? '', 'acl_entries', 'delete', [lastEntry()])],
    ],
  ]
  for (const [what, operations] of wrong) {
    const before = scene.drifts().length
    const entries = scene.device.rows('ACL_entry').length
    database.transact(operations)
    await until(what, () => scene.drifts().length > before)
    await scene.becomes(whole)
    await until('entries', () => scene.device.rows('ACL')[0]?.acl_entries.length === 10)
    expect(scene.device.rows('ACL_entry').length).toBeLessThanOrEqual(entries + 1)
  }
  const events = scene.site.events('drift').map(({ message, intent }) => `${intent}: ${message}`)
  const name = scene.ourSwitch()?.name
  expect(events).toEqual([
    expect.stringContaining(`port/acme/far: remote MAC 02:00:00:00:00:31 10.0.0.3`),
    `network/acme/web: Logical_Switch ${name} had another tunnel_key on v1; put right`,
    `foreign: remote MAC 02:00:00:00:00:66  of ${name} was there for no port on v1; put right`,
    `host/v1, network/acme/web: flood list of ${name} was missing on v1; put right`,
    'port/acme/near: binding of VLAN 0 of eth1 was missing on v1; put right',
    `port/acme/near: ACL ${acl?.acl_name} had other entries on v1; put right`,
  ])
})

function lastEntry(): string {
  const last = scene.device.rows('ACL_entry').find(({ sequence }) => sequence === 1000)
  return last?._uuid ?? ''
}

test('what another manager has written is told of once and left as it is', async () => {
  const { database } = scene.device
  database.transact([
    insert('Logical_Switch', { name: 'theirs', tunnel_key: 9 }, 'theirs'),
    mutate(
      'Physical_Port',
      scene.device.named('Physical_Port', 'eth1')._uuid,
      'vlan_bindings',
      'insert',
      {
        0: 'theirs',
        7: 'theirs',
      },
    ),
    insert(
      'Physical_Locator',
      { encapsulation_type: 'vxlan_over_ipv4', dst_ip: '203.0.113.1' },
      'l',
    ),
    insert('Ucast_Macs_Remote', {
      MAC: '02:00:00:00:00:66',
      logical_switch: 'theirs',
      locator: 'l',
      ipaddr: '',
    }),
  ])
  scene.dial()
  await until('driven', () => scene.site.events('host_connected').length > 0)
  scene.device.addPort('eth3')
  await quiet()
  expect(scene.site.events('rows_foreign').map(({ message }) => message)).toEqual([
    'Logical_Switch theirs on v1 is not ours; it is left alone',
    'VLAN 7 of port eth1 on v1 is not ours; it is left alone',
  ])
  const theirs = scene.device.named('Logical_Switch', 'theirs')
  expect(scene.device.named('Physical_Port', 'eth1').vlan_bindings).toEqual({
    0: theirs._uuid,
    7: theirs._uuid,
  })
  expect(theirs.tunnel_key).toBe(9)
  expect(scene.device.rows('Ucast_Macs_Remote').map(({ MAC }) => MAC)).toContain(
    '02:00:00:00:00:66',
  )
  const { hosts } = await scene.site.status('tenants/acme/ports/near')
  expect(hosts.v1).toEqual({
    state: 'failed',
    reason: 'VLAN 0 of eth1 is bound to a Logical_Switch that is not ours',
  })
})

test('rows that somebody makes anew each time are a contest, not a race', async () => {
  scene.dial()
  await realized(scene.site, 'infra/hosts/v1')
  const [own] = scene.device.rows('Logical_Switch')
  const [vtep] = scene.device.rows('Physical_Locator')
  const stranger = () =>
    scene.device.database.transact([
      insert('Ucast_Macs_Remote', {
        ...{ MAC: '02:00:00:00:00:66', ipaddr: '' },
        ...{ logical_switch: own?._uuid ?? '', locator: vtep?._uuid ?? '' },
      }),
    ])
  let made = 1
  scene.device.database.onCommit((changes) => {
    const isGone = changes.some(({ table, after }) => table === 'Ucast_Macs_Remote' && !after)
    if (isGone && made++ < 1000) queueMicrotask(stranger)
  })
  stranger()
  await until('the contest is told of', () => scene.site.events('rows_contested').length > 0)
  await quiet()
  expect(made).toBeLessThan(5)
})

test.each(['-x', '_tap', 'eth1 down', 'x'.repeat(65)])(
  'an interface that no port can be on is refused, and its host is driven: %s',
  async (name) => {
    scene.device.addPort(name, scene.site.portUuid('acme/vm1'))
    scene.dial()
    await scene.becomes(whole)
    await realized(scene.site, 'infra/hosts/v1')
    expect(scene.site.events('binding_refused').map(({ message }) => message)).toEqual([
      `interface ${name} on v1: no port can be on an interface of that name`,
    ])
    expect(
      scene.site.store.snapshot.get('binding', scene.site.portUuid('acme/vm1')),
    ).toBeUndefined()
  },
)

test('faults of the device are the reasons of the objects they concern', async () => {
  scene.device = vtepDevice('v1', { address: '192.0.2.21', ports: ['eth1'], isTeller: true })
  scene.dial()
  await scene.becomes(whole)
  scene.device.tell()
  await realized(scene.site, 'infra/hosts/v1')
  const name = scene.ourSwitch()?.name ?? ''
  const state = async (path: string) => (await scene.site.status(path)).hosts.v1
  scene.device.config('Physical_Port', 'eth1', { [keys.fault]: 'interface_taken: br0' })
  await until(
    'the port fails',
    async () => (await state('tenants/acme/ports/near'))?.state === 'failed',
  )
  expect(await state('tenants/acme/ports/near')).toEqual({
    state: 'failed',
    reason: 'interface_taken: br0',
  })
  expect(await state('tenants/acme/networks/web')).toEqual({ state: 'realized' })
  scene.device.config('Physical_Port', 'eth1', { [keys.fault]: 'anti_spoofing_unenforced' })
  await until(
    'degraded',
    async () => (await state('tenants/acme/ports/near'))?.state === 'realized',
  )
  expect((await state('tenants/acme/ports/near'))?.reason).toBe(
    'Degraded: anti_spoofing_unenforced',
  )
  scene.device.config('Logical_Switch', name, { [keys.fault]: 'tunnel_key_taken: 5001' })
  await until(
    'the network fails',
    async () => (await state('tenants/acme/networks/web'))?.state === 'failed',
  )
  expect((await state('tenants/acme/ports/far'))?.reason).toBe('tunnel_key_taken: 5001')
  expect(scene.site.events('device_fault').map(({ message }) => message)).toEqual([
    'v1 says of port/acme/near: interface_taken: br0',
    'v1 says of port/acme/near: anti_spoofing_unenforced',
    'v1 says of network/acme/web: tunnel_key_taken: 5001',
  ])
})

test('a refused transaction is told of and tried again', async () => {
  const { database } = scene.device
  scene.dial()
  await scene.becomes(whole)
  await realized(scene.site, 'infra/hosts/v1')
  // A router of somebody else holds our switch.
  database.transact([
    insert('Logical_Router', {
      name: 'r',
      switch_binding: { '10.0.0.1/24': scene.ourSwitch()?._uuid ?? '' },
    }),
  ])
  scene.commit(drop('port', 'acme/near'))
  await until('a refusal', () => scene.site.events('rows_failed').length > 0)
  expect(scene.ourSwitch()).toBeDefined()
  const [router] = scene.device.rows('Logical_Router')
  database.transact([deleteRows('Logical_Router', router?._uuid ?? '')])
  await quiet()
  scene.site.clock.advance(1000)
  await scene.becomes([])
})
