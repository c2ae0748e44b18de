/** Uuids and bytes out of chance that is passed in: theirs alone, and well formed. */
import { expect, test } from 'vitest'
import { filler, systemRandom, uuids } from '../../../southbound/wire/random.ts'

const VERSION_4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Multiples of a number that has no small factor with 2^32. */
function sequence(step: number) {
  let state = 0
  return () => {
    state = (state + step) % 2 ** 32
    return state / 2 ** 32
  }
}

test('uuids are of version 4, no two alike, and the same chance makes the same', () => {
  const next = uuids(sequence(0x9e37_79b1))
  const made = Array.from({ length: 1000 }, next)
  for (const each of made) expect(each).toMatch(VERSION_4)
  expect(new Set(made).size).toBe(1000)
  const again = uuids(sequence(0x9e37_79b1))
  expect(Array.from({ length: 1000 }, again)).toEqual(made)
})

test('the ends of chance are bytes like others', () => {
  expect(uuids(() => 0)()).toBe('00000000-0000-4000-8000-000000000000')
  expect(uuids(() => 1 - 2 ** -53)()).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff')
})

test('bytes are filled where asked, and nowhere else', () => {
  const bytes = new Uint8Array(8)
  filler(() => 0.5)(bytes, 2, 3)
  expect([...bytes]).toEqual([0, 0, 128, 128, 128, 0, 0, 0])
})

test('numbers of the system are from 0 up to 1, spread over all of it, and none comes twice', () => {
  const numbers = Array.from({ length: 20_000 }, systemRandom)
  expect(new Set(numbers).size).toBe(numbers.length)
  const tenths = Array.from({ length: 10 }, () => 0)
  for (const number of numbers) tenths[Math.floor(number * 10)]!++
  // 2,000 are expected of each, with a deviation of 42.
  expect(tenths.filter((count) => count > 1600 && count < 2400)).toHaveLength(10)
})
