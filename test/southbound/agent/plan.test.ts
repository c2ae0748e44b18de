/** From networks to the lines that make them so, and from a change to those that change it. */
import { expect, test } from 'vitest'
import type { Network } from '../../../southbound/agent/desired.ts'
import { differences, inOrder } from '../../../southbound/agent/iproute2/diff.ts'
import type { Facts } from '../../../southbound/agent/iproute2/facts.ts'
import { sinkName } from '../../../southbound/agent/iproute2/names.ts'
import { type Host, planHost } from '../../../southbound/agent/iproute2/plan.ts'
import type { Link } from '../../../southbound/agent/iproute2/seen.ts'

const traffic = {
  ...{ packets_from_local: 0, bytes_from_local: 0, packets_to_local: 0, bytes_to_local: 0 },
}
const link = (name: string, more: Partial<Link> = {}): [string, Link] => [
  name,
  {
    ...{ name, isOwn: false, kind: 'veth', isLoopback: false, isUp: true, mac: '', traffic },
    ...{
      mtuBytes: 9000,
      master: undefined,
      alias: undefined,
      addresses: [],
      found: `9000 up ${name}`,
    },
    ...more,
  },
]
const host: Host = {
  capabilities: new Set(['vxlan', 'arp_suppression', 'nftables', 'vlan']),
  links: new Map([
    link('vm1'),
    link('vm2'),
    link('eth0', { addresses: ['192.0.2.11'] }),
    link('tap7', { master: 'br0' }),
  ]),
  hasIpv6: true,
  underlayMtuBytes: 9050,
}
const red: Network = {
  ...{ vni: 5001, local: '192.0.2.11', mtuBytes: undefined, flood: ['192.0.2.12'] },
  ...{ floodsUnknown: false, vlanTransparent: false },
  macs: [{ mac: '02:00:00:00:00:02', vteps: ['192.0.2.12'], addresses: ['10.0.0.2'] }],
  members: [{ interface: 'vm1', vid: 0, acl: [] }],
}
const plan = (...networks: Network[]) => planHost({ networks, bridges: [] }, host)
const lines = (desired: Facts, actual: Facts) =>
  inOrder(differences(desired, actual)).map(({ line: [, tool, text] }) => `${tool} ${text}`)

test('a network is made whole: fences first, the guest behind them', () => {
  const made = lines(plan(red).facts, new Map())
  expect(made.filter((line) => !line.startsWith('nft'))).toEqual([
    'ip link add name weft-5001 group 22341 type bridge stp_state 0',
    'ip link add name vx5001 group 22341 type vxlan id 5001 local 192.0.2.11 dstport 4789 nolearning df set noudpcsum',
    'ip link set weft-5001 mtu 9000',
    'ip link set weft-5001 address 0e:57:45:00:13:89',
    'ip link set weft-5001 addrgenmode none',
    'ip link set weft-5001 type bridge mcast_snooping 0',
    'ip link set vx5001 mtu 9000',
    'ip link set vx5001 addrgenmode none',
    'ip link set vx5001 master weft-5001',
    'ip link set vx5001 type bridge_slave learning off',
    'ip link set vx5001 type bridge_slave flood off',
    'ip link set vx5001 type bridge_slave neigh_suppress on',
    'bridge fdb append 00:00:00:00:00:00 dev vx5001 dst 192.0.2.12 self permanent',
    'bridge fdb replace 02:00:00:00:00:02 dev vx5001 dst 192.0.2.12 self static',
    'bridge fdb replace 02:00:00:00:00:02 dev vx5001 master static sticky',
    'ip link set weft-5001 up',
    'ip link set vx5001 up',
    'ip link set dev vm1 master weft-5001',
    'ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev weft-5001 nud permanent',
  ])
  const tools = made.map((line) => line.split(' ')[0])
  expect(tools.lastIndexOf('nft')).toBeLessThan(tools.indexOf('ip'))
})

test('what is so already is not touched', () => {
  const { facts } = plan(red)
  expect(differences(facts, facts)).toEqual([])
})

test('a MAC that moves to another VTEP is replaced in place, after that VTEP may send', () => {
  const macs = red.macs.map((row) => ({ ...row, vteps: ['192.0.2.13'] }))
  const made = lines(plan({ ...red, macs }).facts, plan(red).facts)
  expect(made.slice(0, 3)).toEqual([
    'nft add chain inet weft vni-5001',
    'nft flush chain inet weft vni-5001',
    expect.stringContaining(' ip saddr { 192.0.2.12, 192.0.2.13 } accept '),
  ])
  expect(made.slice(4)).toEqual([
    'bridge fdb replace 02:00:00:00:00:02 dev vx5001 dst 192.0.2.13 self static',
  ])
})

test('a network that goes lets its guest go first, and its fences last', () => {
  const gone = lines(new Map(), plan(red).facts)
  expect(gone).toEqual([
    'ip link set dev vm1 nomaster',
    'ip link del weft-5001',
    'ip link del vx5001',
    'nft delete table bridge weft',
    'nft delete table inet weft',
  ])
})

test('another address of the VTEP makes the device anew, with all that belongs to it', () => {
  const made = lines(plan({ ...red, local: '192.0.2.99' }).facts, plan(red).facts)
  expect(made.slice(0, 2)).toEqual([
    'ip link del vx5001',
    expect.stringContaining('link add name vx5001 group 22341 type vxlan id 5001 local 192.0.2.99'),
  ])
  expect(made).toContain('ip link set vx5001 master weft-5001')
  expect(made).toContain('bridge fdb replace 02:00:00:00:00:02 dev vx5001 master static sticky')
  expect(made.join()).not.toContain('vm1')
})

