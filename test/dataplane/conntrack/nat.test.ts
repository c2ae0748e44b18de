import { describe, expect, test } from 'vitest'
import { formatEntry } from '../../../dataplane/conntrack/entry.ts'
import { echo, other, sctp, tcp, udp, unframed, unreachable } from './packets.ts'
import { natRequest, type Tracker, tracker } from './tracker.ts'

const A = '10.0.0.1'
const B = '10.0.0.2'
const OUTSIDE = '192.0.2.9'
const out = { src: A, dst: B, sport: 3000, dport: 80 }
const snat = { commit: true, nat: `src=${OUTSIDE}` }
const nat = { nat: '' }
const orig = { commit: true, nat: 'dst=10.1.1.1:8080' }

describe('source translation', () => {
  test('the first packet, its answer and the next are translated, checksums and all', () => {
    const t = tracker()
    expect(t.see(tcp({ ...out, flags: 'S', seq: 9 }), snat)).toBe('new|snat')
    expect(t.frame).toEqual(tcp({ ...out, src: OUTSIDE, flags: 'S', seq: 9 }))
    const answer = { src: B, dst: OUTSIDE, sport: 80, dport: 3000, flags: 'SA', seq: 5, ack: 10 }
    expect(t.see(tcp(answer), nat)).toBe('est|rpl|dnat')
    expect(t.frame).toEqual(tcp({ ...answer, dst: A }))
    expect(t.field('ipv4_dst')).toBe(0x0a000001n)
    expect(t.see(tcp({ ...out, flags: 'A', seq: 10, ack: 6 }), nat)).toBe('est|snat')
    expect(t.frame).toEqual(tcp({ ...out, src: OUTSIDE, flags: 'A', seq: 10, ack: 6 }))
    // Without nat nothing is touched.
    expect(t.see(tcp({ ...answer, flags: 'A', seq: 6 }))).toBe('est|rpl')
    expect(t.frame).toEqual(tcp({ ...answer, flags: 'A', seq: 6 }))
  })

  test('two that share a port get different ones', () => {
    const t = tracker()
    const other = { ...out, src: '10.0.0.7' }
    t.see(udp(out), snat)
    t.see(udp(other), snat)
    expect(t.frame).toEqual(udp({ ...other, src: OUTSIDE, sport: 3001 }))
    t.see(udp({ src: B, dst: OUTSIDE, sport: 80, dport: 3001 }), nat)
    expect(t.frame).toEqual(udp({ src: B, dst: '10.0.0.7', sport: 80, dport: 3000 }))
  })

  test('low ports stay low', () => {
    const t = tracker()
    t.see(udp({ ...out, sport: 500 }), snat)
    t.see(udp({ ...out, src: '10.0.0.7', sport: 500 }), snat)
    expect(t.frame).toEqual(udp({ ...out, src: OUTSIDE, sport: 501 }))
  })

  test('every port of a range is used once, then connections are refused as invalid', () => {
    const t = tracker()
    const ask = { commit: true, nat: `src=${OUTSIDE}:4000-4099` }
    const used = new Set<number>()
    for (let i = 0; i < 100; i++) {
      expect(t.see(udp({ ...out, src: `10.0.1.${i}` }), ask)).toBe('new|snat')
      used.add((t.frame[34]! << 8) | t.frame[35]!)
    }
    expect([Math.min(...used), Math.max(...used), used.size]).toEqual([4000, 4099, 100])
    const frame = udp({ ...out, src: '10.0.2.1' })
    expect(t.see(frame, ask)).toBe('inv')
    expect(t.frame).toEqual(frame)
    expect(t.conntrack.statistics).toMatchObject({ connections: 100, untranslatable: 1 })
    // Another destination is another matter.
    expect(t.see(udp({ ...out, src: '10.0.2.1', dst: '10.0.0.3' }), ask)).toBe('new|snat')
  })

  test('a range that is full is tried at all its addresses, then not again for 100 ms', () => {
    const t = tracker()
    const ask = { commit: true, request: natRequest('src=192.0.2.1-192.0.2.16:4000-4001') }
    const see = (i: number, of = {}) => t.see(udp({ ...out, src: `10.0.3.${i}`, ...of }), ask)
    for (let i = 0; i < 32; i++) expect(see(i)).toBe('new|snat')
    for (let i = 32; i < 40; i++) expect(see(i)).toBe('inv')
    // Another destination has all of the range.
    expect(see(40, { dst: '10.0.0.3' })).toBe('new|snat')
    expect(see(40, { dport: 81 })).toBe('new|snat')
    t.conntrack.flush()
    expect(see(41)).toBe('inv')
    t.advance(100)
    expect(see(41)).toBe('new|snat')
  })

  test('the addresses of a range are all used', () => {
    const t = tracker()
    const ask = { commit: true, nat: 'src=192.0.2.10-192.0.2.13' }
    const used = new Set<number>()
    for (let i = 0; i < 100; i++) {
      t.see(udp({ ...out, sport: 5000 + i }), ask)
      used.add(t.frame[29]!)
    }
    expect([...used].toSorted()).toEqual([10, 11, 12, 13])
  })

  test('pings that share an identifier get different ones', () => {
    const t = tracker()
    const ping = { src: A, dst: B, id: 7 }
    t.see(echo(ping, 'request'), snat)
    expect(t.frame).toEqual(echo({ ...ping, src: OUTSIDE }, 'request'))
    t.see(echo({ ...ping, src: '10.0.0.7' }, 'request'), snat)
    expect(t.frame).toEqual(echo({ src: OUTSIDE, dst: B, id: 8 }, 'request'))
    expect(t.see(echo({ src: B, dst: OUTSIDE, id: 8 }, 'reply'), nat)).toBe('est|rpl|dnat')
    expect(t.frame).toEqual(echo({ src: B, dst: '10.0.0.7', id: 7 }, 'reply'))
  })

  test('SCTP with its ports and its CRC', () => {
    const t = tracker()
    t.see(sctp(out, [1]), { commit: true, nat: `src=${OUTSIDE}:4000` })
    expect(t.frame).toEqual(sctp({ ...out, src: OUTSIDE, sport: 4000 }, [1]))
    t.see(sctp({ src: B, dst: OUTSIDE, sport: 80, dport: 4000 }, [2]), nat)
    expect(t.frame).toEqual(sctp({ src: B, dst: A, sport: 80, dport: 3000 }, [2]))
  })

  test('protocols without ports by address alone', () => {
    const t = tracker()
    t.see(other({ src: A, dst: B }), snat)
    expect(t.frame).toEqual(other({ src: OUTSIDE, dst: B }))
    expect(t.see(other({ src: '10.0.0.7', dst: B }), snat)).toBe('inv')
  })

  test('IPv6 the same', () => {
    const t = tracker()
    const six = { src: 'fd00::1', dst: 'fd00::2', sport: 3000, dport: 80 }
    t.see(udp(six), { commit: true, nat: 'src=[fd00::ff]:4000' })
    expect(t.frame).toEqual(udp({ ...six, src: 'fd00::ff', sport: 4000 }))
    t.see(udp({ src: 'fd00::2', dst: 'fd00::ff', sport: 80, dport: 4000 }), nat)
    expect(t.frame).toEqual(udp({ src: 'fd00::2', dst: 'fd00::1', sport: 80, dport: 3000 }))
  })
})

