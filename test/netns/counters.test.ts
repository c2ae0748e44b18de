/** Why did my packet vanish: what a port's status says of frames that Open vSwitch dropped. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PortCounters } from '../../controller/northbound/realization.ts'
import { arpFrame, udpFrame } from '../../southbound/wire/frame.ts'
import type { NetnsLab } from '../../topologies/lab/netns/lab.ts'
import type { NetnsWorkload } from '../../topologies/lab/netns/workload.ts'
import { events, eventually, get, needed, openTwoTenants } from './site-under-test.ts'

/** Answers of a host are good for 5 s. */
const PATIENCE_MS = 12_000

describe('the counters of a port on Open vSwitch', needed, () => {
  let lab: NetnsLab
  let vm1: NetnsWorkload
  let vm2: NetnsWorkload
  beforeAll(async () => {
    if (needed.skip) return
    lab = await openTwoTenants()
    vm1 = lab.workload('h1.acme-vm1')
    vm2 = lab.workload('h2.acme-vm2')
  }, 60_000)
  afterAll(() => lab?.close())

  const countersOf = async (port: string) =>
    (await get<{ status: { counters: PortCounters } }>(lab, `/v1/tenants/acme/ports/${port}`))
      .status.counters
  const whenDropped = (reason: string, packets: number) =>
    eventually(`${packets} ${reason}`, PATIENCE_MS, async () => {
      const counters = await countersOf('vm1')
      return counters?.drops.some((drop) => drop.reason === reason && drop.packets === packets)
        ? counters
        : undefined
    })
  const datagram = (changes: Partial<Parameters<typeof udpFrame>[0]> = {}) =>
    udpFrame({
      eth_src: vm1.mac,
      eth_dst: vm2.mac,
      ipv4_src: vm1.address,
      ipv4_dst: vm2.address,
      udp_src: 4242,
      udp_dst: 53,
      payload: new Uint8Array(100),
      ...changes,
    })

  test('a foreign source address: port_security, with the 5-tuple and the intent', async () => {
    for (let i = 0; i < 3; i++) vm1.send(datagram({ ipv4_src: vm1.address + 77 }))
    const { drops, lastDrop, sent } = await whenDropped('port_security', 3)
    expect(drops).toContainEqual({ reason: 'port_security', packets: 3, of: 'port' })
    expect(lastDrop).toMatchObject({
      reason: 'port_security',
      host: 'h1',
      from: ['port/acme/vm1'],
      eth_src: '02:00:00:00:00:11',
      eth_dst: '02:00:00:00:00:12',
      eth_type: '0x0800',
      ip_src: '10.0.0.88',
      ip_dst: '10.0.0.12',
      ip_proto: 17,
      src_port: 4242,
      dst_port: 53,
      frameBytes: 142,
    })
    expect(sent?.frames).toBeGreaterThanOrEqual(3)
  }, 20_000)

  test('a packet one byte too large: mtu_exceeded, by the network, and the frame itself is the port’s', async () => {
    vm1.send(datagram({ payload: new Uint8Array(9001 - 28) }))
    const { drops, lastDrop } = await whenDropped('mtu_exceeded', 1)
    expect(drops).toContainEqual({ reason: 'mtu_exceeded', packets: 1, of: 'network' })
    expect(lastDrop).toMatchObject({
      reason: 'mtu_exceeded',
      frameBytes: 9015,
      ip_dst: '10.0.0.12',
      from: ['network/acme/web'],
    })
  }, 20_000)

  test('a tag, an address and a MAC that nobody has are the port’s own drops', async () => {
    vm1.send(datagram({ vlan_vid: 7 }))
    const arp = { op: 1, sha: vm1.mac, spa: vm1.address, tha: 0, tpa: vm1.address + 99 } as const
    vm1.send(arpFrame(arp))
    vm1.send(datagram({ eth_dst: 0x02_00_00_00_00_99 }))
    const { drops } = await eventually('three reasons', PATIENCE_MS, async () => {
      const counters = await countersOf('vm1')
      return counters && counters.drops.length >= 5 ? counters : undefined
    })
    for (const reason of ['vlan_not_allowed', 'arp_unknown', 'mac_unknown'])
      expect(drops).toContainEqual({ reason, packets: 1, of: 'port' })
    expect((await countersOf('vm3')).drops.filter((drop) => drop.of === 'port')).toEqual([])
  }, 20_000)

  test('a flood of what is dropped is counted whole, and little of it comes to the controller', async () => {
    const before = (await countersOf('vm1')).drops.find(({ reason }) => reason === 'mac_unknown')
    const frame = datagram({ eth_dst: 0x02_00_00_00_00_99 })
    for (let i = 0; i < 500; i++) vm1.send(frame)
    await whenDropped('mac_unknown', (before?.packets ?? 0) + 500)
    const told = (await events(lab)).filter(({ type }) => type === 'frames_dropped')
    expect(
      told.filter(({ port, reason }) => port === 'acme/vm1' && reason === 'mac_unknown'),
    ).toHaveLength(1)
    const meters = (await lab.host('h1').ofctl(['meter-stats', 'br-int', 'meter=65534'])).stdout
    const [, dropped = '0'] = /bands:\s*0: packet_count:(\d+)/.exec(meters) ?? []
    expect(Number(dropped)).toBeGreaterThan(400)
  }, 20_000)
})
