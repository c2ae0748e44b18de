import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hasVid, missingVids, vidRanges } from '../../../controller/model/vids.ts'
import { runs } from '../../random.ts'

const vid = fc.integer({ min: 1, max: 4094 })
const entry = fc.oneof(
  vid,
  fc.tuple(vid, vid).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
)

test('a list has the VIDs of its numbers and ranges, both ends among them', () => {
  const list = [7, '100-102']
  expect([7, 8, 99, 100, 101, 102, 103].filter((each) => hasVid(list, each))).toEqual([
    7, 100, 101, 102,
  ])
  expect(missingVids(list)).toEqual([
    { first: 1, last: 6 },
    { first: 8, last: 99 },
    { first: 103, last: 4094 },
  ])
  expect(missingVids(['1-4094'])).toEqual([])
})

test('of any list, each of the 4,094 VIDs is in a range or in a gap, and never in both', () => {
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 8 }), (list) => {
      const within = (ranges: { first: number; last: number }[], at: number) =>
        ranges.some(({ first, last }) => first <= at && at <= last)
      for (let at = 1; at <= 4094; at++) {
        if (within(vidRanges(list), at) === within(missingVids(list), at)) return false
        if (hasVid(list, at) !== within(vidRanges(list), at)) return false
      }
      return true
    }),
    runs(30),
  )
})
