/** Flow monitors: what is told, to whom in short, and to those who do not read. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FlowMonitors, flowMonitors } from '../../../dataplane/openflow/flow-monitors.ts'
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

test('a flow that leaves the port of a monitor is told once more, as in Open vSwitch', async () => {
  await watcher.ask(monitor(EVENTS, { out_port: 2 }))
  const to = (port: number) => of(1, [apply(output(port))])
  await rig.controller.ask(addFlow(to(2)), ...[3, 4].map((n) => flow('modify_strict', to(n))))
  expect(await events()).toEqual(['added 1', 'modified 1'])
  await rig.controller.ask(flow('delete_strict', to(4)), addFlow(to(2)), addFlow(to(5)))
  expect(await events()).toEqual(['added 1', 'added 1'])
})

describe('while a controller does not read', () => {
  const to = (port: number, priority = 50) => of(priority, [apply(output(port))])
  let sent: string[]
  let unread: number
  let monitors: FlowMonitors
  beforeEach(async () => {
    rig.close()
    rig = await startRig({ updateBytes: 1000 })
    sent = []
    unread = 0
    monitors = flowMonitors(rig.bridge, {
      get unread() {
        return unread
      },
      send(message, size) {
        unread += size
        const parts = message.type === 'multipart_reply' && message.kind === 'flow_monitor'
        if (!parts) sent.push(message.type)
        else
          for (const one of message.body)
            if ('priority' in one) sent.push(`${one.event} ${one.priority}`)
      },
    })
    watch(1, { out_port: 2 })
    change(addFlow(to(2, 7)))
    change(...Array.from({ length: 30 }, (_, n) => addFlow(of(100 + n))))
    expect(sent.splice(0).at(-1)).toBe('flow_monitor_paused')
  })
  const watch = (id: number, more: object = {}) => {
    monitors.add([{ id, flags: EVENTS, out_port: ANY, table_id: 0xff, match: NOTHING, ...more }], 1)
  }
  const change = (...mods: ReturnType<typeof flow>[]) =>
    rig.bridge.change(undefined, (journal) => {
      const before = journal.events.length
      for (const mod of mods) rig.bridge.flows.apply(mod, rig.clock.now(), journal)
      monitors.tell(journal.events.slice(before), undefined)
    })
  const read = () => {
    unread = 0
    monitors.caughtUp()
    return sent.splice(0)
  }

  test('a flow that goes out of its sight is told of, gone or changed, and no other', () => {
    change(flow('modify_strict', to(3, 7)), flow('delete_strict', to(3, 7)))
    change(addFlow(to(2)))
    change(flow('modify_strict', to(3)))
    change(flow('delete_strict', to(3)))
    change(flow('modify_strict', to(3, 100)))
    expect(read()).toEqual(['deleted 7', 'modified 100', 'flow_monitor_resumed'])
  })

  test('a flow that it was told of by another monitor meanwhile is told when it goes', () => {
    change(addFlow(to(2)))
    watch(2, { flags: EVENTS | initial, match: NOTHING })
    sent.length = 0
    change(flow('delete_strict', to(2)))
    expect(read()).toEqual(['deleted 50', 'flow_monitor_resumed'])
  })

  test('nothing is told of a flow that went while no monitor saw it', () => {
    watch(2, { table_id: 9 })
    change(addFlow(to(2)))
    monitors.cancel(1)
    change(flow('delete_strict', to(2)))
    watch(1)
    expect(read()).toEqual(['flow_monitor_resumed'])
  })

  test('the pause ends for it even when it has cancelled what it monitored', () => {
    change(addFlow(to(2)))
    monitors.cancel(1)
    watch(2)
    expect(read()).toEqual(['flow_monitor_resumed'])
    change(addFlow(to(2, 51)))
    expect(read()).toEqual(['added 51'])
  })
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
