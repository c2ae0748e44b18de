import { expect, test } from 'vitest'
import type { Network } from '../../../southbound/agent/desired.ts'
import { largest, needsOf, type Probe, pathMtus } from '../../../southbound/agent/path-mtu.ts'
import { virtualClock } from '../../../southbound/wire/virtual-clock.ts'

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

test('sizes that it may well be are tried first, all at once', async () => {
  const tried: number[] = []
  const passes = (bytes: number) => {
    tried.push(bytes)
    return Promise.resolve(bytes <= 1450)
  }
  expect(await largest(passes, 8999, [8000, 1450, 1450])).toBe(1450)
  expect(tried).toEqual([68, 1450, 1451, 8000, 8001])
  // Guesses that are wrong narrow it down; nothing above `most` is tried.
  expect(await largest(passes, 1449, [1400, 1450])).toBe(1449)
  expect(Math.max(...tried.slice(5))).toBe(1449)
})

const network = (given: Partial<Network> = {}): Network => ({
  ...{ vni: 5001, local: '192.0.2.1', mtuBytes: 1500, flood: ['192.0.2.2'], floodsUnknown: true },
  ...{ vlanTransparent: false, macs: [], members: [] },
  ...given,
})

test.each([
  [1550, {}],
  [1554, { vlanTransparent: true }],
  [1558, { vlanTransparent: 'qinq' }],
  [1574, { vlanTransparent: true, local: '2001:db8::1', flood: ['2001:db8::2'] }],
] as const)('a path needs what VXLAN and the tags of guests add: %i', (bytes, given) => {
  const networks = [network(given)]
  const report = { networks: [{ vni: 5001, mtuBytes: 1500 }], underlay: undefined } as never
  const needs = needsOf({ networks, bridges: [] }, networks[0]?.local, report)
  expect([...needs.bytes.values()]).toEqual([bytes])
})

/** Paths whose rounds a test starts; `carries` says what passes. */
function paths(probe: Probe) {
  const due: (() => void)[] = []
  const faults: string[] = []
  let news = 0
  const found = pathMtus({
    probe,
    clock: {
      ...virtualClock(),
      after: (_, run) => {
        due.push(run)
        return () => void due.splice(due.indexOf(run), 1)
      },
    },
    changed: () => void news++,
    failed: ({ message }) => void faults.push(message),
  })
  const want = (bytes: number) =>
    found.want({
      ...{ local: '192.0.2.1', underlayMtuBytes: 9100 },
      bytes: new Map([['192.0.2.2', bytes]]),
    })
  const round = async () => {
    while (due.length === 0) await new Promise(setImmediate)
    return due.shift()
  }
  return { paths: found, want, round, faults, news: () => news }
}

test('what was found for a smaller size is forgotten when a larger one is needed', async () => {
  const { paths: at, want, round, news } = paths(async () => true)
  want(1550)
  await round()
  expect([...at.found]).toEqual([['192.0.2.2', 1550]])
  want(9050)
  expect([...at.found]).toEqual([])
  await round()
  expect([...at.found]).toEqual([['192.0.2.2', 9050]])
  // For less it says enough.
  want(1550)
  expect([...at.found]).toEqual([['192.0.2.2', 9050]])
  expect(news()).toBe(2)
  at.close()
})

test('a probe that cannot be made says nothing about the path, and the next round tries again', async () => {
  let isBroken = true
  const {
    paths: at,
    want,
    round,
    faults,
  } = paths(async () => {
    if (isBroken) throw new Error('no more processes')
    return true
  })
  want(1550)
  const again = await round()
  expect(faults).toEqual(['no more processes'])
  expect([...at.found]).toEqual([])
  isBroken = false
  again?.()
  await round()
  expect([...at.found]).toEqual([['192.0.2.2', 1550]])
  at.close()
})
