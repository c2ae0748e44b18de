import { describe, expect, test } from 'vitest'
import { commitBundle } from '../../../southbound/openflow/bundle.ts'
import { encodeFlow, flowKey } from '../../../southbound/openflow/flow.ts'
import { flowMod } from '../../../southbound/openflow/message.ts'
import { type MonitorEvent, monitorFlows } from '../../../southbound/openflow/monitor.ts'
import { needs } from '../../needs.ts'
import { all, drop, shown, switchUnderTest } from './switch-under-test.ts'

describe('the flow monitor of real Open vSwitch', needs('ovs'), () => {
  const { it, install } = switchUnderTest()

  test('tells changes by others whole and our own by xid', async () => {
    const events: MonitorEvent[] = []
    const watcher = await it.ovs.connect()
    const stop = await monitorFlows(watcher, { initial: false }, (event) => events.push(event))
    const flow = encodeFlow({
      ...{ table_id: 9, priority: 3, cookie: 0x77n, match: { reg1: 4 } },
      instructions: [
        { kind: 'apply_actions', actions: [{ kind: 'output', port: 1, max_len: 0 }] },
        { kind: 'goto_table', table_id: 11 },
      ],
    })
    const spec = 'table=9,cookie=0x77,priority=3,reg1=4,actions=output:1,goto_table:11'
    await it.ovs.ofctl('add-flow', spec)
    await it.ovs.ofctl('mod-flows', 'table=9,reg1=4,actions=drop')
    await it.ovs.ofctl('del-flows', 'table=9')
    await watcher.barrier()
    const changed = { ...flow, instructions: new Uint8Array(0) }
    expect(events.map((e) => ('match' in e ? { event: e.event, ...shown(e) } : e))).toEqual([
      { event: 'added', ...shown(flow) },
      { event: 'modified', ...shown(changed) },
      { event: 'deleted', ...shown(changed) },
    ])
    events.length = 0
    await watcher.send({ xid: 4711, ...flowMod('add', flow) })
    await watcher.barrier()
    expect(events).toEqual([{ event: 'abbrev', xid: 4711 }])
    await stop()
    await it.ovs.ofctl('del-flows')
    await watcher.barrier()
    expect(events).toHaveLength(1)
    watcher.close()
  })

  test('tells the flows that are there first when asked for', async () => {
    await install()
    const events: MonitorEvent[] = []
    const watcher = await it.ovs.connect()
    await monitorFlows(watcher, { initial: true }, (event) => events.push(event))
    await watcher.barrier()
    const keys = events.flatMap((e) => ('match' in e && e.event === 'added' ? [flowKey(e)] : []))
    expect(keys.sort()).toEqual(all.map(flowKey).sort())
    watcher.close()
  })

  test('tells our own changes in a bundle by the xids of the bundle’s messages or its commit', async () => {
    const events: MonitorEvent[] = []
    const watcher = await it.ovs.connect()
    await monitorFlows(watcher, {}, (event) => events.push(event))
    await commitBundle(watcher, [flowMod('add', drop(1)), flowMod('add', drop(2))])
    await watcher.barrier()
    expect(new Set(events.map(({ event }) => event))).toEqual(new Set(['abbrev']))
    watcher.close()
  })
})
