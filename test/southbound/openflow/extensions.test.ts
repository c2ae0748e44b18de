/** What the codec does with what it does not know, with what has no fixed length, and with depth. */
import { describe, expect, test } from 'vitest'
import { type Action, actionsPart } from '../../../southbound/openflow/action.ts'
import { errorName, errorNumber } from '../../../southbound/openflow/error.ts'
import { canonicalMatch, decodeMatch, encodeMatch } from '../../../southbound/openflow/match.ts'
import { decode, encode, type Message } from '../../../southbound/openflow/message.ts'
import { fieldByOperand, fieldNames, fieldOf } from '../../../southbound/openflow/oxm.ts'
import { ValueError, WireError } from '../../../southbound/wire/error.ts'
import { Writer } from '../../../southbound/wire/writer.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const write = (actions: readonly Action[]) => {
  const writer = new Writer()
  actionsPart.write(writer, actions)
  return writer.copy()
}
const read = (wire: Uint8Array) => actionsPart.read(wire, 0, wire.length)

describe('what no row declares is kept and sent back unchanged', () => {
  test.each([
    ['an experimenter’s action', 'ffff0018 0000abcd 0102030405060708090a0b0c0d0e0f10'],
    ['an action of Nicira’s that is not known', 'ffff0010 00002320 00fe 010203040506'],
    ['a set_field of a field that is not known', '00190010 80007e04 01020304 00000000'],
    [
      'a move from a field that is not known',
      'ffff0018 00002320 0006 0010 0000 0000 0001fe04 00010204',
    ],
    [
      'a learn from a field of another experimenter’s',
      `ffff0040 00002320 0010 ${'00'.repeat(22)} 0010 ffff0006 0000abcd 0000 00010204 0000 ${'00'.repeat(14)}`,
    ],
    ['an action of a type that is not known', '00630008 01020304'],
  ])('%s', (_name, text) => {
    const wire = bytes(text)
    const actions = read(wire)
    expect(actions).toMatchObject([{ kind: 'unknown' }])
    expect(hex(write(actions))).toBe(hex(wire))
  })

  test.each([
    ['an experimenter’s multipart', '04130018 00000001 ffff0000 00000000 0000abcd 00000005'],
    ['a multipart of a type that is not known', '04130014 00000001 00770000 00000000 01020304'],
    [
      'a message of Nicira’s that is not known',
      '04040018 00000001 00002320 00000063 0102030405060708',
    ],
    ['a property of a packet-in', '04040018 00000001 00002320 0000001e 00630008 01020304'],
    [
      'a feature of a table',
      `04130058 00000001 000c0000 00000000 0048 01 0000000000 ${'00'.repeat(32)} ${'00'.repeat(24)} 00630006 0102 0000`,
    ],
  ])('%s', (_name, text) => {
    const wire = bytes(text)
    expect(hex(encode(decode(wire)))).toBe(hex(wire))
  })
})

describe('actions in actions', () => {
  const nested = (depth: number): Action =>
    depth === 0 ? { kind: 'pop_vlan' } : { kind: 'clone', actions: [nested(depth - 1)] }

  test('are read as they were written', () => {
    const actions = [nested(20)]
    expect(read(write(actions))).toEqual(actions)
  })

  test('so deep that reading them would need a stack of their depth are refused', () => {
    const depth = 4000
    const heads = Array.from({ length: depth }, (_, i) => {
      const length = 16 * (depth - i)
      return `ffff ${length.toString(16).padStart(4, '0')} 00002320 002a 000000000000`
    })
    expect(() => read(bytes(heads.join('')))).toThrow(WireError)
    expect(read(write([nested(64)]))).toHaveLength(1)
  })
})

describe('fields whose length the switch decides', () => {
  test('are written in the fewest words that hold value and mask', () => {
    expect(hex(encodeMatch({ tun_metadata1: 5n }))).toBe('0001520400000005')
    expect(hex(encodeMatch({ tun_metadata1: [5n, 0xffn] }))).toBe('0001530800000005000000ff')
    expect(hex(encodeMatch({ tun_metadata1: 1n << 32n }))).toBe('000152080000000100000000')
    expect(hex(encodeMatch({ tun_metadata63: fieldOf.tun_metadata63.ones as bigint }))).toBe(
      `0001ce7c${'ff'.repeat(124)}`,
    )
  })

  test('are read in any length, and kept in the length that the peer chose', () => {
    const wire = bytes('0001520c 000000000000000000000005')
    expect(decodeMatch(wire)).toEqual({ tun_metadata1: 5n })
    expect(hex(canonicalMatch(wire))).toBe(hex(wire))
    expect(() => decodeMatch(bytes('00015200'))).toThrow(WireError)
    expect(() => decodeMatch(bytes('00015303 050505'))).toThrow(WireError)
  })
})

test('a value or a mask that a field cannot have is told from a field that is not known', () => {
  const problem = (text: string) => {
    try {
      decodeMatch(bytes(text))
    } catch (error) {
      return error instanceof ValueError ? error.what : error
    }
    return undefined
  }
  expect(problem('80000c02 ff00')).toBe('value')
  expect(problem('80000d04 0001 ff00')).toBe('mask')
  expect(problem('80000108 00000001 000000ff')).toBe('mask')
  expect(problem('80007e04 00000000')).toBeInstanceOf(WireError)
})

test('every field is found by its header and by the header of its operand', () => {
  const seen = new Set<number>()
  for (const name of fieldNames) {
    const { header, operandHeader } = fieldOf[name]
    expect(fieldByOperand(header)?.name).toBe(name)
    expect(fieldByOperand(operandHeader)?.name).toBe(name)
    expect(seen.has(header >>> 9), name).toBe(false)
    seen.add(header >>> 9)
  }
})

test('errors have names, those of the extensions too', () => {
  expect(errorName(4, 9)).toBe('bad_match.bad_prereq')
  expect(errorName(0xffff, 2303, 0x4f4e4600)).toBe('bundle_failed.bundle_exist')
  expect(errorName(0xffff, 15, 0x2320)).toBe('bad_action.bad_conjunction')
  expect(errorName(0xffff, 4250, 0x4f4e4600)).toBe('bad_action.bad_set_mask')
  expect(errorName(0xffff, 7, 0xabcd)).toBe('experimenter 0xabcd.7')
  expect(errorNumber('table_features_failed', 'eperm')).toEqual({ error_type: 13, code: 5 })
})

test('values that do not fit their bits are a programmer’s error', () => {
  const dst = { field: 'reg0', ofs: 0, n_bits: 65 } as const
  expect(() => write([{ kind: 'load', dst, value: 0n }])).toThrow(RangeError)
  const message = { type: 'multipart_request', kind: 'nope', body: {} } as unknown as Message
  expect(() => encode(message)).toThrow('no multipart is called nope')
})
