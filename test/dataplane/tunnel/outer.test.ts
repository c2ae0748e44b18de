import { afterEach, describe, expect, test } from 'vitest'
import { parseAddress } from '../../../dataplane/tunnel/address.ts'
import { decodeMatch } from '../../../southbound/openflow/match.ts'
import { CONTROLLER } from '../../../southbound/openflow/port.ts'
import { internetChecksum, sum16 } from '../../../southbound/wire/checksum.ts'
import { ethernetFrame } from '../../../southbound/wire/frame.ts'
import { ipv4 } from '../../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../../southbound/wire/ipv6.ts'
import { apply, output, quiet, set } from '../rig.ts'
import { arpAnswer, arrival4, arrival6, bytes, hex, inner } from './frames.ts'
import { type Tunnelled, type TunnelledOptions, tunnelled } from './station.ts'

let open: Tunnelled | undefined
afterEach(() => open?.close())

const NA = bytes(`0a0000000001 0a0000000002 86dd 60000000 0020 3a ff
  20010db8000000000000000000000012 20010db8000000000000000000000011
  88 00 0000 60000000 20010db8000000000000000000000012 02 01 0a0000000002`)
NA.set([0, 0], 56)
const naSum = internetChecksum(NA, 54, NA.length, sum16(NA, 22, 54) + 58 + 32)
NA.set([naSum >> 8, naSum & 255], 56)

/** A tunnel whose peer is known. */
async function towards(peer: '4' | '6', of: TunnelledOptions = {}): Promise<Tunnelled> {
  const remote_ip = peer === '4' ? '192.0.2.12' : '2001:db8::12'
  open = await tunnelled({ ...of, options: { key: '5001', remote_ip, ...of.options } })
  await open.send(inner())
  await open.inject(peer === '4' ? arpAnswer('192.0.2.12') : NA)
  open.take()
  return open
}

