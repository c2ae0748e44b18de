import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { moveField } from '../../southbound/openflow/action.ts'
import { encodeGroup, groupType } from '../../southbound/openflow/group.ts'
import { groupMod, type MessageOf } from '../../southbound/openflow/message.ts'
import { meterFlags } from '../../southbound/openflow/meter.ts'
import { ANY, CONTROLLER, IN_PORT, LOCAL, TABLE } from '../../southbound/openflow/port.ts'
import { parseIpv4 } from '../../southbound/wire/address.ts'
import { internetChecksum, pseudoHeaderSum } from '../../southbound/wire/checksum.ts'
import { ethernet } from '../../southbound/wire/ethernet.ts'
import {
  arpFrame,
  ethernetFrame,
  icmpEchoFrame,
  tcpSynFrame,
  udpFrame,
} from '../../southbound/wire/frame.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import {
  apply,
  goto,
  type Host,
  output,
  quiet,
  type Station,
  set,
  startHost,
  type TestClock,
  testClock,
} from './rig.ts'

const A = { mac: 0x020000000011, address: parseIpv4('10.0.0.11') }
const B = { mac: 0x020000000012, address: parseIpv4('10.0.0.12') }
const between = {
  eth_src: A.mac,
  eth_dst: B.mac,
  ipv4_src: A.address,
  ipv4_dst: B.address,
}
const echo = (payload: number) =>
  icmpEchoFrame({ ...between, identifier: 1, sequence: 1, payload: new Uint8Array(payload) })
const datagram = (payload = 10) =>
  udpFrame({ ...between, udp_src: 1000, udp_dst: 2000, payload: new Uint8Array(payload).fill(7) })

