/** Work in the background: it fails, and nobody else does. */

import { expect, test } from 'vitest'
import { keepRunning } from '../../controller/keep-running.ts'
import { noLog } from '../../controller/reconciler/log.ts'
import { systemClock } from '../../southbound/wire/clock.ts'
import { virtualClock } from '../../southbound/wire/virtual-clock.ts'

/** What is logged, in one text each. */
function listening() {
  const lines: string[] = []
  return {
    lines,
    log: { ...noLog, warn: (fields: object) => void lines.push(Object.values(fields).join(' ')) },
  }
}

test('what fails is logged and begun again a second later, until it is done', async () => {
  const clock = virtualClock()
  const { lines, log } = listening()
  const { signal } = new AbortController()
  let begun = 0
  const work = async () => {
    if (++begun < 3) throw new RangeError(`attempt ${begun}`)
  }
  const running = keepRunning(work, { name: 'rounds', clock, log, signal })
  for (let i = 1; i < 3; i++) {
    while (lines.length < i) await new Promise(setImmediate)
    await new Promise(setImmediate)
    expect(begun).toBe(i)
    clock.advance(999)
    await new Promise(setImmediate)
    expect(begun).toBe(i)
    clock.advance(1)
  }
  await running
  expect(begun).toBe(3)
  expect(lines.map((line) => line.split('\n')[0])).toEqual([
    'rounds RangeError: attempt 1',
    'rounds RangeError: attempt 2',
  ])
})

test('it ends with its signal, at work or between, and says nothing of that', async () => {
  const { lines, log } = listening()
  for (const work of [
    (signal: AbortSignal) => systemClock.sleep(60_000, signal),
    () => Promise.reject(new Error('no')),
  ]) {
    const end = new AbortController()
    const running = keepRunning(work, {
      name: 'rounds',
      clock: systemClock,
      log,
      signal: end.signal,
    })
    await new Promise(setImmediate)
    end.abort()
    await running
  }
  expect(lines).toHaveLength(1)
})
