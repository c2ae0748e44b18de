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
  /** Dropped frames that were to be shown, and those of them that were too many. */
  const samples = async () => {
    const { stdout } = await lab.host('h1').ofctl(['meter-stats', 'br-int', 'meter=65534'])
    const [, came = '0'] = /packet_in_count:(\d+)/.exec(stdout) ?? []
    const [, dropped = '0'] = /bands:\s*0: packet_count:(\d+)/.exec(stdout) ?? []
    return { came: Number(came), dropped: Number(dropped) }
  }
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

  test('a packet one byte too large: mtu_exceeded of the port, and the intent is its network', async () => {
    vm1.send(datagram({ payload: new Uint8Array(9001 - 28) }))
    const { drops, lastDrop } = await whenDropped('mtu_exceeded', 1)
    expect(drops).toContainEqual({ reason: 'mtu_exceeded', packets: 1, of: 'port' })
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
    expect((await countersOf('vm3')).drops).toEqual([])
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
    const { came, dropped } = await samples()
    expect(came - dropped).toBeLessThan(100)
  }, 20_000)

  test('of a port whose device is gone the traffic is unknown, and no number of 2^64', async () => {
    const h1 = lab.host('h1')
    const response = await fetch(`${lab.url}/v1/tenants/acme/ports/gone`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ network: 'web' }),
    })
    const { uuid } = (await response.json()) as { uuid: string }
    await h1.exec('ip link add gone0 type veth peer name gone1'.split(' '))
    const row = ['--', 'set', 'Interface', 'gone0', `external_ids:iface-id=${uuid}`]
    await h1.vsctl(['add-port', 'br-int', 'gone0', ...row])
    await eventually('counted', PATIENCE_MS, async () => (await countersOf('gone'))?.sent)
    await h1.exec('ip link del gone0'.split(' '))
    const counters = await eventually('uncounted', PATIENCE_MS, async () => {
      const seen = await countersOf('gone')
      return seen?.uncounted === undefined ? undefined : seen
    })
    expect(counters.uncounted).toBe(
      'the switch has no statistics of its interface: is the device there?',
    )
    expect(counters).not.toHaveProperty('sent')
    expect(counters).not.toHaveProperty('received')
    await h1.vsctl(['del-port', 'br-int', 'gone0'])
  }, 40_000)

  test('who floods does not keep the host from showing what vanishes of a neighbour', async () => {
    const vm3 = lab.workload('h1.acme-vm3')
    const flood = datagram({ ipv4_src: vm1.address + 78 })
    const before = await samples()
    let flooded = 0
    let sent = 0
    const neighbour = datagram({
      ...{ eth_src: vm3.mac, eth_dst: 0x02_00_00_00_00_98, ipv4_src: vm3.address },
    })
    const began = Date.now()
    const last = await eventually('the neighbour is shown', PATIENCE_MS * 2, async () => {
      for (let i = 0; i < 50; i++) vm1.send(flood)
      flooded += 50
      // Once a second, the flood first.
      if (Date.now() - began >= (sent + 1) * 1000 && ++sent) vm3.send(neighbour)
      return flooded < 3000 ? undefined : (await countersOf('vm3'))?.lastDrop
    })
    expect(last).toMatchObject({ reason: 'mac_unknown', eth_dst: '02:00:00:00:00:98' })
    // It does not even come to the meter that all share.
    expect((await samples()).came - before.came).toBeLessThan(flooded / 2)
    const drift = (await events(lab)).filter(({ type }) => type === 'drift')
    expect(drift).toEqual([])
  }, 40_000)
})
