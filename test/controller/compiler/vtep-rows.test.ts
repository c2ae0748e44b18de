/** What hosts of kind vtep get: rows, each with the intents behind it, and nothing else. */
import { expect, test } from 'vitest'
import { type AclEntry, antiSpoofing } from '../../../controller/compiler/acl.ts'
import { Compiler } from '../../../controller/compiler/compiler.ts'
import { isRow } from '../../../controller/compiler/program.ts'
import { applyEdits } from '../../../controller/model/edit.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { aclRules } from '../../../southbound/agent/iproute2/acl.ts'
import { counting, put, siteWith } from '../model/site.ts'

const port = (n: number, place: object) =>
  put('port', `acme/vm${n}`, {
    network: 'web',
    mac: `02:00:00:00:00:1${n}`,
    addresses: [`10.0.0.1${n}`],
    ...place,
  })
const base: readonly Edit[] = [
  put('host', 'h1', { vtepAddress: '192.0.2.1', alternateVtepAddress: '2001:db8::1' }),
  put('host', 'v1', { kind: 'vtep', vtepAddress: '192.0.2.2' }),
  put('host', 'v2', { kind: 'vtep', vtepAddress: '2001:db8::3' }),
  put('tenant', 'acme', {}),
  put('network', 'acme/web', { vni: 5001 }),
  put('subnet', 'acme/web', { network: 'web', cidr: '10.0.0.0/24' }),
  port(1, { hostId: 'h1', ofport: 1 }),
  port(2, { hostId: 'v1', interface: 'eth1' }),
  port(3, { hostId: 'v2', interface: 'eth1', vid: 7 }),
]
const rows = (compiler: Compiler, hostId: string) =>
  [...compiler.items(hostId)]
    .map((item) => {
      if (!isRow(item)) return `${item.kind}!`
      const { row, from } = item
      const from_ = `(${from.join(' + ')})`
      if (row.table === 'Ucast_Macs_Remote')
        return `mac ${row.mac} ${row.address} ${row.vtep} ${from_}`
      if (row.table === 'Mcast_Macs_Remote') return `flood ${row.vteps} ${from_}`
      if (row.table === 'Physical_Port') return `bind ${row.interface} ${row.vid} ${from_}`
      if (row.table === 'ACL_entry') {
        const { source_mac, ethertype, source_ip } = row.entry
        return `not ${[source_mac, ethertype, source_ip].filter(Boolean).join(' ')} ${from_}`
      }
      if (row.table === 'ACL') return `acl ${row.entries.length} ${from_}`
      if (row.table === 'Physical_Switch') return `bridge ${row.bridge} ${row.value} ${from_}`
      if (row.table === 'Physical_Network')
        return `on ${row.physicalNetwork} ${row.vid}${row.acl ? ' with ACL' : ''} ${from_}`
      const number = row.vni ?? `number ${row.config['weft-number']}`
      return `switch ${row.description} ${number} ${from_}`
    })
    .sort()

test('each host reaches the others by the family that both have', () => {
  const compiler = new Compiler(siteWith(base))
  expect(rows(compiler, 'v1')).toEqual([
    'acl 10 (port/acme/vm2)',
    'bind eth1 0 (port/acme/vm2)',
    'flood 192.0.2.1 (host/v1 + network/acme/web)',
    'mac 02:00:00:00:00:11 10.0.0.11 192.0.2.1 (port/acme/vm1)',
    // Its own: the reconciler leaves out what is on the host itself.
    'mac 02:00:00:00:00:12 10.0.0.12 192.0.2.2 (port/acme/vm2)',
    'switch acme/web 5001 (network/acme/web)',
  ])
  expect(rows(compiler, 'v2')).toEqual([
    'acl 10 (port/acme/vm3)',
    'bind eth1 7 (port/acme/vm3)',
    'flood 2001:db8::1 (host/v2 + network/acme/web)',
    'mac 02:00:00:00:00:11 10.0.0.11 2001:db8::1 (port/acme/vm1)',
    'mac 02:00:00:00:00:13 10.0.0.13 2001:db8::3 (port/acme/vm3)',
    'switch acme/web 5001 (network/acme/web)',
  ])
  expect([...compiler.items('h1')].filter(isRow)).toEqual([])
})

