import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WireError } from '../../../southbound/wire/error.ts'
import { fixed, list, record, rest, tlvs } from '../../../southbound/wire/record.ts'
import {
  type Fields,
  ipv4,
  mac,
  pad,
  struct,
  text,
  u8,
  u16,
  u24,
  u32,
  uint,
  wide,
} from '../../../southbound/wire/struct.ts'
import { Writer } from '../../../southbound/wire/writer.ts'
import { runs } from '../../random.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
type Accessors = Record<string, (bytes: Uint8Array, at: number, value?: number | bigint) => unknown>

const bytes = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

test('a struct reads and writes the literal bytes of a header', () => {
  const vlan = struct('vlan', 'IEEE 802.1Q', {
    pcp: uint(3),
    dei: uint(1),
    vid: uint(12),
    type: u16(),
  })
  const frame = bytes('ffff b064 0800')
  expect(vlan.size).toBe(4)
  expect(vlan.read(frame, 2)).toEqual({ pcp: 5, dei: 1, vid: 100, type: 0x800 })
  vlan.set.vid(frame, 2, 0xabc)
  expect(hex(frame)).toBe('ffffbabc0800')
  expect(vlan.get.vid(frame, 2)).toBe(0xabc)
  expect(vlan.format(vlan.read(frame, 2))).toBe('vlan pcp=5 dei=1 vid=2748 type=2048')
})

test('a MAC is a number, pads are written 0 and are no part of the value', () => {
  const some = struct('some', '', { mac: mac(), reserved: pad(12), low: uint(4), ip: ipv4() })
  const out = new Uint8Array(some.size).fill(0xff)
  some.write(out, 0, { mac: 0x0200_0000_0011, low: 9, ip: 0xc0000201 })
  expect(hex(out)).toBe('02000000001100' + '09c0000201')
  expect(some.read(out, 0)).toEqual({ mac: 0x0200_0000_0011, low: 9, ip: 0xc0000201 })
  expect(some.format(some.read(out, 0))).toBe('some mac=02:00:00:00:00:11 low=9 ip=192.0.2.1')
})

test('what is read of any layout is what was written, and nothing around it changes', () => {
  const field = fc.oneof(
    fc.integer({ min: 1, max: 48 }).map((bits) => uint(bits)),
    fc.constantFrom(wide(49), wide(56), wide(64), wide(100), wide(128)),
    fc.integer({ min: 1, max: 40 }).map(pad),
  )
  const layout = fc.array(field, { minLength: 1, maxLength: 12 }).map((list) => {
    const fields: Record<string, Fields[string]> = {}
    let bits = 0
    list.forEach((one, i) => {
      fields[`f${i}`] = one
      bits += one.bits
    })
    if (bits % 8 !== 0) fields.end = pad(8 - (bits % 8))
    return struct('any', '', fields)
  })
  fc.assert(
    fc.property(layout, fc.infiniteStream(fc.bigInt(0n, (1n << 128n) - 1n)), (any, random) => {
      const value: Record<string, number | bigint> = {}
      for (const [name, one] of Object.entries(any.fields)) {
        if (one.kind === 'pad') continue
        const cut = BigInt.asUintN(one.bits, random.next().value as bigint)
        value[name] = one.kind === 'bigint' ? cut : Number(cut)
      }
      const out = new Uint8Array(any.size + 2).fill(0xff)
      any.write(out, 1, value as never)
      expect(any.read(out, 1)).toEqual(value)
      expect([out[0], out[any.size + 1]]).toEqual([0xff, 0xff])
      for (const [name, one] of Object.entries(value)) {
        expect((any.get as Accessors)[name]?.(out, 1)).toBe(one)
        ;(any.set as Accessors)[name]?.(out, 1, one)
      }
      expect(any.read(out, 1)).toEqual(value)
    }),
    runs(200),
  )
})

test('a layout that is no whole number of bytes, or a field too wide, is refused', () => {
  expect(() => struct('odd', '', { a: uint(3) })).toThrow('3 bits')
  expect(() => uint(49)).toThrow('49')
  expect(() => wide(48)).toThrow('48')
})

test('a record computes its length fields and leaves them out of the value', () => {
  const item = record(
    struct('item', '', { length: u16(), size: u8(), kind: u8() }),
    { name: rest, data: rest },
    { length: 'self', size: 'name' },
  )
  const items = list(item)
  const writer = new Writer(1)
  const value = [
    { kind: 7, name: bytes('aabb'), data: bytes('01') },
    { kind: 8, name: bytes(''), data: bytes('') },
  ]
  items.write(writer, value)
  expect(hex(writer.copy())).toBe('00070207' + 'aabb01' + '00040008')
  expect(items.read(writer.copy(), 0, writer.length)).toEqual(value)
})

test('truncated and lying lengths are a WireError with the offset', () => {
  const item = record(struct('item', '', { length: u16() }), { data: rest }, { length: 'self' })
  const items = list(item)
  for (const bad of ['00', '0001', '0005 01', '0002 0009 01', '0000']) {
    const one = bytes(bad)
    expect(() => items.read(one, 0, one.length), bad).toThrow(WireError)
  }
  expect(() => fixed(struct('word', '', { a: u32() })).read(bytes('0102'), 0, 2)).toThrow(
    'word is 4 bytes, has 2 (at byte 0)',
  )
})

test('elements that no row declares are kept and written back as they came', () => {
  const elements = tlvs(
    {
      colour: [1, fixed(struct('colour', '', { rgb: u24(), pad: pad(8) }))],
      shape: [[0x2320, 5], fixed(struct('shape', '', { corners: u16(), pad: pad(32) }))],
    },
    { experimenter: 0xffff },
  )
  const wire = bytes(
    '0001 0008 112233 00' +
      'ffff 0010 00002320 0005 0004 00000000' +
      'ffff 0010 00002320 0006 0102 03040506' +
      '0009 0008 0a0b0c0d',
  )
  const value = elements.read(wire, 0, wire.length)
  expect(value).toEqual([
    { kind: 'colour', rgb: 0x112233 },
    { kind: 'shape', corners: 4 },
    { kind: 'unknown', type: 0xffff, bytes: bytes('00002320 0006 0102 03040506') },
    { kind: 'unknown', type: 9, bytes: bytes('0a0b0c0d') },
  ])
  const writer = new Writer()
  elements.write(writer, value)
  expect(hex(writer.copy())).toBe(hex(wire))
})

test('text fields end at the first zero byte', () => {
  const named = struct('named', '', { name: text(4), n: u8() })
  const out = new Uint8Array(5)
  named.write(out, 0, { name: 'ab', n: 1 })
  expect(hex(out)).toBe('6162000001')
  expect(named.read(bytes('6162636405'), 0)).toEqual({ name: 'abcd', n: 5 })
})
