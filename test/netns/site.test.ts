/**
 * What the cables and guests of a netns lab do, on real Open vSwitch that is configured by hand
 * (hand-made.ts): no controller takes part.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseIpv4 } from '../../southbound/wire/address.ts'
import { udpFrame, vxlanFrame } from '../../southbound/wire/frame.ts'
import type { OvsHost } from '../../topologies/lab/netns/ovs-host.ts'
import type { Site } from '../../topologies/lab/netns/site.ts'
import type { NetnsWorkload } from '../../topologies/lab/netns/workload.ts'
import { needs } from '../needs.ts'
import { handMadeUuid, makeFlows, makeIntegrationBridge, openHandMadeSite } from './hand-made.ts'

const needed = needs('root', 'netns', 'ovs', 'iproute2', 'ethtool', 'ping')

const ARRIVED_MS = 100

/** Frames to compare, in an order of their own: Open vSwitch may let one flow overtake another. */
function listed(frames: readonly Uint8Array[]): string[] {
  return frames.map((frame) => Buffer.from(frame).toString('hex')).sort()
}

/** A datagram from one guest to another of `ipBytes` of IP. */
function datagram(from: NetnsWorkload, to: NetnsWorkload, ipBytes: number, vid?: number) {
  return udpFrame({
    eth_src: from.mac,
    eth_dst: to.mac,
    ipv4_src: from.address,
    ipv4_dst: to.address,
    udp_src: 1000,
    udp_dst: 9,
    vlan_vid: vid,
    payload: new Uint8Array(ipBytes - 28).fill(0x77),
  })
}

