/** Rounds of probes: what is found, how fast, and what it costs. The paths are numbers of bytes that pass. */
import { expect, test } from 'vitest'
import type { Clock } from '../../../controller/clock.ts'
import { type Pair, Prober } from '../../../controller/reconciler/prober.ts'

const LOST_MS = 500

/** Time that passes only while somebody sleeps. */
function virtualClock(): Clock {
  let now = 0
  const waiting: { at: number; wake: () => void }[] = []
  let isTurning = false
  const turn = () => {
    waiting.sort((a, b) => a.at - b.at)
    const next = waiting.shift()
    if (!next) {
      isTurning = false
      return
    }
    now = next.at
    next.wake()
    setImmediate(turn)
  }
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        waiting.push({ at: now + ms, wake: resolve })
        if (!isTurning) setImmediate(turn)
        isTurning = true
      }),
  }
}

const pairOf = (from: string, to: string): Pair => ({
  ...{ from, to, local: '192.0.2.1', remote: '192.0.2.2', bytes: 9000 },
})

/** Probes until `until` holds; `carries` says how many bytes pass, undefined: the probe cannot be sent. */
async function probing(
  pairs: readonly Pair[],
  carries: (pair: Pair, now: number) => number | undefined,
  until: (prober: Prober, now: number) => boolean,
) {
  const clock = virtualClock()
  const stop = new AbortController()
  let sent = 0
  const prober = new Prober({
    pairs: () => pairs,
    async passes(path, bytes, signal) {
      sent++
      const most = carries(path as Pair, clock.now())
      if (most === undefined) return undefined
      if (bytes <= most) return true
      await clock.sleep(LOST_MS, signal)
      return false
    },
    clock,
    changed: () => {
      if (until(prober, clock.now())) stop.abort()
    },
  })
  await prober.run(stop.signal)
  return { narrow: prober.narrow, now: clock.now(), sent }
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
