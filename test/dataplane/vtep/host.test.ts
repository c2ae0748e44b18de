import { duplexPair } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { BROADCAST_MAC, parseIpv4 } from '../../../southbound/wire/address.ts'
import { ethernetFrame, vxlanFrame } from '../../../southbound/wire/frame.ts'
import { caseRows, vteps } from '../../southbound/agent/frame-cases.ts'
import { type MemoryVtepSite, openMemoryVtepSite, ops } from './site.ts'

let site: MemoryVtepSite
beforeEach(async () => {
  site = await openMemoryVtepSite()
  await site.write('h1', ...caseRows.h1, clearAcl)
  await site.write('h2', ...caseRows.h2)
})
afterEach(() => site.close())

const clearAcl = ops.update('Physical_Port', [['name', '==', 'vm1']], { acl_bindings: {} })
const [G1, G2, G4] = [0x020000000001, 0x020000000002, 0x020000000004]
const payload = Buffer.from('a payload that is long enough for Ethernet to carry it')
const frame = (src: number, dst: number, vlan_vid?: number) =>
  ethernetFrame({ src, dst, type: 0x88b5, vlan_vid, payload })

/** What arrives at guests while `send` runs, and a moment after. */
async function arriving(send: () => void): Promise<Record<string, Uint8Array[]>> {
  const seen: Record<string, Uint8Array[]> = {}
  const stops = Object.entries(site.guests).map(([name, port]) =>
    port.onFrame((bytes) => {
      seen[name] = [...(seen[name] ?? []), bytes]
    }),
  )
  send()
  await site.settle()
  for (const stop of stops) stop()
  return seen
}

const database = (host: 'h1' | 'h2') => site.hosts[host].agent.database
const network = (host: 'h1' | 'h2', name = 'red') =>
  [...database(host).table('Logical_Switch').values()].find((row) => row.name === name)
const port = (host: 'h1' | 'h2', name: string) =>
  [...database(host).table('Physical_Port').values()].find((row) => row.name === name)
const localMacs = (host: 'h1' | 'h2') =>
  [...database(host).table('Ucast_Macs_Local').values()].map(({ MAC }) => MAC).sort()
const bind = (name: string, vlan_bindings: Record<string, string>) =>
  ops.update('Physical_Port', [['name', '==', name]], { vlan_bindings })

test('VXLAN is taken from locators in use; from others it is dropped and counted', async () => {
  const forged = (ipv4_src: string, vni = 5001) =>
    vxlanFrame({
      ...{ eth_src: 0x025700000012, eth_dst: 0x025700000011, vni, inner: frame(G2, G1) },
      ...{ ipv4_src: parseIpv4(ipv4_src), ipv4_dst: parseIpv4(vteps.h1), udp_src: 50_000 },
    })
  const inject = (bytes: Uint8Array) => arriving(() => site.underlay.send(bytes))
  expect(await inject(forged(vteps.h2))).toEqual({ vm1: [frame(G2, G1)] })
  expect(await inject(forged('192.0.2.99'))).toEqual({})
  expect(await inject(forged(vteps.h2, 77))).toEqual({})
  await site.settle(6000)
  expect(network('h1')?.other_config).toMatchObject({ 'weft-dropped-foreign-vtep': '1' })
})

test('tagged frames inside VXLAN are dropped and counted, unless the network is transparent', async () => {
  const inner = frame(G2, G1, 7)
  const tunneled = vxlanFrame({
    ...{ eth_src: 0x025700000012, eth_dst: 0x025700000011, vni: 5001, inner, udp_src: 50_000 },
    ...{ ipv4_src: parseIpv4(vteps.h2), ipv4_dst: parseIpv4(vteps.h1) },
  })
  expect(await arriving(() => site.underlay.send(tunneled))).toEqual({})
  await site.settle(6000)
  const red = network('h1')
  expect(red?.other_config).toMatchObject({ 'weft-dropped-vlan': '1' })
  const other_config = { ...red?.other_config, 'weft-vlan-transparent': 'true' }
  await site.write('h1', ops.update('Logical_Switch', red?._uuid ?? '', { other_config }))
  expect(await arriving(() => site.underlay.send(tunneled))).toEqual({ vm1: [inner] })
})