describe('a netns site on Open vSwitch that was configured by hand', needed, () => {
  let site: Site
  let h1: OvsHost
  let h2: OvsHost
  let vm1: NetnsWorkload
  let vm2: NetnsWorkload
  let vm3: NetnsWorkload

  beforeAll(async () => {
    if (needed.skip) return
    site = await openHandMadeSite()
    h1 = site.hosts.get('h1')!
    h2 = site.hosts.get('h2')!
    vm1 = site.workloads.get('h1.vm1')!
    vm2 = site.workloads.get('h2.vm2')!
    vm3 = site.workloads.get('h1.vm3')!
  })
  afterAll(() => site?.close())

  /** Frames of the given sizes (others are the kernels' own) that arrive while `work` runs and shortly after. */
  async function arriving(
    at: { onFrame: NetnsWorkload['onFrame'] },
    work: () => void,
    wanted: (frame: Uint8Array) => boolean,
  ): Promise<Uint8Array[]> {
    const frames: Uint8Array[] = []
    const off = at.onFrame((frame) => {
      if (wanted(frame)) frames.push(frame)
    })
    work()
    await delay(ARRIVED_MS)
    off()
    return frames
  }

  test('nobody speaks unasked: no frame on the underlay in a second of rest', async () => {
    // Kernels ask again for their neighbours some five seconds after they spoke to them, hence first of all.
    const frames: Uint8Array[] = []
    const off = site.underlay.onFrame((frame) => frames.push(frame))
    await delay(1000)
    off()
    expect(listed(frames)).toEqual([])
  })

  test('the first ping across the underlay is answered, also with 8,972 bytes and DF', async () => {
    expect(await vm1.ping(vm2.address, { bytes: 56, timeoutMs: 500 })).toBe(true)
    expect(await vm1.ping(vm2.address, { bytes: 8972, timeoutMs: 500 })).toBe(true)
    expect(await vm1.ping(vm3.address, { bytes: 8972, timeoutMs: 500 })).toBe(true)
  })

  test('silence is false and no exception: nobody there, too long for the underlay', async () => {
    expect(await vm1.ping(parseIpv4('10.0.0.99'), { bytes: 56, timeoutMs: 200 })).toBe(false)
    expect(await vm1.ping(vm2.address, { bytes: 8973, timeoutMs: 200 })).toBe(false)
  })

  test('a raw frame arrives byte for byte, jumbo and tagged ones included', async () => {
    const sent = [datagram(vm1, vm2, 100), datagram(vm1, vm2, 9000), datagram(vm1, vm2, 100, 77)]
    const lengths = new Set(sent.map((frame) => frame.length))
    const frames = await arriving(
      vm2,
      () => sent.forEach(vm1.send),
      (frame) => lengths.has(frame.length),
    )
    expect(listed(frames)).toEqual(listed(sent))
  })

  test('a guest can send more than its network allows, up to 9,200 bytes of IP', async () => {
    const sent = [9001, 9100, 9200].map((bytes) => datagram(vm1, vm3, bytes))
    const frames = await arriving(
      vm3,
      () => sent.forEach(vm1.send),
      (frame) => frame.length > 9000,
    )
    expect(listed(frames)).toEqual(listed(sent))
    expect(() => vm1.send(datagram(vm1, vm3, 9201))).toThrow('9215 bytes cannot leave by eth0')
  })

  test('a burst of 200 jumbo frames crosses both switches whole', async () => {
    const frame = datagram(vm1, vm2, 9000)
    const burst = (): void => {
      for (let count = 0; count < 200; count++) vm1.send(frame)
    }
    const frames = await arriving(vm2, burst, ({ length }) => length === frame.length)
    expect(frames.length).toBe(200)
  })

  test('what is sent is not heard by the sender, and a frame is on the underlay once', async () => {
    const frame = datagram(vm1, vm2, 1234)
    const own = arriving(
      vm1,
      () => {},
      ({ length }) => length === frame.length,
    )
    const underlay = await arriving(
      site.underlay,
      () => vm1.send(frame),
      ({ length }) => length === frame.length + 50,
    )
    expect(underlay.length).toBe(1)
    expect(Buffer.from(underlay[0]!).subarray(50)).toEqual(Buffer.from(frame))
    expect(await own).toEqual([])
  })

  test('the stranger sends VXLAN as a host without drawing that host’s traffic', async () => {
    const { hosts, inject, rogueMac } = site.underlay
    const inner = datagram(vm2, vm1, 777)
    const ipv4_src = hosts['h2']!.address ?? 0
    const outer = { eth_dst: hosts['h1']!.mac, ipv4_src, vni: 5001, inner }
    const send = (eth_src: number) => (): void =>
      inject(vxlanFrame({ ...outer, eth_src, ipv4_dst: hosts['h1']!.address ?? 0 }))
    for (const mac of [rogueMac, hosts['h2']!.mac]) {
      const frames = await arriving(vm1, send(mac), ({ length }) => length === inner.length)
      expect(listed(frames)).toEqual(listed([inner]))
      expect(await vm1.ping(vm2.address, { bytes: 56, timeoutMs: 500 })).toBe(true)
    }
  })

  test('a listener that was added late sees no frame from before', async () => {
    vm1.send(datagram(vm1, vm2, 555))
    await delay(ARRIVED_MS)
    const frames = await arriving(
      vm2,
      () => {},
      () => true,
    )
    expect(frames).toEqual([])
  })

  test('the boot script names the host and plugs its guests by the uuid of their port', async () => {
    const { stdout } = await h1.vsctl(['get', 'Open_vSwitch', '.', 'external_ids'])
    expect(stdout).toContain('system-id=h1')
    expect(stdout).toContain('weft-datapath-type=netdev')
    const row = await h1.vsctl([
      'get',
      'Interface',
      vm1.plan.device,
      'external_ids:iface-id',
      'mtu',
    ])
    expect(row.stdout.trim().split('\n')).toEqual([handMadeUuid('acme', 'vm1'), '9200'])
    const manager = await h1.vsctl(['--bare', '--columns=target,max_backoff', 'list', 'Manager'])
    expect(manager.stdout).toMatch(/^tcp:198\.1[89]\.\d+\.1:6640\n1000\n/)
    const hidden = await h1.appctl(['bridge/dump-flows', 'br-phy'])
    expect(hidden.stdout).not.toContain('NORMAL')
  })

  test.for([false, true])(
    'a host whose Open vSwitch was killed comes back, on an empty database: %s',
    async (emptyDatabase) => {
      await h2.kill()
      await expect(h2.appctl(['version'])).rejects.toThrow('ovs-appctl')
      expect(await vm1.ping(vm2.address, { bytes: 56, timeoutMs: 200 })).toBe(false)
      await h2.start({ emptyDatabase })
      const booted = h2.boot()
      if (emptyDatabase) await makeIntegrationBridge(h2)
      await booted
      await makeFlows(site, h2)
      expect(await vm1.ping(vm2.address, { bytes: 8972, timeoutMs: 1000 })).toBe(true)
    },
  )
})
