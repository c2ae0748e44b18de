import { describe, expect, test } from 'vitest'
import { split, udp } from './packets.ts'
import { tracker } from './tracker.ts'

describe.each([
  ['IPv4', '10.0.0.1', '10.0.0.2', '10.0.0.9'],
  ['IPv6', 'fd00::1', 'fd00::2', 'fd00::9'],
])('fragments of %s', (_name, src, dst, outside) => {
  const out = { src, dst, sport: 1000, dport: 53 }
  const pieces = (of = out, id = 77) => split(udp({ ...of, data: 64 }), { ...of, id }, 32)

  test('the first is tracked, and those behind it share its fate', () => {
    const t = tracker()
    const [first, later] = pieces()
    expect(t.see(first, { commit: true, mark: 5 })).toBe('new')
    expect(t.see(later)).toBe('new')
    expect(t.field('ct_mark')).toBe(5n)
    expect([t.field('ct_tp_src'), t.field('ct_tp_dst')]).toEqual([1000n, 53n])
    const home = { src: dst, dst: src, sport: 53, dport: 1000 }
    expect(pieces(home, 9).map((piece) => t.see(piece))).toEqual(['est|rpl', 'est|rpl'])
  })

  test('one that comes before the first, or too late, is invalid', () => {
    const t = tracker()
    const [first, later] = pieces()
    expect(t.see(later)).toBe('inv')
    t.see(first, { commit: true })
    expect(t.see(pieces(out, 78)[1])).toBe('inv')
    expect(t.see(later)).toBe('new')
    t.advance(15_000)
    expect(t.see(later)).toBe('inv')
  })

  test('all are translated, the checksum of the whole stays right', () => {
    const t = tracker()
    const [first, later] = pieces()
    const nat = {
      commit: true,
      nat: `src=${outside.includes(':') ? `[${outside}]` : outside}:4000`,
    }
    const [one, two] = pieces({ ...out, src: outside, sport: 4000 })
    expect(t.see(first, nat)).toBe('new|snat')
    expect(t.frame).toEqual(one)
    expect(t.see(later, { nat: '' })).toBe('new|snat')
    expect(t.frame).toEqual(two)
  })

  test('a first fragment that hides its header is invalid', () => {
    const t = tracker()
    const [first] = split(udp(out), { ...out, id: 1 }, 4)
    expect(t.see(first!, { commit: true })).toBe('inv')
  })

  test('however many are sent, memory stays what it is', () => {
    const t = tracker()
    for (let id = 0; id < 5000; id++) t.see(pieces(out, id)[0])
    expect(t.see(pieces(out, 4999)[1])).toBe('new')
    expect(t.see(pieces(out, 0)[1])).toBe('inv')
  })
})
