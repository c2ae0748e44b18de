import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonFramer } from '../../../southbound/ovsdb/framer.ts'
import { formatJson } from '../../../southbound/ovsdb/json.ts'
import { WireError } from '../../../southbound/wire/error.ts'
import { runs } from '../../random.ts'

/** Feeds text cut at `cuts` and returns the values that came out. */
function frames(bytes: Uint8Array, cuts: readonly number[], limits = {}): unknown[] {
  const values: unknown[] = []
  const framer = jsonFramer(limits, (value) => values.push(value))
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    framer.push(bytes.subarray(from, cut))
    from = cut
  }
  return values
}
const text = (value: string) => new Uint8Array(Buffer.from(value))

describe('framing of a JSON stream', () => {
  const cases: [name: string, input: string, output: unknown[]][] = [
    ['one object', '{"a":1}', [{ a: 1 }]],
    ['two objects with nothing between', '{"a":1}{"b":2}', [{ a: 1 }, { b: 2 }]],
    ['white space between objects', ' \r\n\t{}\n\n{} ', [{}, {}]],
    ['braces inside strings', '{"a":"}{]["}{"b":"{"}', [{ a: '}{][' }, { b: '{' }]],
    ['escaped quotes and backslashes', '{"a":"\\"}\\\\"}{}', [{ a: '"}\\' }, {}]],
    ['nesting', '{"a":[{"b":[[]]}]}', [{ a: [{ b: [[]] }] }]],
    ['text beyond ASCII', '{"a":"€𐍈"}', [{ a: '€𐍈' }]],
    ['an unfinished object gives nothing', '{"a":1}{"b":', [{ a: 1 }]],
  ]
  test.each(cases)('%s, cut at every byte', (_name, input, output) => {
    const bytes = text(input)
    for (let cut = 0; cut <= bytes.length; cut++) expect(frames(bytes, [cut])).toEqual(output)
    expect(frames(bytes, [...bytes.keys()])).toEqual(output)
  })

  test('any sequence of JSON objects, cut anywhere, comes out as it went in', () => {
    const objects = fc.array(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()))
    fc.assert(
      fc.property(objects, fc.array(fc.nat(400)), (values, cuts) => {
        const wire = values.map((value) => JSON.stringify(value))
        const bytes = text(wire.join(''))
        const sorted = cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b)
        expect(frames(bytes, sorted).map(formatJson)).toEqual(wire)
      }),
      runs(200),
    )
  })

  const broken: [name: string, input: string, limits: object, message: RegExp][] = [
    ['an array at the top', '[1]', {}, /expected an object, found 0x5b/],
    ['a scalar at the top', '{} 1', {}, /found 0x31 \(at byte 3\)/],
    ['bytes of TLS', '\u0016\u0003\u0001', {}, /found 0x16 \(at byte 0\)/],
    ['mismatched brackets', '{"a":[}}', {}, /malformed JSON/],
    ['a missing value', '{"a":}', {}, /malformed JSON/],
    ['more than the size limit at once', '{"a":"0123456789"}', { maxBytes: 10 }, /over 10 bytes/],
    ['an endless string', '{"a":"0123456789', { maxBytes: 10 }, /over 10 bytes/],
    ['more than the depth limit', '{"a":[[[', { maxDepth: 3 }, /deeper than 3/],
    ['more values than the limit', '{"a":[1,1,1,1,1', { maxValues: 5 }, /over 5 values/],
  ]
  test.each(broken)('%s is refused, however it is cut', (_name, input, limits, message) => {
    const bytes = text(input)
    expect(() => frames(bytes, [], limits)).toThrow(message)
    expect(() => frames(bytes, [...bytes.keys()], limits)).toThrow(message)
    expect(() => frames(bytes, [], limits)).toThrow(WireError)
  })

  test('bytes that are not UTF-8 are refused', () => {
    const bytes = Uint8Array.of(0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d)
    expect(() => frames(bytes, [])).toThrow(/not UTF-8/)
  })

  test('random bytes give values or a WireError and nothing else', () => {
    const alphabet = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      ',',
      ':',
      'a',
      '1',
      ' ',
      '\u00ff',
    )
    fc.assert(
      fc.property(fc.string({ unit: alphabet, maxLength: 60 }), (input) => {
        try {
          frames(new Uint8Array(Buffer.from(input, 'latin1')), [7, 9])
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
      runs(2000),
    )
  })
})
