/** Drift on a real switch is put right at once, and told with the intent behind the flow. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NetnsLab } from '../../topologies/lab/netns/lab.ts'
import { events, eventually, flowsOf, needed, openTwoTenants } from './site-under-test.ts'

/** The bound that the project gives itself. */
const REPAIRED_MS = 1000

describe('drift', needed, () => {
  let lab: NetnsLab
  let right: string[]
  beforeAll(async () => {
    lab = await openTwoTenants()
    right = (await flowsOf(lab, 'h1')).sort()
  })
  afterAll(() => lab?.close())

  async function lastEvent(): Promise<number> {
    return (await events(lab)).at(-1)?.id ?? 0
  }

  /** Disturbs h1 by ovs-ofctl and waits until its flows are as before; gives the events since. */
  async function disturb(...args: string[]) {
    const since = await lastEvent()
    await lab.host('h1').ofctl(args)
    await eventually('the flows are as they were', REPAIRED_MS, async () => {
      const now = (await flowsOf(lab, 'h1')).sort()
      return now.join('\n') === right.join('\n') ? true : undefined
    })
    const drift = (await events(lab, since)).filter(({ type }) => type === 'drift')
    expect(drift).toHaveLength(1)
    return drift[0] as NonNullable<(typeof drift)[number]>
  }

  test('a deleted flow is back within a second, and the event names it and its intent', async () => {
    const event = await disturb(
      '--strict',
      'del-flows',
      'br-int',
      'table=50,priority=100,reg1=0x1,dl_dst=02:00:00:00:00:12',
    )
    expect(event).toMatchObject({ host: 'h1', seen: 'deleted', intent: 'port/acme/vm2' })
    expect(event.item).toContain('table=50')
    expect(event.item).toContain('dl_dst=02:00:00:00:00:12')
  })

  test('changed actions are put back, and the event names the intent', async () => {
    const event = await disturb(
      '--strict',
      'mod-flows',
      'br-int',
      'table=70,priority=200,reg3=0x1,actions=drop',
    )
    expect(event).toMatchObject({ host: 'h1', seen: 'modified', intent: 'port/acme/vm1' })
    expect(event.item).toContain('reg3=0x1')
  })

  test('a foreign flow is removed, and the event has its text and cookie', async () => {
    const event = await disturb(
      'add-flow',
      'br-int',
      'cookie=0xbad,table=0,priority=4242,in_port=7,actions=output:8',
    )
    expect(event).toMatchObject({ host: 'h1', seen: 'added', intent: 'foreign', cookie: '0xbad' })
    expect(event.item).toContain('priority=4242,in_port=7 actions=output:8')
  })

  test('all flows deleted at once are back within a second', async () => {
    await lab.host('h1').ofctl(['del-flows', 'br-int'])
    await eventually('all flows are back', REPAIRED_MS, async () => {
      const now = (await flowsOf(lab, 'h1')).sort()
      return now.join('\n') === right.join('\n') ? true : undefined
    })
  })

  test('deleted groups and the flows that used them are back', async () => {
    await lab.host('h1').ofctl(['del-groups', 'br-int'])
    await eventually('groups and flows are back', REPAIRED_MS, async () => {
      const groups =
        (await lab.host('h1').ofctl(['dump-groups', 'br-int'])).stdout.match(/group_id=/g) ?? []
      const now = (await flowsOf(lab, 'h1')).sort()
      return groups.length === 9 && now.join('\n') === right.join('\n') ? true : undefined
    })
  })

  test('no flow on br-int is NORMAL, hidden ones included', async () => {
    for (const id of ['h1', 'h2']) {
      const { stdout } = await lab.host(id).appctl(['bridge/dump-flows', 'br-int'])
      expect(stdout.split('\n').length).toBeGreaterThan(30)
      expect(stdout).not.toMatch(/NORMAL/i)
    }
  })
})