describe('nat without an address', () => {
  test('leaves a new connection as it is, and its answers find it', () => {
    const t = tracker()
    expect(t.see(udp(out), { commit: true, nat: '' })).toBe('new')
    expect(t.frame).toEqual(udp(out))
    expect(t.see(udp({ src: B, dst: A, sport: 80, dport: 3000 }), nat)).toBe('est|rpl')
  })

  test('translates once in a zone, however often it is asked', () => {
    const t = tracker()
    t.see(udp(out), snat)
    expect(t.see(udp(out), { ...snat, first: nat })).toBe('new|snat')
    expect(t.frame).toEqual(udp({ ...out, src: OUTSIDE }))
    expect(t.conntrack.statistics.connections).toBe(1)
  })
})

describe('destination translation', () => {
  test('a server behind an address and port', () => {
    const t = tracker()
    expect(t.see(udp(out), orig)).toBe('new|dnat')
    expect(t.frame).toEqual(udp({ ...out, dst: '10.1.1.1', dport: 8080 }))
    expect(t.see(udp({ src: '10.1.1.1', dst: A, sport: 8080, dport: 3000 }), nat)).toBe(
      'est|rpl|snat',
    )
    expect(t.frame).toEqual(udp({ src: B, dst: A, sport: 80, dport: 3000 }))
    expect(t.conntrack.entries(t.now()).map((entry) => formatEntry(entry))).toEqual([
      'udp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=3000,dport=80),' +
        'reply=(src=10.1.1.1,dst=10.0.0.1,sport=8080,dport=3000)',
    ])
  })

  test('one who is already connected to the server keeps his port, the translated one gets another', () => {
    const t = tracker()
    t.see(udp({ ...out, dst: '10.1.1.1', dport: 8080 }), { commit: true })
    t.see(udp(out), orig)
    expect(t.frame).toEqual(udp({ ...out, dst: '10.1.1.1', sport: 3001, dport: 8080 }))
  })

  test('a client and its server on one network, both translated in zones of their own', () => {
    const t = tracker()
    const toServer = { commit: true, nat: 'dst=10.0.0.1', zone: 1 }
    const fromAddress = { commit: true, nat: `src=${OUTSIDE}`, zone: 2 }
    expect(t.see(udp(out), { ...fromAddress, first: toServer })).toBe('new|snat')
    expect(t.frame).toEqual(udp({ ...out, src: OUTSIDE, dst: A }))
    const answer = { src: A, dst: OUTSIDE, sport: 80, dport: 3000 }
    expect(t.see(udp(answer), { ...nat, zone: 1, first: { ...nat, zone: 2 } })).toBe('est|rpl|snat')
    expect(t.frame).toEqual(udp({ src: B, dst: A, sport: 80, dport: 3000 }))
  })
})

