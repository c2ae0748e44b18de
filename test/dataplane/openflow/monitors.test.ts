/** Flow monitors: what is told, to whom in short, and to those who do not read. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { commitBundle } from '../../../southbound/openflow/bundle.ts'
import type { FlowUpdate } from '../../../southbound/openflow/flow-update.ts'
import { monitorFlags } from '../../../southbound/openflow/flow-update.ts'
import { encodeMatch } from '../../../southbound/openflow/match.ts'
import { ANY } from '../../../southbound/openflow/port.ts'
import { addFlow, apply, flow, NOTHING, output } from './messages.ts'
import { type Controller, startRig } from './rig.ts'

let rig: Awaited<ReturnType<typeof startRig>>
let watcher: Controller
beforeEach(async () => {
  rig = await startRig()
  watcher = await rig.connect()
})
afterEach(() => rig.close())

const { initial, add, modify, actions, own } = monitorFlags
const EVENTS = add | modify | monitorFlags.delete
const monitor = (flags: number, of: object = {}) =>
  ({
    type: 'multipart_request',
    kind: 'flow_monitor',
    body: [{ id: 1, flags, out_port: ANY, table_id: 0xff, match: NOTHING, ...of }],
  }) as const
/** Updates since the last call; pauses and resumptions by name. */
const seen = async () => {
  await watcher.connection.barrier()
  return watcher.told.splice(0).flatMap((message): (FlowUpdate | string)[] => {
    if (message.type !== 'multipart_reply' || message.kind !== 'flow_monitor') return [message.type]
    return [...message.body]
  })
}
const events = async () =>
  (await seen()).map((one) =>
    typeof one === 'string' ? one : 'priority' in one ? `${one.event} ${one.priority}` : one.event,
  )
const of = (priority: number, instructions = [apply(output(2))]) => ({ priority, instructions })

test('first come the flows that are there, then each change as it happens, with its reason', async () => {
  await rig.controller.ask(addFlow({ ...of(1), cookie: 1n }))
  await watcher.ask(monitor(initial | EVENTS | actions))
  expect(await seen()).toMatchObject([{ event: 'added', priority: 1, cookie: 1n }])
  await rig.controller.ask(
    addFlow({ ...of(7), match: { in_port: 3 } }, { hard_timeout: 4 }),
    flow('modify_strict', { ...of(7, [apply(output(9))]), match: { in_port: 3 } }),
    flow('modify_strict', { ...of(7, [apply(output(9))]), match: { in_port: 3 } }),
    flow('delete_strict', { priority: 1 }),
  )
  const { instructions } = addFlow(of(7, [apply(output(9))]))
  expect(await seen()).toMatchObject([
    { event: 'added', priority: 7, match: encodeMatch({ in_port: 3 }), hard_timeout: 4 },
    { event: 'modified', priority: 7, instructions },
    { event: 'deleted', priority: 1, reason: 2 },
  ])
  rig.clock.advance(5000)
  expect(await seen()).toMatchObject([{ event: 'deleted', priority: 7, reason: 1 }])
})

test('only events and flows that are asked for are told, and instructions only then', async () => {
  const body = { table_id: 1, out_port: 2, match: encodeMatch({ in_port: 3 }) }
  await watcher.ask(monitor(add, body))
  const wanted = { table_id: 1, match: { in_port: 3, eth_type: 0x0800 } }
  await rig.controller.ask(
    addFlow({ ...of(1), match: wanted.match }),
    addFlow({ ...of(2), table_id: 1 }),
    addFlow({ ...of(3, [apply(output(4))]), ...wanted }),
    addFlow({ ...of(4), ...wanted }),
    flow('delete', {}, { table_id: 0xff }),
  )
  const told = await seen()
  expect(told.slice(1)).toMatchObject([])
  expect(told).toMatchObject([{ event: 'added', priority: 4, instructions: NOTHING }])
})

test('own changes are told in short, whole to who wants its own', async () => {
  await watcher.ask(monitor(EVENTS))
  await watcher.connection.send({ ...addFlow(of(8)), xid: 4711 })
  expect(await seen()).toEqual([{ event: 'abbrev', xid: 4711 }])
  await watcher.ask({ type: 'flow_monitor_cancel', id: 1 }, monitor(EVENTS | own))
  await watcher.ask(addFlow(of(9)))
  expect(await events()).toEqual(['added 9'])
  await watcher.ask({ type: 'flow_monitor_cancel', id: 1 }, addFlow(of(10)))
  expect(await events()).toEqual([])
})

test('the updates of a bundle come before the barrier behind it', async () => {
  await watcher.ask(monitor(EVENTS))
  await commitBundle(
    rig.controller.connection,
    Array.from({ length: 2000 }, (_, i) => addFlow(of(i))),
  )
  expect(await events()).toHaveLength(2000)
  await commitBundle(watcher.connection, [flow('delete')])
  expect(await events()).toEqual(['abbrev'])
})

test('who does not read hears of deletions alone, and of the rest when everything was read', async () => {
  rig.close()
  rig = await startRig({ updateBytes: 1000 })
  watcher = await rig.connect()
  await rig.controller.ask(...[1, 2, 3].map((n) => addFlow(of(n))))
  await watcher.ask(monitor(EVENTS))
  const now = rig.clock.now()
  // All in one turn of the event loop: nothing is read meanwhile.
  rig.bridge.change(undefined, (journal) => {
    for (let n = 100; n < 130; n++) rig.bridge.flows.apply(addFlow(of(n)), now, journal)
  })
  const change = (...mods: ReturnType<typeof flow>[]) =>
    rig.bridge.change(undefined, (journal) => {
      for (const mod of mods) rig.bridge.flows.apply(mod, now, journal)
    })
  change(addFlow(of(50)), addFlow(of(51)), flow('delete_strict', of(51)))
  change(
    flow('modify_strict', of(1, [apply(output(7))])),
    addFlow(of(2)),
    flow('delete_strict', of(2)),
  )
  change(flow('delete_strict', of(3)), addFlow(of(100)))
  const told = await events()
  expect(told.slice(0, 30)).toEqual(Array.from({ length: 30 }, (_, i) => `added ${100 + i}`))
  expect(told.slice(30)).toEqual([
    'flow_monitor_paused',
    'deleted 2',
    'deleted 3',
    'added 50',
    'modified 1',
    'added 100',
    'flow_monitor_resumed',
  ])
  await rig.controller.ask(addFlow(of(60)))
  expect(await events()).toEqual(['added 60'])
})

test('so many monitors and no more', async () => {
  rig.close()
  rig = await startRig({ monitors: 1 })
  watcher = await rig.connect()
  expect(await watcher.answers(monitor(EVENTS), monitor(EVENTS, { id: 2 }))).toEqual([
    'multipart_reply',
    'bad_request.eperm',
  ])
})
