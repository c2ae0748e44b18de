/** Databases as machines in the field have them: of an older version, or two in one server. The server is a real ovsdb-server. */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { needs } from '../../needs.ts'
import { drop, put } from '../model/site.ts'
import { type RealServer, startServer } from './ovsdb-server.ts'
import { openSite, quiet, type TestSite, until } from './site.ts'
import { vtepSite } from './vtep-scene.ts'

const schemaOf = (name: string) =>
  JSON.parse(readFileSync(`/usr/share/openvswitch/${name}.ovsschema`, 'utf8'))

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function serverWith(...schemas: readonly { readonly name: string }[]): Promise<RealServer> {
  const server = await startServer(...schemas)
  closers.push(() => server.close())
  return server
}

async function siteWith(): Promise<TestSite> {
  const site = await openSite(...vtepSite)
  closers.push(() => site.close())
  return site
}

/** hardware_vtep without what its versions after 1.3 have brought. */
function oldVtepSchema() {
  const schema = schemaOf('vtep')
  for (const table of ['ACL', 'ACL_entry']) delete schema.tables[table]
  const later = ['other_config', 'acl_bindings', 'acl_binding', 'replication_mode', 'tunnel_key']
  const kept = ['Logical_Switch tunnel_key', 'Manager other_config']
  for (const [name, { columns }] of Object.entries<{ columns: object }>(schema.tables))
    for (const column of [...later, 'port_fault_status', 'switch_fault_status'])
      if (!kept.includes(`${name} ${column}`)) delete columns[column as never]
  schema.tables.Physical_Locator.indexes = [['encapsulation_type', 'dst_ip']]
  delete schema.cksum
  return { ...schema, version: '1.3.0' }
}

const device = (name: string) => [
  { op: 'insert', table: 'Physical_Port', row: { name: 'eth1' }, 'uuid-name': 'eth1' },
  {
    op: 'insert',
    table: 'Physical_Switch',
    row: { name, tunnel_ips: '192.0.2.21', ports: ['named-uuid', 'eth1'] },
    'uuid-name': 'self',
  },
]

/** Distinct, as a select of ovsdb-server answers. */
async function rows(server: RealServer, table: string, columns: readonly string[]) {
  const [result] = await server.transact('hardware_vtep', {
    ...{ op: 'select', table, where: [], columns },
  })
  return result?.rows ?? []
}

async function bridgesOf(server: RealServer) {
  const select = { op: 'select', table: 'Bridge', where: [], columns: ['name'] }
  const [result] = await server.transact('Open_vSwitch', select)
  return result?.rows?.map(({ name }) => name)
}