test('a binding to a VID pops its tag on the way in and pushes it on the way out', async () => {
  const red = network('h1')?._uuid ?? ''
  await site.write('h1', bind('vm4', { 7: red, 8: red }))
  const { vm4, vm2 } = site.guests
  expect(await arriving(() => vm4?.send(frame(G4, G2, 7)))).toEqual({ vm2: [frame(G4, G2)] })
  expect(await arriving(() => vm2?.send(frame(G2, G4)))).toEqual({ vm4: [frame(G2, G4, 7)] })
  // Another VID of the same interface is another port of the network.
  expect(await arriving(() => vm4?.send(frame(0x020000000005, BROADCAST_MAC, 8)))).toEqual({
    vm1: [frame(0x020000000005, BROADCAST_MAC)],
    vm2: [frame(0x020000000005, BROADCAST_MAC)],
    vm4: [frame(0x020000000005, BROADCAST_MAC, 7)],
  })
  expect(await arriving(() => vm4?.send(frame(G4, G2, 9)))).toEqual({})
  expect(await arriving(() => vm4?.send(frame(G4, G2)))).toEqual({})
  await site.settle(6000)
  const { vlan_stats } = port('h1', 'vm4') ?? {}
  const stats = (vid: number) =>
    database('h1')
      .table('Logical_Binding_Stats')
      .get(vlan_stats?.[vid] ?? '')
  expect(stats(7)).toMatchObject({ packets_from_local: 1, packets_to_local: 2 })
  expect(stats(8)).toMatchObject({ packets_from_local: 1, packets_to_local: 0 })
  expect(stats(7)?.bytes_from_local).toBeGreaterThan(0)
  expect(Object.keys(vlan_stats ?? {}).sort()).toEqual(['7', '8'])
})

test('of the frames that are dropped of a port one in 5 s is shown, for each reason, with its headers', async () => {
  const { vm1, vm4 } = site.guests
  await site.write('h1', bind('vm4', { 0: network('h1')?._uuid ?? '' }))
  const key = 'weft-last-drop-vlan'
  const shown = (name: string) => JSON.parse(port('h1', name)?.other_config[key] ?? '{}')
  for (let i = 0; i < 50; i++) vm1?.send(frame(G1, G2, 7))
  vm1?.send(frame(G1, G2, 8))
  vm4?.send(frame(G4, G2, 9))
  await site.settle(1000)
  expect(shown('vm1')).toMatchObject({
    ...{ eth_src: '02:00:00:00:00:01', eth_dst: '02:00:00:00:00:02' },
    ...{ eth_type: '0x88b5', vlan_vid: 7, frameBytes: 18 + payload.length },
  })
  expect(shown('vm4')).toMatchObject({ vlan_vid: 9 })
  await site.settle(6000)
  expect(port('h1', 'vm1')?.other_config['weft-dropped-vlan']).toBe('51')
  vm1?.send(frame(G1, G2, 8))
  await site.settle(1000)
  expect(shown('vm1')).toMatchObject({ vlan_vid: 8 })
})

test('guests of one host reach each other, and what was learned is not flooded', async () => {
  await site.write('h1', bind('vm4', { 0: network('h1')?._uuid ?? '' }))
  const { vm1, vm4 } = site.guests
  await arriving(() => vm4?.send(frame(G4, BROADCAST_MAC)))
  expect(await arriving(() => vm1?.send(frame(G1, G4)))).toEqual({ vm4: [frame(G1, G4)] })
  // A frame to the sender's own port goes nowhere.
  expect(await arriving(() => vm4?.send(frame(0x020000000009, G4)))).toEqual({})
})

