import { expect, test } from 'vitest'
import { backoff, persist } from '../../../southbound/wire/backoff.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'

test('pauses double up to the limit and lie in the upper half of it', () => {
  const lowest = backoff({ firstMs: 100, maxMs: 500, random: () => 0 })
  const highest = backoff({ firstMs: 100, maxMs: 500, random: () => 1 })
  const five = [1, 2, 3, 4, 5]
  expect(five.map(() => lowest.next())).toEqual([50, 100, 200, 250, 250])
  expect(five.map(() => highest.next())).toEqual([100, 200, 400, 500, 500])
  highest.reset()
  expect(highest.next()).toBe(100)
  expect(backoff({ maxMs: 10, random: () => 1 }).next()).toBe(10)
})

test('a session that lasted makes the next pause short; one that fails or ends at once does not', async () => {
  const end = new AbortController()
  let now = 0
  const clock = {
    ...systemClock,
    now: () => now,
    sleep: async (ms: number) => {
      now += ms
    },
  }
  const seen: string[] = []
  const refused = async () => Promise.reject(new Error('refused'))
  const brief = async () => undefined
  const long = async () => {
    now += 10_000
    return new Error('reset')
  }
  const sessions = [refused, brief, refused, long, refused, refused]
  await persist(
    async (attempt) => {
      const session = sessions[attempt]
      if (session) return session()
      end.abort()
      return undefined
    },
    {
      ...{ signal: end.signal, clock, firstMs: 100, random: () => 1 },
      onEnd: (reason, pauseMs) => seen.push(`${reason?.message} ${pauseMs}`),
    },
  )
  expect(seen).toEqual([
    ...['refused 100', 'undefined 200', 'refused 400', 'reset 100', 'refused 200', 'refused 400'],
  ])
})

test('an abort ends the pause', async () => {
  const end = new AbortController()
  const session = async () => Promise.reject(new Error('refused'))
  const onEnd = () => queueMicrotask(() => end.abort())
  await persist(session, { signal: end.signal, firstMs: 1e6, maxMs: 1e6, onEnd })
})
