import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PersistentMap } from '../../../controller/model/persistent-map.ts'
import { runs } from '../../random.ts'

const key = fc.integer({ min: 0, max: 400 }).map((n) => `k${n}`)
const step = fc.record({ key, value: fc.option(fc.integer(), { nil: undefined }) })

function sorted(map: ReadonlyMap<string, number>): [string, number][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}

test('it holds what a Map holds, in order, and older versions stay as they were', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), (steps) => {
      const oracle = new Map<string, number>()
      const kept: [PersistentMap<number>, [string, number][]][] = []
      let map = PersistentMap.empty<number>()
      for (const [at, { key, value }] of steps.entries()) {
        if (value === undefined) {
          map = map.delete(key)
          oracle.delete(key)
        } else {
          map = map.set(key, value)
          oracle.set(key, value)
        }
        if (at % 100 === 0) kept.push([map, sorted(oracle)])
      }
      kept.push([map, sorted(oracle)])
      for (const [version, entries] of kept) {
        expect([...version]).toEqual(entries)
        expect(version.size).toBe(entries.length)
        expect(version.first()).toEqual(entries[0])
        expect(version.last()).toEqual(entries.at(-1))
      }
      for (const { key } of steps) {
        expect(map.get(key)).toBe(oracle.get(key))
        expect(map.has(key)).toBe(oracle.has(key))
      }
    }),
    runs(40),
  )
})

test('a range has the keys from its start up to, not including, its end', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(key, { maxLength: 300, size: 'max' }),
      key,
      key,
      (keys, from, to) => {
        const map = keys.reduce((all, each) => all.set(each, 1), PersistentMap.empty<number>())
        const inside = keys.filter((each) => each >= from && each < to).sort()
        expect([...map.range(from, to)].map(([each]) => each)).toEqual(inside)
        expect(map.count(from, to)).toBe(inside.length)
        expect(map.count(from)).toBe(keys.filter((each) => each >= from).length)
      },
    ),
    runs(100),
  )
})

test('setting a value that is there already and deleting an absent key give the same map', () => {
  const value = {}
  const map = PersistentMap.empty<object>().set('a', value)
  expect(map.set('a', value)).toBe(map)
  expect(map.delete('b')).toBe(map)
})

test('it becomes empty again after 10,000 keys came and went', () => {
  let map = PersistentMap.empty<number>()
  for (let n = 0; n < 10_000; n++) map = map.set(`${n}`, n)
  for (let n = 0; n < 10_000; n++) map = map.delete(`${n}`)
  expect([...map]).toEqual([])
  expect(map.first()).toBeUndefined()
  expect(map.set('a', 1).get('a')).toBe(1)
})
