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

test('the picture of a large site says how much it leaves out', () => {
  const size = {
    hosts: 40,
    tenants: 30,
    networks: 1,
    ports: 100,
    spread: 2,
    mtuBytes: 1500,
    seed: 1,
  }
  const picture = drawTopology(parseDocument(generateDocument(size), 'large.yaml'))
  const texts = textsOf(picture)
  expect(texts).toContain('and 28 more hosts')
  expect(texts).toContain('and 6 more networks')
  expect(texts).toContain('45 more')
  expect(picture.length).toBeLessThan(200_000)
})