describe('outer headers', () => {
  test('over IPv4, byte for byte', async () => {
    const it = await towards('4')
    const [frame] = await it.send(inner())
    const port = hex(frame!.subarray(34, 36))
    expect(Number.parseInt(port, 16)).toBeGreaterThanOrEqual(49152)
    expect(internetChecksum(frame!, 14, 34)).toBe(0)
    const sum = hex(frame!.subarray(24, 26))
    expect(hex(frame!)).toBe(
      hex(
        bytes(`0a0000000002 0a0000000001 0800 | 45 00 0060 0000 4000 40 11 ${sum} c000020b c000020c
        ${port} 12b5 004c 0000 | 08000000 001389 00`),
      ) + hex(inner()),
    )
  })

  test('over IPv6, byte for byte, with a checksum', async () => {
    const it = await towards('6')
    const [frame] = await it.send(inner())
    const port = hex(frame!.subarray(54, 56))
    const sum = hex(frame!.subarray(60, 62))
    expect(internetChecksum(frame!, 54, frame!.length, sum16(frame!, 22, 54) + 17 + 76)).toBe(0)
    expect(sum).not.toBe('0000')
    expect(hex(frame!)).toBe(
      hex(
        bytes(`0a0000000002 0a0000000001 86dd | 6000${port} 004c 11 40
        20010db8000000000000000000000011 20010db8000000000000000000000012
        ${port} 12b5 004c ${sum} | 08000000 001389 00`),
      ) + hex(inner()),
    )
  })

  test('csum=true gives IPv4 a right UDP checksum too', async () => {
    const it = await towards('4', { options: { csum: 'true' } })
    const [frame] = await it.send(inner())
    expect(hex(frame!.subarray(40, 42))).not.toBe('0000')
    expect(internetChecksum(frame!, 34, frame!.length, sum16(frame!, 26, 34) + 17 + 76)).toBe(0)
  })

  test.each([
    [{}, 0xb9, 200, { tos: 0x01, ttl: 64, df: 1 }],
    [{ tos: 'inherit' }, 0xb8, 200, { tos: 0xb8, ttl: 64, df: 1 }],
    [{ tos: '0x48', ttl: '7' }, 0xb9, 200, { tos: 0x49, ttl: 7, df: 1 }],
    [{ tos: 'inherit', ttl: 'inherit' }, 0xbb, 9, { tos: 0xbb, ttl: 9, df: 1 }],
    [{ df_default: 'false' }, 0x02, 64, { tos: 0x02, ttl: 64, df: 0 }],
  ])('options %o with inner tos %i and ttl %i', async (options, tos, ttl, wanted) => {
    const it = await towards('4', { options })
    const [four] = await it.send(inner(tos, ttl))
    const df = ipv4.get.dontFragment(four!, 14)
    expect({ tos: four![15], ttl: ipv4.get.ttl(four!, 14), df }).toEqual(wanted)
    it.close()
    const six = await towards('6', { options })
    const [frame] = await six.send(inner(tos, ttl))
    const { dscp, ecn, hopLimit } = ipv6.read(frame!, 14)
    expect({ tos: dscp * 4 + ecn, ttl: hopLimit }).toEqual({ tos: wanted.tos, ttl: wanted.ttl })
  })

  test('what is no IP has nothing to inherit', async () => {
    const it = await towards('4', { options: { tos: 'inherit', ttl: 'inherit' } })
    const payload = new Uint8Array(46).fill(0xff)
    const [frame] = await it.send(ethernetFrame({ src: 2, dst: 4, type: 0x88b5, payload }))
    expect([frame![15], frame![22]]).toEqual([0, 64])
  })

  test('all of 24 bits of a VNI go out and come in; flows see who sent it', async () => {
    const key = { key: 'flow', remote_ip: 'flow' }
    for (const vni of [0, 1, 0x123456, 0xffffff]) {
      const actions = [set('tunnel_id', BigInt(vni)), set('tun_dst', 0xc000020c)]
      const it = await towards('4', { options: key, actions })
      const [frame] = await it.send(inner())
      expect(hex(frame!.subarray(46, 49))).toBe(vni.toString(16).padStart(6, '0'))
      const match = {
        in_port: 100,
        tunnel_id: BigInt(vni),
        tun_src: 0xc000020c,
        tun_dst: 0xc000020b,
      }
      await it.host.flow(0, 5, match, [apply(output(1))])
      await it.host.flow(0, 1, { in_port: 100 }, [])
      await it.inject(arrival4(inner(), vni), arrival4(inner(), vni ^ 1))
      expect(it.vm.received).toEqual([inner()])
      it.close()
    }
  })

  test('over IPv6 the flow sets tun_ipv6_dst and sees both addresses', async () => {
    const [low] = [0x20010db8000000000000000000000000n]
    const actions = [set('tunnel_id', 5001n), set('tun_ipv6_dst', low + 0x12n)]
    const it = await towards('6', { options: { key: 'flow', remote_ip: 'flow' }, actions })
    expect(await it.send(inner())).toHaveLength(1)
    const match = { in_port: 100, tun_ipv6_src: low + 0x12n, tun_ipv6_dst: low + 0x11n }
    await it.host.flow(0, 5, match, [apply(output(1))])
    await it.host.flow(0, 1, { in_port: 100 }, [])
    await it.inject(arrival6(inner()))
    expect(it.vm.received).toEqual([inner()])
  })

  test('a size at the edge passes, one byte more is named, over both versions', async () => {
    for (const [peer, most] of [
      ['4', 1600 - 36],
      ['6', 1600 - 56],
    ] as const) {
      const it = await towards(peer)
      const frame = (size: number) =>
        ethernetFrame({ src: 2, dst: 4, type: 0x88b5, payload: new Uint8Array(size - 14) })
      const [out] = await it.send(frame(most))
      expect(out).toHaveLength(1614)
      expect(await it.send(frame(most + 1))).toEqual([])
      expect(it.drops()).toEqual({ underlay_mtu_exceeded: 1 })
      it.close()
    }
  })
})

