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
      if (row.table === 'ACL') return `acl ${row.entries.length} ${from_}`
      return `switch ${row.description} ${row.vni} ${from_}`
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
