/** Flows that packets teach: so many, and what is told of those that find no room. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Action } from '../../../southbound/openflow/action.ts'
import { addFlow, apply, flow, udp } from './messages.ts'
import { startRig } from './rig.ts'

let rig: Awaited<ReturnType<typeof startRig>>
let warned: unknown[]
beforeEach(async () => {
  rig = await startRig({ learnedFlows: 2 })
  warned = []
  rig.bridge.log.warn = (fields, event) => {
    warned.push([event, 'flows' in fields ? fields.flows : undefined])
  }
  expect(await rig.controller.answers(addFlow({ instructions: [apply(learn)] }))).toEqual([])
})
afterEach(() => rig.close())

/** A flow in table 1 for each source of a frame. */
const learn: Action = {
  kind: 'learn',
  ...{ idle_timeout: 0, hard_timeout: 0, priority: 1, cookie: 0n, flags: 0, table_id: 1 },
  ...{ fin_idle_timeout: 0, fin_hard_timeout: 0 },
  specs: [
    {
      kind: 'match',
      n_bits: 48,
      src: { field: 'eth_src', ofs: 0 },
      dst: { field: 'eth_dst', ofs: 0 },
    },
  ],
}
const from = (source: number) => {
  const frame = udp()
  frame[11] = source
  rig.p1.send(frame)
}
const learned = () => rig.bridge.flows.counts[1]!.active

test('no more flows are learned than the limit says; controllers add theirs, and what goes makes room', async () => {
  for (const source of [1, 2, 3, 1, 4]) from(source)
  expect([learned(), rig.bridge.lessons.refused]).toEqual([2, 2])
  expect(await rig.controller.answers(addFlow({ table_id: 1, match: { in_port: 1 } }))).toEqual([])
  await rig.controller.ask(flow('delete', { table_id: 1, match: { eth_dst: 0x0a0000000001 } }))
  for (const source of [3, 4]) from(source)
  expect([learned(), rig.bridge.lessons.refused]).toEqual([3, 3])
})

test('a learned flow that a controller replaces is its own from then on', async () => {
  from(1)
  const match = { eth_dst: 0x0a0000000001 }
  await rig.controller.ask(addFlow({ table_id: 1, priority: 1, match, cookie: 5n }))
  for (const source of [2, 3, 4]) from(source)
  expect([learned(), rig.bridge.lessons.refused]).toEqual([3, 1])
})

test('flows that find no room are counted each and logged once a minute', () => {
  for (let source = 1; source <= 100; source++) from(source)
  expect(warned).toEqual([['flows could not be learned', 1]])
  rig.clock.advance(60_000)
  for (let source = 101; source <= 200; source++) from(source)
  expect(warned.slice(1)).toEqual([['flows could not be learned', 98]])
  expect(rig.bridge.lessons.refused).toBe(198)
})