describe('the pipeline of one bridge', () => {
  let h: Host
  let clock: TestClock
  let one: Station
  let two: Station
  let three: Station

  beforeEach(async () => {
    clock = testClock()
    h = await startHost('h1', { clock })
    one = h.plug('vm1', 1)
    two = h.plug('vm2', 2)
    three = h.plug('vm3', 3)
    await quiet(3)
  })
  afterEach(() => h.host.close())

  test('a frame that no flow takes is dropped as no_flow', async () => {
    one.send(echo(8))
    await quiet()
    expect(h.host.drops.read()).toEqual({ no_flow: 1 })
  })

  test('the flow of higher priority wins, whatever the order of adding', async () => {
    await h.flow(0, 10, {}, [apply(output(2))])
    await h.flow(0, 20, { in_port: 1, eth_type: 0x0800, ipv4_dst: B.address }, [apply(output(3))])
    await h.flow(0, 15, { in_port: 1 }, [])
    one.send(echo(8))
    one.send(arpFrame({ op: 1, sha: A.mac, spa: 1, tha: 0, tpa: 2 }))
    await quiet()
    expect(three.received).toEqual([echo(8)])
    expect(two.received).toEqual([])
    expect(h.host.drops.read()).toEqual({ flow_no_output: 1 })
  })

  test('output to the port of arrival is suppressed, IN_PORT is not', async () => {
    await h.flow(0, 10, { eth_type: 0x0800 }, [apply(output(1))])
    await h.flow(0, 10, { eth_type: 0x0806 }, [apply(output(IN_PORT))])
    const arp = arpFrame({ op: 1, sha: A.mac, spa: 1, tha: 0, tpa: 2 })
    one.send(echo(8))
    one.send(arp)
    await quiet()
    expect(one.received).toEqual([arp])
    expect(h.host.drops.read()).toEqual({ output_in_port: 1 })
  })

  test('a flow may output to a port that is not there; its frames are named drops', async () => {
    await h.flow(0, 10, {}, [apply(output(77))])
    one.send(echo(8))
    await quiet()
    expect(h.host.drops.read()).toEqual({ port_unknown: 1 })
  })

  test('an ARP request is answered by one flow, as the controller writes it', async () => {
    const router = 0x0000_5e00_0101
    const match = { in_port: 1, eth_type: 0x0806, arp_op: 1, arp_tpa: B.address }
    await h.flow(0, 10, match, [
      apply(
        moveField('eth_src', 'eth_dst'),
        set('eth_src', router),
        set('arp_op', 2),
        moveField('arp_sha', 'arp_tha'),
        set('arp_sha', router),
        moveField('arp_spa', 'arp_tpa'),
        set('arp_spa', B.address),
        output(IN_PORT),
      ),
    ])
    one.send(arpFrame({ op: 1, sha: A.mac, spa: A.address, tha: 0, tpa: B.address }))
    await quiet()
    expect(one.received).toEqual([
      arpFrame({ op: 2, sha: router, spa: B.address, tha: A.mac, tpa: A.address }),
    ])
  })

  test('rewritten addresses, ports and TTL leave every checksum right', async () => {
    const to = { ipv4_src: parseIpv4('172.16.5.6'), ipv4_dst: parseIpv4('8.8.8.8') }
    const rewrite = [set('ipv4_src', to.ipv4_src), set('ipv4_dst', to.ipv4_dst)]
    const ttl = { kind: 'dec_nw_ttl' } as const
    const ip = { eth_type: 0x0800 }
    await h.flow(0, 10, { ...ip, ip_proto: 17 }, [
      apply(...rewrite, set('udp_dst', 53), set('ip_dscp', 46), ttl, output(2)),
    ])
    await h.flow(0, 10, { ...ip, ip_proto: 6 }, [
      apply(...rewrite, set('tcp_src', 80), ttl, output(2)),
    ])
    await h.flow(0, 10, { ...ip, ip_proto: 1 }, [
      apply(...rewrite, set('icmpv4_type', 0), ttl, output(2)),
    ])
    one.send(datagram(11))
    one.send(tcpSynFrame({ ...between, tcp_src: 1000, tcp_dst: 443 }))
    one.send(echo(9))
    await quiet()
    const moved = { ...between, ...to, ttl: 63 }
    expect(two.received).toEqual([
      udpFrame({
        ...moved,
        ip_dscp: 46,
        udp_src: 1000,
        udp_dst: 53,
        payload: new Uint8Array(11).fill(7),
      }),
      tcpSynFrame({ ...moved, tcp_src: 80, tcp_dst: 443 }),
      icmpEchoFrame({
        ...moved,
        kind: 'reply',
        identifier: 1,
        sequence: 1,
        payload: new Uint8Array(9),
      }),
    ])
  })

  test('a UDP checksum of zero stays zero, a wrong one stays wrong', async () => {
    await h.flow(0, 10, { eth_type: 0x0800 }, [apply(set('ipv4_dst', 1), output(2))])
    const none = datagram()
    none[40] = none[41] = 0
    const wrong = datagram()
    wrong[41] = wrong[41]! ^ 0xff
    one.send(none)
    one.send(wrong)
    await quiet()
    expect([two.received[0]![40], two.received[0]![41]]).toEqual([0, 0])
    const seed = pseudoHeaderSum(A.address, 1, 17, none.length - 34)
    expect(internetChecksum(two.received[1]!, 34, none.length, seed)).not.toBe(0)
  })

  test('a TTL of 1 expires in dec_nw_ttl', async () => {
    const match = { eth_type: 0x0800 }
    await h.flow(0, 10, match, [apply({ kind: 'dec_nw_ttl' }, output(2))])
    one.send(icmpEchoFrame({ ...between, ttl: 1, identifier: 1, sequence: 1 }))
    await quiet()
    expect(two.received).toEqual([])
    expect(h.host.drops.read()).toEqual({ ttl_expired: 1 })
  })

  test('VLAN tags are pushed, matched, rewritten and popped', async () => {
    const tag = [
      { kind: 'push_vlan', ethertype: 0x8100 } as const,
      set('vlan_vid', 0x1000 | 42),
      set('vlan_pcp', 5),
    ]
    await h.flow(0, 10, { vlan_vid: 0, in_port: 1 }, [apply(...tag, output(2))])
    await h.flow(0, 10, { vlan_vid: [0x1000, 0x1000], in_port: 2 }, [
      apply({ kind: 'pop_vlan' }, output(1)),
    ])
    one.send(echo(8))
    await quiet()
    const tagged = two.received[0]!
    expect(vlan.read(tagged, 14)).toEqual({ pcp: 5, dei: 0, vid: 42, type: 0x0800 })
    expect(ethernet.get.type(tagged, 0)).toBe(0x8100)
    two.send(tagged)
    await quiet()
    expect(one.received).toEqual([echo(8)])
  })

  test('oversize frames are counted exactly by a meter and nothing else passes it', async () => {
    void h.controller.send({
      type: 'meter_mod',
      command: 0,
      flags: meterFlags.pktps | meterFlags.stats | meterFlags.burst,
      meter_id: 9,
      bands: [{ kind: 'drop', rate: 0xffffffff, burst_size: 0xffffffff }],
    })
    await h.flow(0, 10, {}, [
      apply({ kind: 'check_pkt_larger', pkt_len: 9014, dst: { field: 'reg4', ofs: 0 } }),
      goto(1),
    ])
    await h.flow(1, 20, { reg4: [1, 1] }, [{ kind: 'meter', meter_id: 9 }])
    await h.flow(1, 10, {}, [apply(output(2))])
    for (const payload of [8972, 8973, 8972, 9100, 56]) one.send(echo(payload))
    await quiet()
    expect(two.received.map((frame) => frame.length)).toEqual([9014, 9014, 98])
    const [meter] = await h.controller.multipart({ kind: 'meter', body: { meter_id: 9 } })
    expect(meter).toMatchObject({ meter_id: 9, flow_count: 1, packet_in_count: 2n })
    expect(meter?.byte_in_count).toBe(9015n + 9142n)
    expect(h.host.drops.read()).toEqual({ flow_no_output: 2 })
  })

  test('a drop band lets its rate through and counts what it takes', async () => {
    const bands = [{ kind: 'drop', rate: 10, burst_size: 0 }] as const
    const flags = meterFlags.pktps | meterFlags.stats
    void h.controller.send({ type: 'meter_mod', command: 0, flags, meter_id: 1, bands })
    await h.flow(0, 10, {}, [{ kind: 'meter', meter_id: 1 }, apply(output(2))])
    for (let i = 0; i < 15; i++) one.send(echo(8))
    await quiet()
    expect(two.received).toHaveLength(10)
    clock.advance(300)
    for (let i = 0; i < 5; i++) one.send(echo(8))
    await quiet()
    expect(two.received).toHaveLength(13)
    const [meter] = await h.controller.multipart({ kind: 'meter', body: { meter_id: 1 } })
    expect(meter?.band_stats).toEqual([{ packet_band_count: 7n, byte_band_count: 7n * 50n }])
    expect(h.host.drops.read()).toEqual({ meter_exceeded: 7 })
  })

  test('a group of type all gives each bucket its own copy of the frame', async () => {
    const group = encodeGroup({
      group_id: 5,
      group_type: groupType.all,
      buckets: [[set('eth_dst', 0x020000000099), output(2)], [output(3)], [output(1)]],
    })
    void h.controller.send(groupMod('add', group))
    await h.flow(0, 10, {}, [apply({ kind: 'group', group_id: 5 }, set('eth_src', 1), output(3))])
    one.send(echo(8))
    await quiet()
    expect(two.received.map((f) => ethernet.get.dst(f, 0))).toEqual([0x020000000099])
    expect(three.received.map((f) => ethernet.read(f, 0))).toEqual([
      { dst: B.mac, src: A.mac, type: 0x0800 },
      { dst: B.mac, src: 1, type: 0x0800 },
    ])
    const [stats] = await h.controller.multipart({ kind: 'group', body: { group_id: 5 } })
    expect(stats).toMatchObject({ ref_count: 1, packet_count: 1n })
    expect(stats?.bucket_stats.map((bucket) => bucket.packet_count)).toEqual([1n, 1n, 1n])
    expect(h.host.drops.read()).toEqual({})
  })

  test('select keeps a connection on one bucket, fast failover leaves a port that is down', async () => {
    const bucket = (weight: number, port: number, watch_port = ANY) => ({
      weight,
      watch_port,
      watch_group: ANY,
      actions: [output(port)],
    })
    const select = encodeGroup({
      group_id: 1,
      group_type: groupType.select,
      buckets: [bucket(1, 2), bucket(1, 3)],
    })
    const failover = encodeGroup({
      group_id: 2,
      group_type: groupType.ff,
      buckets: [bucket(0, 2, 2), bucket(0, 3, 3)],
    })
    void h.controller.send(groupMod('add', select))
    void h.controller.send(groupMod('add', failover))
    await h.flow(0, 10, { eth_type: 0x0800 }, [apply({ kind: 'group', group_id: 1 })])
    for (let udp_src = 0; udp_src < 64; udp_src++) {
      const frame = udpFrame({ ...between, udp_src, udp_dst: 5 })
      one.send(frame)
      one.send(frame)
    }
    await quiet()
    expect(two.received.length + three.received.length).toBe(128)
    for (const station of [two, three]) {
      expect(station.received.length).toBeGreaterThan(30)
      expect(station.received.length % 2).toBe(0)
    }
    await h.flow(0, 20, { eth_type: 0x0800 }, [apply({ kind: 'group', group_id: 2 })])
    two.received.length = three.received.length = 0
    one.send(echo(8))
    await quiet()
    two.port.disconnect()
    one.send(echo(8))
    await quiet()
    expect([two.received.length, three.received.length]).toEqual([1, 1])
  })

  test('the action set runs last, in the order of the specification', async () => {
    await h.flow(0, 10, {}, [
      { kind: 'write_actions', actions: [output(2), set('eth_dst', 1)] },
      goto(1),
    ])
    await h.flow(1, 10, {}, [
      { kind: 'write_actions', actions: [set('eth_dst', 2), set('eth_src', 3)] },
      goto(2),
    ])
    await h.flow(2, 10, { eth_dst: B.mac }, [apply(output(3))])
    one.send(echo(8))
    await quiet()
    expect(ethernet.read(two.received[0]!, 0)).toEqual({ dst: 2, src: 3, type: 0x0800 })
    expect(three.received).toEqual([echo(8)])
    await h.flow(2, 10, {}, [{ kind: 'clear_actions' }])
    await h.flow(2, 10, { eth_dst: B.mac }, [{ kind: 'clear_actions' }])
    one.send(echo(8))
    await quiet()
    expect(two.received).toHaveLength(1)
  })

  test('metadata, registers and their wide views hold what was written', async () => {
    const metadata = 0x1234_5678_9abc_def0n
    await h.flow(0, 10, {}, [
      apply(
        {
          kind: 'load',
          dst: { field: 'xreg0', ofs: 0, n_bits: 64 },
          value: 0xaaaa_bbbb_cccc_ddddn,
        },
        {
          kind: 'move',
          src: { field: 'reg1', ofs: 8, n_bits: 16 },
          dst: { field: 'reg2', ofs: 4, n_bits: 16 },
        },
      ),
      { kind: 'write_metadata', metadata, metadata_mask: 0xffff_0000_0000_ffffn },
      goto(1),
    ])
    const match = {
      reg0: 0xaaaabbbb,
      reg1: [0xcccc0000, 0xffff0000],
      reg2: 0xcccdd0 & 0xffff0,
      metadata: 0x1234_0000_0000_def0n,
    } as const
    await h.flow(1, 10, match, [apply(output(2))])
    one.send(echo(8))
    await quiet()
    expect(two.received).toHaveLength(1)
  })

  test('resubmit comes back, and a loop of resubmits ends in a named drop', async () => {
    const resubmit = (table_id: number) =>
      ({ kind: 'resubmit', in_port: 0xfff8, table_id }) as const
    await h.flow(0, 10, { eth_type: 0x0800 }, [apply(resubmit(3), output(3))])
    await h.flow(3, 10, {}, [apply(set('eth_dst', 9), output(2))])
    one.send(echo(8))
    await quiet()
    expect([two.received.length, three.received.length]).toEqual([1, 1])
    expect(ethernet.get.dst(three.received[0]!, 0)).toBe(9)
    await h.flow(3, 10, {}, [apply(resubmit(3), resubmit(3))])
    one.send(echo(8))
    await quiet()
    expect(h.host.drops.of('recursion_limit')).toBeGreaterThan(0)
    expect(h.host.drops.of('exception')).toBe(0)
  })

  test('packet-out runs actions or the tables, packet-in tells where the frame came from', async () => {
    await h.flow(0, 0, {}, [apply({ kind: 'output', port: CONTROLLER, max_len: 0xffff })], 7n)
    one.send(echo(8))
    await quiet()
    const punted = h.unsolicited.find((m) => m.type === 'packet_in') as MessageOf<'packet_in'>
    expect(punted).toMatchObject({ reason: 0, table_id: 0, cookie: 7n, total_len: 50 })
    expect(Uint8Array.from(punted.data)).toEqual(echo(8))
    const data = echo(8)
    const out = { type: 'packet_out', buffer_id: 0xffffffff, data } as const
    void h.controller.send({ ...out, in_port: CONTROLLER, actions: [output(2)] })
    await h.flow(0, 10, { in_port: 3 }, [apply(output(1))])
    void h.controller.send({ ...out, in_port: 3, actions: [output(TABLE)] })
    await h.controller.barrier()
    await quiet()
    expect([one.received, two.received]).toEqual([[data], [data]])
  })

  test('frames reach the bridge by its own port, LOCAL, too', async () => {
    const host = h.host.internal('br-int')
    const received: Uint8Array[] = []
    host.onFrame((frame) => void received.push(frame))
    await h.flow(0, 10, { in_port: 1 }, [apply(output(LOCAL))])
    await h.flow(0, 10, { in_port: LOCAL }, [apply(output(2))])
    one.send(echo(8))
    host.send(echo(9))
    await quiet()
    expect([received, two.received]).toEqual([[echo(8)], [echo(9)]])
  })

  test('every truncation of every header passes through without an exception', async () => {
    const touch = [
      set('eth_dst', 1),
      moveField('eth_src', 'eth_dst'),
      { kind: 'push_vlan', ethertype: 0x8100 } as const,
      set('vlan_vid', 0x1007),
      { kind: 'pop_vlan' } as const,
    ]
    await h.flow(0, 10, {}, [apply(...touch, output(2))])
    const ip = { eth_type: 0x0800 } as const
    const ttl = { kind: 'dec_nw_ttl' } as const
    await h.flow(0, 20, ip, [apply(...touch, set('ipv4_src', 1), ttl, output(2))])
    await h.flow(0, 30, { ...ip, ip_proto: 17 }, [apply(set('udp_dst', 1), output(2))])
    await h.flow(0, 30, { ...ip, ip_proto: 6 }, [apply(set('tcp_dst', 1), output(2))])
    await h.flow(0, 30, { ...ip, ip_proto: 1 }, [apply(set('icmpv4_code', 1), output(2))])
    await h.flow(0, 20, { eth_type: 0x0806 }, [apply(set('arp_tpa', 1), output(2))])
    const whole = [
      datagram(),
      tcpSynFrame({ ...between, tcp_src: 1, tcp_dst: 2 }),
      echo(3),
      arpFrame({ op: 1, sha: 1, spa: 1, tha: 0, tpa: 2 }),
      ethernetFrame({ dst: 1, src: 2, type: 0x0800, vlan_vid: 5, payload: datagram().slice(14) }),
      Uint8Array.from(Buffer.from(`${'01'.repeat(12)}${'81000001'.repeat(10)}0800`, 'hex')),
      Uint8Array.from(
        Buffer.from(
          `${'02'.repeat(12)}86dd60000000001000${'ff'.repeat(33)}2c00000000000000`,
          'hex',
        ),
      ),
    ]
    let sent = 0
    let short = 0
    for (const frame of whole) {
      for (let size = 0; size <= frame.length; size++, sent++) {
        one.send(frame.subarray(0, size))
        if (size < 14) short++
        // The same with lying lengths: version, header length and total length all ones.
        const lie = frame.slice(0, size)
        lie.fill(0xff, 14, 18)
        one.send(lie)
        if (size < 14) short++
        await quiet(2)
      }
    }
    await quiet()
    // An IPv4 header that is not whole has no TTL to count down.
    const { ttl_expired = 0, ...drops } = h.host.drops.read()
    expect(drops).toEqual({ frame_truncated: short })
    expect(ttl_expired).toBeGreaterThan(100)
    expect(two.received).toHaveLength(2 * sent - short - ttl_expired)
  })
})
