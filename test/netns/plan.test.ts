/** Names and addresses of a netns lab, before anything is made. */
import { expect, test } from 'vitest'
import { formatIpv4, formatMac } from '../../southbound/wire/address.ts'
import { planSite } from '../../topologies/lab/netns/plan.ts'
import { commandIn, waysIn } from '../../topologies/lab/netns/ways-in.ts'
import { documentOf } from '../lab/underlay-rig.ts'
import { handMadeDocument } from './hand-made.ts'

test('every name of a lab carries its id, and every interface name fits into 15 characters', () => {
  const plan = planSite('0a1b2c', handMadeDocument)
  const namespaces = [plan.underlay, plan.rogue, plan.controller, ...plan.hosts, ...plan.workloads]
  expect(new Set(namespaces.map(({ namespace }) => namespace)).size).toBe(8)
  for (const { namespace } of namespaces) expect(namespace).toMatch(/^weft-0a1b2c-/)
  const devices = [
    plan.rogue.underlayPort,
    ...plan.hosts.flatMap((host) => [host.underlayPort, host.managementPort]),
    ...plan.workloads.map((workload) => workload.device),
  ]
  expect(new Set(devices).size).toBe(devices.length)
  for (const device of devices) expect(device).toMatch(/^[a-z]0a1b2c-[a-z0-9]{1,7}$/)
})

test('people are told how to get into a guest and a host of each sort', () => {
  const lab = { hosts: { h1: { switch: 'weft-switch' as const } } }
  const [guest, ...hosts] = waysIn(planSite('0a1b2c', { ...handMadeDocument, lab }), '/run/lab')
  expect(guest).toMatch(/^ {2}guest (\S+) +ip netns exec weft-0a1b2c-vm-\1 ping 10\.0\.0\.\d+$/)
  expect(hosts.map((line) => line.replace(/ {2,}/g, ' '))).toEqual([
    ' host h1 (weft switch) OVS_RUNDIR=/run/lab/h1 ovs-ofctl -O OpenFlow13 dump-ports br-int',
    ' host h2 (Open vSwitch) OVS_RUNDIR=/run/lab/h2 ovs-vsctl show',
    ' a shell on host h1 nsenter --net=/run/netns/weft-0a1b2c-host-h1',
  ])
})

test('the stranger has an address of the underlay that no VTEP has', () => {
  const host = { kind: 'ovs', underlayMtuBytes: 9050 } as const
  const plan = planSite('0a1b2c', {
    ...handMadeDocument,
    hosts: {
      h1: { ...host, vtepAddress: '192.0.2.254' },
      h2: { ...host, vtepAddress: '192.0.2.253' },
    },
  })
  expect(plan.underlay.prefix).toBe(24)
  expect(formatIpv4(plan.rogue.address)).toBe('192.0.2.252')
  expect(formatMac(plan.rogue.mac)).toBe('02:57:0a:1b:2c:02')
})

test('VTEPs of several networks share the longest prefix that holds them all', () => {
  const host = { kind: 'ovs', underlayMtuBytes: 9050 } as const
  const plan = planSite('0a1b2c', {
    ...handMadeDocument,
    hosts: {
      h1: { ...host, vtepAddress: '10.1.4.1' },
      h2: { ...host, vtepAddress: '10.1.7.1' },
    },
  })
  expect(plan.underlay.prefix).toBe(22)
  expect(formatIpv4(plan.rogue.address)).toBe('10.1.7.254')
})

test('a workload of an unknown port is refused by name', () => {
  const document = { ...handMadeDocument, workloads: { 'h1.vm9': 'acme/vm9' } }
  expect(() => planSite('0a1b2c', document)).toThrow('workload h1.vm9: acme/vm9')
})

test('a router is a namespace with an end in a bridge for each link, and a host beside it has a way to all others', () => {
  const links =
    'a: { ends: [h1, r1], mtuBytes: 8000 }, b: { ends: [h2, r2] }, c: { ends: [r1, r2] }'
  const hosts = { h1: '192.0.2.11', h2: '192.0.2.21' }
  const underlay = `{ routers: { r1: {}, r2: {} }, links: { ${links} } }`
  const plan = planSite('0a1b2c', documentOf(hosts, underlay))
  expect(plan.hosts.map(({ vtep, routes }) => [...vtep.addresses, routes[0]?.via])).toEqual([
    ['192.0.2.11/31', '192.0.2.10'],
    ['192.0.2.21/31', '192.0.2.20'],
  ])
  const { routers, bridges } = plan.routed
  expect(bridges.map(({ bridge, ports, link }) => [bridge, ...ports, link.mtuBytes])).toEqual([
    ['link-1', 'u0a1b2c-1', 'r0a1b2c-1-0', 8000],
    ['link-2', 'u0a1b2c-2', 'r0a1b2c-2-0', 9050],
    ['link-3', 'r0a1b2c-1-1', 'r0a1b2c-2-1', 9050],
  ])
  expect(routers.map(({ namespace }) => namespace)).toEqual([
    'weft-0a1b2c-router-r1',
    'weft-0a1b2c-router-r2',
  ])
  expect(commandIn(plan, '/run/lab', 'r2')).toEqual([
    'ip',
    'netns',
    'exec',
    'weft-0a1b2c-router-r2',
  ])
})