describe('a real ovsdb-server', needs('vtep', 'ovs'), () => {
  test('with an older hardware_vtep gets what it has columns for, and the status says what it goes without', async () => {
    const site = await siteWith()
    const server = await serverWith(oldVtepSchema())
    const global = { op: 'insert', table: 'Global', row: { switches: ['named-uuid', 'self'] } }
    await server.transact('hardware_vtep', ...device('v1'), global)
    site.dialFrom(server, '198.51.100.21')
    await until('it is driven', () =>
      site.events('host_connected').some(({ host }) => host === 'v1'),
    )
    expect(await rows(server, 'Logical_Switch', ['tunnel_key', 'description'])).toEqual([
      { tunnel_key: 5001, description: 'acme/web' },
    ])
    const macs = await rows(server, 'Ucast_Macs_Remote', ['MAC', 'ipaddr'])
    expect(macs.toSorted((a, b) => (`${a.ipaddr}` < `${b.ipaddr}` ? -1 : 1))).toEqual([
      { MAC: '02:00:00:00:00:31', ipaddr: '10.0.0.31' },
      { MAC: '02:00:00:00:00:31', ipaddr: '10.0.0.32' },
    ])
    expect(await rows(server, 'Mcast_Macs_Remote', ['MAC'])).toEqual([{ MAC: 'unknown-dst' }])
    expect(await rows(server, 'Physical_Locator', ['dst_ip'])).toEqual([{ dst_ip: '192.0.2.1' }])
    const [port] = await rows(server, 'Physical_Port', ['vlan_bindings'])
    expect(port?.vlan_bindings).toEqual(['map', [[0, ['uuid', expect.any(String)]]]])

    expect((await site.status('tenants/acme/ports/near')).hosts.v1).toEqual({
      state: 'realized',
      reason:
        'Degraded: anti_spoofing_unenforced, faults_unreported, realization_unreported, replication_mode_unsupported',
    })
    const faults = site.events('device_fault').map(({ message }) => message)
    expect(faults).toEqual([expect.stringMatching(/^v1 has hardware_vtep 1\.3\.0 without .*ACL/)])
    expect(faults[0]).toContain('Logical_Switch replication_mode')

    // Drift is mended, and with the last port all of it goes.
    await server.transact('hardware_vtep', { op: 'delete', table: 'Ucast_Macs_Remote', where: [] })
    await until(
      'the MACs are back',
      async () => (await rows(server, 'Ucast_Macs_Remote', ['MAC', 'ipaddr'])).length === 2,
    )
    site.store.commit([drop('port', 'acme/near')], { who: 'test' })
    await until(
      'nothing of ours is there',
      async () => (await rows(server, 'Logical_Switch', ['name'])).length === 0,
    )
    await quiet()
    expect(site.events('rows_failed')).toEqual([])
    expect(site.events('rows_contested')).toEqual([])
  })

  test('with a hardware_vtep that nothing can be bound in is not driven', async () => {
    const site = await siteWith()
    const schema = oldVtepSchema()
    delete schema.tables.Logical_Switch.columns.tunnel_key
    const server = await serverWith(schema)
    const line = site.dialFrom(server, '198.51.100.21')
    await until('it is sent away', () => line.destroyed)
    expect(site.events('host_connected')).toEqual([])
  })

  test('that has the name and the address of another one waits until that is gone', async () => {
    const site = await siteWith()
    const servers = [await serverWith(schemaOf('vswitch')), await serverWith(schemaOf('vswitch'))]
    const root = { external_ids: ['map', [['system-id', 'h1']]] }
    for (const server of servers)
      await server.transact('Open_vSwitch', { op: 'insert', table: 'Open_vSwitch', row: root })
    const [first, second] = servers as [RealServer, RealServer]
    const kept = site.dialFrom(first, '198.51.100.21')
    await until('br-int', async () => (await bridgesOf(first))?.includes('br-int'))
    const waiting = site.dialFrom(second, '198.51.100.21')
    await until('it is told', () => site.events('host_duplicate').length > 0)
    expect([kept.destroyed, waiting.destroyed]).toEqual([false, false])
    expect(await bridgesOf(second)).toEqual([])
    await first.close()
    await until('br-int', async () => (await bridgesOf(second))?.includes('br-int'))
    expect(site.events('host_duplicate')).toHaveLength(1)
  })

  /** Both databases, whose Manager rows name us. */
  async function twofold(systemId: string, switchName: string): Promise<RealServer> {
    const server = await serverWith(schemaOf('vswitch'), schemaOf('vtep'))
    const target = 'tcp:127.0.0.1:6640'
    const manager = { op: 'insert', table: 'Manager', row: { target }, 'uuid-name': 'us' }
    const external_ids = ['map', [['system-id', systemId]]]
    const root = { external_ids, manager_options: ['named-uuid', 'us'] }
    await server.transact('Open_vSwitch', manager, {
      ...{ op: 'insert', table: 'Open_vSwitch', row: root },
    })
    const global = { switches: ['named-uuid', 'self'], managers: ['named-uuid', 'us'] }
    await server.transact('hardware_vtep', manager, ...device(switchName), {
      ...{ op: 'insert', table: 'Global', row: global },
    })
    return server
  }
  const ambiguities = (site: TestSite) =>
    site.events('host_ambiguous').map(({ host, message }) => `${host}: ${message}`)

  test('that dials with two databases is driven by the one of the kind that the model says', async () => {
    const site = await siteWith()
    const server = await twofold('h1', 'h1')
    site.dialFrom(server, '198.51.100.21')
    await until('br-int', async () => (await bridgesOf(server))?.includes('br-int'))
    expect(await rows(server, 'Logical_Switch', ['name'])).toEqual([])
    expect(ambiguities(site)).toEqual([
      'h1: 198.51.100.21 (h1) has Manager rows towards us in Open_vSwitch and in hardware_vtep: it is driven by Open_vSwitch, and its hardware_vtep gets nothing',
    ])

    const device = await twofold('x9', 'v1')
    site.dialFrom(device, '198.51.100.22')
    await until('it is driven', () =>
      site.events('host_connected').some(({ host }) => host === 'v1'),
    )
    expect(await bridgesOf(device)).toEqual([])
    expect(ambiguities(site)[1]).toContain('it is driven by hardware_vtep')
  })

  test('that dials with two databases before the model names it dials again when it does', async () => {
    const site = await siteWith()
    const server = await twofold('h9', 'h9')
    const first = site.dialFrom(server, '198.51.100.21')
    await until('it is listed', () => site.events('host_pending').length > 0)
    expect(ambiguities(site)[0]).toContain('it is driven by hardware_vtep')
    site.store.commit([put('host', 'h9', { vtepAddress: '192.0.2.9' })], { who: 'test' })
    await until('it is sent away', () => first.destroyed)
    site.dialFrom(server, '198.51.100.21')
    await until('br-int', async () => (await bridgesOf(server))?.includes('br-int'))
  })
})