test('an MTU beyond what an IPv4 header can say is the largest that it can', async () => {
  const it = await towards('4', { mtuBytes: 100_000, underlayMtuBytes: 100_000 })
  const frame = (size: number) =>
    ethernetFrame({ src: 2, dst: 4, type: 0x88b5, payload: new Uint8Array(size - 14) })
  const [out] = await it.send(frame(65_499))
  expect(hex(out!.subarray(16, 18))).toBe('ffff')
  expect(await it.send(frame(65_500))).toEqual([])
  expect(it.drops()).toEqual({ underlay_mtu_exceeded: 1 })
})

describe('congestion on the underlay, RFC 6040 figure 4', () => {
  const NOT = 0
  const ECT1 = 1
  const ECT0 = 2
  const CE = 3
  const DROP = -1
  test.each([
    [NOT, [NOT, NOT, NOT, DROP]],
    [ECT1, [ECT1, ECT1, ECT1, CE]],
    [ECT0, [ECT0, ECT1, ECT0, CE]],
    [CE, [CE, CE, CE, CE]],
  ])('inner ECN %i becomes what the table says, its checksum too', async (ecn, after) => {
    open = await tunnelled()
    const tagged = (frame: Uint8Array) =>
      Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, 0, 5, ...frame.subarray(12)])
    for (const [outer, wanted] of after.entries()) {
      const frame = inner(0xb8 | ecn)
      open.vm.received.length = 0
      await open.inject(arrival4(frame, 5001, 0x48 | outer), arrival4(tagged(frame), 5001, outer))
      const expected = wanted === DROP ? [] : [inner(0xb8 | wanted), tagged(inner(0xb8 | wanted))]
      expect(open.vm.received.map(hex)).toEqual(expected.map(hex))
    }
    expect(open.drops()).toEqual(after.includes(DROP) ? { tunnel_ecn: 2 } : {})
  })

  test('an inner IPv6 header learns it too', async () => {
    open = await tunnelled({ options: { key: '5001', remote_ip: '2001:db8::12' } })
    const six = (ecn: number) => {
      const frame = new Uint8Array(60)
      frame.set(bytes('020000000012 020000000011 86dd 60000000 0006 3b 40'))
      frame[15] = ecn << 4
      return frame
    }
    await open.inject(arrival6(six(2), 5001, 3), arrival6(six(0), 5001, 3))
    expect(open.vm.received.map(hex)).toEqual([hex(six(3))])
    expect(open.drops()).toEqual({ tunnel_ecn: 1 })
  })
})

