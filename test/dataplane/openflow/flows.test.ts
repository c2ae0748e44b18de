/** Flows: how flow-mods change them, what counts, how they end. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ADD_OR_MODIFY } from '../../../southbound/openflow/group.ts'
import { decodeMatch, encodeMatch } from '../../../southbound/openflow/match.ts'
import { flowFlags } from '../../../southbound/openflow/message.ts'
import { allFlows, type FlowRequest } from '../../../southbound/openflow/multipart.ts'
import { tcpSynFrame } from '../../../southbound/wire/frame.ts'
import type { Sent } from './cases/case.ts'
import { addFlow, apply, type FlowIn, flow, group, output, toGroup, udp } from './messages.ts'
import { startRig } from './rig.ts'

let rig: Awaited<ReturnType<typeof startRig>>
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.close())

const flows = async (filter: Partial<FlowRequest> = {}) => {
  const body = allFlows(filter)
  const found = await rig.controller.connection.multipart({ kind: 'flow', body })
  return found
    .map((one) => ({ ...one, match: decodeMatch(one.match) }))
    .sort((a, b) => a.table_id - b.table_id || a.priority - b.priority)
}
const sum = async (filter: Partial<FlowRequest> = {}) => {
  const body = allFlows(filter)
  const [found] = await rig.controller.connection.multipart({ kind: 'aggregate', body })
  return found!
}
const priorities = async () => (await flows()).map(({ priority }) => priority)
const silently = async (...messages: Sent[]) =>
  expect(await rig.controller.answers(...messages)).toEqual([])
const port = (n: number) => ({ match: { in_port: n } })

test('an identical flow takes the place of the first: its duration starts anew, its counters go on', async () => {
  await silently(addFlow({ ...port(1), cookie: 1n }))
  rig.clock.advance(5250)
  rig.p1.send(udp())
  expect(await flows()).toMatchObject([
    { cookie: 1n, packet_count: 1n, byte_count: 100n, duration_sec: 5, duration_nsec: 250_000_000 },
  ])
  await silently(addFlow({ ...port(1), cookie: 2n, instructions: [apply(output(2))] }))
  expect(await flows()).toMatchObject([{ cookie: 2n, packet_count: 1n, duration_sec: 0 }])
  await silently(addFlow(port(1), { flags: flowFlags.reset_counts }))
  expect(await flows()).toMatchObject([{ packet_count: 0n, byte_count: 0n, flags: 4 }])
})

test('a modification keeps cookie, timeouts, flags and counters; reset_counts ends the last', async () => {
  await silently(addFlow({ ...port(1), cookie: 1n }, { idle_timeout: 9, flags: 1 }))
  rig.p1.send(udp())
  const instructions = [apply(output(2))]
  await silently(flow('modify_strict', { ...port(1), cookie: 7n, instructions }))
  rig.p1.send(udp())
  expect(rig.p2.received).toEqual([udp()])
  expect(await flows()).toMatchObject([{ cookie: 1n, packet_count: 2n, idle_timeout: 9, flags: 1 }])
  await silently(flow('modify', {}, { flags: flowFlags.reset_counts }))
  expect(await flows()).toMatchObject([{ packet_count: 0n, instructions: new Uint8Array(0) }])
})

test('a strict modification takes one flow, a loose one all that are within its match', async () => {
  await silently(
    addFlow(port(1)),
    addFlow({ match: { in_port: 2, eth_type: 0x0800 }, priority: 20 }),
  )
  const instructions = [apply(output(3))]
  const changed = async () => (await flows()).map((one) => one.instructions.length > 0)
  await silently(flow('modify_strict', { ...port(2), priority: 20, instructions }))
  expect(await changed()).toEqual([false, false])
  await silently(flow('modify', { ...port(2), instructions }))
  expect(await changed()).toEqual([false, true])
  await silently(flow('modify', { ...port(77), instructions }))
  expect(await flows()).toHaveLength(2)
  const cookie = { cookie: 5n, cookie_mask: 0xffn }
  await silently(flow('modify', { cookie: 5n }, cookie))
  expect(await changed()).toEqual([false, true])
})

test.each<[FlowIn, Parameters<typeof flow>[2], number[]]>([
  [{}, { table_id: 0xff }, []],
  [{}, { table_id: 1 }, [10, 11]],
  [port(1), { table_id: 0xff }, [11, 21]],
  [{}, { table_id: 0xff, cookie: 0x5700n, cookie_mask: 0xff00n }, [20, 21]],
  [{}, { table_id: 0xff, cookie: 0x5702n, cookie_mask: 0xffff_ffff_ffff_ffffn }, [10, 20, 21]],
  [{}, { table_id: 0xff, out_port: 5 }, [11, 20, 21]],
  [{}, { table_id: 0xff, out_group: 1 }, [10, 11, 21]],
])('a deletion of %o %o leaves %o', async (of, fields, left) => {
  await silently(
    group('add', 1),
    addFlow({ ...port(1), priority: 10, cookie: 0x5701n, instructions: [apply(output(5))] }),
    addFlow({ ...port(2), priority: 11, cookie: 0x5702n }),
    addFlow({ table_id: 1, ...port(1), priority: 20, instructions: [apply(toGroup(1))] }),
    addFlow({ table_id: 1, priority: 21, cookie: 0x5801n }),
    flow('delete', of, fields),
  )
  expect(await priorities()).toEqual(left)
})

test('a strict deletion asks for the very match and priority', async () => {
  await silently(
    addFlow(port(1)),
    flow('delete_strict'),
    flow('delete_strict', { ...port(1), priority: 9 }),
  )
  expect(await priorities()).toEqual([10])
  await silently(flow('delete_strict', port(1), { table_id: 0xff }))
  expect(await priorities()).toEqual([])
})

test('statistics filter as deletions do, add up, and come in as many messages as they need', async () => {
  const many = Array.from({ length: 3000 }, (_, i) =>
    addFlow({ match: { eth_type: 0x0800, ipv4_dst: i }, cookie: BigInt(i % 3) }),
  )
  await silently(...many)
  expect(await flows()).toHaveLength(3000)
  const some = { cookie: 1n, cookie_mask: 0xffff_ffff_ffff_ffffn }
  expect(await flows(some)).toHaveLength(1000)
  expect(await sum({ match: encodeMatch({ eth_type: 0x0800, ipv4_dst: 7 }) })).toMatchObject({
    flow_count: 1,
  })
  const [first] = await rig.controller.connection.multipart({ kind: 'table' })
  expect(first).toMatchObject({ table_id: 0, active_count: 3000 })
})

test('a full table takes no more flows, but lets one be replaced', async () => {
  rig.close()
  rig = await startRig({ flowsPerTable: 2, flows: 3 })
  await silently(addFlow(port(1)), addFlow(port(2)))
  const full = ['flow_mod_failed.table_full']
  expect(await rig.controller.answers(addFlow(port(3)))).toEqual(full)
  await silently(addFlow({ ...port(2), cookie: 5n }), addFlow({ table_id: 1 }))
  expect(await rig.controller.answers(addFlow({ table_id: 2 }))).toEqual(full)
  await silently(flow('delete', port(1)), addFlow(port(3)))
})

test('idle and hard timeouts, deletions and groups end flows, and who asked for it is told', async () => {
  const flags = flowFlags.send_flow_rem
  await silently(
    group('add', 4),
    addFlow({ ...port(1), cookie: 1n }, { idle_timeout: 3, flags }),
    addFlow({ ...port(2), cookie: 2n }, { hard_timeout: 5, flags }),
    addFlow({ ...port(3), cookie: 3n }, { flags }),
    addFlow({ ...port(4), cookie: 4n, instructions: [apply(toGroup(4))] }, { flags }),
    addFlow({ ...port(5), cookie: 5n }, { hard_timeout: 1 }),
  )
  rig.clock.advance(2500)
  rig.p1.send(udp())
  rig.clock.advance(4000)
  await rig.controller.ask(flow('delete', port(3)), group('delete', 4))
  const told = await rig.controller.take('flow_removed')
  expect(told.map(({ cookie, reason }) => [cookie, reason])).toEqual([
    [2n, 1],
    [1n, 0],
    [3n, 2],
    [4n, 3],
  ])
  expect(told[1]).toMatchObject({
    packet_count: 1n,
    byte_count: 100n,
    idle_timeout: 3,
    priority: 10,
  })
  expect(told[1]).toMatchObject({ duration_sec: 6, duration_nsec: 0, table_id: 0 })
  expect(await priorities()).toEqual([])
})

test('a modification may make a flow a part of a conjunctive match, and whole again', async () => {
  const clause = (n: number) => apply({ kind: 'conjunction', id: 7, clause: n, n_clauses: 2 })
  const ipv4 = { eth_type: 0x0800 }
  const second = { match: { ...ipv4, ip_proto: 17 }, instructions: [clause(1)] }
  await silently(
    addFlow({ match: { ...ipv4, ipv4_src: 0x0a000001 }, instructions: [apply(output(2))] }),
    addFlow(second),
    addFlow({ match: { ...ipv4, conj_id: 7 }, priority: 5, instructions: [apply(output(1))] }),
  )
  rig.p1.send(udp())
  expect(rig.p2.received).toHaveLength(1)
  await silently(
    flow('modify_strict', { match: { ...ipv4, ipv4_src: 0x0a000001 }, instructions: [clause(0)] }),
  )
  rig.p1.send(udp())
  expect(rig.p2.received).toHaveLength(1)
  expect(await sum({ match: encodeMatch({ ...ipv4, conj_id: 7 }) })).toMatchObject({
    packet_count: 1n,
  })
  await silently(flow('modify_strict', { ...second, instructions: [apply(output(2))] }))
  rig.p1.send(udp())
  expect(rig.p2.received).toHaveLength(2)
})

test('a packet that no flow takes is dropped; one that the table-miss flow takes can go to the controller', async () => {
  rig.p1.send(udp())
  expect(rig.drops('no_flow')).toBe(1)
  await silently(
    addFlow({
      priority: 0,
      cookie: 9n,
      instructions: [apply({ kind: 'output', port: 0xfffffffd, max_len: 20 })],
    }),
  )
  rig.p1.send(udp())
  expect(await rig.controller.take('packet_in')).toMatchObject([
    {
      reason: 0,
      table_id: 0,
      cookie: 9n,
      total_len: 100,
      data: udp(),
      match: encodeMatch({ in_port: 1 }),
    },
  ])
})

test('a flow that no statistics reply could hold is refused; the largest that fits is dumped', async () => {
  const instructions = (count: number) => [apply(...Array.from({ length: count }, () => output(2)))]
  const long: FlowIn['match'] = { eth_type: 0x86dd, ipv6_src: [1n, 1n], ipv6_dst: [1n, 1n] }
  expect(
    await rig.controller.answers(
      addFlow({ priority: 1, instructions: instructions(4091) }),
      addFlow({ priority: 2, instructions: instructions(4090) }),
      addFlow({ priority: 3, match: long }),
      // One message, two flows: of the second too much would be to tell.
      flow('modify', { instructions: instructions(4090) }),
    ),
  ).toEqual(['flow_mod_failed.table_full', 'flow_mod_failed.table_full'])
  expect((await flows()).map((one) => [one.priority, one.instructions.length])).toEqual([
    [2, 8 + 16 * 4090],
    [3, 0],
  ])
})

test('fin_timeout shortens the life of a flow of TCP, at FIN and RST alone', async () => {
  const timed = { kind: 'fin_timeout', fin_idle_timeout: 3, fin_hard_timeout: 0 } as const
  const match = { eth_type: 0x0800, ip_proto: 6 }
  await silently(addFlow({ match, instructions: [apply(timed, output(2))] }, { idle_timeout: 60 }))
  const segment = tcpSynFrame({
    eth_src: 1,
    eth_dst: 2,
    ipv4_src: 1,
    ipv4_dst: 2,
    tcp_src: 9,
    tcp_dst: 80,
  })
  rig.p1.send(segment)
  expect(await flows()).toMatchObject([{ idle_timeout: 60, packet_count: 1n }])
  const last = segment.slice()
  last[47] = 0x11
  rig.p1.send(last)
  expect(await flows()).toMatchObject([{ idle_timeout: 3, packet_count: 2n }])
  rig.clock.advance(5000)
  expect(await flows()).toEqual([])
})

test('a group is modified, or added when it is not there, by one command', async () => {
  const mod = (group_type: number) => ({ ...group('add', 7, group_type), command: ADD_OR_MODIFY })
  await silently(mod(0), mod(1))
  const found = await rig.controller.connection.multipart({ kind: 'group_desc', body: {} })
  expect(found).toMatchObject([{ group_id: 7, group_type: 1 }])
})
