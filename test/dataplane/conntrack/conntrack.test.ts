import { describe, expect, test } from 'vitest'
import { formatEntry } from '../../../dataplane/conntrack/entry.ts'
import { bytesOf, echo, icmp, join, other, tcp, udp, unframed, unreachable } from './packets.ts'
import { tracker } from './tracker.ts'

const there = { src: '10.0.0.1', dst: '10.0.0.2' }
const back = { src: there.dst, dst: there.src }
const out = { ...there, sport: 1000, dport: 80 }
const home = { ...back, sport: 80, dport: 1000 }
const commit = { commit: true }

describe('TCP', () => {
  /** SYN, SYN+ACK, ACK; all kept. */
  const connected = () => {
    const t = tracker()
    const states = [
      t.see(tcp({ ...out, flags: 'S', seq: 100 }), commit),
      t.see(tcp({ ...home, flags: 'SA', seq: 500, ack: 101 })),
      t.see(tcp({ ...out, flags: 'A', seq: 101, ack: 501 })),
    ]
    return { t, states }
  }

  test('a handshake is new, then established in both directions', () => {
    expect(connected().states).toEqual(['new', 'est|rpl', 'est'])
  })

  test('the bytes of a SYN, of its answer, and what is known of both', () => {
    const t = tracker()
    // 10.0.0.1:1000 > 10.0.0.2:80, seq 100, window 1000.
    const syn = bytesOf(`02000000000b 02000000000a 0800
      4500 0028 0000 0000 4006 66ce 0a000001 0a000002
      03e8 0050 00000064 00000000 5002 03e8 935c 0000`)
    expect(tcp({ ...out, flags: 'S', seq: 100 })).toEqual(syn)
    expect(t.see(syn, { ...commit, zone: 5, mark: 7, label: 2n ** 64n + 3n })).toBe('new')
    expect(t.see(tcp({ ...home, flags: 'SA', seq: 500, ack: 101 }), { zone: 5 })).toBe('est|rpl')
    const names = [
      'ct_zone',
      'ct_mark',
      'ct_label',
      'ct_nw_proto',
      'ct_tp_src',
      'ct_tp_dst',
    ] as const
    expect(names.map((name) => t.field(name))).toEqual([5n, 7n, 2n ** 64n + 3n, 6n, 1000n, 80n])
    expect(t.field('ct_nw_src')).toBe(0x0a000001n)
    expect(t.field('ct_nw_dst')).toBe(0x0a000002n)
    expect(t.conntrack.entries(t.now()).map((entry) => formatEntry(entry))).toEqual([
      'tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1000,dport=80),' +
        'reply=(src=10.0.0.2,dst=10.0.0.1,sport=80,dport=1000),zone=5,mark=7,' +
        'labels=0x10000000000000003,protoinfo=(state=ESTABLISHED)',
    ])
  })

  test('what is not committed is not remembered', () => {
    const t = tracker()
    expect(t.see(tcp({ ...out, flags: 'S' }))).toBe('new')
    expect(t.see(tcp({ ...home, flags: 'SA', ack: 1 }))).toBe('inv')
    expect(t.conntrack.statistics).toMatchObject({ connections: 0, created: 0, invalid: 1 })
  })

  test('a SYN that is sent again is still new', () => {
    const t = tracker()
    t.see(tcp({ ...out, flags: 'S', seq: 100 }), commit)
    expect(t.see(tcp({ ...out, flags: 'S', seq: 100 }), commit)).toBe('new')
    expect(t.conntrack.statistics.connections).toBe(1)
  })

  test('a connection is picked up in its middle, but not at its SYN+ACK', () => {
    const t = tracker()
    expect(t.see(tcp({ ...home, flags: 'SA', seq: 500, ack: 101 }), commit)).toBe('inv')
    expect(t.see(tcp({ ...out, flags: 'A', seq: 70_000, ack: 90_000 }), commit)).toBe('new')
    expect(t.see(tcp({ ...home, flags: 'A', seq: 90_000, ack: 70_000 }))).toBe('est|rpl')
  })

  test.each([
    ['S', 'F'],
    ['S', 'R'],
    ['', ''],
    ['F', ''],
    ['P', 'S'],
  ])('flags %s%s that nobody may send are invalid', (a, b) => {
    expect(tracker().see(tcp({ ...out, flags: a + b }), commit)).toBe('inv')
  })

  test('a segment outside of the window is invalid and changes nothing', () => {
    const { t } = connected()
    expect(t.see(tcp({ ...out, flags: 'A', seq: 500_000, ack: 501, data: 10 }))).toBe('inv')
    expect(t.see(tcp({ ...out, flags: 'A', seq: 101, ack: 501, data: 10 }))).toBe('est')
  })

  test('a reset counts at its exact place alone', () => {
    const { t } = connected()
    expect(t.see(tcp({ ...home, flags: 'R', seq: 800 }))).toBe('inv')
    expect(t.see(tcp({ ...home, flags: 'R', seq: 501 }))).toBe('est|rpl')
    expect(t.conntrack.entries(t.now())[0]!.states).toEqual(['TIME_WAIT', 'TIME_WAIT'])
    // The ports may be used again.
    expect(t.see(tcp({ ...out, flags: 'S', seq: 9000 }), commit)).toBe('new')
    expect(t.conntrack.entries(t.now())[0]!.states).toEqual(['SYN_SENT', 'CLOSED'])
  })

  test('one side may close and still be sent to', () => {
    const { t } = connected()
    const timeout = () => t.conntrack.entries(t.now())[0]!.timeout
    expect(timeout()).toBe(24 * 60 * 60)
    expect(t.see(tcp({ ...out, flags: 'FA', seq: 101, ack: 501 }))).toBe('est')
    expect(t.see(tcp({ ...home, flags: 'A', seq: 501, ack: 102, data: 100 }))).toBe('est|rpl')
    expect(timeout()).toBe(15 * 60)
    expect(t.see(tcp({ ...home, flags: 'FA', seq: 601, ack: 102 }))).toBe('est|rpl')
    expect(timeout()).toBe(45)
    expect(t.see(tcp({ ...out, flags: 'A', seq: 102, ack: 602 }))).toBe('est')
    expect(timeout()).toBe(30)
  })

  test('windows are scaled when both sides say so', () => {
    const t = tracker()
    t.see(tcp({ ...out, flags: 'S', seq: 0, window: 100, scale: 7 }), commit)
    t.see(tcp({ ...home, flags: 'SA', seq: 0, ack: 1, window: 100, scale: 7 }))
    t.see(tcp({ ...out, flags: 'A', seq: 1, ack: 1, window: 100 }))
    expect(t.see(tcp({ ...home, flags: 'A', seq: 12_000, ack: 1, window: 100, data: 500 }))).toBe(
      'est|rpl',
    )
    const u = tracker()
    u.see(tcp({ ...out, flags: 'S', seq: 0, window: 100, scale: 7 }), commit)
    u.see(tcp({ ...home, flags: 'SA', seq: 0, ack: 1, window: 100 }))
    u.see(tcp({ ...out, flags: 'A', seq: 1, ack: 1, window: 100 }))
    expect(u.see(tcp({ ...home, flags: 'A', seq: 70_000, ack: 1, window: 100, data: 500 }))).toBe(
      'inv',
    )
  })
})