test('tagged frames of an interface come through a VLAN device of its own', () => {
  const { facts } = plan({ ...red, members: [{ interface: 'vm2', vid: 100, acl: [] }] })
  const [key = '', value] = [...facts].find(([, text]) => text.includes('type vlan')) ?? []
  expect(key).toMatch(/^device weft-v[0-9a-f]{8}$/)
  expect(value).toBe('link vm2 type vlan id 100')
  expect(facts.get(key.replace('device', 'slave'))).toBe('weft-5001')
  // Untagged ones are of nobody: they end at a bridge that is down, and not at the host.
  const sink = sinkName('vm2')
  expect(facts.get('master vm2')).toBe(sink)
  expect(facts.get(`link ${sink} state`)).toBe('down')
  expect(facts.get('chain bridge in.vm2')).toBe('\ndrop')
  expect(facts.get('set bridge inside')).toContain('"vm2"')
})

test('a network over IPv6 costs 70 bytes', () => {
  const { facts } = plan({ ...red, local: 'fd00::11', flood: [], macs: [] })
  expect(facts.get('link vx5001 mtu')).toBe('8980')
})

test.each([
  ['eth0', 'interface_taken', 'has address 192.0.2.11'],
  ['tap7', 'interface_taken', 'a port of br0'],
  ['vm9', 'interface_missing', 'vm9'],
])('an interface that is for something else stays so: %s', (name, code, detail) => {
  const { facts, faults } = plan({ ...red, members: [{ interface: name, vid: 0, acl: [] }] })
  expect(faults).toEqual([{ code, detail, subject: { kind: 'port', name } }])
  expect([...facts.keys()]).not.toContain(`master ${name}`)
})

test('an ACL without nftables is a fault of the port', () => {
  const acl = [{ uuid: '0', sequence: 1, direction: 'ingress', action: 'deny' } as const]
  const networks = [{ ...red, members: [{ interface: 'vm1', vid: 0, acl }] }]
  const { faults } = planHost(
    { networks, bridges: [] },
    { ...host, capabilities: new Set(['vxlan']) },
  )
  expect(faults).toMatchObject([{ code: 'anti_spoofing_unenforced', subject: { name: 'vm1' } }])
})

test('a deny that cannot be matched denies all; such a permit permits nothing', () => {
  const entry = { uuid: '0', direction: 'ingress', ethertype: 'nonsense' } as const
  const acl = [
    { ...entry, sequence: 1, action: 'permit' } as const,
    { ...entry, sequence: 2, action: 'deny' } as const,
  ]
  const { facts, faults } = plan({ ...red, members: [{ interface: 'vm1', vid: 0, acl }] })
  expect(facts.get('chain bridge in.vm1')?.split('\n').slice(5)).toEqual([
    'counter name "in.vm1.acl-2" goto drop.vm1.in',
  ])
  expect(faults.map(({ code }) => code)).toEqual(['acl_entry_invalid', 'acl_entry_invalid'])
})

test('what is longer than the network’s MTU is dropped between guests of one host, but for what the kernel hands on as one', () => {
  const members = [{ interface: 'vm1', vid: 0, acl: [] }]
  const sizes = (of: Partial<typeof red>) => {
    const { facts } = plan({ ...red, ...of, members })
    const rules = facts.get('chain bridge in.vm1')?.split('\n') ?? []
    return rules.filter((rule) => rule.startsWith('meta length'))
  }
  expect(sizes({ mtuBytes: 9000 })).toEqual([
    'meta length > 9000 meta protocol != { ip, ip6 } counter name "in.vm1.mtu" goto drop.vm1.mtu_exceeded',
    'meta length > 9000 meta l4proto != { 6, 17, 132 } counter name "in.vm1.mtu" goto drop.vm1.mtu_exceeded',
  ])
  // The kernel holds one tag beside the frame.
  expect(sizes({ mtuBytes: 9000, vlanTransparent: true })).toEqual(sizes({ mtuBytes: 9000 }))
  const { facts, counters, shown } = plan({ ...red, members })
  expect(facts.get('chain bridge drop.vm1.mtu_exceeded')?.split('\n')).toEqual([
    '',
    'limit rate 12/minute burst 1 packets meta nftrace set 1 drop',
    'drop',
  ])
  expect(counters.get('counter bridge in.vm1.mtu')).toEqual({ port: 'vm1', reason: 'mtu_exceeded' })
  expect(shown.get('drop.vm1.vlan')).toEqual({ port: 'vm1', reason: 'vlan' })
})

test('a host without IPv6 gets no IPv6 neighbours, which its bridges would refuse', () => {
  const macs = [
    { mac: '02:00:00:00:00:02', vteps: ['192.0.2.12'], addresses: ['10.0.0.2', 'fd00::2'] },
  ]
  const desired = { networks: [{ ...red, macs }], bridges: [] }
  const neighbours = (hasIpv6: boolean) =>
    [...planHost(desired, { ...host, hasIpv6 }).facts.keys()].filter((key) =>
      key.startsWith('neigh'),
    )
  expect(neighbours(true)).toEqual(['neigh weft-5001 10.0.0.2', 'neigh weft-5001 fd00::2'])
  expect(neighbours(false)).toEqual(['neigh weft-5001 10.0.0.2'])
})

test('an interface may be called as a word of ip: its lines leave no doubt', () => {
  const links = new Map([link('dev'), link('up')])
  const members = ['dev', 'up'].map((name) => ({ interface: name, vid: 0, acl: [] }))
  const { facts } = planHost({ networks: [{ ...red, members }], bridges: [] }, { ...host, links })
  const made = lines(facts, new Map())
  expect(made).toContain('ip link set dev dev master weft-5001')
  expect(made).toContain('ip link set dev up master weft-5001')
})
