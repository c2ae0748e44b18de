/** Queues as a controller sees them: what it may ask, what its actions do, what is counted. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DROP } from '../../../dataplane/packet/drop.ts'
import type { Action } from '../../../southbound/openflow/action.ts'
import { ANY } from '../../../southbound/openflow/port.ts'
import { ALL_QUEUES, NO_RATE } from '../../../southbound/openflow/queue.ts'
import { giveQos, type QosIn } from '../queues/rows.ts'
import {
  addFlow,
  apply,
  bucket,
  group,
  output,
  packetOut,
  toGroup,
  udp,
  write,
} from './messages.ts'
import { startRig } from './rig.ts'

let rig: Awaited<ReturnType<typeof startRig>>
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.close())

/** A frame is 100 bytes: 0.8 ms at 1 Mbit/s. The burst of a queue is 15 of them, and one on credit. */
const QOS: QosIn = {
  type: 'linux-htb',
  config: { 'max-rate': '1000000' },
  queues: { 7: { 'min-rate': 250_000, 'max-rate': 500_000 }, 9: { 'max-rate': 1_000, dscp: 46 } },
}
const setQueue = (queue_id: number): Action => ({ kind: 'set_queue', queue_id })
const popQueue: Action = { kind: 'pop_queue' }
const statistics = async (port_no = ANY, queue_id = ALL_QUEUES) =>
  (await rig.controller.connection.multipart({ kind: 'queue', body: { port_no, queue_id } })).map(
    (of) => [of.port_no, of.queue_id, of.tx_packets, of.tx_bytes, of.tx_errors],
  )
const tosOf = (frames: readonly Uint8Array[]) => frames.map((bytes) => bytes[15])

test('queues tell their rates in tenths of a percent of the port’s', async () => {
  giveQos(rig.bridge, 2, QOS)
  const of = (queue_id: number, min: number, max: number) => ({
    ...{ queue_id, port: 2 },
    properties: [
      { kind: 'min_rate', rate: min },
      { kind: 'max_rate', rate: max },
    ],
  })
  const all = [of(0, NO_RATE, NO_RATE), of(7, 250, 500), of(9, NO_RATE, 1)]
  const ask = (port: number) =>
    rig.controller.connection.request({ type: 'queue_get_config_request', port })
  expect(await ask(2)).toMatchObject({ port: 2, queues: all })
  expect(await ask(ANY)).toMatchObject({ port: ANY, queues: all })
  expect(await ask(1)).toMatchObject({ port: 1, queues: [] })
})

test('more queues than a reply can hold are an error, a port by itself never is', async () => {
  const queues = Object.fromEntries(Array.from({ length: 1000 }, (_, id) => [id, {}]))
  for (const port of [1, 2]) giveQos(rig.bridge, port, { type: 'linux-htb', queues })
  const ask = (port: number) => ({ type: 'queue_get_config_request', port }) as const
  expect(await rig.controller.answers(ask(2), ask(ANY))).toEqual([
    'queue_get_config_reply',
    'bad_request.multipart_buffer_overflow',
  ])
  expect(await statistics()).toHaveLength(2000)
})

test('packets leave by the queue that was set, are counted there, and lost there when it is full', async () => {
  giveQos(rig.bridge, 2, QOS)
  await rig.controller.ask(
    addFlow({ instructions: [apply(setQueue(9), output(2))] }),
    packetOut({ actions: [setQueue(7), output(2), output(2), popQueue, output(2)] }),
  )
  rig.clock.advance(2000)
  for (let i = 0; i < 1020; i++) rig.p1.send(udp())
  // 15 frames of burst and one on credit; 1,000 wait.
  expect(await statistics(2)).toEqual([
    [2, 0, 1n, 100n, 0n],
    [2, 7, 2n, 200n, 0n],
    [2, 9, 16n, 1600n, 4n],
  ])
  expect(rig.drops('queue_full')).toBe(4)
  // 800 ms for each at 1 kbit/s.
  rig.clock.advance(8000)
  expect(await statistics(2, 9)).toEqual([[2, 9, 26n, 2600n, 4n]])
  expect(rig.p2.received).toHaveLength(29)
  expect(rig.bridge.ports.get(2)!.counters).toMatchObject({ txPackets: 29, txDropped: 4 })
  const [first] = await rig.controller.connection.multipart({
    ...{ kind: 'queue', body: { port_no: 2, queue_id: 0 } },
  })
  expect(first).toMatchObject({ duration_sec: 10, duration_nsec: 0 })
})