describe('datagrams', () => {
  test('UDP is new until it is answered, and both directions are known', () => {
    const t = tracker()
    expect(t.see(udp(out), commit)).toBe('new')
    expect(t.see(udp(home))).toBe('est|rpl')
    expect(t.see(udp(out))).toBe('est')
    const u = tracker()
    u.see(udp(out), commit)
    expect([u.see(udp(out)), u.see(udp(out))]).toEqual(['new', 'new'])
  })

  test('an echo is answered by its identifier', () => {
    const t = tracker()
    expect(t.see(echo({ ...there, id: 7 }, 'request'), commit)).toBe('new')
    expect(t.see(echo({ ...back, id: 8 }, 'reply'), commit)).toBe('inv')
    expect(t.see(echo({ ...back, id: 7 }, 'reply'))).toBe('est|rpl')
    const [src, dst] = [t.field('ct_tp_src'), t.field('ct_tp_dst')]
    expect([src, dst]).toEqual([8n, 0n])
  })

  test('ICMPv6 the same', () => {
    const t = tracker()
    const [a, b] = [
      { src: 'fd00::1', dst: 'fd00::2' },
      { src: 'fd00::2', dst: 'fd00::1' },
    ]
    expect(t.see(echo({ ...a, id: 7 }, 'request'), commit)).toBe('new')
    expect(t.see(echo({ ...b, id: 7 }, 'reply'))).toBe('est|rpl')
    expect(t.field('ct_ipv6_src')).toBe(0xfd00_0000_0000_0000_0000_0000_0000_0001n)
    // A router advertisement is of no connection.
    expect(t.see(icmp(a, 134, 0, new Uint8Array(12)), commit)).toBe('inv')
  })

  test('other protocols are told apart by addresses', () => {
    const t = tracker()
    expect(t.see(other(there), commit)).toBe('new')
    expect(t.see(other(back))).toBe('est|rpl')
    expect(t.see(other(there, 50))).toBe('new')
  })

  test('zones know nothing of each other', () => {
    const t = tracker()
    t.see(udp(out), { ...commit, zone: 1 })
    expect(t.see(udp(home), { zone: 2 })).toBe('new')
    expect(t.see(udp(home), { zone: 1 })).toBe('est|rpl')
  })

  test('force turns a connection round', () => {
    const t = tracker()
    t.see(udp(out), commit)
    expect(t.see(udp(home), { commit: true, force: true })).toBe('new')
    expect(t.see(udp(out))).toBe('est|rpl')
    expect(t.conntrack.statistics.connections).toBe(1)
  })
})

