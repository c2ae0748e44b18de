import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Hub } from '../../dataplane/ports/hub.ts'
import { fragmentHandling } from '../../southbound/openflow/message.ts'
import { parseIpv4 } from '../../southbound/wire/address.ts'
import { internetChecksum } from '../../southbound/wire/checksum.ts'
import { icmpEchoFrame, udpFrame, vxlanFrame } from '../../southbound/wire/frame.ts'
import { ipv4 } from '../../southbound/wire/ipv4.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { type VirtualClock, virtualClock } from '../../southbound/wire/virtual-clock.ts'
import { vxlan } from '../../southbound/wire/vxlan.ts'
import { apply, goto, type Host, output, quiet, set, startPair, TUNNEL } from './rig.ts'

const VM1 = { mac: 0x020000000011, address: parseIpv4('10.0.0.11') }
const VM2 = { mac: 0x020000000012, address: parseIpv4('10.0.0.12') }
const VTEP1 = parseIpv4('192.0.2.11')
const VTEP2 = parseIpv4('192.0.2.12')
const ROGUE = parseIpv4('192.0.2.66')

const ping = (size: number, sequence = 1) =>
  icmpEchoFrame({
    eth_src: VM1.mac,
    eth_dst: VM2.mac,
    ipv4_src: VM1.address,
    ipv4_dst: VM2.address,
    identifier: 7,
    sequence,
    dontFragment: true,
    payload: new Uint8Array(size).map((_, i) => i),
  })

