/** The event log is bounded and fair: who makes much pushes out his own. Neighbour: claims.test.ts. */

import { expect, test } from 'vitest'
import { EventLog } from '../../../controller/reconciler/events.ts'
import { FairQueue } from '../../../controller/reconciler/fair-queue.ts'
import { virtualClock } from '../../../southbound/wire/virtual-clock.ts'

const KEPT = 10_000

test('of a host that says more than fits in the log its own oldest events go, and nobody else loses one', () => {
  const log = new EventLog(virtualClock())
  log.add('drift', 'h2', 'first')
  log.add('host_connected', 'h1', 'h1 is driven')
  for (let n = 0; n < 3 * KEPT; n++) log.add('drift', 'h1', `drift ${n}`)
  const kept = log.since()
  expect(kept).toHaveLength(KEPT)
  expect(kept.slice(0, 2).map(({ message }) => message)).toEqual(['first', 'h1 is driven'])
  expect(kept[2]?.message).toBe(`drift ${2 * KEPT + 2}`)
  expect(kept.at(-1)?.message).toBe(`drift ${3 * KEPT - 1}`)
  const ids = kept.map(({ id }) => id)
  expect(ids).toEqual(ids.toSorted((a, b) => a - b))
  expect(log.since(ids.at(-2))).toEqual([kept.at(-1)])
})

test('two noisy hosts share the log evenly', () => {
  const log = new EventLog(virtualClock())
  for (let n = 0; n < KEPT; n++) log.add('drift', 'h1', `${n}`)
  for (let n = 0; n < KEPT; n++) log.add('drift', 'h2', `${n}`)
  const of = (host: string) => log.since().filter((event) => event.host === host).length
  expect([of('h1'), of('h2')]).toEqual([KEPT / 2, KEPT / 2])
})

test("guests of one tenant push out nothing of the host's and of other tenants'", () => {
  const log = new EventLog(virtualClock())
  log.add('frames_dropped', 'h1', 'of globex', { port: 'globex/vm1' })
  log.add('port_bound', 'h1', 'plugged', { port: 'acme/vm1' })
  for (let n = 0; n < 2 * KEPT; n++)
    log.add('frames_dropped', 'h1', `${n}`, { port: `acme/vm${n}` })
  expect(
    log
      .since()
      .slice(0, 2)
      .map(({ message }) => message),
  ).toEqual(['of globex', 'plugged'])
})

test('a stranger that dials under ever new names pushes out nothing of hosts', () => {
  const log = new EventLog(virtualClock())
  for (const host of ['h1', 'h2']) log.add('host_connected', host, `${host} is driven`)
  for (let n = 0; n < 2 * KEPT; n++) log.add('host_pending', `stranger${n}`, 'dialled in')
  const [first, second] = log.since()
  expect([first?.host, second?.host]).toEqual(['h1', 'h2'])
})

test('a full queue drops the oldest of the source that has most, of several the one that has had it longest', () => {
  const queue = new FairQueue<string>(4)
  for (const thing of ['a1', 'b1', 'a2', 'b2', 'c1', 'a3', 'c2', 'd1', 'd2', 'd3', 'd4'])
    queue.add(thing.slice(0, 1), thing)
  expect([...queue.values()]).toEqual(['b2', 'a3', 'c2', 'd4'])
})