test('a queue that the port has not is its default queue, as is none at all', async () => {
  giveQos(rig.bridge, 2, QOS)
  await rig.controller.ask(
    packetOut({ actions: [setQueue(8), output(2), output(1)] }),
    packetOut({ actions: [output(2)] }),
  )
  expect(await statistics()).toEqual([
    [2, 0, 2n, 200n, 0n],
    [2, 7, 0n, 0n, 0n],
    [2, 9, 0n, 0n, 0n],
  ])
})

test('the queue of the action set counts, and that of a bucket ends with it', async () => {
  giveQos(rig.bridge, 2, QOS)
  await rig.controller.ask(
    group('add', 1, 0, bucket([setQueue(9), output(2)]), bucket([output(2)])),
    addFlow({ instructions: [apply(toGroup(1), output(2)), write(output(2), setQueue(7))] }),
  )
  rig.p1.send(udp())
  expect(await statistics()).toEqual([
    [2, 0, 2n, 200n, 0n],
    [2, 7, 1n, 100n, 0n],
    [2, 9, 1n, 100n, 0n],
  ])
})

test('a queue marks what leaves by it, and nothing else is changed', async () => {
  giveQos(rig.bridge, 2, { ...QOS, queues: { ...QOS.queues, 0: { dscp: 10 } } })
  await rig.controller.ask(
    addFlow({
      instructions: [
        apply(output(2), setQueue(9), output(2), popQueue, output(2), setQueue(0), output(2)),
      ],
    }),
  )
  rig.p1.send(udp({ tos: 0x03 }))
  // The ECN stays; the default queue marks where it was chosen.
  expect(tosOf(rig.p2.received)).toEqual([0x03, 0xbb, 0x03, 0x2b])
  expect(rig.p2.received[1]).toEqual(udp({ tos: 0xbb }))
  expect(rig.p2.received[2]).toEqual(udp({ tos: 0x03 }))
  rig.p2.received.length = 0
  const arp = udp()
  arp[13] = 6
  rig.p1.send(arp)
  expect(rig.p2.received).toEqual([arp, arp, arp, arp])
})

test('what waits goes when the QoS is taken away, and is lost by name with the port', async () => {
  const lost = giveQos(rig.bridge, 2, QOS)
  const many = Array.from({ length: 30 }, () => packetOut({ actions: [setQueue(9), output(2)] }))
  await rig.controller.ask(...many)
  expect(rig.p2.received).toHaveLength(16)
  giveQos(rig.bridge, 2, { type: 'linux-noop' })
  expect(rig.p2.received).toHaveLength(30)
  expect(await statistics()).toEqual([])
  giveQos(rig.bridge, 2, QOS)
  await rig.controller.ask(...many)
  rig.bridge.removePort(2)
  expect(lost).toEqual(Array.from({ length: 14 }, () => DROP.port_down))
})

test('egress-policer drops what is over its rate, by name; sizes are those of IP packets', async () => {
  giveQos(rig.bridge, 2, { type: 'egress-policer', config: { cir: '860', cbs: '172' } })
  await rig.controller.ask(addFlow({ instructions: [apply(output(2))] }))
  for (let i = 0; i < 3; i++) rig.p1.send(udp())
  expect([rig.p2.received.length, rig.drops('policer_exceeded')]).toEqual([2, 1])
  // A packet is 86 bytes: ten a second.
  for (let i = 0; i < 20; i++) {
    rig.clock.advance(50)
    rig.p1.send(udp())
  }
  expect([rig.p2.received.length, rig.drops('policer_exceeded')]).toEqual([12, 11])
  expect(rig.bridge.ports.get(2)!.counters).toMatchObject({ txPackets: 12, txDropped: 11 })
  expect(await statistics()).toEqual([])
})

test('a port that is down loses at once, whatever its queues', async () => {
  giveQos(rig.bridge, 2, QOS)
  rig.p2.setUp(false)
  await rig.controller.ask(packetOut({ actions: [setQueue(7), output(2)] }))
  expect([rig.drops('port_down'), (await statistics(2, 7))[0]![2]]).toEqual([1, 0n])
})