test('an extended network floods also to its joiner, and what no row names', () => {
  const extension = { physicalNetwork: 'office', vid: 7, hostId: 'h2' }
  const site = siteWith(base, [
    put('physicalNetwork', 'office', {}),
    put('host', 'h2', { vtepAddress: '192.0.2.9' }),
    put('network', 'acme/web', { vni: 5001, mtuBytes: 1400, extension }),
  ])
  const items = [...new Compiler(site).items('v1')].filter(isRow)
  const flood = items.flatMap(({ row }) => (row.table === 'Mcast_Macs_Remote' ? row.vteps : []))
  expect(flood).toEqual(['192.0.2.1', '192.0.2.9'])
  const config = items.flatMap(({ row }) => (row.table === 'Logical_Switch' ? [row.config] : []))
  expect(config).toEqual([{ 'weft-mtu': '1400' }])
})

test('one more port costs a vtep host one row', () => {
  const site = siteWith(base)
  const compiler = new Compiler(site)
  const { changes } = applyEdits(site, [port(4, { hostId: 'h1', ofport: 4 })], counting())
  const touched = compiler.apply(changes)
  expect(touched.get('v1')?.size).toBe(1)
  expect(touched.get('v2')?.size).toBe(1)
})

test('entries permit what a port is, then deny the rest, and the numbers of denies never change', () => {
  const mac = '02:00:00:00:00:11'
  const one = antiSpoofing(mac, ['10.0.0.11'])
  const two = antiSpoofing(mac, ['10.0.0.11', 'fd00::11'])
  const denies = (entries: typeof one) => entries.filter(({ action }) => action === 'deny')
  expect(denies(two)).toEqual(denies(one))
  expect(denies(antiSpoofing(mac, []))).toEqual(antiSpoofing(mac, []))
  expect(one.filter(({ action }) => action === 'permit').map(textOf)).toEqual([
    `90 source_mac=${mac} ethertype=0x0806 source_ip=0.0.0.0`,
    `100 source_mac=${mac} ethertype=0x0806 source_ip=10.0.0.11`,
    `200 source_mac=${mac} ethertype=0x0800 source_ip=10.0.0.11`,
  ])
  expect(two.map(textOf)).toEqual([
    ...one.slice(0, 3).map(textOf),
    `290 source_mac=${mac} ethertype=0x86dd source_ip=:: protocol=58 icmp_type=135`,
    `301 source_mac=${mac} ethertype=0x86dd source_ip=fd00::11 protocol=58 icmp_type=135`,
    `401 source_mac=${mac} ethertype=0x86dd source_ip=fd00::11 protocol=58 icmp_type=136`,
    '500 ethertype=0x86dd protocol=58 icmp_type=134',
    '501 ethertype=0x86dd protocol=58 icmp_type=135',
    '502 ethertype=0x86dd protocol=58 icmp_type=136',
    '503 ethertype=0x86dd protocol=58 icmp_type=137',
    `601 source_mac=${mac} ethertype=0x86dd source_ip=fd00::11`,
    '900 ethertype=0x0806',
    '910 ethertype=0x0800',
    '1000',
  ])
  expect(new Set(two.map(({ sequence }) => sequence)).size).toBe(two.length)
  // Each is one that the agent can enforce.
  for (const entry of two) expect(aclRules({ uuid: '', ...entry })).toHaveProperty('matches')
})

function textOf({ sequence, direction, action, ...match }: AclEntry) {
  const parts = Object.entries(match).map(([column, value]) => `${column}=${value}`)
  return [sequence, ...parts].join(' ')
}

const office: readonly Edit[] = [
  put('host', 'h1', { vtepAddress: '192.0.2.1' }),
  put('host', 'v1', { kind: 'vtep', vtepAddress: '192.0.2.2' }),
  put('host', 'v2', { kind: 'vtep', vtepAddress: '192.0.2.3' }),
  put('tenant', 'acme', {}),
  put('physicalNetwork', 'office', { mtuBytes: 9000 }),
  put('subnet', 'acme/web', { network: 'web', cidr: '10.0.0.0/24' }),
  port(1, { hostId: 'h1', ofport: 1 }),
  port(2, { hostId: 'v1', interface: 'tap2' }),
]

