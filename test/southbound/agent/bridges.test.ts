/** From bridges to physical networks to the lines that make them so, and from what the host has of its own to faults. */
import { expect, test } from 'vitest'
import type { Network } from '../../../southbound/agent/desired.ts'
import { outwardLinks } from '../../../southbound/agent/iproute2/bridges.ts'
import { differences, inOrder } from '../../../southbound/agent/iproute2/diff.ts'
import type { Facts } from '../../../southbound/agent/iproute2/facts.ts'
import { patchNames, sinkName, vlanName } from '../../../southbound/agent/iproute2/names.ts'
import { type Host, planHost } from '../../../southbound/agent/iproute2/plan.ts'
import type { Capability, Link } from '../../../southbound/agent/iproute2/seen.ts'
import type { PhysicalBridge } from '../../../southbound/agent/physical-bridge.ts'

const traffic = {
  ...{ packets_from_local: 0, bytes_from_local: 0, packets_to_local: 0, bytes_to_local: 0 },
}
const link = (name: string, more: Partial<Link> = {}): [string, Link] => [
  name,
  {
    ...{ name, isOwn: false, kind: undefined, isLoopback: false, isUp: true, mac: '', traffic },
    ...{
      mtuBytes: 1500,
      master: undefined,
      alias: undefined,
      addresses: [],
      found: `1500 down ${name}`,
    },
    ...more,
  },
]
const hostWith = (...links: [string, Link][]): Host => ({
  capabilities: new Set<Capability>(['vxlan', 'nftables', 'vlan']),
  links: new Map([link('eth1'), link('eth2'), ...links]),
  hasIpv6: true,
  underlayMtuBytes: 9050,
})
const office: PhysicalBridge = {
  ...{ name: 'br-office', isOurs: true, uplinks: ['eth1'], mtuBytes: 9000, vids: undefined },
  physicalNetwork: 'office',
}
const bare: Network = {
  ...{ vni: 0xff_ff_ff + 4096, local: undefined, mtuBytes: 9000, flood: [], floodsUnknown: true },
  ...{ vlanTransparent: false, macs: [] },
  members: [{ interface: 'br-office', vid: 0, acl: [] }],
}
const { near, far } = patchNames('br-office')
const lines = (desired: Facts, actual: Facts) =>
  inOrder(differences(desired, actual))
    .map(({ line: [, tool, text] }) => `${tool} ${text}`)
    .filter((line) => !line.startsWith('nft'))

test('a bridge is made with its uplink, which is marked as it was found before anything of it is changed', () => {
  const small = { ...bare, mtuBytes: 1400 }
  const { facts, faults } = planHost({ networks: [small], bridges: [office] }, hostWith())
  expect(faults).toEqual([])
  expect(lines(facts, new Map())).toEqual([
    'ip link add name br-office group 22342 type bridge stp_state 0',
    'ip link property add dev eth1 altname weft-found-1500-down-eth1',
    `ip link add name ${near} group 22341 type veth peer name ${far} group 22341`,
    'ip link add name weft-16781311 group 22341 type bridge stp_state 0',
    'ip link set dev br-office mtu 9000',
    expect.stringMatching(/^ip link set dev br-office address 0e:57:47:/),
    'ip link set dev br-office addrgenmode none',
    'ip link set dev br-office type bridge mcast_snooping 0',
    'ip link set dev br-office type bridge ageing_time 0',
    'ip link set dev eth1 mtu 9000',
    `ip link set ${near} mtu 1400`,
    `ip link set ${near} addrgenmode none`,
    `ip link set ${far} mtu 9000`,
    `ip link set ${far} addrgenmode none`,
    'ip link set weft-16781311 mtu 1400',
    'ip link set weft-16781311 address 0e:57:46:00:10:00',
    'ip link set weft-16781311 addrgenmode none',
    'ip link set weft-16781311 type bridge mcast_snooping 0',
    `ip link set ${far} master br-office`,
    `ip link set ${near} master weft-16781311`,
    'ip link set dev br-office up',
    'ip link set dev eth1 up',
    `ip link set ${near} up`,
    `ip link set ${far} up`,
    'ip link set weft-16781311 up',
    'ip link set dev eth1 master br-office',
  ])
  expect(differences(facts, facts)).toEqual([])
})

