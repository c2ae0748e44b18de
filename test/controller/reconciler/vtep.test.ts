/** Hosts of kind vtep, against a hardware_vtep database of ours: which rows they get, and what becomes of changes. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keys } from '../../../southbound/agent/other-config.ts'
import { drop, put } from '../model/site.ts'
import { openSite, quiet, realized, type TestSite, until } from './site.ts'
import { deleteRows, insert, mutate, update, type VtepDevice, vtepDevice } from './vtep-device.ts'

let site: TestSite
let device: VtepDevice
beforeEach(async () => {
  site = await openSite(
    put('host', 'v1', { kind: 'vtep', vtepAddress: '192.0.2.21' }),
    put('port', 'acme/near', {
      network: 'web',
      mac: '02:00:00:00:00:21',
      addresses: ['10.0.0.21'],
      hostId: 'v1',
      interface: 'eth1',
    }),
    put('port', 'acme/far', {
      network: 'web',
      mac: '02:00:00:00:00:31',
      addresses: ['10.0.0.31', '10.0.0.32'],
      hostId: 'h1',
      ofport: 1,
    }),
  )
  device = vtepDevice('v1', { address: '192.0.2.21', ports: ['eth1', 'eth2'] })
})
afterEach(() => site.close())

const dial = (from: VtepDevice = device) => site.dialFrom(from.database, '198.51.100.21')
const whole = [
  'bound eth1 0 acme/web with ACL',
  'flood acme/web unknown-dst -> 192.0.2.1',
  'mac acme/web 02:00:00:00:00:31 10.0.0.31 -> 192.0.2.1',
  'mac acme/web 02:00:00:00:00:31 10.0.0.32 -> 192.0.2.1',
  'switch acme/web 5001 source_node {"weft-mtu":"1450","weft-unknown-unicast":"drop"}',
]
const becomes = (rows: readonly string[]) =>
  until(`rows ${rows.join('; ')}, not ${device.shown().join('; ')}`, () => {
    return device.shown().join() === rows.join()
  })
const drifts = () => site.events('drift').map(({ message }) => message)
const commit = (...edits: ReturnType<typeof put>[]) => site.store.commit(edits, { who: 'test' })
const ourSwitch = () => device.rows('Logical_Switch').find(({ name }) => name.startsWith('weft-'))

test('a host gets its networks, the MACs elsewhere, where to flood to and what binds its port', async () => {
  dial()
  await becomes(whole)
  const [acl] = device.rows('ACL')
  expect(acl?.acl_entries).toHaveLength(10)
  await realized(site, 'infra/hosts/v1')
  expect(site.events('host_connected').map(({ message }) => message)).toEqual([
    'v1 is driven; 6 rows were put right',
  ])
  expect(site.store.snapshot.get('network', 'acme/web')?.uuid).toBe(ourSwitch()?.name.slice(5))
})

test('a device that tells nothing is taken at its word, and the status says what it goes without', async () => {
  dial()
  await realized(site, 'infra/hosts/v1')
  const { hosts } = await site.status('tenants/acme/ports/near')
  expect(hosts.v1).toEqual({
    state: 'realized',
    reason: 'Degraded: anti_spoofing_unenforced, realization_unreported',
  })
})

test('an agent confirms when it says that rows are real, and not before', async () => {
  device = vtepDevice('v1', { address: '192.0.2.21', ports: ['eth1'], isTeller: true })
  dial()
  await becomes(whole)
  await quiet()
  const { hosts } = await site.status('tenants/acme/ports/near')
  expect(hosts.v1).toEqual({
    state: 'pending',
    reason: 'its rows are not as they should be yet',
  })
  device.tell()
  await realized(site, 'infra/hosts/v1')
  const later = await site.status('tenants/acme/ports/near')
  expect(later.hosts.v1).toEqual({ state: 'realized' })
  // A revision that touches other hosts only is confirmed without a word of the device.
  commit(put('tenant', 'globex', {}))
  commit(put('network', 'globex/n', { vni: 77 }))
  await realized(site, 'infra/hosts/v1')
})

test('a change is one transaction that touches nothing else', async () => {
  dial()
  await becomes(whole)
  await quiet()
  const commits: string[][] = []
  device.database.onCommit((changes) => commits.push(changes.map(({ table }) => table)))
  commit(
    put('port', 'acme/far', {
      network: 'web',
      mac: '02:00:00:00:00:31',
      addresses: ['10.0.0.31'],
      hostId: 'h2',
      ofport: 1,
    }),
  )
  await becomes([
    whole[0] ?? '',
    'flood acme/web unknown-dst -> 192.0.2.2',
    'mac acme/web 02:00:00:00:00:31 10.0.0.31 -> 192.0.2.2',
    whole[4] ?? '',
  ])
  await quiet()
  expect(commits).toHaveLength(1)
  expect(new Set(commits[0])).toEqual(
    new Set(['Ucast_Macs_Remote', 'Mcast_Macs_Remote', 'Physical_Locator', 'Physical_Locator_Set']),
  )
  expect(drifts()).toEqual([])
})

test('a controller that starts again writes nothing where all is right', async () => {
  dial()
  await becomes(whole)
  await site.restart()
  let commits = 0
  device.database.onCommit(() => commits++)
  dial()
  await realized(site, 'infra/hosts/v1')
  await quiet()
  expect(commits).toBe(0)
  expect(drifts()).toEqual([])
})

test('rows that somebody changes are put right and told of with the intent behind them', async () => {
  dial()
  await realized(site, 'infra/hosts/v1')
  const { database } = device
  const [mac] = device.rows('Ucast_Macs_Remote')
  const [flood] = device.rows('Mcast_Macs_Remote')
  const [acl] = device.rows('ACL')
  const own = ourSwitch()?._uuid ?? ''
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
          device.named('Physical_Port', 'eth1')._uuid,
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
    const before = drifts().length
    const entries = device.rows('ACL_entry').length
    database.transact(operations)
    await until(what, () => drifts().length > before)
    await becomes(whole)
    await until('entries', () => device.rows('ACL')[0]?.acl_entries.length === 10)
    expect(device.rows('ACL_entry').length).toBeLessThanOrEqual(entries + 1)
  }
  const events = site.events('drift').map(({ message, intent }) => `${intent}: ${message}`)
  const name = ourSwitch()?.name
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
  const last = device.rows('ACL_entry').find(({ sequence }) => sequence === 1000)
  return last?._uuid ?? ''
}

test('what another manager has written is told of once and left as it is', async () => {
  const { database } = device
  database.transact([
    insert('Logical_Switch', { name: 'theirs', tunnel_key: 9 }, 'theirs'),
    mutate(
      'Physical_Port',
      device.named('Physical_Port', 'eth1')._uuid,
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
  dial()
  await until('driven', () => site.events('host_connected').length > 0)
  device.addPort('eth3')
  await quiet()
  expect(site.events('rows_foreign').map(({ message }) => message)).toEqual([
    'Logical_Switch theirs on v1 is not ours; it is left alone',
    'VLAN 7 of port eth1 on v1 is not ours; it is left alone',
  ])
  const theirs = device.named('Logical_Switch', 'theirs')
  expect(device.named('Physical_Port', 'eth1').vlan_bindings).toEqual({
    0: theirs._uuid,
    7: theirs._uuid,
  })
  expect(theirs.tunnel_key).toBe(9)
  expect(device.rows('Ucast_Macs_Remote').map(({ MAC }) => MAC)).toContain('02:00:00:00:00:66')
  const { hosts } = await site.status('tenants/acme/ports/near')
  expect(hosts.v1).toEqual({
    state: 'failed',
    reason: 'VLAN 0 of eth1 is bound to a Logical_Switch that is not ours',
  })
})

test('rows that somebody makes anew each time are a contest, not a race', async () => {
  dial()
  await realized(site, 'infra/hosts/v1')
  const [own] = device.rows('Logical_Switch')
  const [vtep] = device.rows('Physical_Locator')
  const stranger = () =>
    device.database.transact([
      insert('Ucast_Macs_Remote', {
        ...{ MAC: '02:00:00:00:00:66', ipaddr: '' },
        ...{ logical_switch: own?._uuid ?? '', locator: vtep?._uuid ?? '' },
      }),
    ])
  let made = 1
  device.database.onCommit((changes) => {
    const isGone = changes.some(({ table, after }) => table === 'Ucast_Macs_Remote' && !after)
    if (isGone && made++ < 1000) queueMicrotask(stranger)
  })
  stranger()
  await until('the contest is told of', () => site.events('rows_contested').length > 0)
  await quiet()
  expect(made).toBeLessThan(5)
})

test.each(['-x', '_tap', 'eth1 down', 'x'.repeat(65)])(
  'an interface that no port can be on is refused, and its host is driven: %s',
  async (name) => {
    device.addPort(name, site.portUuid('acme/vm1'))
    dial()
    await becomes(whole)
    await realized(site, 'infra/hosts/v1')
    expect(site.events('binding_refused').map(({ message }) => message)).toEqual([
      `interface ${name} on v1: no port can be on an interface of that name`,
    ])
    expect(site.store.snapshot.get('binding', site.portUuid('acme/vm1'))).toBeUndefined()
  },
)

test('an interface that the device does not have is waited for', async () => {
  device.delPort('eth1')
  dial()
  await until('it is told', () => site.events('device_fault').length > 0)
  const { hosts } = await site.status('tenants/acme/ports/near')
  expect(hosts.v1).toEqual({ state: 'failed', reason: 'the device has no port eth1' })
  device.addPort('eth1')
  await becomes(whole)
  await until(
    'no fault',
    async () => (await site.status('tenants/acme/ports/near')).hosts.v1?.state === 'realized',
  )
  expect(drifts()).toEqual([])
})

test('faults of the device are the reasons of the objects they concern', async () => {
  device = vtepDevice('v1', { address: '192.0.2.21', ports: ['eth1'], isTeller: true })
  dial()
  await becomes(whole)
  device.tell()
  await realized(site, 'infra/hosts/v1')
  const name = ourSwitch()?.name ?? ''
  const state = async (path: string) => (await site.status(path)).hosts.v1
  device.config('Physical_Port', 'eth1', { [keys.fault]: 'interface_taken: br0' })
  await until(
    'the port fails',
    async () => (await state('tenants/acme/ports/near'))?.state === 'failed',
  )
  expect(await state('tenants/acme/ports/near')).toEqual({
    state: 'failed',
    reason: 'interface_taken: br0',
  })
  expect(await state('tenants/acme/networks/web')).toEqual({ state: 'realized' })
  device.config('Physical_Port', 'eth1', { [keys.fault]: 'anti_spoofing_unenforced' })
  await until(
    'degraded',
    async () => (await state('tenants/acme/ports/near'))?.state === 'realized',
  )
  expect((await state('tenants/acme/ports/near'))?.reason).toBe(
    'Degraded: anti_spoofing_unenforced',
  )
  device.config('Logical_Switch', name, { [keys.fault]: 'tunnel_key_taken: 5001' })
  await until(
    'the network fails',
    async () => (await state('tenants/acme/networks/web'))?.state === 'failed',
  )
  expect((await state('tenants/acme/ports/far'))?.reason).toBe('tunnel_key_taken: 5001')
  expect(site.events('device_fault').map(({ message }) => message)).toEqual([
    'v1 says of port/acme/near: interface_taken: br0',
    'v1 says of port/acme/near: anti_spoofing_unenforced',
    'v1 says of network/acme/web: tunnel_key_taken: 5001',
  ])
})

test('a refused transaction is told of and tried again', async () => {
  const { database } = device
  dial()
  await becomes(whole)
  await realized(site, 'infra/hosts/v1')
  // A router of somebody else holds our switch.
  database.transact([
    insert('Logical_Router', {
      name: 'r',
      switch_binding: { '10.0.0.1/24': ourSwitch()?._uuid ?? '' },
    }),
  ])
  commit(drop('port', 'acme/near'))
  await until('a refusal', () => site.events('rows_failed').length > 0)
  expect(ourSwitch()).toBeDefined()
  const [router] = device.rows('Logical_Router')
  database.transact([deleteRows('Logical_Router', router?._uuid ?? '')])
  await quiet()
  site.clock.advance(1000)
  await becomes([])
})

test('the last port of a network takes its rows along, and what the device has learned in it', async () => {
  dial()
  await becomes(whole)
  device.database.transact([
    insert(
      'Physical_Locator',
      { encapsulation_type: 'vxlan_over_ipv4', dst_ip: '192.0.2.21' },
      'l',
    ),
    insert('Ucast_Macs_Local', {
      MAC: '02:00:00:00:00:21',
      logical_switch: ourSwitch()?._uuid ?? '',
      locator: 'l',
      ipaddr: '',
    }),
  ])
  commit(drop('port', 'acme/near'))
  await becomes([])
  expect(device.rows('Ucast_Macs_Local')).toEqual([])
  expect(device.rows('ACL')).toEqual([])
  expect(device.rows('ACL_entry')).toEqual([])
  expect(drifts()).toEqual([])
})

test('a host that the model loses while it is there loses our rows, one that was never ours nothing', async () => {
  const stranger = vtepDevice('v9', { address: '192.0.2.29', ports: ['eth1'] })
  const name = `weft-${site.store.snapshot.get('network', 'acme/web')?.uuid}`
  stranger.database.transact([insert('Logical_Switch', { name, tunnel_key: 5 })])
  site.dialFrom(stranger.database, '198.51.100.29')
  dial()
  await becomes(whole)
  commit(drop('port', 'acme/near'), drop('host', 'v1'))
  await becomes([])
  await quiet()
  expect(stranger.rows('Logical_Switch')).toHaveLength(1)
  expect(site.controller.events.since().filter(({ type }) => type === 'host_pending')).toHaveLength(
    2,
  )
})

test('a host whose kind the model has otherwise is pending', async () => {
  const wrong = vtepDevice('h3', { address: '192.0.2.3' })
  site.dialFrom(wrong.database, '198.51.100.3')
  await until('pending', () => site.events('host_pending').length > 0)
  expect(site.events('host_pending')[0]?.message).toContain(
    'dialled in as h3 with a database of kind vtep; the model says that it is of kind ovs',
  )
})

test('dropped frames are told by our reasons', async () => {
  dial()
  await becomes(whole)
  device.config('Physical_Port', 'eth1', {
    'weft-dropped-in-1000': '3',
    'weft-dropped-vlan': '2',
    'weft-dropped-in-900': 'many',
    'weft-dropped-by-magic': '7',
  })
  device.config('Logical_Switch', ourSwitch()?.name ?? '', { 'weft-dropped-foreign-vtep': '5' })
  await quiet()
  const { body } = await site.rest('GET', 'infra/hosts/v1/drops')
  expect(body.drops).toEqual([
    { reason: 'port_security', packets: 3, port: 'acme/near' },
    { reason: 'vlan_not_allowed', packets: 2, port: 'acme/near' },
    { reason: 'vtep_unknown', packets: 5, network: 'acme/web' },
  ])
})

test('the counters of a port are what its device says', async () => {
  dial()
  await becomes(whole)
  device.config('Physical_Port', 'eth1', {
    'weft-dropped-in-1000': '3',
    'weft-dropped-mtu_exceeded': '4',
  })
  await quiet()
  const { counters } = await site.status('tenants/acme/ports/near')
  expect(counters?.drops).toEqual([
    { reason: 'port_security', packets: 3, of: 'port' },
    { reason: 'mtu_exceeded', packets: 4, of: 'port' },
  ])
})

test('what a device says of its paths and of its NIC limits the MTU of its networks', async () => {
  dial()
  await becomes(whole)
  const say = async (pairs: Record<string, string>) => {
    device.config('Physical_Switch', 'v1', pairs)
    await quiet()
    return (await site.status('tenants/acme/networks/web')).mtu
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
  expect(site.events('mtu_limited').map(({ message }) => message)).toEqual([
    'no packet over 1350 bytes gets from v1 (192.0.2.21) to h1 (192.0.2.1), and 1450 bytes are needed',
    'interface u0 of host v1 carries 1300 bytes, and 1500 are needed',
  ])
})

test('the underlay that the device reports is shown', async () => {
  device.config('Physical_Switch', 'v1', { [keys.underlay]: 'u0 9050' })
  dial()
  await realized(site, 'infra/hosts/v1')
  const status = await site.status('infra/hosts/v1')
  expect(status).toMatchObject({ underlay: { interface: 'u0', mtuBytes: 9050 } })
})

test('an interface with the uuid of a port is that port, untagged, and goes with it', async () => {
  const h1 = site.host('h1')
  const vm1 = site.portUuid('acme/vm1')
  const bound = () => {
    const binding = site.store.snapshot.get('binding', vm1)
    return binding && `${binding.hostId} ${binding.interface ?? binding.ofport} ${binding.vid}`
  }
  dial()
  device.addPort('tap1', vm1)
  await until('vm1 is on v1', () => bound() === 'v1 tap1 0')
  await until('it is bound', () => device.shown().includes('bound tap1 0 acme/web with ACL'))
  expect(site.events('port_bound')[0]).toMatchObject({
    message: 'acme/vm1 was plugged in on v1',
    interface: 'tap1',
    vid: 0,
  })
  // The rules are those of all hosts: the first of two interfaces stays, the newer plug elsewhere has it.
  device.addPort('tap2', vm1)
  await until('a refusal', () => site.events('binding_refused').length > 0)
  expect(site.events('binding_refused').map(({ message }) => message)).toEqual([
    'interface tap2 on v1: interface tap1 already is acme/vm1',
  ])
  await h1.plug('vm1', vm1, 7)
  await until('vm1 is on h1', () => bound() === 'h1 7 undefined')
  await until('unbound', () => !device.shown().some((row) => row.startsWith('bound tap')))
  h1.unplug('vm1')
  await until('vm1 is on v1 again', () => bound() === 'v1 tap1 0')
  device.delPort('tap1')
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
  commit(put('port', 'acme/tagged', spec))
  dial()
  await until('bound', () => device.shown().includes('bound eth2 30 acme/web with ACL'))
})

test('a port on a vtep host concerns the ovs hosts of its network too', async () => {
  dial()
  await realized(site, 'infra/hosts/v1')
  const state = async () => (await site.status('tenants/acme/ports/near')).hosts
  expect(await state()).toMatchObject({ h1: { state: 'disconnected' }, v1: { state: 'realized' } })
  site.host('h1')
  await realized(site, 'tenants/acme/ports/near')
  expect(await state()).toMatchObject({ h1: { state: 'realized' }, v1: { state: 'realized' } })
})

test('what rows cannot say is not called realized', async () => {
  dial()
  await realized(site, 'infra/hosts/v1')
  commit(put('physicalNetwork', 'lan', {}))
  commit(put('network', 'acme/lan', { type: 'vlan', physicalNetwork: 'lan', vid: 5 }))
  commit(put('subnet', 'acme/lan', { network: 'lan', cidr: '10.1.0.0/24' }))
  commit(put('port', 'acme/lan1', { network: 'lan', addresses: ['10.1.0.5'] }))
  device.addPort('tap1', site.portUuid('acme/lan1'))
  await until('bound', () => site.events('port_bound').length > 0)
  await quiet()
  const failed = (reason: string) => ({
    realized: false,
    hosts: { v1: { state: 'failed', reason } },
  })
  expect(await site.status('tenants/acme/ports/lan1')).toMatchObject(
    failed(
      'unsupported: hosts of kind vtep carry networks of type vxlan, and this is one of type vlan',
    ),
  )
  commit(put('bridge', 'v1/br-lan', { kind: 'linux', uplinks: ['eth2'], physicalNetwork: 'lan' }))
  await realized(site, 'infra/hosts/v1')
  expect(await site.status('infra/bridges/v1/br-lan')).toMatchObject(
    failed('unsupported: hardware_vtep has no rows for bridges; the host makes and keeps its own'),
  )
  expect(device.shown()).toEqual(whole)
})

test('a bridge of a vtep host is not waited for: the status is the same while the host is away', async () => {
  commit(put('bridge', 'v1/br-lan', { kind: 'linux' }))
  expect((await site.status('infra/bridges/v1/br-lan')).hosts.v1?.state).toBe('failed')
  expect((await site.status('infra/hosts/v1')).hosts.v1?.state).toBe('disconnected')
})
