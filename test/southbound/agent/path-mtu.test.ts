import { expect, test } from 'vitest'
import { largest } from '../../../southbound/agent/path-mtu.ts'

test.each([68, 69, 1499, 1500, 4004, 8999, 9049])(
  'the largest size that passes is found in four rounds: %i',
  async (limit) => {
    let rounds = 0
    let isCounted = false
    const passes = async (bytes: number) => {
      if (!isCounted) rounds++
      isCounted = true
      await Promise.resolve()
      isCounted = false
      return bytes <= limit
    }
    expect(await largest(passes, 9049)).toBe(limit)
    // And one for the smallest.
    expect(rounds).toBeLessThanOrEqual(5)
  },
)

test('where not even the smallest packet passes nothing else is tried', async () => {
  const tried: number[] = []
  const passes = (bytes: number) => {
    tried.push(bytes)
    return Promise.resolve(false)
  }
  expect(await largest(passes, 9049)).toBe(0)
  expect(tried).toEqual([68])
})