test('MACs of guests are reported, and forgotten after 300 s, with their port, or when a row has them', async () => {
  const { vm1 } = site.guests
  vm1?.send(frame(G1, G2))
  await site.settle()
  expect(localMacs('h1')).toEqual(['02:00:00:00:00:01'])
  await site.settle(310_000)
  await site.settle()
  expect(localMacs('h1')).toEqual([])
  vm1?.send(frame(G1, G2))
  await site.settle()
  site.hosts.h1.backend.unplug('vm1')
  await site.settle()
  expect(localMacs('h1')).toEqual([])
  expect(port('h1', 'vm1')?.other_config['weft-fault']).toBe('interface_missing: vm1')
})

test('a guest that a row says is elsewhere is no longer reported', async () => {
  const { vm1 } = site.guests
  vm1?.send(frame(G4, G2))
  await site.settle()
  expect(localMacs('h1')).toEqual(['02:00:00:00:00:04'])
  const [locator] = database('h1').table('Ucast_Macs_Remote').values()
  const row = { MAC: '02:00:00:00:00:04', logical_switch: locator?.logical_switch ?? '' }
  await site.write(
    'h1',
    ops.insert('Ucast_Macs_Remote', { ...row, locator: locator?.locator ?? '' }),
  )
  expect(localMacs('h1')).toEqual([])
})

test('egress entries of an ACL hold what goes to the guest', async () => {
  await site.write(
    'h1',
    ops.insert(
      'ACL_entry',
      { sequence: 1, direction: 'egress', action: 'deny', source_mac: '02:00:00:00:00:02' },
      'e',
    ),
    ops.insert('ACL', { acl_name: 'a', acl_entries: ['e'] }, 'a'),
    ops.update('Physical_Port', [['name', '==', 'vm1']], { acl_bindings: { 0: 'a' } }),
  )
  const { vm2 } = site.guests
  expect(await arriving(() => vm2?.send(frame(G2, G1)))).toEqual({})
  expect(await arriving(() => vm2?.send(frame(G2, BROADCAST_MAC)))).toEqual({})
  expect(Object.keys(await arriving(() => vm2?.send(frame(G4, G1))))).toEqual(['vm1'])
  await site.settle(6000)
  expect(port('h1', 'vm1')?.other_config['weft-dropped-out-1']).toBe('2')
})

test('a pass that finds nothing to do touches no flow; a row changes its own and keeps the counters of others', async () => {
  const { bridge } = site.hosts.h1.backend
  const { vm1 } = site.guests
  vm1?.send(frame(G1, G2, 7))
  // Until the flow is gone by which the drop is not shown again.
  await site.settle(20_000)
  const before = new Set(bridge.flows.all())
  await site.settle(20_000)
  expect(new Set(bridge.flows.all())).toEqual(before)
  const [row] = database('h1').table('Ucast_Macs_Remote').values()
  const mac = { MAC: '02:00:00:00:00:0a', logical_switch: row?.logical_switch ?? '' }
  await site.write('h1', ops.insert('Ucast_Macs_Remote', { ...mac, locator: row?.locator ?? '' }))
  const after = [...bridge.flows.all()]
  expect(after.filter((flow) => !before.has(flow))).toHaveLength(1)
  expect(after).toHaveLength(before.size + 1)
  expect(port('h1', 'vm1')?.other_config['weft-dropped-vlan']).toBe('1')
})

test('when its networks are deleted nothing is left on the switch', async () => {
  const red = network('h2')?._uuid ?? ''
  const blue = network('h2', 'blue')?._uuid ?? ''
  await site.write(
    'h2',
    bind('vm2', {}),
    bind('vm3', {}),
    ...(
      ['Ucast_Macs_Remote', 'Mcast_Macs_Remote', 'Ucast_Macs_Local', 'Mcast_Macs_Local'] as const
    ).map((table) => ops.deleteRows(table, [])),
    ops.deleteRows('Logical_Switch', red),
    ops.deleteRows('Logical_Switch', blue),
  )
  const { bridge } = site.hosts.h2.backend
  expect([...bridge.flows.all()]).toEqual([])
  expect(bridge.groups.all.size).toBe(0)
})

