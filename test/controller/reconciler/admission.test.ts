/** Hosts that dial in at once are opened in turn. */

import { expect, test } from 'vitest'
import { Admission, type Need } from '../../../controller/reconciler/admission.ts'
import { virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { quiet } from './site.ts'

const PLACES = 4

/** A herd: who has entered, in order, and how to end each one's opening. */
function herd(places = PLACES) {
  const clock = virtualClock()
  const stop = new AbortController()
  const admission = new Admission({ clock, places, signal: stop.signal })
  const entered: string[] = []
  const leaving = new Map<string, () => void>()
  let most = 0
  const come = (name: string, need: () => Need, signal = stop.signal) =>
    admission.enter(need, signal).then((leave) => {
      entered.push(name)
      leaving.set(name, leave)
      most = Math.max(most, leaving.size)
    })
  const leave = async (name: string) => {
    leaving.get(name)?.()
    leaving.delete(name)
    await quiet(2)
  }
  return { clock, stop, admission, entered, leaving, come, leave, most: () => most }
}

test('no more than so many of fifty hosts are opened at a time, and all are', async () => {
  const { come, leave, leaving, entered, most } = herd()
  const names = Array.from({ length: 50 }, (_, n) => `h${n}`)
  const all = names.map((name) => come(name, () => 'complete'))
  await quiet(2)
  for (let [next] = leaving.keys(); next; [next] = leaving.keys()) await leave(next)
  await Promise.all(all)
  expect(entered).toEqual(names)
  expect(most()).toBe(PLACES)
})

test('who lacks something goes first, then who has yet to say who it is; every fourth is who waits longest', async () => {
  const { come, leave, entered } = herd(1)
  void come('at once', () => 'complete')
  for (const n of [1, 2, 3]) void come(`complete ${n}`, () => 'complete')
  for (const n of [1, 2, 3]) void come(`lacking ${n}`, () => 'lacking')
  void come('unknown', () => 'unknown')
  await quiet(2)
  for (let n = 0; n < 8; n++) await leave(entered.at(-1) ?? '')
  expect(entered).toEqual([
    'at once',
    'lacking 1',
    'lacking 2',
    'complete 1',
    'lacking 3',
    'unknown',
    'complete 2',
    'complete 3',
  ])
})

test('what a host lacks is asked when a place is free', async () => {
  const { come, leave, entered } = herd(1)
  void come('first', () => 'complete')
  void come('second', () => 'complete')
  let need: Need = 'complete'
  void come('third', () => need)
  await quiet(2)
  need = 'lacking'
  await leave('first')
  expect(entered).toEqual(['first', 'third'])
})

test('hosts that hang in their opening do not hold their places for ever, and give them back once', async () => {
  const { clock, come, leave, entered } = herd(2)
  for (const name of ['hangs', 'hangs too', 'waits', 'waits too', 'is last'])
    void come(name, () => 'lacking')
  await quiet(2)
  expect(entered).toEqual(['hangs', 'hangs too'])
  clock.advance(5000)
  await quiet(2)
  expect(entered).toEqual(['hangs', 'hangs too', 'waits', 'waits too'])
  await leave('hangs')
  expect(entered).not.toContain('is last')
  await leave('waits')
  expect(entered).toContain('is last')
})

test('who goes while it waits, or while it is opened, leaves its place to others', async () => {
  const { come, admission, entered, stop } = herd(1)
  const [first, second] = [new AbortController(), new AbortController()]
  void come('first', () => 'lacking', first.signal)
  const gone = come('second', () => 'lacking', second.signal)
  void come('third', () => 'lacking')
  await quiet(2)
  second.abort(new Error('gone'))
  await expect(gone).rejects.toThrow('gone')
  first.abort()
  await quiet(2)
  expect(entered).toEqual(['first', 'third'])
  expect(admission.waiting).toBe(0)
  const late = come('late', () => 'lacking')
  stop.abort(new Error('the controller is stopping'))
  await expect(late).rejects.toThrow('stopping')
})