test('an uplink that is let go of is as it was found, its mark last', () => {
  const { facts } = planHost({ networks: [], bridges: [office] }, hostWith())
  expect(lines(new Map(), facts)).toEqual([
    'ip link set dev eth1 nomaster',
    'ip link del dev br-office',
    'ip link set dev eth1 mtu 1500',
    'ip link set dev eth1 down',
    'ip link property del dev eth1 altname weft-found-1500-down-eth1',
  ])
})

test('a VLAN comes by a device on the pair where the kernel has 8021q; without it that network alone says so', () => {
  const desk: Network = {
    ...bare,
    vni: bare.vni + 100,
    members: [{ interface: 'br-office', vid: 100, acl: [] }],
  }
  const desired = { networks: [bare, desk], bridges: [office] }
  const device = vlanName(near, 100)
  const able = planHost(desired, hostWith())
  expect(able.faults).toEqual([])
  expect(able.facts.get(`device ${device}`)).toBe(`link ${near} type vlan id 100`)
  expect(able.facts.get(`slave ${device}`)).toBe('weft-16781411')

  // It goes with the pair, and is not looked for afterwards.
  const gone = lines(planHost({ networks: [], bridges: [] }, hostWith()).facts, able.facts)
  expect(gone.filter((line) => line.includes('link del'))).toEqual([
    'ip link del dev br-office',
    `ip link del ${near}`,
    'ip link del weft-16781311',
    'ip link del weft-16781411',
  ])

  const host = { ...hostWith(), capabilities: new Set<Capability>(['vxlan', 'nftables']) }
  const { facts, faults } = planHost(desired, host)
  expect(faults).toEqual([
    {
      code: 'vlan_unsupported',
      subject: { kind: 'network', vni: desk.vni },
      detail: 'VID 100 of br-office',
    },
  ])
  expect(facts.has(`device ${device}`)).toBe(false)
  expect(facts.get(`slave ${near}`)).toBe('weft-16781311')
})

test.each<[string, Partial<PhysicalBridge>, [string, Link][], string[]]>([
  [
    'a bridge of the host',
    {},
    [link('br-office', { kind: 'bridge' })],
    ['bridge_taken: br-office'],
  ],
  ['an interface of that name', {}, [link('br-office')], ['bridge_taken: br-office']],
  ['a name of ours', { name: 'weft-5001' }, [], ['bridge_invalid: weft-5001']],
  ['nothing of that name', { uplinks: ['eth9'] }, [], ['uplink_missing: eth9']],
  [
    'the interface with the VTEP',
    { uplinks: ['eth0'] },
    [link('eth0', { addresses: ['192.0.2.11'] })],
    ['uplink_taken: eth0 has address 192.0.2.11'],
  ],
  [
    'an interface with a VLAN of the host on it',
    { uplinks: ['eth5'] },
    [
      link('eth5', { carries: 'eth5.7' }),
      link('eth5.7', { kind: 'vlan', addresses: ['10.9.9.9'] }),
    ],
    ['uplink_taken: eth5 carries eth5.7'],
  ],
  [
    'a port of another bridge',
    { uplinks: ['tap7'] },
    [link('br0', { kind: 'bridge' }), link('tap7', { master: 'br0' })],
    ['uplink_taken: tap7 is a port of br0'],
  ],
  [
    'a port of a network',
    { uplinks: ['vm1'] },
    [link('weft-5001', { kind: 'bridge', isOwn: true }), link('vm1', { master: 'weft-5001' })],
    ['uplink_taken: vm1 is a port of weft-5001'],
  ],
  [
    'a port of a bridge of ours that still has it',
    { name: 'br-a' },
    [link('br-z', { kind: 'bridge', isOwn: true }), link('eth1', { master: 'br-z' })],
    ['uplink_taken: eth1 is a port of br-z'],
  ],
])('%s is reported and left as it is', (_, part, links, wanted) => {
  const other: PhysicalBridge = { ...office, name: 'br-z' }
  const bridges = [{ ...office, ...part }, ...(part.name === 'br-a' ? [other] : [])]
  const { facts, faults } = planHost({ networks: [], bridges }, hostWith(...links))
  expect(faults.map(({ code, detail }) => `${code}: ${detail}`)).toEqual(wanted)
  const touched = links.map(([name]) => name).filter((name) => name !== 'br-z' && name !== 'eth1')
  expect([...facts.keys()].filter((key) => touched.includes(key.split(' ')[1] ?? ''))).toEqual([])
})

