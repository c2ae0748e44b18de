import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { internetChecksum, sum16 } from '../../../southbound/wire/checksum.ts'
import { ipv4 } from '../../../southbound/wire/ipv4.ts'
import { randomOf } from '../../fuzz/random.ts'
import { arrival4, arrival6, bytes, inner } from './frames.ts'
import { type Tunnelled, tunnelled } from './station.ts'

let it: Tunnelled
beforeEach(async () => {
  it = await tunnelled({ options: { key: 'flow', remote_ip: 'flow' } })
})
afterEach(() => it.close())

/** With bytes exchanged. */
function wrong(frame: Uint8Array, ...at: readonly (readonly [offset: number, text: string])[]) {
  const out = frame.slice()
  for (const [offset, text] of at) out.set(bytes(text), offset)
  return out
}
/** With a right checksum of its IPv4 header. */
function summed(frame: Uint8Array): Uint8Array {
  ipv4.set.checksum(frame, 14, 0)
  ipv4.set.checksum(frame, 14, internetChecksum(frame, 14, 14 + (frame[14]! & 15) * 4))
  return frame
}
/** ::ffff:a.b.c.d, by which IPv4 addresses go in here and never on a wire. */
const mapped = (ipv4: string) => `${'00'.repeat(10)}ffff${ipv4}`
const four = arrival4(inner())
const six = arrival6(inner())

test('what is right comes out: over IPv4, over IPv6, with a checksum and without', async () => {
  await it.inject(four, six, arrival6(inner(), 5001, 0, false))
  expect(it.vm.received).toEqual([inner(), inner(), inner()])
  expect(it.drops()).toEqual({})
})

describe.each([
  ['IPv4', four],
  ['IPv6', six],
])('over %s', (_, good) => {
  test('every truncation of the outer headers is a named drop', async () => {
    const cuts = Array.from({ length: good.length }, (_, size) => good.subarray(0, size))
    for (const cut of cuts) await it.inject(cut)
    expect(it.vm.received).toEqual([])
    expect(it.drops()).toEqual({ underlay_malformed: good.length })
  })

  test('every truncation of the inner headers, all lengths right, is a named drop or a frame', async () => {
    const make = good === four ? arrival4 : arrival6
    const whole = inner()
    for (let size = 0; size <= whole.length; size++) await it.inject(make(whole.subarray(0, size)))
    // 14 of them have no Ethernet header; the others are frames, with or without all that is in them.
    expect(it.vm.received).toHaveLength(whole.length - 13)
    expect(it.drops()).toEqual({ vxlan_malformed: 14 })
  })

  test('random bytes in any place never throw, and each frame ends somewhere', async () => {
    const random = randomOf(4)
    const count = 2000
    for (let i = 0; i < count; i++) {
      const frame = good.slice(0, random.below(8) === 0 ? random.below(good.length) : good.length)
      for (let n = random.below(4); n >= 0 && frame.length > 14; n--) {
        frame[14 + random.below(frame.length - 14)] = random.below(256)
      }
      if (good === four && frame.length >= 34) summed(frame)
      await it.inject(frame)
    }
    const dropped = Object.values(it.drops()).reduce((sum, n) => sum + n, 0)
    expect(it.drops().exception).toBeUndefined()
    // Nothing is answered and nothing is learned by these: no ARP, no ND.
    expect(dropped + it.vm.received.length).toBe(count)
  })
})

