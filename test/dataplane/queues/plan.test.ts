/** What QoS and Queue rows mean, as ovs-vswitchd.conf.db(5) has it. */
import { expect, test } from 'vitest'
import { planOf } from './rows.ts'

/** An MTU of 1500 and room for headers, in bits. */
const FRAME = 1564 * 8

test('linux-htb: rates, bursts and priorities of the port and its queues', () => {
  const plan = planOf({
    type: 'linux-htb',
    config: { 'max-rate': '1000000' },
    queues: {
      0: {},
      123: { 'min-rate': 200_000, 'max-rate': 500_000, burst: 80_000, priority: 3, dscp: 46 },
    },
  })
  expect(plan).toEqual({
    limit: {
      ...{ kind: 'shape', maxRate: 1e6, burst: FRAME },
      queues: [
        { queue_id: 0, minRate: 0, maxRate: 1e6, burst: FRAME, priority: 0 },
        { queue_id: 123, minRate: 2e5, maxRate: 5e5, burst: 80_000, priority: 3 },
      ],
    },
    marks: [[123, 46]],
    refused: [],
  })
})

test('what is left out: 10 Gbit/s, a default queue without a limit of its own, no burst below a frame', () => {
  expect(
    planOf({ type: 'linux-htb', queues: { 5: { burst: 1, 'max-rate': 64_000 } } }).limit,
  ).toEqual({
    // Ten milliseconds, by which timers may be late.
    ...{ kind: 'shape', maxRate: 10e9, burst: 100e6 },
    queues: [
      { queue_id: 0, minRate: 0, maxRate: 10e9, burst: 100e6, priority: 0 },
      { queue_id: 5, minRate: 0, maxRate: 64_000, burst: FRAME, priority: 0 },
    ],
  })
})

test('numbers that are none, or 0, count for nothing; a queue has no more than its port', () => {
  const wrong = { 'min-rate': 'much', 'max-rate': '-1', burst: '', priority: '1e3' }
  const { limit } = planOf({
    type: 'linux-htb',
    config: { 'max-rate': '1000000' },
    queues: { 1: wrong, 2: { 'min-rate': 5e6, 'max-rate': 9e6 }, 3: { 'max-rate': 0 } },
  })
  const queues = limit.kind === 'shape' ? limit.queues : []
  expect(queues.map(({ minRate, maxRate }) => [minRate, maxRate])).toEqual([
    [0, 1e6],
    [0, 1e6],
    [1e6, 1e6],
    [0, 1e6],
  ])
})

test('a promise counts more than a limit below it', () => {
  const { limit } = planOf({
    type: 'linux-htb',
    queues: { 1: { 'min-rate': 5e6, 'max-rate': 1e6 } },
  })
  expect(limit).toMatchObject({ queues: [{}, { minRate: 5e6, maxRate: 5e6 }] })
})

test('linux-hfsc has rates, and neither bursts nor priorities', () => {
  const queues = { 0: { 'max-rate': 1e6, burst: 1e9, priority: 9 } }
  expect(planOf({ type: 'linux-hfsc', queues }).limit).toMatchObject({
    queues: [{ queue_id: 0, maxRate: 1e6, burst: FRAME, priority: 0 }],
  })
})

test('queue ids from 61440 on are refused, and more queues than a port may have', () => {
  expect(planOf({ type: 'linux-htb', queues: { 61439: {}, 61440: {} } })).toMatchObject({
    limit: { queues: [{ queue_id: 0 }, { queue_id: 61_439 }] },
    refused: ['linux-htb has no queue 61440'],
  })
  const many = Object.fromEntries(Array.from({ length: 1001 }, (_, id) => [id, {}]))
  const plan = planOf({ type: 'linux-htb', queues: many })
  expect(plan.limit.kind === 'shape' && plan.limit.queues.length).toBe(1000)
  expect(plan.refused).toEqual(['queue 1000: a port has 1000 queues at most'])
})

test('egress-policer: bytes a second and bytes; without them it limits nothing, and says so', () => {
  expect(planOf({ type: 'egress-policer', config: { cir: '46000000', cbs: '2048' } })).toEqual({
    limit: { kind: 'police', rate: 368e6, burst: 16_384 },
    marks: [],
    refused: [],
  })
  expect(planOf({ type: 'egress-policer', config: { cir: '1000' } })).toMatchObject({
    limit: { kind: 'pass' },
    refused: ['egress-policer needs cir and cbs above 0'],
  })
})

test.each([
  ['linux-noop', []],
  ['linux-netem', ['no QoS of type linux-netem is here']],
  ['constructor', ['no QoS of type constructor is here']],
])('%s limits nothing; marks count all the same', (type, refused) => {
  expect(planOf({ type, queues: { 7: { dscp: 10 } } })).toEqual({
    ...{ limit: { kind: 'pass' }, marks: [[7, 10]], refused },
  })
})
