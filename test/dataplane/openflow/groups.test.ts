/** Groups: which bucket a packet takes, what counts, what a change keeps. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ALL_GROUPS, groupType } from '../../../southbound/openflow/group.ts'
import type { Sent } from './cases/case.ts'
import { addFlow, apply, bucket, group, output, toGroup, udp } from './messages.ts'
import { PORT_MAC, startRig } from './rig.ts'

let rig: Awaited<ReturnType<typeof startRig>>
beforeEach(async () => {
  rig = await startRig()
  await silently(group('add', 1), addFlow({ instructions: [apply(toGroup(1))] }))
})
afterEach(() => rig.close())

const silently = async (...messages: Sent[]) =>
  expect(await rig.controller.answers(...messages)).toEqual([])
const statistics = (group_id = ALL_GROUPS) =>
  rig.controller.connection.multipart({ kind: 'group', body: { group_id } })
const flood = (count: number) => {
  for (let source = 0; source < count; source++) rig.p1.send(udp({ source }))
}
const counts = async () =>
  (await statistics(1))[0]!.bucket_stats.map(({ packet_count }) => Number(packet_count))

test('a group of type all copies to every bucket, each with its own changes', async () => {
  const set = { kind: 'set_field', field: 'eth_dst', value: 5 } as const
  await silently(group('modify', 1, groupType.all, bucket([set, output(2)]), bucket([output(2)])))
  rig.p1.send(udp())
  expect(rig.p2.received.map((frame) => frame[5])).toEqual([5, 2])
})

test('a select group shares out by weight, by flow: the packets of one go one way', async () => {
  const weighted = (weight: number) => bucket([output(2)], { weight })
  await silently(group('modify', 1, groupType.select, weighted(1), weighted(0), weighted(3)))
  flood(2000)
  const [one = 0, none, three = 0] = await counts()
  expect(none).toBe(0)
  expect(one + three).toBe(2000)
  expect(three / one).toBeGreaterThan(2)
  expect(three / one).toBeLessThan(4.5)
  await silently(group('modify', 1, groupType.select, weighted(1), weighted(1)))
  for (let i = 0; i < 50; i++) rig.p1.send(udp())
  expect((await counts()).toSorted((a, b) => a - b)).toEqual([0, 50])
})

test('a fast failover group takes the first bucket whose port or group is alive', async () => {
  const p3 = rig.plug(3)
  await rig.controller.take('port_status')
  await silently(
    group('add', 9, groupType.ff, bucket([output(3)], { watch_port: 3 })),
    group(
      'modify',
      1,
      groupType.ff,
      bucket([toGroup(9)], { watch_group: 9 }),
      bucket([output(2)], { watch_port: 2 }),
    ),
  )
  rig.p1.send(udp())
  p3.setUp(false)
  rig.p1.send(udp())
  expect([p3.received.length, rig.p2.received.length]).toEqual([1, 1])
  rig.p2.setUp(false)
  rig.p1.send(udp())
  expect(rig.drops('group_no_bucket')).toBe(1)
  p3.setUp(true)
  rig.p1.send(udp())
  expect(p3.received).toHaveLength(2)
})

test('a port that was set down is no longer alive for a group that watches it', async () => {
  rig.plug(3)
  await rig.controller.ask(
    group(
      'modify',
      1,
      groupType.ff,
      bucket([output(3)], { watch_port: 3 }),
      bucket([output(2)], { watch_port: 2 }),
    ),
    { type: 'port_mod', port_no: 3, hw_addr: PORT_MAC + 3, config: 1, mask: 1, advertise: 0 },
  )
  rig.p1.send(udp())
  expect(rig.p2.received).toHaveLength(1)
})

test('counters: of a group, of each bucket, of who refers to it; a change keeps the first', async () => {
  await silently(
    group('modify', 1, groupType.indirect, bucket([output(2)])),
    group('add', 2, groupType.all, bucket([toGroup(1)]), bucket([toGroup(1)])),
    addFlow({ table_id: 1, instructions: [apply(toGroup(1))] }),
  )
  rig.clock.advance(3000)
  rig.p1.send(udp())
  const [before] = await statistics(1)
  expect(before).toEqual({
    group_id: 1,
    ref_count: 3,
    packet_count: 1n,
    byte_count: 100n,
    duration_sec: 3,
    duration_nsec: 0,
    bucket_stats: [{ packet_count: 1n, byte_count: 100n }],
  })
  await silently(group('modify', 1, groupType.all, bucket([output(2)])))
  const bucket_stats = [{ packet_count: 0n, byte_count: 0n }]
  expect(await statistics(1)).toEqual([{ ...before!, bucket_stats }])
})

test('groups read back as they were written, and tell what they can do', async () => {
  const buckets = [bucket([output(1)], { weight: 3 }), bucket([output(2)], { weight: 1 })]
  await silently(group('add', 7, groupType.select, ...buckets))
  const written = group('add', 7, groupType.select, ...buckets) as { buckets: Uint8Array }
  const all = await rig.controller.connection.multipart({ kind: 'group_desc' })
  const read = all.find(({ group_id }) => group_id === 7)!
  expect({ ...read, buckets: Uint8Array.from(read.buckets) }).toEqual({
    group_id: 7,
    group_type: 1,
    buckets: written.buckets,
  })
  const [features] = await rig.controller.connection.multipart({ kind: 'group_features' })
  expect(features).toMatchObject({ types: 0xf, capabilities: 0xf, max_groups_all: 65_536 })
  // output, copy TTL out and in, set and decrement MPLS TTL, push and pop of VLAN and MPLS, queue,
  // group, set and decrement of the TTL, set_field, push and pop of PBB.
  expect(features!.actions_all.toString(2)).toBe('1111111111111001100000000001')
})

test('bounds: so many groups, so many buckets', async () => {
  rig.close()
  rig = await startRig({ groups: 2, buckets: 3 })
  const two = [bucket([output(1)]), bucket([output(1)])]
  await silently(group('add', 1, 0, ...two))
  expect(
    await rig.controller.answers(
      group('add', 2, 0, ...two),
      group('add', 2),
      group('add', 3),
      group('modify', 1, 0, ...two, ...two),
      group('modify', 1, 0, two[0]!),
      group('modify', 2, 0, ...two),
    ),
  ).toEqual([
    'group_mod_failed.out_of_buckets',
    'group_mod_failed.out_of_groups',
    'group_mod_failed.out_of_buckets',
  ])
})

test('all groups can be deleted, whatever forwards to what, and their flows go with them', async () => {
  await silently(
    group('add', 2, 0, bucket([toGroup(1)])),
    addFlow({ priority: 3 }),
    group('delete', ALL_GROUPS),
  )
  expect(await statistics()).toEqual([])
  expect([...rig.bridge.flows.all()].map(({ priority }) => priority)).toEqual([3])
})

test('a group whose counters no reply could hold is refused; the largest that fits is dumped whole', async () => {
  const empty = (count: number) => Array.from({ length: count }, () => bucket([]))
  expect(
    await rig.controller.answers(
      group('add', 2, 0, ...empty(4094)),
      group('modify', 1, 0, ...empty(4093)),
      group('add', 2, 0, ...empty(4092)),
    ),
  ).toEqual(['group_mod_failed.out_of_buckets', 'group_mod_failed.out_of_buckets'])
  const told = await statistics()
  expect(told.map((one) => [one.group_id, one.bucket_stats.length])).toEqual([
    [1, 0],
    [2, 4092],
  ])
  const described = await rig.controller.connection.multipart({ kind: 'group_desc', body: {} })
  expect(described.map(({ buckets }) => buckets.length)).toEqual([0, 16 * 4092])
})

const watching = (watch_group: number) => bucket([output(2)], { watch_group })

test('a group that watches itself, by others or directly, is a loop', async () => {
  await silently(group('add', 2, groupType.ff, watching(1)))
  expect(
    await rig.controller.answers(
      group('modify', 1, groupType.ff, watching(2)),
      group('modify', 1, groupType.select, watching(1)),
      group('modify', 1, groupType.all, bucket([toGroup(2)])),
    ),
  ).toEqual(['group_mod_failed.loop', 'group_mod_failed.loop', 'group_mod_failed.loop'])
})

test('a group is looked at once for a packet, however many buckets watch it', async () => {
  await silently(group('add', 100, groupType.ff, bucket([output(2)], { watch_port: 77 })))
  // 4^20 ways to port 77, which is not there.
  for (let id = 101; id <= 120; id++) {
    const one = watching(id - 1)
    await silently(group('add', id, groupType.ff, one, one, one, one))
  }
  await silently(group('modify', 1, groupType.ff, watching(120)))
  rig.p1.send(udp())
  expect(rig.drops('group_no_bucket')).toBe(1)
  rig.plug(77)
  rig.p1.send(udp())
  expect(rig.p2.received).toHaveLength(1)
})

test('a chain of groups is as long as a packet can go, from whichever end it is made', async () => {
  const to = (id: number) => bucket([toGroup(id)])
  for (let id = 2; id <= 17; id++) await silently(group('add', id, 0, to(id - 1)))
  for (let id = 32; id >= 18; id--) await silently(group('add', id, 0, to(id - 1)))
  const tooLong = ['group_mod_failed.chaining_unsupported']
  expect(await rig.controller.answers(group('add', 33, 0, to(32)))).toEqual(tooLong)
  expect(await rig.controller.answers(group('modify', 1, 0, to(50)))).toEqual(tooLong)
  await silently(
    group('modify', 1, 0, bucket([output(2)])),
    addFlow({ instructions: [apply(toGroup(32))] }),
  )
  rig.p1.send(udp())
  expect(rig.p2.received).toHaveLength(1)
})

test('the fragments of a datagram leave by one bucket of a select group', async () => {
  const one = bucket([output(2)], { weight: 1 })
  await silently(group('modify', 1, groupType.select, one, one, one, one))
  for (let source = 0; source < 20; source++) {
    const [first, later] = [udp({ source }), udp({ source })]
    first[20] = 0x20
    later[21] = 8
    rig.p1.send(first)
    rig.p1.send(later)
  }
  expect((await counts()).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 40])
})
