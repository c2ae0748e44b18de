import { expect, test } from 'vitest'
import { deadline, every } from '../../../southbound/wire/clock.ts'
import { virtualClock } from '../../../southbound/wire/virtual-clock.ts'

test('timers run in the order of their time, those of one moment in the order in which they were set', () => {
  const clock = virtualClock({ startMs: 0 })
  const ran: string[] = []
  for (const [name, ms] of [
    ['c', 30],
    ['a', 10],
    ['b', 10],
    ['d', 30],
  ] as const)
    clock.after(ms, () => void ran.push(`${name} at ${clock.now()}`))
  clock.advance(100)
  expect(ran).toEqual(['a at 10', 'b at 10', 'c at 30', 'd at 30'])
  expect(clock.now()).toBe(100)
})

test('what a timer sets runs within the same advance, and what is cancelled does not run', () => {
  const clock = virtualClock({ startMs: 0 })
  const ran: number[] = []
  const stop = every(clock, 10, () => void ran.push(clock.now()))
  clock.after(35, stop)
  clock.advance(1000)
  expect(ran).toEqual([10, 20, 30])
  expect(clock.nextAt()).toBeUndefined()
})

test('a hundred thousand timers, nine of ten cancelled, run in order and leave nothing', () => {
  const clock = virtualClock({ startMs: 0 })
  const ran: number[] = []
  const cancels: (() => void)[] = []
  for (let n = 0; n < 100_000; n++)
    cancels.push(clock.after((n * 7919) % 10_007, () => void ran.push(clock.now())))
  for (const [n, cancel] of cancels.entries()) if (n % 10 !== 0) cancel()
  while (clock.step());
  expect(ran).toHaveLength(10_000)
  expect(ran).toEqual([...ran].sort((a, b) => a - b))
  expect(clock.nextAt()).toBeUndefined()
})

test('sleep and deadline end with the time, and with their signal', async () => {
  const clock = virtualClock()
  const late = deadline(clock, 50)
  const slept = clock.sleep(40)
  const woken = clock.sleep(60, late)
  clock.advance(100)
  await expect(slept).resolves.toBeUndefined()
  await expect(woken).rejects.toMatchObject({ name: 'TimeoutError' })
  await expect(clock.sleep(1, AbortSignal.abort(new Error('no')))).rejects.toThrow('no')
  expect(clock.wall()).toBe(Date.UTC(2026, 0, 1) + 100)
})
