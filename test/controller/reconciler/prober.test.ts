/** Rounds of probes: what is found, how fast, and what it costs. The paths are numbers of bytes that pass. */
import { expect, test } from 'vitest'
import { type Pair, Prober } from '../../../controller/reconciler/prober.ts'
import { virtualClock } from '../../../southbound/wire/virtual-clock.ts'

const LOST_MS = 500

const pairOf = (from: string, to: string): Pair => ({
  ...{ from, to, local: '192.0.2.1', remote: '192.0.2.2', bytes: 9000 },
})

/** Probes until `until` holds; `carries` says how many bytes pass, undefined: the probe cannot be sent. */
async function probing(
  pairs: readonly Pair[] | ((now: number) => readonly Pair[]),
  carries: (pair: Pair, now: number) => number | undefined,
  until: (prober: Prober, now: number) => boolean,
) {
  const clock = virtualClock({ startMs: 0 })
  const stop = new AbortController()
  let sent = 0
  const news: string[] = []
  const now = typeof pairs === 'function' ? pairs : () => pairs
  const prober = new Prober({
    pairs: () => now(clock.now()),
    async passes(path, bytes, signal) {
      sent++
      const most = carries(path as Pair, clock.now())
      if (most === undefined) return undefined
      if (bytes <= most) return true
      await clock.sleep(LOST_MS, signal)
      return false
    },
    pair: (from, to) => now(clock.now()).find((pair) => pair.from === from && pair.to === to),
    clock,
    changed: (pair) => news.push(`${pair.from} ${pair.to}`),
  })
  const running = prober.run(stop.signal)
  while (!until(prober, clock.now())) {
    await new Promise(setImmediate)
    clock.step()
  }
  stop.abort()
  await running
  return { narrow: prober.narrow, now: clock.now(), sent, news }
}

test('a path that carries less is found with the largest size that passes, well within 15 s', async () => {
  const pairs = [pairOf('h1', 'h2'), pairOf('h2', 'h1'), pairOf('h1', 'h3')]
  const { narrow, now } = await probing(
    pairs,
    ({ from, to }, at) => (`${from} ${to}` === 'h1 h2' && at > 1000 ? 8432 : 9000),
    ({ narrow }) => narrow.size > 0,
  )
  expect([...narrow.values()]).toEqual([{ ...pairOf('h1', 'h2'), passes: 8432 }])
  expect(now).toBeLessThan(1000 + 15_000)
})

test('what carries all again is no longer named, and another size is found anew', async () => {
  const found: (number | undefined)[] = []
  const carries = (_: Pair, now: number) => (now < 20_000 ? 5000 : now < 60_000 ? 7000 : 9000)
  await probing([pairOf('h1', 'h2')], carries, ({ narrow }, now) => {
    const passes = narrow.get('h1 h2')?.passes
    if (found.at(-1) !== passes) found.push(passes)
    return now > 90_000
  })
  expect(found).toEqual([5000, 7000, undefined])
})

test('a path that carries nothing is 0 bytes, and one that cannot be asked is not judged', async () => {
  const pairs = [pairOf('h1', 'h2'), pairOf('h1', 'h3')]
  const { narrow } = await probing(
    pairs,
    ({ to }) => (to === 'h2' ? 0 : undefined),
    ({ narrow }, now) => narrow.size > 0 && now > 15_000,
  )
  expect([...narrow.values()].map(({ to, passes }) => [to, passes])).toEqual([['h2', 0]])
})

test('one probe a round and pair while all is well, and no more than 200 a second', async () => {
  const few = await probing(
    [pairOf('h1', 'h2')],
    () => 9000,
    (_, now) => now >= 60_000,
  )
  expect(few.sent).toBeLessThanOrEqual(60 / 5 + 1)
  const many = Array.from({ length: 2000 }, (_, n) => pairOf('h1', `h${n}`))
  const { sent, now } = await probing(
    many,
    () => 9000,
    (_, at) => at >= 20_000,
  )
  expect(sent / (now / 1000)).toBeLessThanOrEqual(205)
})

test('half of the pairs are narrow: all are found in time, and so is one that narrows later', async () => {
  const hosts = Array.from({ length: 24 }, (_, n) => `h${n}`)
  const pairs = hosts.flatMap((from) =>
    hosts.filter((to) => to !== from).map((to) => pairOf(from, to)),
  )
  const rack = (host: string) => Number(host.slice(1)) % 2
  const isNarrow = ({ from, to }: Pair) => rack(from) !== rack(to)
  const later = pairs.find((pair) => !isNarrow(pair)) as Pair
  const FALL_MS = 60_000
  let [foundAll, foundLater] = [Number.NaN, Number.NaN]
  await probing(
    pairs,
    (pair, now) => (isNarrow(pair) || (pair.to === later.to && now > FALL_MS) ? 1400 : 9000),
    ({ narrow }, now) => {
      if (Number.isNaN(foundAll) && narrow.size === pairs.filter(isNarrow).length) foundAll = now
      const isFound = narrow.has(`${later.from} ${later.to}`)
      if (Number.isNaN(foundLater) && isFound) foundLater = now - FALL_MS
      return isFound
    },
  )
  expect(foundAll).toBeLessThan(15_000)
  expect(foundLater).toBeLessThan(15_000)
})

test('narrow pairs that carry many sizes are found too, each with its own', async () => {
  const pairs = Array.from({ length: 60 }, (_, n) => pairOf('h0', `h${n + 1}`))
  const carries = ({ to }: Pair) => 1000 + 97 * Number(to.slice(1))
  const { narrow } = await probing(pairs, carries, ({ narrow }) => narrow.size === pairs.length)
  for (const pair of narrow.values()) expect(pair.passes).toBe(carries(pair))
})

test('a narrow pair that cannot be asked for a while stays so; one that is no pair any more is forgotten', async () => {
  const isAway = (now: number) => now > 20_000 && now < 60_000
  const sizes = new Set<number | undefined>()
  const { news, narrow } = await probing(
    (now) => (now < 90_000 ? [pairOf('h1', 'h2')] : []),
    (_, now) => (isAway(now) ? undefined : 5000),
    ({ narrow }, now) => {
      if (now > 15_000 && now < 90_000) sizes.add(narrow.get('h1 h2')?.passes)
      return now > 110_000
    },
  )
  expect([...sizes]).toEqual([5000])
  expect(narrow.size).toBe(0)
  expect(news).toEqual(['h1 h2', 'h1 h2'])
})

test('a probe that fails ends the run with its error, and what was found is known to the next', async () => {
  const clock = virtualClock({ startMs: 0 })
  const stop = new AbortController()
  const faults = [new RangeError('too long'), undefined]
  const prober = new Prober({
    pairs: () => [pairOf('h1', 'h2'), pairOf('h1', 'h3')],
    pair: pairOf,
    async passes({ to }, bytes) {
      if (to === 'h3' && faults[0]) throw faults[0]
      return to === 'h3' || bytes <= 5000
    },
    clock,
    changed: () => stop.abort(),
  })
  await expect(prober.run(stop.signal)).rejects.toThrow('too long')
  faults.shift()
  await prober.run(stop.signal)
  expect(prober.narrow.get('h1 h2')?.passes).toBe(5000)
})
