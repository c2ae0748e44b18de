/** Hosts of kind vtep, against a hardware_vtep database of ours: which rows they get, and when they are real. */
import { expect, test } from 'vitest'
import { drop, put } from '../model/site.ts'
import { quiet, realized, until } from './site.ts'
import { insert, vtepDevice } from './vtep-device.ts'
import { vtepScene, whole } from './vtep-scene.ts'

const scene = vtepScene()

test('a host gets its networks, the MACs elsewhere, where to flood to and what binds its port', async () => {
  scene.dial()
  await scene.becomes(whole)
  const [acl] = scene.device.rows('ACL')
  expect(acl?.acl_entries).toHaveLength(10)
  await realized(scene.site, 'infra/hosts/v1')
  expect(scene.site.events('host_connected').map(({ message }) => message)).toEqual([
    'v1 is driven; 6 rows were put right',
  ])
  expect(scene.site.store.snapshot.get('network', 'acme/web')?.uuid).toBe(
    scene.ourSwitch()?.name.slice(5),
  )
})

test('a device that tells nothing is taken at its word, and the status says what it goes without', async () => {
  scene.dial()
  await realized(scene.site, 'infra/hosts/v1')
  const { hosts } = await scene.site.status('tenants/acme/ports/near')
  expect(hosts.v1).toEqual({
    state: 'realized',
    reason: 'Degraded: anti_spoofing_unenforced, realization_unreported',
  })
})

test('an agent confirms when it says that rows are real, and not before', async () => {
  scene.device = vtepDevice('v1', { address: '192.0.2.21', ports: ['eth1'], isTeller: true })
  scene.dial()
  await scene.becomes(whole)
  await quiet()
  const { hosts } = await scene.site.status('tenants/acme/ports/near')
  expect(hosts.v1).toEqual({
    state: 'pending',
    reason: 'its rows are not as they should be yet',
  })
  scene.device.tell()
  await realized(scene.site, 'infra/hosts/v1')
  const later = await scene.site.status('tenants/acme/ports/near')
  expect(later.hosts.v1).toEqual({ state: 'realized' })
  // A revision that touches other hosts only is confirmed without a word of the device.
  scene.commit(put('tenant', 'globex', {}))
  scene.commit(put('network', 'globex/n', { vni: 77 }))
  await realized(scene.site, 'infra/hosts/v1')
})

test('a change is one transaction that touches nothing else', async () => {
  scene.dial()
  await scene.becomes(whole)
  await quiet()
  const commits: string[][] = []
  scene.device.database.onCommit((changes) => commits.push(changes.map(({ table }) => table)))
  scene.commit(
    put('port', 'acme/far', {
      network: 'web',
      mac: '02:00:00:00:00:31',
      addresses: ['10.0.0.31'],
      hostId: 'h2',
      ofport: 1,
    }),
  )
  await scene.becomes([
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
  expect(scene.drifts()).toEqual([])
})

test('a controller that starts again writes nothing where all is right', async () => {
  scene.dial()
  await scene.becomes(whole)
  await scene.site.restart()
  let commits = 0
  scene.device.database.onCommit(() => commits++)
  scene.dial()
  await realized(scene.site, 'infra/hosts/v1')
  await quiet()
  expect(commits).toBe(0)
  expect(scene.drifts()).toEqual([])
})

test('the last port of a network takes its rows along, and what the device has learned in it', async () => {
  scene.dial()
  await scene.becomes(whole)
  scene.device.database.transact([
    insert(
      'Physical_Locator',
      { encapsulation_type: 'vxlan_over_ipv4', dst_ip: '192.0.2.21' },
      'l',
    ),
    insert('Ucast_Macs_Local', {
      MAC: '02:00:00:00:00:21',
      logical_switch: scene.ourSwitch()?._uuid ?? '',
      locator: 'l',
      ipaddr: '',
    }),
  ])
  scene.commit(drop('port', 'acme/near'))
  await scene.becomes([])
  expect(scene.device.rows('Ucast_Macs_Local')).toEqual([])
  expect(scene.device.rows('ACL')).toEqual([])
  expect(scene.device.rows('ACL_entry')).toEqual([])
  expect(scene.drifts()).toEqual([])
})

test('a host that the model loses while it is there loses our rows, one that was never ours nothing', async () => {
  const stranger = vtepDevice('v9', { address: '192.0.2.29', ports: ['eth1'] })
  const name = `weft-${scene.site.store.snapshot.get('network', 'acme/web')?.uuid}`
  stranger.database.transact([insert('Logical_Switch', { name, tunnel_key: 5 })])
  scene.site.dialFrom(stranger.database, '198.51.100.29')
  scene.dial()
  await scene.becomes(whole)
  scene.commit(drop('port', 'acme/near'), drop('host', 'v1'))
  await scene.becomes([])
  await quiet()
  expect(stranger.rows('Logical_Switch')).toHaveLength(1)
  const pending = scene.site.events('host_pending').map(({ message }) => message)
  expect(pending).toHaveLength(3)
  expect(pending.filter((message) => message.includes('v9 has rows of Weft'))).toHaveLength(1)
  expect(scene.site.events('host_removed').map(({ message }) => message)).toEqual([
    'v1 is as Weft found it',
  ])
})

test('a host that the model lost while it was away loses our rows when it dials in', async () => {
  const session = scene.dial()
  await scene.becomes(whole)
  session.destroy()
  await until('away', () => scene.site.events('host_disconnected').length > 0)
  scene.commit(drop('port', 'acme/near'), drop('host', 'v1'))
  await scene.site.restart()
  await scene.becomes(whole)
  scene.dial()
  await scene.becomes([])
  await until('told', () => scene.site.events('host_removed').length > 0)
  expect(scene.site.events('host_connected')).toEqual([])
})

test('a host whose kind the model has otherwise is pending', async () => {
  const wrong = vtepDevice('h3', { address: '192.0.2.3' })
  scene.site.dialFrom(wrong.database, '198.51.100.3')
  await until('pending', () => scene.site.events('host_pending').length > 0)
  expect(scene.site.events('host_pending')[0]?.message).toContain(
    'dialled in as h3 with a database of kind vtep; the model says that it is of kind ovs',
  )
})