describe('errors about translated packets', () => {
  const quoted = (t: Tracker) => unframed(t.frame)
  test.each([
    ['TCP', (of: typeof out) => tcp({ ...of, flags: 'S', seq: 9 })],
    ['UDP', (of: typeof out) => udp(of)],
  ])('what %s they quote is as the sender knows it', (_name, make) => {
    const t = tracker()
    t.see(make(out), { commit: true, nat: `src=${OUTSIDE}:4000` })
    const error = unreachable({ src: '10.0.9.9', dst: OUTSIDE }, quoted(t))
    expect(t.see(error, nat)).toBe('rel|rpl|dnat')
    expect(t.frame).toEqual(unreachable({ src: '10.0.9.9', dst: A }, unframed(make(out))))
    // 8 bytes of what is behind IP are enough.
    const short = unreachable({ src: '10.0.9.9', dst: OUTSIDE }, quoted0(make), 28)
    t.see(short, nat)
    expect(t.frame.slice(42, 70)).toEqual(unframed(make(out)).slice(0, 28))
  })
  const quoted0 = (make: (of: typeof out) => Uint8Array) =>
    unframed(make({ ...out, src: OUTSIDE, sport: 4000 }))

  test('in the other direction, of IPv6, and of pings', () => {
    const t = tracker()
    const six = { src: 'fd00::1', dst: 'fd00::2', sport: 3000, dport: 80 }
    t.see(udp(six), { commit: true, nat: 'src=[fd00::ff]:4000' })
    t.see(udp({ src: 'fd00::2', dst: 'fd00::ff', sport: 80, dport: 4000 }), nat)
    const answer = t.frame
    const refusal = unreachable({ src: 'fd00::1', dst: 'fd00::2' }, unframed(answer))
    expect(t.see(refusal, nat)).toBe('rel|snat')
    expect(t.frame).toEqual(
      unreachable(
        { src: 'fd00::ff', dst: 'fd00::2' },
        unframed(udp({ src: 'fd00::2', dst: 'fd00::ff', sport: 80, dport: 4000 })),
      ),
    )
    const ping = { src: 'fd00::1', dst: 'fd00::2', id: 7 }
    t.see(echo({ ...ping, src: 'fd00::3' }, 'request'), { commit: true, nat: 'src=[fd00::ff]' })
    t.see(echo(ping, 'request'), { commit: true, nat: 'src=[fd00::ff]' })
    const error = unreachable({ src: 'fd00::9', dst: 'fd00::ff' }, quoted(t))
    expect(t.see(error, nat)).toBe('rel|rpl|dnat')
    expect(t.frame).toEqual(
      unreachable({ src: 'fd00::9', dst: 'fd00::1' }, unframed(echo(ping, 'request'))),
    )
  })
})
