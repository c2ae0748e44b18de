/** JSON with integers of 64 bits: exact, and else what JSON.parse and JSON.stringify do. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatJson, parseJson, show } from '../../../southbound/ovsdb/json.ts'
import { runs } from '../../random.ts'

const MAX = 2n ** 63n - 1n

test('an integer is a number while that is exact, then a bigint, and beyond 64 bits a number', () => {
  expect(parseJson('[9007199254740991,-9007199254740991]')).toEqual([2 ** 53 - 1, 1 - 2 ** 53])
  expect(parseJson('[9007199254740992,-9007199254740993]')).toEqual([2n ** 53n, -(2n ** 53n) - 1n])
  expect(parseJson(`[${MAX},${-MAX - 1n}]`)).toEqual([MAX, -MAX - 1n])
  expect(parseJson(`[${MAX + 1n},${-MAX - 2n},1e18]`)).toEqual([2 ** 63, -(2 ** 63), 1e18])
})

test('digits in strings stay text, whatever stands around them', () => {
  for (const text of [`${MAX}`, `,${MAX},`, `",${MAX},"`, `\\",${MAX}`, `[ ${MAX} ]`, '\\', '"']) {
    const value = { [text]: text, more: [text, MAX, text] }
    expect(parseJson(formatJson(value))).toEqual(value)
  }
})

test('a member is not named by a number', () => {
  expect(() => parseJson(`{${MAX}:1}`)).toThrow(SyntaxError)
  expect(() => parseJson(`{"a":1,${MAX}${' '.repeat(40)}:1}`)).toThrow(SyntaxError)
  expect(() => parseJson(`[0${MAX}]`)).toThrow(SyntaxError)
  expect(() => parseJson(`[${MAX}x]`)).toThrow(SyntaxError)
})

/** The slow way: a reviver is told the digits. */
function revived(text: string): unknown {
  const exact = (_: string, value: unknown, { source }: { source?: string } = {}) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
    if (!/^-?\d{1,19}$/.test(source ?? '')) return value
    const integer = BigInt(source ?? '')
    return BigInt.asIntN(64, integer) === integer ? integer : value
  }
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown)
}
const outcome = (parse: (text: string) => unknown, text: string) => {
  try {
    return parse(text)
  } catch (error) {
    return (error as Error).name
  }
}

test('right and wrong texts are read as by a reviver that is told the digits', () => {
  const piece = fc.constantFrom(
    ...['"', '\\', '\\"', ',', '[', ']', '{', '}', ':', ' ', '-', '.5', 'e', '"a"', '"a":', '0'],
    ...[`${MAX}`, '9007199254740993', `"${MAX}"`, `", ${MAX} ,"`, '"\\\\"', `${MAX + 1n}`],
  )
  const digits = fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n })
  const text = fc.oneof(
    fc.array(piece).map((pieces) => pieces.join('')),
    fc.array(piece).map((pieces) => `[${pieces.join(',')}]`),
    fc.json({ maxDepth: 4 }).map((json) => json.replace(/null/g, `${MAX}`)),
    fc.array(fc.tuple(fc.json(), digits)).map((list) => `[${list.flat().join(' , ')}]`),
  )
  fc.assert(
    fc.property(text, (text) => {
      expect(outcome(parseJson, text)).toEqual(outcome(revived, text))
    }),
    runs(5000),
  )
})

test('what a peer sent can be shown, whatever it is', () => {
  expect(show({ toString: 1, valueOf: [], toJSON: 3 })).toBe(
    '{"toString":1,"valueOf":[],"toJSON":3}',
  )
  expect(show(undefined)).toBe('null')
  expect(show({ a: MAX })).toBe(`{"a":${MAX}}`)
})

test('what is longer than a string can be is refused by the typed error', () => {
  const long = 'x'.repeat(2 ** 26)
  expect(() => formatJson(Array.from({ length: 10 }, () => long))).toThrow(/resources exhausted/)
})
