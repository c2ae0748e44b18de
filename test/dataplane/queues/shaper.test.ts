/** The queues of one port by themselves, on the clock of the test: what leaves, when, and by whose turn. */

import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { DROP } from '../../../dataplane/packet/drop.ts'
import type { QueuePlan, ShapePlan } from '../../../dataplane/queues/plan.ts'
import { type Shaper, shaper } from '../../../dataplane/queues/shaper.ts'
import { SENT } from '../../../dataplane/tunnel/underlay.ts'
import { type VirtualClock, virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { runs } from '../../random.ts'
import { planOf } from './rows.ts'

/** 125 bytes are 1,000 bits: a millisecond at 1 Mbit/s. */
const SIZE = 125
const MBIT = 1e6

const queue = (queue_id: number, of: Partial<QueuePlan> = {}): QueuePlan => ({
  ...{ queue_id, minRate: 0, maxRate: MBIT, burst: 1, priority: 0 },
  ...of,
})
const plan = (queues: readonly QueuePlan[], of: Partial<ShapePlan> = {}): ShapePlan => ({
  ...{ kind: 'shape', maxRate: MBIT, burst: 1, queues },
  ...of,
})

/** With room to save what a turn of the others takes. */
const rested = (queues: readonly QueuePlan[]) =>
  plan(
    queues.map((of) => ({ ...of, burst: 4000 })),
    { burst: 4000 },
  )

let clock: VirtualClock
let port: Shaper
/** [ms since the start, first byte] of all that left. */
let left: (readonly [at: number, mark: number])[]
let lost: number[]
let answer: number

const open = (of: ShapePlan) => {
  port = shaper(of, {
    clock,
    lost: (reason) => void lost.push(reason),
    transmit(bytes, start) {
      if (answer === SENT) left.push([clock.now() - 1000, bytes[start]!])
      return answer
    },
  })
}
const send = (queueId: number, mark = queueId, size = SIZE) =>
  port.send(queueId, new Uint8Array(size).fill(mark), 0, size)
const sendMany = (count: number, queueId: number, mark = queueId) => {
  for (let i = 0; i < count; i++) send(queueId, mark)
}
const countOf = (mark: number) => left.filter(([, of]) => of === mark).length

beforeEach(() => {
  clock = virtualClock()
  ;[left, lost, answer] = [[], [], SENT]
})

test('what is over the rate waits, and leaves in order when its turn comes', () => {
  open(plan([queue(0)]))
  for (const mark of [1, 2, 3, 4]) expect(send(0, mark)).toBe(SENT)
  expect([left.length, port.waiting]).toEqual([1, 3])
  clock.advance(10)
  expect(left).toEqual([
    [0, 1],
    [expect.closeTo(1, 2), 2],
    [expect.closeTo(2, 2), 3],
    [expect.closeTo(3, 2), 4],
  ])
  expect(port.queues.get(0)).toMatchObject({ packets: 4, bytes: 500, errors: 0 })
})

test('a full queue loses what comes, by name, and counts it; the others go on', () => {
  open(plan([queue(0), queue(7)]))
  sendMany(1001, 7)
  expect(send(7)).toBe(DROP.queue_full)
  expect(send(0)).toBe(SENT)
  expect(port.queues.get(7)).toMatchObject({ packets: 1, errors: 1 })
  clock.advance(2000)
  expect([countOf(7), countOf(0), port.waiting]).toEqual([1001, 1, 0])
})

test('long frames fill a queue by their bytes', () => {
  open(plan([queue(0)]))
  let taken = 0
  while (send(0, 1, 65_000) === SENT) taken++
  expect(taken).toBe(1 + Math.floor((4 * 1024 * 1024) / 65_000))
})

test('after a rest a burst leaves at once, and no more than that', () => {
  open(plan([queue(0, { burst: 4000 })], { burst: 4000 }))
  sendMany(10, 0)
  // Four frames of what was saved, and one on credit.
  expect(left).toHaveLength(5)
  clock.advance(1e6)
  left.length = 0
  sendMany(10, 0)
  expect(left).toHaveLength(5)
})

test('no queue passes its own rate, however free the port is', () => {
  open(rested([queue(0), queue(1, { maxRate: MBIT / 10 })]))
  sendMany(1000, 1)
  clock.advance(1000)
  // Ten frames in 100 ms, and the burst.
  expect(Math.abs(countOf(1) - 105)).toBeLessThanOrEqual(1)
  sendMany(1000, 0)
  clock.advance(1000)
  expect(Math.abs(countOf(1) - 205)).toBeLessThanOrEqual(1)
  expect(countOf(0)).toBeGreaterThanOrEqual(899)
})

test('a frame longer than any burst leaves as well, and is paid for afterwards', () => {
  open(plan([queue(0)]))
  send(0, 1, 12_500)
  send(0, 2)
  clock.advance(99)
  expect(left).toEqual([[0, 1]])
  clock.advance(1.1)
  expect(left).toHaveLength(2)
})

describe('a port that is wanted by several queues', () => {
  const fill = () => {
    for (let i = 0; i < 1000; i++) for (const id of port.queues.keys()) send(id)
    // The bursts of the beginning.
    clock.advance(20)
    left.length = 0
  }

  test('gives equals equal shares', () => {
    open(rested([queue(0), queue(1), queue(2)]))
    fill()
    clock.advance(300)
    for (const id of [0, 1, 2]) expect(Math.abs(countOf(id) - 100)).toBeLessThanOrEqual(1)
  })

  test('gives each what it was promised first, and the rest to the smallest priority', () => {
    open(
      rested([
        queue(0, { priority: 5 }),
        queue(1, { minRate: 0.2 * MBIT, priority: 9 }),
        queue(2, { priority: 1, maxRate: 0.5 * MBIT }),
      ]),
    )
    fill()
    clock.advance(1000)
    const counts = [0, 1, 2].map(countOf)
    for (const [i, wanted] of [300, 200, 500].entries()) {
      expect(Math.abs(counts[i]! - wanted)).toBeLessThanOrEqual(3)
    }
  })

  test('shares what nobody was promised by what each was', () => {
    open(rested([queue(1, { minRate: 0.2 * MBIT }), queue(2, { minRate: 0.4 * MBIT }), queue(0)]))
    for (let i = 0; i < 1000; i++) for (const id of [1, 2]) send(id)
    clock.advance(20)
    left.length = 0
    clock.advance(900)
    // 180 and 360 were promised; of the 360 that are left, a third and two thirds.
    expect(Math.abs(countOf(1) - 300)).toBeLessThanOrEqual(5)
    expect(Math.abs(countOf(2) - 600)).toBeLessThanOrEqual(5)
  })

  test('gives whoever comes late its share from then on, and not what it missed', () => {
    open(rested([queue(0), queue(1), queue(2)]))
    for (let ms = 0; ms < 2000; ms++) {
      send(1)
      clock.advance(1.01)
    }
    send(2)
    clock.advance(2)
    fill()
    clock.advance(300)
    for (const id of [0, 1, 2]) expect(Math.abs(countOf(id) - 100)).toBeLessThanOrEqual(1)
  })

  test('keeps what it can of promises that are more than it has, in equal parts', () => {
    open(rested([0, 1, 2, 3].map((id) => queue(id, { minRate: MBIT }))))
    fill()
    clock.advance(400)
    for (const id of [0, 1, 2, 3]) expect(Math.abs(countOf(id) - 100)).toBeLessThanOrEqual(1)
  })

  test('never passes its rate, whatever they were promised', () => {
    open(rested([0, 1, 2, 3].map((id) => queue(id, { minRate: MBIT }))))
    fill()
    clock.advance(1000)
    expect(Math.abs(left.length - 1000)).toBeLessThanOrEqual(1)
  })
})

test('a queue that is not there is queue 0', () => {
  open(plan([queue(0), queue(1)]))
  for (const id of [-1, 4711, 0xffffffff]) send(id, 9)
  expect(port.queues.get(0)!.packets).toBe(1)
  expect(port.waiting).toBe(2)
})

describe('another plan while frames wait', () => {
  test('counts from now on, and what was counted stays', () => {
    open(plan([queue(0), queue(1)]))
    sendMany(101, 1)
    clock.advance(50)
    expect(countOf(1)).toBe(51)
    port.use(plan([queue(0), queue(1, { maxRate: 10 * MBIT })], { maxRate: 10 * MBIT }))
    clock.advance(5.1)
    expect(countOf(1)).toBe(101)
    expect(port.queues.get(1)).toMatchObject({ packets: 101, createdAt: 1000 })
  })

  test('moves what waits in a queue that goes to queue 0', () => {
    open(plan([queue(0), queue(1)]))
    sendMany(3, 1)
    port.use(plan([queue(0)]))
    expect([port.queues.has(1), port.waiting]).toEqual([false, 2])
    clock.advance(5)
    expect([countOf(1), port.queues.get(0)!.packets]).toEqual([3, 2])
  })

  test('a queue that comes may be used at once', () => {
    open(plan([queue(0)]))
    port.use(plan([queue(0), queue(5)]))
    send(5)
    expect(port.queues.get(5)).toMatchObject({ packets: 1 })
  })
})

test('rates beyond all bounds pass everything, those below all sense one frame', () => {
  const most = planOf({ type: 'linux-htb', config: { 'max-rate': '9'.repeat(400) } })
  open(most.limit as ShapePlan)
  sendMany(3000, 0)
  expect(left).toHaveLength(3000)
  const least = planOf({ type: 'linux-htb', config: { 'max-rate': '1' } }, 68)
  port.use(least.limit as ShapePlan)
  sendMany(100, 0)
  clock.advance(1000)
  expect(left.length).toBeLessThanOrEqual(3002)
})

test('flush: what waits leaves at once, and no timer is left', () => {
  open(plan([queue(0)]))
  for (const mark of [1, 2, 3]) send(0, mark)
  port.flush()
  expect(left.map(([, mark]) => mark)).toEqual([1, 2, 3])
  clock.advance(100)
  expect(left).toHaveLength(3)
})

test('close: what waits is lost by name', () => {
  open(plan([queue(0)]))
  sendMany(3, 0)
  port.close()
  clock.advance(100)
  expect([left.length, lost]).toEqual([1, [DROP.port_down, DROP.port_down]])
})

test('what cannot leave when its turn comes is lost by its name, and costs nothing', () => {
  open(plan([queue(0)]))
  sendMany(3, 0)
  answer = DROP.port_mtu_exceeded
  clock.advance(1.1)
  expect(lost).toEqual([DROP.port_mtu_exceeded, DROP.port_mtu_exceeded])
  expect(port.queues.get(0)).toMatchObject({ packets: 1, errors: 0 })
})

test('a frame that comes back while it leaves waits for its turn, and does not go round for ever', () => {
  let sent = 0
  const loop = shaper(plan([queue(0)]), {
    clock,
    lost: () => {},
    transmit(bytes, start, end) {
      sent++
      loop.send(0, bytes, start, end)
      return SENT
    },
  })
  loop.send(0, new Uint8Array(SIZE), 0, SIZE)
  clock.advance(100)
  expect(Math.abs(sent - 101)).toBeLessThanOrEqual(1)
  loop.flush()
  loop.close()
})

test('whatever comes: every frame leaves whole, once, in the order of its queue, or was refused', () => {
  const step = fc.oneof(
    fc.record({ id: fc.integer({ min: 0, max: 3 }), size: fc.integer({ min: 14, max: 9000 }) }),
    fc.record({ wait: fc.integer({ min: 1, max: 200 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const own = virtualClock()
      const out: string[][] = [[], [], [], []]
      const kept: string[][] = [[], [], [], []]
      const name = (bytes: Uint8Array, start: number, end: number) =>
        `${bytes[start + 1]! * 256 + bytes[start + 2]!}:${end - start}:${bytes[end - 1]}`
      const one = shaper(plan([0, 1, 2, 3].map((id) => queue(id, { minRate: id * 1e5 }))), {
        clock: own,
        lost: () => {
          throw new Error('lost')
        },
        transmit(bytes, start, end) {
          out[bytes[start]!]!.push(name(bytes, start, end))
          return SENT
        },
      })
      let bits = 0
      for (const [i, of] of steps.entries()) {
        if ('wait' in of) own.advance(of.wait)
        else {
          const frame = new Uint8Array(of.size + 5).fill(i & 255)
          frame.set([of.id, i >> 8, i & 255], 5)
          if (one.send(of.id, frame, 5, frame.length) === SENT) {
            kept[of.id]!.push(name(frame, 5, frame.length))
            bits += of.size * 8
          }
        }
      }
      // At the rate of the port, all of it must be out by then.
      own.advance(bits / 1000 + 1)
      expect(one.waiting).toBe(0)
      expect(out).toEqual(kept)
    }),
    runs(200),
  )
})
