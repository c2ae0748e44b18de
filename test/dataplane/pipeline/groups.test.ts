import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeGroup, groupType } from '../../../southbound/openflow/group.ts'
import { groupMod } from '../../../southbound/openflow/message.ts'
import { ANY } from '../../../southbound/openflow/port.ts'
import { ethernet } from '../../../southbound/wire/ethernet.ts'
import { udpFrame } from '../../../southbound/wire/frame.ts'
import { apply, output, quiet, set } from '../rig.ts'
import { A, B, between, echo, openScene, type Scene } from './scene.ts'

let h: Scene['h']
let one: Scene['one']
let two: Scene['two']
let three: Scene['three']
beforeEach(async () => {
  ;({ h, one, two, three } = await openScene())
})
afterEach(() => h.host.close())

test('a group of type all gives each bucket its own copy of the frame', async () => {
  const group = encodeGroup({
    group_id: 5,
    group_type: groupType.all,
    buckets: [[set('eth_dst', 0x020000000099), output(2)], [output(3)], [output(1)]],
  })
  void h.controller.send(groupMod('add', group))
  await h.flow(0, 10, {}, [apply({ kind: 'group', group_id: 5 }, set('eth_src', 1), output(3))])
  one.send(echo(8))
  await quiet()
  expect(two.received.map((f) => ethernet.get.dst(f, 0))).toEqual([0x020000000099])
  expect(three.received.map((f) => ethernet.read(f, 0))).toEqual([
    { dst: B.mac, src: A.mac, type: 0x0800 },
    { dst: B.mac, src: 1, type: 0x0800 },
  ])
  const [stats] = await h.controller.multipart({ kind: 'group', body: { group_id: 5 } })
  expect(stats).toMatchObject({ ref_count: 1, packet_count: 1n })
  expect(stats?.bucket_stats.map((bucket) => bucket.packet_count)).toEqual([1n, 1n, 1n])
  expect(h.host.drops.read()).toEqual({})
})

test('select keeps a connection on one bucket, fast failover leaves a port that is down', async () => {
  const bucket = (weight: number, port: number, watch_port = ANY) => ({
    weight,
    watch_port,
    watch_group: ANY,
    actions: [output(port)],
  })
  const select = encodeGroup({
    group_id: 1,
    group_type: groupType.select,
    buckets: [bucket(1, 2), bucket(1, 3)],
  })
  const failover = encodeGroup({
    group_id: 2,
    group_type: groupType.ff,
    buckets: [bucket(0, 2, 2), bucket(0, 3, 3)],
  })
  void h.controller.send(groupMod('add', select))
  void h.controller.send(groupMod('add', failover))
  await h.flow(0, 10, { eth_type: 0x0800 }, [apply({ kind: 'group', group_id: 1 })])
  for (let udp_src = 0; udp_src < 64; udp_src++) {
    const frame = udpFrame({ ...between, udp_src, udp_dst: 5 })
    one.send(frame)
    one.send(frame)
  }
  await quiet()
  expect(two.received.length + three.received.length).toBe(128)
  for (const station of [two, three]) {
    expect(station.received.length).toBeGreaterThan(30)
    expect(station.received.length % 2).toBe(0)
  }
  await h.flow(0, 20, { eth_type: 0x0800 }, [apply({ kind: 'group', group_id: 2 })])
  two.received.length = three.received.length = 0
  one.send(echo(8))
  await quiet()
  two.port.disconnect()
  one.send(echo(8))
  await quiet()
  expect([two.received.length, three.received.length]).toEqual([1, 1])
})
