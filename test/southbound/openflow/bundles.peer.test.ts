import { describe, expect, test } from 'vitest'
import { commitBundle, sendBatch } from '../../../southbound/openflow/bundle.ts'
import { encodeFlow, type FlowBytes } from '../../../southbound/openflow/flow.ts'
import { flowMod, groupMod } from '../../../southbound/openflow/message.ts'
import { needs } from '../../needs.ts'
import { countingMeter, floodGroup } from './pipeline-flows.ts'
import { all, drop, switchUnderTest } from './switch-under-test.ts'

describe('a bundle at real Open vSwitch', needs('ovs'), () => {
  const { it, install, readFlows } = switchUnderTest()

  test.each<[string, FlowBytes, string]>([
    [
      'when it is added',
      { ...drop(3), match: new Uint8Array(Buffer.from('80001604c0000201', 'hex')) },
      'bad_match.bad_prereq',
    ],
    [
      'when it is added, for an unknown group',
      encodeFlow({
        ...drop(3),
        match: {},
        instructions: [{ kind: 'apply_actions', actions: [{ kind: 'group', group_id: 99 }] }],
      }),
      'bad_action.bad_out_group',
    ],
    ['for its table', { ...drop(3), table_id: 254 }, 'bad_request.eperm'],
  ])('takes nothing of a bundle of which one message is refused %s', async (_name, bad, reason) => {
    const mods = [drop(1), drop(2), bad, drop(4)].map((flow) => flowMod('add', flow))
    const error = await commitBundle(it.controller, mods).catch((e: unknown) => e)
    expect(error).toMatchObject({ name: 'OpenflowError', reason, index: 2 })
    expect((await readFlows()).size).toBe(0)
  })

  test('takes nothing of a bundle that fails when it is committed', async () => {
    await install()
    const mods = [flowMod('add', drop(1)), groupMod('add', floodGroup), flowMod('add', drop(2))]
    const error = await commitBundle(it.controller, mods).catch((e: unknown) => e)
    expect(error).toMatchObject({ reason: 'group_mod_failed.group_exists', index: 1 })
    expect((await readFlows()).size).toBe(all.length)
  })

  test('answers a message outside of a bundle with a typed error', async () => {
    const meter = { type: 'meter_mod', command: 0, ...countingMeter } as const
    expect(await sendBatch(it.controller, [meter])).toMatchObject([
      { reason: 'meter_mod_failed.meter_exists', index: 0 },
    ])
  })

  test('commits 20,000 flows in one bundle and reports them', { timeout: 30_000 }, async () => {
    const flows = Array.from({ length: 20_000 }, (_, i) =>
      encodeFlow({
        table_id: 5,
        priority: 7,
        cookie: 1n,
        match: { reg1: 1, eth_dst: i },
        instructions: [{ kind: 'goto_table', table_id: 6 }],
      }),
    )
    await commitBundle(
      it.controller,
      flows.map((flow) => flowMod('add', flow)),
    )
    expect((await readFlows()).size).toBe(flows.length)
  })
})
