import { afterEach, beforeEach, expect, test } from 'vitest'
import { moveField } from '../../../southbound/openflow/action.ts'
import { IN_PORT } from '../../../southbound/openflow/port.ts'
import { parseIpv4 } from '../../../southbound/wire/address.ts'
import { internetChecksum, pseudoHeaderSum } from '../../../southbound/wire/checksum.ts'
import { ethernet } from '../../../southbound/wire/ethernet.ts'
import {
  arpFrame,
  ethernetFrame,
  icmpEchoFrame,
  tcpSynFrame,
  udpFrame,
} from '../../../southbound/wire/frame.ts'
import { vlan } from '../../../southbound/wire/vlan.ts'
import { apply, output, quiet, set } from '../rig.ts'
import { A, B, between, datagram, echo, openScene, type Scene } from './scene.ts'

let h: Scene['h']
let one: Scene['one']
let two: Scene['two']
beforeEach(async () => {
  ;({ h, one, two } = await openScene())
})
afterEach(() => h.host.close())

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
      Buffer.from(`${'02'.repeat(12)}86dd60000000001000${'ff'.repeat(33)}2c00000000000000`, 'hex'),
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
