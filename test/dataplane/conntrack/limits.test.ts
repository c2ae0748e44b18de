import { describe, expect, test } from 'vitest'
import { flushed } from '../../../dataplane/openflow/ct-flush.ts'
import { tcp, udp } from './packets.ts'
import { tracker } from './tracker.ts'

const out = { src: '10.0.0.1', dst: '10.0.0.2', sport: 1000, dport: 80 }
const home = { src: out.dst, dst: out.src, sport: 80, dport: 1000 }
const commit = { commit: true }
const from = (n: number) => ({ ...out, src: `10.1.${n >> 8}.${n & 255}` })

describe('limits', () => {
  test('a zone that is full takes no more, and its packets are still new', () => {
    const t = tracker({ limits: { perZone: 3, zones: new Map([[7, 1]]) } })
    for (let n = 0; n < 5; n++) {
      expect(t.see(udp(from(n)), { ...commit, zone: 1 })).toBe('new')
      expect(t.see(udp(from(n)), { ...commit, zone: 7 })).toBe('new')
    }
    const { connections, refused } = t.conntrack.statistics
    expect([connections, refused]).toEqual([4, 6])
    t.conntrack.setLimit(7, undefined)
    t.conntrack.setLimit('default', 2)
    t.see(udp(from(1)), { ...commit, zone: 7 })
    t.see(udp(from(2)), { ...commit, zone: 7 })
    expect(t.conntrack.entries(t.now(), 7)).toHaveLength(2)
    const address = Uint8Array.from(Buffer.from('00000000000000000000ffff0a010000', 'hex'))
    const first = flushed({
      ...{ type: 'ct_flush', xid: 0, ip_proto: 17 },
      properties: [
        { kind: 'zone', zone_id: 7 },
        { kind: 'orig', tuple: [{ kind: 'ct_src', address }] },
      ],
    })
    t.conntrack.flush(...first)
    expect(t.conntrack.entries(t.now(), 7).map(({ orig }) => orig.src)).toEqual(['10.1.0.1'])
    t.conntrack.flush(7)
    expect(t.conntrack.entries(t.now())).toHaveLength(3)
    t.conntrack.flush()
    expect(t.conntrack.statistics.connections).toBe(0)
  })

  test('a flood of SYNs makes its own room and ends no established connection', () => {
    const t = tracker({ limits: { maxConnections: 2000 } })
    t.see(tcp({ ...out, flags: 'S', seq: 0 }), commit)
    t.see(tcp({ ...home, flags: 'SA', seq: 0, ack: 1 }))
    t.see(tcp({ ...out, flags: 'A', seq: 1, ack: 1 }))
    for (let n = 0; n < 10_000; n++) {
      t.see(tcp({ ...from(n), flags: 'S' }), commit)
      t.advance(1)
    }
    const { connections, evicted, created } = t.conntrack.statistics
    expect([connections, created, evicted]).toEqual([2000, 10_001, 8001])
    expect(t.see(tcp({ ...out, flags: 'A', seq: 1, ack: 1 }))).toBe('est')
    // The youngest are those that are left.
    expect(
      t.see(
        tcp({
          ...from(9999),
          src: out.dst,
          dst: '10.1.39.15',
          sport: 80,
          dport: 1000,
          flags: 'SA',
          ack: 1,
        }),
      ),
    ).toBe('est|rpl')
  })

  test('when all are established, new ones are refused', () => {
    const t = tracker({ limits: { maxConnections: 10 } })
    for (let n = 0; n < 10; n++) {
      t.see(udp(from(n)), commit)
      const { src, dst } = from(n)
      t.see(udp({ src: dst, dst: src, sport: 80, dport: 1000 }))
    }
    expect(t.see(udp(from(11)), commit)).toBe('new')
    expect(t.conntrack.statistics).toMatchObject({ connections: 10, refused: 1, evicted: 0 })
  })
})

describe('timeouts', () => {
  test('a connection lives on with its packets, and its record is used again', () => {
    const t = tracker()
    t.see(udp(out), commit)
    t.advance(59_999)
    expect(t.see(udp(home))).toBe('est|rpl')
    t.advance(29_999)
    expect(t.see(udp(out))).toBe('est')
    t.advance(30_000)
    expect(t.see(udp(home))).toBe('new')
    expect(t.conntrack.entries(t.now())).toEqual([])
    for (let n = 0; n < 100; n++) t.see(udp(from(n)))
    expect(t.conntrack.statistics).toMatchObject({ connections: 0, expired: 1 })
  })

  test('timeouts are what was asked for', () => {
    const t = tracker({ timeouts: { other_first: 5 } })
    t.see(udp(out), commit)
    t.advance(5000)
    expect(t.see(udp(home))).toBe('new')
  })

  test('connections come and go by the thousand, and each is found by both its tuples', () => {
    const t = tracker({ limits: { maxConnections: 5000 } })
    let dice = 7
    const below = (n: number) => {
      dice = (dice * 48_271) % 2_147_483_647
      return dice % n
    }
    const until = new Map<number, number>()
    const answered = new Set<number>()
    for (let i = 0; i < 20_000; i++) {
      const n = below(3000)
      const alive = (until.get(n) ?? 0) > t.now()
      const { src, dst } = from(n)
      if (below(2) === 0) {
        const expected = !alive ? 'new' : answered.has(n) ? 'est' : 'new'
        if (!alive) answered.delete(n)
        expect(t.see(udp({ ...out, src }), commit)).toBe(expected)
        until.set(n, t.now() + (answered.has(n) ? 30_000 : 60_000))
      } else {
        const state = t.see(udp({ src: dst, dst: src, sport: 80, dport: 1000 }))
        expect(state).toBe(alive ? 'est|rpl' : 'new')
        if (alive) {
          answered.add(n)
          until.set(n, t.now() + 30_000)
        }
      }
      t.advance(below(20))
    }
    expect(t.conntrack.statistics.expired).toBeGreaterThan(100)
  })
})
