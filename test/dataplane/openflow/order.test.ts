/** Which flow wins, and for how long: order within a priority, contradictions, hard timeouts. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Action } from '../../../southbound/openflow/action.ts'
import { addFlow, apply, flow, output, udp } from './messages.ts'
import { startRig } from './rig.ts'

let rig: Awaited<ReturnType<typeof startRig>>
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.close())

const first = { priority: 10, match: { in_port: 1 } }
const second = { priority: 10, match: { eth_type: 0x800 } }

test('a flow that a rolled back change deleted wins again over those that were added after it', async () => {
  const p3 = rig.plug(3)
  await rig.controller.ask(
    addFlow({ ...first, instructions: [apply(output(2))] }),
    addFlow({ ...second, instructions: [apply(output(3))] }),
  )
  expect(() =>
    rig.bridge.change(undefined, (journal) => {
      rig.bridge.flows.apply(flow('delete_strict', first), 0, journal)
      throw new Error('no')
    }),
  ).toThrow('no')
  rig.p1.send(udp())
  expect([rig.p2.received.length, p3.received.length]).toEqual([1, 0])
})

test('an identical flow takes the place of the first among others of its priority', async () => {
  const p3 = rig.plug(3)
  const again = addFlow({ ...first, instructions: [apply(output(2))] })
  await rig.controller.ask(again, addFlow({ ...second, instructions: [apply(output(3))] }), again)
  rig.p1.send(udp())
  expect([rig.p2.received.length, p3.received.length]).toEqual([1, 0])
})

const VLAN = { vlan_vid: 0x1005 }
const IP = { eth_type: 0x800 }
test.each([
  [{ in_port: 1, in_phy_port: 2 }, ['bad_match.dup_field']],
  [{ in_port: 1, nxm_in_port: 2 }, ['bad_match.dup_field']],
  [{ reg0: 1, xreg0: 2n << 32n }, ['bad_match.dup_field']],
  [{ reg3: 1, xxreg0: 2n }, ['bad_match.dup_field']],
  [{ ...VLAN, vlan_tci: 0x1006 }, ['bad_match.dup_field']],
  [{ ...IP, ip_dscp: 1, nw_tos: 8 }, ['bad_match.dup_field']],
  [{ in_port: 1, in_phy_port: 1 }, []],
  [{ reg1: 1, xreg0: [2n << 32n, 0xffff_ffffn << 32n] as const }, []],
  [{ ...VLAN, vlan_pcp: 3 }, []],
  [{ ...IP, ip_dscp: 1, ip_ecn: 2 }, []],
])('%o: fields that share bits must not say two things of them', async (match, answer) => {
  expect(await rig.controller.answers(addFlow({ match, instructions: [] }))).toEqual(answer)
})

test('a hard timeout counts from the last packet that taught the flow', async () => {
  const learn: Action = {
    kind: 'learn',
    ...{ table_id: 1, priority: 1, cookie: 0n, flags: 1, idle_timeout: 0, hard_timeout: 5 },
    ...{ fin_idle_timeout: 0, fin_hard_timeout: 0 },
    specs: [
      {
        ...{ kind: 'match', n_bits: 48 },
        ...{ src: { field: 'eth_src', ofs: 0 }, dst: { field: 'eth_dst', ofs: 0 } },
      },
    ],
  }
  await rig.controller.ask(addFlow({ instructions: [apply(learn)] }))
  for (let second = 0; second < 12; second++) {
    rig.p1.send(udp())
    rig.clock.advance(1000)
  }
  expect(await rig.controller.take('flow_removed')).toHaveLength(0)
  rig.clock.advance(5000)
  const [removed] = await rig.controller.take('flow_removed')
  expect(removed).toMatchObject({ table_id: 1, reason: 1, duration_sec: 16 })
})