describe('the way to a remote VTEP', () => {
  test('is asked for by neighbour discovery over IPv6, and the frame that waited goes', async () => {
    open = await tunnelled({ options: { key: '5001', remote_ip: '2001:db8::12' } })
    const [question] = await open.send(inner())
    expect(hex(question!.subarray(0, 6))).toBe('3333ff000012')
    expect(hex(question!.subarray(22, 54))).toBe(
      '20010db8000000000000000000000011ff0200000000000000000001ff000012',
    )
    expect(internetChecksum(question!, 54, 86, sum16(question!, 22, 54) + 58 + 32)).toBe(0)
    await open.inject(NA)
    expect(open.take().map((frame) => frame.length)).toEqual([inner().length + 70])
  })

  test('leads by the gateway of the longest prefix; without one the drop has a name', async () => {
    const routes = [
      { to: '198.51.100.0/24', via: '192.0.2.1' },
      { to: '198.51.100.128/25', via: '192.0.2.2' },
    ]
    const actions = [set('tunnel_id', 1n)]
    open = await tunnelled({ routes, options: { key: 'flow', remote_ip: 'flow' }, actions })
    const asked = async (dst: string) => {
      const to = parseAddress(dst)[3]!
      const act = [set('tun_dst', to), output(100)]
      await open!.host.flow(0, 1, { in_port: 1 }, [apply(...act)])
      const [arp] = await open!.send(inner())
      return arp && [...arp.subarray(38, 42)].join('.')
    }
    expect(await asked('198.51.100.7')).toBe('192.0.2.1')
    expect(await asked('198.51.100.200')).toBe('192.0.2.2')
    expect(await asked('192.0.2.77')).toBe('192.0.2.77')
    expect(await asked('203.0.113.1')).toBeUndefined()
    expect(await asked('224.0.0.1')).toBeUndefined()
    expect(open.drops()).toEqual({ underlay_no_route: 2 })
  })

  test('a neighbour that moved is believed when we talk to it, and nobody else is learned', async () => {
    const it = await towards('4')
    const moved = arpAnswer('192.0.2.12', 0x0a0000000077)
    await it.inject(moved, arpAnswer('192.0.2.99', 0x0a0000000099))
    const [frame] = await it.send(inner())
    expect(hex(frame!.subarray(0, 6))).toBe('0a0000000077')
    // Ours is never believed of somebody else.
    await it.inject(arpAnswer('192.0.2.11', 0x0a0000000066))
    const [still] = await it.send(inner())
    expect(hex(still!.subarray(0, 12))).toBe('0a00000000770a0000000001')
  })

  test('our own addresses are announced, and answered for by ARP and ND', async () => {
    open = await tunnelled()
    const request = bytes(`ffffffffffff 0a0000000002 0806 0001 0800 06 04 0001
      0a0000000002 c000020c 000000000000 c000020b`)
    await open.inject(request)
    expect(open.take().map(hex)).toEqual([
      hex(
        bytes(`0a0000000002 0a0000000001 0806 0001 0800 06 04 0002
        0a0000000001 c000020b 0a0000000002 c000020c`),
      ),
    ])
    const probe = NA.slice()
    probe.set(bytes('3333ff000011'), 0)
    probe.set(bytes('ff0200000000000000000001ff000011'), 38)
    probe.set(bytes('8700 0000 00000000 20010db8000000000000000000000011 01'), 54)
    const sum = internetChecksum(probe, 54, probe.length, sum16(probe, 22, 54) + 58 + 32)
    probe.set([sum >> 8, sum & 255], 56)
    await open.inject(probe)
    const [answer] = open.take()
    expect(hex(answer!.subarray(0, 22))).toBe(
      '0a00000000020a00000000' + '0186dd60000000' + '00203aff',
    )
    expect(hex(answer!.subarray(58, 86))).toBe(
      '60000000' + '20010db8000000000000000000000011' + '02010a0000000001',
    )
    expect(open.drops()).toEqual({})
  })

  test('local_ip that is not ours is a named drop, and so is a link that is down', async () => {
    const it = await towards('4', { options: { local_ip: '192.0.2.50' } })
    expect(it.drops()).toEqual({ tunnel_no_source: 1 })
    await quiet()
  })
})

test('a packet-in tells the VNI and both addresses, over IPv6 too', async () => {
  open = await tunnelled({ options: { key: 'flow', remote_ip: 'flow' } })
  const toController = { kind: 'output', port: CONTROLLER, max_len: 0xffff } as const
  await open.host.flow(0, 9, { in_port: 100 }, [apply(toController)])
  await open.inject(arrival4(inner(), 7), arrival6(inner(), 8))
  await quiet()
  const told = open.host.unsolicited.flatMap((message) =>
    message.type === 'packet_in' ? [decodeMatch(message.match)] : [],
  )
  const low = 0x20010db8000000000000000000000000n
  expect(told).toEqual([
    { in_port: 100, tunnel_id: 7n, tun_src: 0xc000020c, tun_dst: 0xc000020b },
    { in_port: 100, tunnel_id: 8n, tun_ipv6_src: low + 0x12n, tun_ipv6_dst: low + 0x11n },
  ])
})