describe('a pair of switches over VXLAN', () => {
  let h1: Host
  let h2: Host
  let underlay: Hub
  let onUnderlay: Uint8Array[]
  let clock: VirtualClock

  /** The controller's pipeline, made short: classify, L2, output; tunnel checks. */
  const install = async (host: Host, local: typeof VM1, remote: typeof VM1, peer: number) => {
    await host.flow(0, 100, { in_port: 1 }, [apply(set('reg1', 1)), goto(5)])
    await host.flow(0, 100, { in_port: TUNNEL }, [goto(1)])
    await host.flow(1, 100, { tunnel_id: 5001n }, [apply(set('reg1', 1), set('reg0', 1)), goto(2)])
    await host.flow(2, 100, { reg1: 1, tun_src: peer }, [goto(5)])
    await host.flow(5, 100, { reg1: 1, eth_dst: local.mac }, [apply(set('reg3', 1)), goto(6)])
    await host.flow(5, 100, { reg1: 1, eth_dst: remote.mac }, [apply(set('reg3', 2)), goto(6)])
    await host.flow(6, 100, { reg3: 1 }, [apply(output(1))])
    await host.flow(6, 100, { reg0: 0, reg3: 2 }, [
      apply(set('tunnel_id', 5001n), set('tun_dst', peer), output(TUNNEL)),
    ])
  }

  beforeEach(async () => {
    clock = virtualClock()
    ;({ h1, h2, underlay } = await startPair(clock))
    onUnderlay = []
    underlay.onFrame((frame) => void onUnderlay.push(frame))
    await install(h1, VM1, VM2, VTEP2)
    await install(h2, VM2, VM1, VTEP1)
  })
  afterEach(() => {
    h1.host.close()
    h2.host.close()
  })

  test.each([56, 8972])(
    'an echo request of %d bytes arrives unchanged on the other host',
    async (size) => {
      const vm1 = h1.plug('vm1', 1)
      const vm2 = h2.plug('vm2', 1)
      await quiet(3)
      vm1.send(ping(size))
      vm1.send(ping(size, 2))
      await quiet()
      expect(vm2.received).toEqual([ping(size), ping(size, 2)])
      expect(vm1.received).toEqual([])
    },
  )

  test('the outer headers are those of RFC 7348: 50 bytes, DF, port 4789, right checksum', async () => {
    const vm1 = h1.plug('vm1', 1)
    h2.plug('vm2', 1)
    await quiet(3)
    vm1.send(ping(56))
    await quiet()
    const outer = onUnderlay.find((frame) => frame.length === ping(56).length + 50)!
    expect(ipv4.get.dontFragment(outer, 14)).toBe(1)
    expect(internetChecksum(outer, 14, 34)).toBe(0)
    expect(ipv4.get.totalLength(outer, 14)).toBe(outer.length - 14)
    expect(udp.get.dst(outer, 34)).toBe(4789)
    expect(udp.get.src(outer, 34)).toBeGreaterThanOrEqual(49152)
    expect(udp.get.length(outer, 34)).toBe(outer.length - 34)
    expect(vxlan.read(outer, 42)).toEqual({ i: 1, vni: 5001 })
  })

  test('connections get source ports of their own, packets of one share it', async () => {
    const vm1 = h1.plug('vm1', 1)
    h2.plug('vm2', 1)
    await quiet(3)
    const from = (udp_src: number) =>
      udpFrame({
        eth_src: VM1.mac,
        eth_dst: VM2.mac,
        ipv4_src: VM1.address,
        ipv4_dst: VM2.address,
        udp_src,
        udp_dst: 53,
      })
    for (const port of [1000, 1000, 1001, 1002, 1003]) vm1.send(from(port))
    await quiet()
    const ports = onUnderlay
      .filter((frame) => frame.length === from(1).length + 50)
      .map((frame) => udp.get.src(frame, 34))
    expect(ports).toHaveLength(5)
    expect(ports[0]).toBe(ports[1])
    expect(new Set(ports).size).toBeGreaterThan(2)
  })

  test('a frame one byte too long for the underlay is dropped and named', async () => {
    const vm1 = h1.plug('vm1', 1)
    const vm2 = h2.plug('vm2', 1)
    await quiet(3)
    vm1.send(ping(8973))
    await quiet()
    expect(vm2.received).toEqual([])
    expect(h1.host.drops.read()).toEqual({ underlay_mtu_exceeded: 1 })
  })

  test('without a controller what comes out of a tunnel goes to NORMAL, as what comes by a port', async () => {
    const vm2 = h2.plug('vm2', 1)
    await quiet(3)
    h2.bridge.failsOpen = true
    const outer = { eth_src: 0x0a0000000066, eth_dst: 0x0a0000000002, ipv4_dst: VTEP2 }
    const arrive = async (inner: Uint8Array, ip_ecn = 0) => {
      underlay.send(vxlanFrame({ ...outer, ipv4_src: ROGUE, vni: 4999, ip_ecn, inner }))
      await quiet()
      return vm2.received.splice(0)
    }
    expect(await arrive(ping(56))).toEqual([ping(56)])
    // Congestion on the way, of which the inner packet knows nothing (RFC 6040).
    expect(await arrive(ping(56), 3)).toEqual([])
    expect(h2.host.drops.read()).toEqual({ tunnel_ecn: 1 })
    // A fragment: more to come.
    const fragment = ping(56)
    ipv4.set.moreFragments(fragment, 14, 1)
    expect(await arrive(fragment)).toHaveLength(1)
    h2.bridge.fragments = fragmentHandling.drop
    expect(await arrive(fragment)).toEqual([])
    expect(h2.host.drops.of('fragment')).toBe(1)
    h2.bridge.failsOpen = false
    expect(await arrive(ping(56))).toEqual([])
    expect(h2.host.drops.of('no_flow')).toBe(1)
  })

  test('foreign VNI and foreign VTEP end at the flows that check them', async () => {
    const vm2 = h2.plug('vm2', 1)
    await quiet(3)
    const forged = (vni: number, ipv4_src: number) =>
      vxlanFrame({
        eth_src: 0x0a0000000066,
        eth_dst: 0x0a0000000002,
        ipv4_src,
        ipv4_dst: VTEP2,
        vni,
        inner: ping(56),
      })
    underlay.send(forged(5001, VTEP1))
    await quiet()
    expect(vm2.received).toHaveLength(1)
    underlay.send(forged(4999, VTEP1))
    underlay.send(forged(5001, ROGUE))
    await quiet()
    expect(vm2.received).toHaveLength(1)
    expect(h2.host.drops.of('no_flow')).toBe(2)
  })

  test('every truncation and every corrupted outer header is a named drop', async () => {
    const vm2 = h2.plug('vm2', 1)
    await quiet(3)
    const good = vxlanFrame({
      eth_src: 0x0a0000000066,
      eth_dst: 0x0a0000000002,
      ipv4_src: VTEP1,
      ipv4_dst: VTEP2,
      vni: 5001,
      inner: ping(56),
    })
    for (let size = 0; size < good.length; size++) underlay.send(good.subarray(0, size))
    await quiet()
    expect(vm2.received).toEqual([])
    expect(h2.host.drops.of('underlay_malformed')).toBe(good.length)
    const wrong = (at: number, value: number) => {
      const frame = good.slice()
      frame[at] = value
      return frame
    }
    underlay.send(wrong(24, 0))
    underlay.send(wrong(42, 0))
    const checked = good.slice()
    udp.set.checksum(checked, 34, 0x1234)
    underlay.send(checked)
    const fragment = good.slice()
    ipv4.set.moreFragments(fragment, 14, 1)
    ipv4.set.checksum(fragment, 14, 0)
    ipv4.set.checksum(fragment, 14, internetChecksum(fragment, 14, 34))
    underlay.send(fragment)
    await quiet()
    expect(h2.host.drops.read()).toEqual({
      underlay_malformed: good.length + 1,
      vxlan_malformed: 1,
      vxlan_checksum: 1,
      underlay_fragment: 1,
    })
    underlay.send(good)
    await quiet()
    expect(vm2.received).toHaveLength(1)
  })

  test('frames wait for ARP, and are dropped by name when nobody answers', async () => {
    const vm1 = h1.plug('vm1', 1)
    await quiet(3)
    await h1.flow(6, 200, { reg3: 2 }, [
      apply(set('tunnel_id', 5001n), set('tun_dst', ROGUE), output(TUNNEL)),
    ])
    for (let i = 0; i < 66; i++) vm1.send(ping(56))
    await quiet()
    expect(h1.host.drops.read()).toEqual({ underlay_queue_full: 2 })
    clock.advance(2000)
    expect(h1.host.drops.of('underlay_unresolved')).toBe(64)
  })
})
