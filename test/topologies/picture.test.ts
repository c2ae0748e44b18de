/** What a picture of a topology shows. */
import { expect, test } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { generateDocument } from '../../topologies/generate.ts'
import { drawTopology } from '../../topologies/picture/draw.ts'

const textsOf = (picture: string): string[] =>
  [...picture.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, content = '']) => content)

const site = `
underlay: { mtuBytes: 9050 }
physicalNetworks: { office: { vids: [7] } }
hosts:
  h2: { vtepAddress: 192.0.2.12, bridges: { br-office: { uplinks: [eth1], physicalNetwork: office } } }
  h10: { vtepAddress: '2001:db8::10', alternateVtepAddress: 192.0.2.20 }
  v1: { kind: vtep, vtepAddress: 192.0.2.21 }
tenants:
  acme:
    networks: { web: { vni: 5001, extension: { physicalNetwork: office, vid: 7, hostId: h2 } } }
    subnets: { web: { network: web, cidr: 10.0.0.0/24 } }
    ports:
      vm1: { network: web, addresses: [10.0.0.11] }
      vm2: { network: web, addresses: [10.0.0.12], hostId: v1, interface: eth7, vid: 30 }
      vm3: { network: web, addresses: [10.0.0.13] }
workloads: { h2.vm1: acme/vm1 }
`

test('hosts in their order, networks, guests where they run, joints, cables and what is below', () => {
  expect(textsOf(drawTopology(parseDocument(site, 'small.yaml')))).toEqual([
    'small',
    ...['h2', 'Open vSwitch', 'br-int', 'h10', 'Open vSwitch', 'br-int'],
    ...['v1', 'Linux bridge', 'a bridge each'],
    ...['underlay, MTU 9050', '192.0.2.12', '2001:db8::10, 192.0.2.20', '192.0.2.21'],
    ...['office, MTU 1500, VLANs 7', 'eth1'],
    ...['tenant acme', 'web', 'VNI 5001, MTU 1450', '10.0.0.0/24'],
    ...['vm1  10.0.0.11', '⇄ office, VLAN 7', 'vm2  10.0.0.12, eth7, tag 30'],
  ])
})

test('routers are below the hosts in tiers, and of a link is said what others have not', () => {
  const links = [
    ...['a: { ends: [h1, leaf1] }', 'b: { ends: [leaf2, h2], mtuBytes: 8000, delayMs: 5 }'],
    ...['c: { ends: [leaf1, s1] }', 'd: { ends: [leaf1, s2] }', 'e: { ends: [s1, leaf2] }'],
    'f: { ends: [s2, leaf2], lossPercent: 0.5, rateBitsPerSecond: 2500000000 }',
  ]
  const text = `
underlay: { mtuBytes: 9050 }
hosts: { h1: { vtepAddress: 192.0.2.11 }, h2: { vtepAddress: 192.0.2.21 } }
lab: { underlay: { routers: { leaf1: {}, leaf2: {}, s1: {}, s2: {} }, links: { ${links.join(', ')} } } }
`
  const picture = drawTopology(parseDocument(text, 'routed.yaml'))
  expect(textsOf(picture)).toEqual([
    'routed',
    ...['h1', 'Open vSwitch', 'br-int', 'h2', 'Open vSwitch', 'br-int'],
    ...['underlay, MTU 9050, routed', 'MTU 8000, 5 ms', '0.5 % lost, 2.5 Gbit/s'],
    ...['leaf1', 'leaf2', 's1', 's2', '192.0.2.11', '192.0.2.21'],
  ])
  const heightOf = (id: string) =>
    Number(new RegExp(`<text[^>]* y="(\\d+)"[^>]*>${id}<`).exec(picture)?.[1])
  expect(heightOf('leaf1')).toBe(heightOf('leaf2'))
  expect(heightOf('s1')).toBe(heightOf('s2'))
  expect(heightOf('leaf1')).toBeLessThan(heightOf('s1'))
})

const size = { networks: 1, ports: 10, spread: 2, mtuBytes: 1500, seed: 1 }
const large = (hosts: number, tenants: number) =>
  textsOf(drawTopology(parseDocument(generateDocument({ ...size, hosts, tenants }), 'large.yaml')))

test('of a large site guests are counted, network by network and host by host', () => {
  const texts = large(40, 30)
  expect(texts).toContain('t30/n1, VNI 5030')
  expect(texts.filter((each) => /^h\d+$/.test(each))).toHaveLength(40)
  const counts = texts.filter((each) => /^\d+$/.test(each)).map(Number)
  expect(counts).toHaveLength(60)
  expect(counts.reduce((sum, each) => sum + each, 0)).toBe(300)
  expect(texts.at(-1)).toBe(
    '40 hosts (198.18.0.1 to 198.18.0.40), 30 networks of 30 tenants, 300 guests; underlay, MTU 1550',
  )
})

test('of a very large one is said how much is not drawn', () => {
  expect(large(150, 90).at(-1)).toBe('not drawn: 50 hosts, 10 networks')
})
