/** The words of a field in a flow key: the same of a value whether it comes as a number or as a bigint. */
import { expect, test } from 'vitest'
import {
  fieldWords,
  keyField,
  wholeMask,
  writeFieldWords,
} from '../../dataplane/packet/key-layout.ts'
import { fieldOf } from '../../southbound/openflow/oxm.ts'

const fields = Object.values(keyField)

test.each(fields.filter(({ bits }) => bits <= 48).map((field) => [field.name, field] as const))(
  'a value of %s is the same words as a number and as a bigint',
  (name, { bits, words, shift }) => {
    const most = 2 ** bits - 1
    for (const value of [0, 1, most, Math.floor(most / 3), Math.floor(most * 0.77)]) {
      const ofNumber = fieldWords(name, value)
      expect(ofNumber).toEqual(fieldWords(name, BigInt(value)))
      expect(ofNumber).toHaveLength(words)
      const all = ofNumber.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n)
      // The older name of ip_dscp has room for ip_ecn, and does not mean it.
      const means = name === 'nw_tos' ? value & 0xfc : value
      expect(all >> BigInt(shift)).toBe(BigInt(means))
    }
  },
)

test('words are written into what is given, and nothing behind them', () => {
  const out = new Uint32Array(6).fill(7)
  expect(writeFieldWords('eth_src', 0x0200_0000_0001, out)).toBe(out)
  expect([...out]).toEqual([0x0200, 1, 7, 7, 7, 7])
})

test('the mask over a whole field is one array for all', () => {
  for (const { name } of fields) {
    expect(wholeMask(name)).toEqual(fieldWords(name, fieldOf[name].ones))
    expect(wholeMask(name)).toBe(wholeMask(name))
  }
})