test('a pair without an untagged member ends at a bridge that is down, and is not made for faults alone', () => {
  const members = [{ interface: 'br-office', vid: 100, acl: [] }]
  const desired = { networks: [{ ...bare, members }], bridges: [office] }
  const { facts } = planHost(desired, hostWith())
  const sink = sinkName(near)
  expect(facts.get(`slave ${near}`)).toBe(sink)
  expect(facts.get(`link ${sink} state`)).toBe('down')
  expect(facts.get(`chain bridge in.${near}`)).toBe('\ndrop')
  expect(facts.get('set bridge inside')).toContain(`"${near}"`)
  const host = { ...hostWith(), capabilities: new Set<Capability>(['vxlan', 'nftables']) }
  const keys = [...planHost(desired, host).facts.keys()]
  expect(keys.filter((key) => key.includes(near) || key.includes(sink))).toEqual([])
})

test('of two uplinks one carries frames, for two would be a loop, and the other is left as it is', () => {
  const two: PhysicalBridge = { ...office, uplinks: ['eth9', 'eth1', 'eth2'] }
  const { facts, faults } = planHost({ networks: [], bridges: [two] }, hostWith())
  expect(faults.map(({ code, detail }) => `${code}: ${detail}`)).toEqual([
    'uplink_missing: eth9',
    'uplinks_loop: eth2 besides eth1',
  ])
  expect([...facts.keys()].filter((key) => key.includes('eth2'))).toEqual([])
  expect(facts.get('bridge br-office ageing_time')).toBe('0')
})

test('an uplink that has another name now is let go of by the mark that it has', () => {
  const renamed = link('lan1', { found: '1500 down eth1' })
  const bridge: PhysicalBridge = { ...office, uplinks: ['lan1'] }
  const { facts } = planHost({ networks: [], bridges: [bridge] }, hostWith(renamed))
  expect(lines(new Map(), facts)).toContain(
    'ip link property del dev lan1 altname weft-found-1500-down-eth1',
  )
})

test('an uplink is no port of a network, whoever asks first', () => {
  const network = { ...bare, members: [{ interface: 'eth1', vid: 0, acl: [] }] }
  const { facts, faults } = planHost({ networks: [network], bridges: [office] }, hostWith())
  expect(faults).toMatchObject([{ code: 'interface_taken', detail: 'an uplink of br-office' }])
  expect(facts.get('master eth1')).toBe('br-office')
})

test('the VIDs of a trunk are fences of its uplinks; where nothing can fence, a fault', () => {
  const trunk: PhysicalBridge = {
    ...office,
    vids: [
      [7, 7],
      [100, 199],
    ],
  }
  const { facts } = planHost({ networks: [], bridges: [trunk] }, hostWith())
  for (const side of ['in', 'out'])
    expect(facts.get(`chain bridge ${side}.eth1`)).toContain('vlan id != { 0, 7, 100-199 }')
  const host = { ...hostWith(), capabilities: new Set<Capability>(['vxlan']) }
  const { faults } = planHost({ networks: [], bridges: [trunk] }, host)
  expect(faults).toMatchObject([{ code: 'trunk_unenforced', detail: 'eth1' }])
})

test("of a bridge of the host's own what leads out is not a guest of the host", () => {
  const on = { master: 'br0' }
  const tap = link('tap7', { ...on, kind: 'tun', mtuBytes: 1300 })
  const pair = link('veth7', { ...on, kind: 'veth', mtuBytes: 1400 })
  const ours = link('weft-p1', { ...on, kind: 'veth', isOwn: true })
  const of = (...links: [string, Link][]) =>
    outwardLinks(new Map([link('br0', { kind: 'bridge' }), link('eth9'), ...links]), 'br0').map(
      ({ name }) => name,
    )
  expect(of(tap, pair, ours, link('eth1', on), link('bond0', { ...on, kind: 'bond' }))).toEqual([
    'eth1',
    'bond0',
  ])
  expect(of(tap, pair, ours)).toEqual(['veth7'])
  expect(of(tap, ours)).toEqual([])
})