test('without weft-mtu a network has what the underlay carries', () => {
  expect(network('h2', 'blue')?.other_config['weft-mtu-seen']).toBe('9000')
  expect(network('h2')?.other_config['weft-mtu-seen']).toBe('9000')
})

test('a flood list of more VTEPs than one group holds reaches all of them', async () => {
  const red = network('h1')?._uuid ?? ''
  const all = Array.from({ length: 900 }, (_, i) => `198.51.${100 + (i >> 8)}.${i & 255}`)
  const at = (dst_ip: string, i: number) =>
    ops.insert('Physical_Locator', { encapsulation_type: 'vxlan_over_ipv4', dst_ip }, `l${i}`)
  await site.write(
    'h1',
    ...all.map(at),
    ops.insert('Physical_Locator_Set', { locators: all.map((_, i) => `l${i}`) }, 's'),
    ops.insert('Mcast_Macs_Remote', { MAC: 'unknown-dst', logical_switch: red, locator_set: 's' }),
  )
  const before = site.hosts.h1.backend.bridge.ports.get(65_000)?.counters.txPackets ?? 0
  await arriving(() => site.guests.vm1?.send(frame(G1, BROADCAST_MAC)))
  const after = site.hosts.h1.backend.bridge.ports.get(65_000)?.counters.txPackets ?? 0
  expect(after - before).toBe(901)
})

test('an OVSDB client drives it over any stream', async () => {
  const [here, there] = duplexPair()
  site.hosts.h1.agent.accept(there)
  const signal = AbortSignal.timeout(5000)
  const client = await OvsdbClient.open(here, { signal })
  const [global] = database('h1').table('Global').keys()
  const other_config = { 'weft-next-cfg': '5' }
  await client.transact(hardwareVtep, [ops.update('Global', global ?? '', { other_config })], {
    signal,
  })
  await site.settle()
  expect([...database('h1').table('Global').values()][0]?.other_config).toMatchObject({
    'weft-cur-cfg': '5',
  })
  expect([...database('h1').table('Physical_Switch').values()][0]).toMatchObject({
    ...{ name: 'h1', tunnel_ips: ['192.0.2.11'], switch_fault_status: [] },
    other_config: { 'weft-backend': 'switch', 'weft-underlay': 'u0 9050' },
  })
  client.close()
})

test('VTEPs may have IPv6', async () => {
  await site.close()
  site = await openMemoryVtepSite({ tunnelIps: { h1: '2001:db8::11', h2: '2001:db8::12' } })
  const rows = (name: string, dst_ip: string) => [
    ops.insert('Logical_Switch', { name: 'red', tunnel_key: 5001 }, 'red'),
    bind(name, { 0: 'red' }),
    ops.insert('Physical_Locator', { encapsulation_type: 'vxlan_over_ipv4', dst_ip }, 'l'),
    ops.insert('Physical_Locator_Set', { locators: ['l'] }, 's'),
    ops.insert('Mcast_Macs_Remote', {
      MAC: 'unknown-dst',
      logical_switch: 'red',
      locator_set: 's',
    }),
  ]
  await site.write('h1', ...rows('vm1', '2001:db8::12'))
  await site.write('h2', ...rows('vm2', '2001:db8::11'))
  const { vm1 } = site.guests
  expect(await arriving(() => vm1?.send(frame(G1, BROADCAST_MAC)))).toEqual({
    vm2: [frame(G1, BROADCAST_MAC)],
  })
  expect(network('h1')?.other_config['weft-mtu-seen']).toBe('8980')
})