test('a bridge of the model is one value, of its host alone, with the MTU of its physical network', () => {
  const compiler = new Compiler(
    siteWith([
      ...office,
      put('network', 'acme/web', { vni: 5001 }),
      put('bridge', 'v1/br-a', {
        ...{ uplinks: ['eth1'], physicalNetwork: 'office', vids: [7, '100-199', 8] },
      }),
      put('bridge', 'h1/br-a', { uplinks: ['eth1'], physicalNetwork: 'office' }),
    ]),
  )
  const ofBridges = (hostId: string) =>
    rows(compiler, hostId).filter((row) => row.startsWith('bridge'))
  expect(ofBridges('v1')).toEqual([
    'bridge br-a uplinks=eth1 mtu=9000 vids=7-8,100-199 physical-network=office (bridge/br-a)',
  ])
  expect([...ofBridges('v2'), ...ofBridges('h1')]).toEqual([])
})

test('a network of type vlan has a number and no VNI, and whoever is outside is not one of its ports', () => {
  const net = { type: 'vlan', physicalNetwork: 'office', vid: 100 } as const
  const compiler = new Compiler(siteWith([...office, put('network', 'acme/web', net)]))
  expect(rows(compiler, 'v1')).toEqual([
    'acl 0 (network/acme/web)',
    'acl 10 (port/acme/vm2)',
    'bind tap2 0 (port/acme/vm2)',
    'not 02:00:00:00:00:12 (port/acme/vm2)',
    'not 0x0800 10.0.0.12 (port/acme/vm2)',
    'not 0x0806 10.0.0.12 (port/acme/vm2)',
    'on office 100 with ACL (network/acme/web)',
    'switch acme/web number 4196 (network/acme/web)',
  ])
  expect(rows(compiler, 'v2')).toEqual([])
})

test('the host that joins an extended network to a VLAN has it also without a port, and all MACs of it', () => {
  const extension = { physicalNetwork: 'office', hostId: 'v2' }
  const site = siteWith([...office, put('network', 'acme/web', { vni: 5001, extension })])
  const compiler = new Compiler(site)
  expect(rows(compiler, 'v2')).toEqual([
    'acl 0 (network/acme/web)',
    'flood 192.0.2.1,192.0.2.2 (host/v2 + network/acme/web)',
    'mac 02:00:00:00:00:11 10.0.0.11 192.0.2.1 (port/acme/vm1)',
    'mac 02:00:00:00:00:12 10.0.0.12 192.0.2.2 (port/acme/vm2)',
    // Guests of other hosts too: who is on the VLAN must not take their place.
    'not 02:00:00:00:00:11 (port/acme/vm1)',
    'not 02:00:00:00:00:12 (port/acme/vm2)',
    'not 0x0800 10.0.0.11 (port/acme/vm1)',
    'not 0x0800 10.0.0.12 (port/acme/vm2)',
    'not 0x0806 10.0.0.11 (port/acme/vm1)',
    'not 0x0806 10.0.0.12 (port/acme/vm2)',
    'on office 0 with ACL (network/acme/web)',
    'switch acme/web 5001 (network/acme/web)',
  ])
  const config = (hostId: string) =>
    [...compiler.items(hostId)].flatMap((item) =>
      isRow(item) && item.row.table === 'Logical_Switch' ? [item.row.config] : [],
    )
  // Whom no row names is out there: others ask the joiner, which asks nobody.
  expect(config('v2')).toEqual([{ 'weft-mtu': '1450', 'weft-unknown-unicast': 'drop' }])
  expect(config('v1')).toEqual([{ 'weft-mtu': '1450' }])
  const { changes } = applyEdits(site, [port(4, { hostId: 'h1', ofport: 4 })], counting())
  const ids = [...(compiler.apply(changes).get('v2')?.keys() ?? [])]
  // One remote MAC, and the three things that nobody outside may say; nothing of the other ports.
  expect(ids).toHaveLength(4)
  const entries = ids.flatMap((id) => {
    const item = compiler.lookup('v2', id)
    return item && isRow(item) && item.row.table === 'ACL_entry' ? [item.row.entry] : []
  })
  expect(entries.map(({ action }) => action)).toEqual(['deny', 'deny', 'deny'])
  for (const entry of entries) expect(aclRules({ uuid: '', ...entry })).toHaveProperty('matches')
})