describe('ICMP errors', () => {
  test('an error about a packet of a connection is related to it', () => {
    const t = tracker()
    t.see(udp(out), { ...commit, mark: 9 })
    expect(t.see(unreachable(back, unframed(udp(out)), 28))).toBe('rel|rpl')
    expect(t.field('ct_mark')).toBe(9n)
    // From a router between both.
    const router = { src: '10.0.0.254', dst: there.src }
    expect(t.see(unreachable(router, unframed(udp(out)), 28))).toBe('rel|rpl')
  })

  test('one about nothing, cut short, or for somebody else, is invalid', () => {
    const t = tracker()
    t.see(udp(out), commit)
    expect(t.see(unreachable(back, unframed(udp({ ...out, sport: 5 }))))).toBe('inv')
    expect(t.see(unreachable(back, unframed(udp(out)), 27))).toBe('inv')
    expect(t.see(unreachable({ ...back, dst: '10.0.0.9' }, unframed(udp(out))))).toBe('inv')
    expect(t.see(unreachable(back, unframed(unreachable(out, unframed(udp(home))))))).toBe('inv')
  })
})

describe('malformed packets', () => {
  const damaged = (frame: Uint8Array, at: number) => {
    const bytes = frame.slice()
    bytes[at] = bytes[at]! ^ 1
    return bytes
  }
  test('wrong checksums are invalid, unless they are not to be looked at', () => {
    const t = tracker()
    expect(t.see(damaged(udp(out), 24), commit)).toBe('inv')
    expect(t.see(damaged(udp(out), 45), commit)).toBe('inv')
    expect(t.see(damaged(tcp({ ...out, flags: 'S' }), 50), commit)).toBe('inv')
    expect(t.see(damaged(echo({ ...there, id: 1 }, 'request'), 45), commit)).toBe('inv')
    const lax = tracker({ verifyChecksums: false })
    expect(lax.see(damaged(udp(out), 45), commit)).toBe('new')
  })

  test('a UDP checksum of 0 is none in IPv4', () => {
    const frame = udp(out)
    frame[40] = frame[41] = 0
    expect(tracker().see(frame, commit)).toBe('new')
  })

  test('port 0, a data offset beyond the end, and what is no IP, are invalid', () => {
    const t = tracker()
    expect(t.see(udp({ ...out, dport: 0 }), commit)).toBe('inv')
    const long = tcp({ ...out, flags: 'S' })
    long[46] = 0xf0
    expect(t.see(long, commit)).toBe('inv')
    expect(t.see(join(bytesOf('ffffffffffff 020000000001 0806'), new Uint8Array(28)))).toBe('inv')
    expect(t.see(udp(out).slice(0, 30), commit)).toBe('inv')
  })

  test('every truncation of a packet has an answer', () => {
    const t = tracker()
    const frames = [
      tcp({ ...out, flags: 'S', scale: 3 }),
      unreachable(back, unframed(udp(out))),
      udp({ ...out, src: 'fd00::1', dst: 'fd00::2' }),
    ]
    for (const frame of frames) {
      for (let size = 14; size < frame.length; size++) {
        expect(t.see(frame.slice(0, size), commit)).toBe('inv')
      }
    }
  })
})