test.each([
  ['an IPv4 header of 16 bytes', summed(wrong(four, [14, '44'])), 'underlay_malformed'],
  [
    'an IPv4 header longer than the packet',
    wrong(four, [14, '4f'], [16, '0020']),
    'underlay_malformed',
  ],
  ['version 5', summed(wrong(four, [14, '55'])), 'underlay_malformed'],
  ['a total length beyond the frame', summed(wrong(four, [16, 'ffff'])), 'underlay_malformed'],
  ['a total length below the header', summed(wrong(four, [16, '0013'])), 'underlay_malformed'],
  ['a wrong header checksum', wrong(four, [24, '1234']), 'underlay_malformed'],
  ['a first fragment', summed(wrong(four, [20, '2000'])), 'underlay_fragment'],
  ['a later fragment', summed(wrong(four, [20, '0001'])), 'underlay_fragment'],
  ['another protocol', summed(wrong(four, [23, '06'])), 'underlay_unwanted'],
  ['another port', wrong(four, [36, '0035']), 'underlay_unwanted'],
  ['another address', summed(wrong(four, [30, 'c0000263'])), 'underlay_not_ours'],
  ['another station', wrong(four, [0, '0a0000000063']), 'underlay_not_ours'],
  ['an UDP length below its header', wrong(four, [38, '0007']), 'underlay_malformed'],
  ['an UDP length beyond the packet', wrong(four, [38, 'ffff']), 'underlay_malformed'],
  ['an UDP length with no room for VXLAN', wrong(four, [38, '000f']), 'vxlan_malformed'],
  ['an UDP length with no room for Ethernet', wrong(four, [38, '001d']), 'vxlan_malformed'],
  ['a wrong UDP checksum', wrong(four, [40, '1234']), 'vxlan_checksum'],
  ['no I flag', wrong(four, [42, '00']), 'vxlan_malformed'],
  ['every flag but I', wrong(four, [42, 'f7ffffff']), 'vxlan_malformed'],
  ['a payload length beyond the frame', wrong(six, [18, 'ffff']), 'underlay_malformed'],
  ['IPv6 of version 4', wrong(six, [14, '40']), 'underlay_malformed'],
  ['an IPv6 fragment', wrong(six, [20, '2c']), 'underlay_fragment'],
  ['an IPv6 extension header', wrong(six, [20, '3c']), 'underlay_unwanted'],
  ['another IPv6 address', wrong(six, [53, '63']), 'underlay_not_ours'],
  ['a wrong UDP checksum over IPv6', wrong(six, [60, '1234']), 'vxlan_checksum'],
  ['another EtherType', wrong(four, [12, '88b5']), 'underlay_unwanted'],
  ['ARP for another protocol', wrong(four, [12, '0806']), 'underlay_malformed'],
  ['ARP cut short', bytes('ffffffffffff 0a0000000002 0806 0001 0800'), 'underlay_malformed'],
  [
    'ARP from everybody',
    bytes(`ffffffffffff 0a0000000002 0806 0001 0800 06 04 0001
    ffffffffffff c000020c 000000000000 c000020b`),
    'underlay_malformed',
  ],
  ['ND cut short', wrong(six, [18, '0008'], [20, '3aff'], [54, '8700']), 'underlay_malformed'],
  ['a source of 0.0.0.0', summed(wrong(four, [26, '00000000'])), 'underlay_malformed'],
  ['a source that is a multicast', summed(wrong(four, [26, 'e0000001'])), 'underlay_malformed'],
  ['a source that is everybody', summed(wrong(four, [26, 'ffffffff'])), 'underlay_malformed'],
  ['an IPv6 source of ::', wrong(six, [22, '00'.repeat(16)]), 'underlay_malformed'],
  ['an IPv6 source that is a multicast', wrong(six, [22, 'ff02']), 'underlay_malformed'],
  ['an IPv4 source in IPv6', wrong(six, [22, mapped('c000020c')]), 'underlay_malformed'],
  ['an IPv4 destination in IPv6', wrong(six, [38, mapped('c000020b')]), 'underlay_malformed'],
  ['ND over a router', wrong(six, [20, '3a40'], [54, '8700']), 'underlay_malformed'],
])('%s is a named drop', async (_, frame, reason) => {
  await it.inject(frame)
  expect(it.vm.received).toEqual([])
  expect(it.drops()).toEqual({ [reason]: 1 })
})

test('an ND message with an option of length 0 is a named drop', async () => {
  const frame = bytes(`0a0000000001 0a0000000002 86dd 60000000 0020 3a ff
    20010db8000000000000000000000012 20010db8000000000000000000000011
    87 00 0000 00000000 20010db8000000000000000000000011 01 00 0a0000000002`)
  const sum = internetChecksum(frame, 54, frame.length, sum16(frame, 22, 54) + 58 + 32)
  frame.set([sum >> 8, sum & 255], 56)
  await it.inject(frame)
  expect(it.drops()).toEqual({ underlay_malformed: 1 })
})

test.each([
  ['for', '87', 'c000020b', '01'],
  ['about', '88', 'c000020c', '02'],
])('an ND message %s an IPv4 address is a named drop', async (_, type, address, option) => {
  const frame = bytes(`0a0000000001 0a0000000099 86dd 60000000 0020 3a ff
    20010db8000000000000000000000099 20010db8000000000000000000000011
    ${type} 00 0000 60000000 ${mapped(address)} ${option} 01 0a0000000099`)
  const sum = internetChecksum(frame, 54, frame.length, sum16(frame, 22, 54) + 58 + 32)
  frame.set([sum >> 8, sum & 255], 56)
  await it.inject(frame)
  expect(it.take().slice(1)).toEqual([])
  expect(it.drops()).toEqual({ underlay_malformed: 1 })
})

test('flags and reserved bits that RFC 7348 does not know are ignored', async () => {
  await it.inject(wrong(four, [42, 'ffffffff'], [49, 'ff']))
  expect(it.vm.received).toEqual([inner()])
})

test('padding behind the outer packet is no part of the inner frame', async () => {
  const padded = new Uint8Array(four.length + 40).fill(0xee)
  padded.set(four)
  await it.inject(padded)
  expect(it.vm.received).toEqual([inner()])
})

test('IPv4 options in front of UDP do not matter', async () => {
  const options = summed(
    Uint8Array.from([...four.subarray(0, 34), 1, 1, 1, 1, ...four.subarray(34)]).map((byte, i) =>
      i === 14 ? 0x46 : i === 17 ? four[17]! + 4 : byte,
    ),
  )
  await it.inject(options)
  expect(it.vm.received).toEqual([inner()])
})
