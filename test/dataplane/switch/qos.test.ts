/** Rows of Port.qos, QoS and Queue on a running switch: what they do from the commit on. */

import { afterEach, beforeEach, expect, test } from 'vitest'
import { memoryPair } from '../../../dataplane/ports/memory.ts'
import type { BridgePort } from '../../../dataplane/switch/bridge-port.ts'
import { addBridge, addPort } from '../../../dataplane/switch/operator.ts'
import { Switch } from '../../../dataplane/switch/switch.ts'
import type { Operation } from '../../../southbound/ovsdb/operation.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { type VirtualClock, virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { udp } from '../openflow/messages.ts'
import {
  addFlow,
  apply,
  connect,
  output,
  quiet,
  type Station,
  set,
  startPair,
  TUNNEL,
} from '../rig.ts'

const ops = operations(openVSwitch)
let clock: VirtualClock
let host: Switch
let warned: string[]
let p1: Station
let p2: Station

const plug = (name: string, ofport_request: number): Station => {
  const [port, outside] = memoryPair({ name, mtuBytes: 1500 }, { name: `${name}.vm` })
  host.register(name, port)
  addPort(host, 'br-int', name, { ofport_request })
  const received: Uint8Array[] = []
  outside.onFrame((frame) => void received.push(frame))
  return { port: outside, received, send: (frame) => outside.send(frame) }
}

beforeEach(async () => {
  clock = virtualClock()
  warned = []
  host = new Switch({
    ...{ systemId: 'h1', clock, statisticsIntervalMs: 0 },
    dial: () => Promise.reject(new Error('nobody to dial')),
    log: {
      info() {},
      warn: (fields, event) => void warned.push(`${'port' in fields ? fields.port : ''} ${event}`),
    },
  })
  addBridge(host, 'br-int')
  const bridge = await host.whenBridge('br-int', AbortSignal.timeout(1000))
  ;[p1, p2] = [plug('p1', 1), plug('p2', 2)]
  await quiet()
  const controller = await connect(bridge)
  // set_queue 5 of p2.
  const actions = [{ kind: 'set_queue', queue_id: 5 } as const, output(2)]
  await controller.send(addFlow(0, 1, { in_port: 1 }, [apply(...actions)]))
  await controller.barrier()
})
afterEach(() => host.close())

const rowOf = (table: 'Port' | 'QoS' | 'Queue', test: (row: never) => boolean = () => true) => {
  const found = [...host.database.table(table).values()].find((row) => test(row as never))
  return found!._uuid
}
const portRow = (name: string) => rowOf('Port', (row: { name: string }) => row.name === name)
const commit = async (...of: Operation[]) => {
  host.database.transact(of)
  await quiet()
}
const create = (type = 'linux-htb', names = ['p2'], dscp?: number) =>
  commit(
    ops.insert('Queue', { other_config: { 'max-rate': '100000' }, ...(dscp && { dscp }) }, 'queue'),
    ops.insert(
      'QoS',
      { type, queues: { 5: 'queue' }, other_config: { 'max-rate': '1000000' } },
      'qos',
    ),
    ...names.map((name) => ops.update('Port', portRow(name), { qos: 'qos' })),
  )
const portOf = (ofport = 2): BridgePort => host.bridge('br-int')!.ports.get(ofport)!
const queue = (id = 5) => portOf().egress?.shaper?.queues.get(id)
/** 1,500 bytes: 12 ms at 1 Mbit/s, 120 at 100 kbit/s. */
const LONG = new Uint8Array(1500)
LONG.set(udp())
const send = async (count: number) => {
  for (let i = 0; i < count; i++) p1.send(LONG)
  await quiet()
}
const pass = async (ms: number) => {
  clock.advance(ms)
  await quiet()
}

test('a port without a QoS has nothing in front of it; with one the rates hold from the commit on', async () => {
  await send(100)
  expect([p2.received.length, portOf().egress]).toEqual([100, undefined])
  await create()
  await send(20)
  // A frame of burst, and one on credit.
  expect(p2.received).toHaveLength(102)
  await pass(1200)
  expect(p2.received.length - 102).toBeGreaterThanOrEqual(9)
  expect(p2.received.length - 102).toBeLessThanOrEqual(10)
  expect(warned).toEqual([])
})

test('another rate counts for what waits already, and other columns change nothing', async () => {
  await create()
  await send(102)
  const before = queue()
  await commit(ops.update('Queue', rowOf('Queue'), { external_ids: { a: 'b' } }))
  expect([p2.received.length, queue()]).toEqual([2, before])
  await commit(ops.update('Queue', rowOf('Queue'), { other_config: { 'max-rate': '1000000' } }))
  await pass(600)
  expect(Math.abs(p2.received.length - 52)).toBeLessThanOrEqual(2)
  expect(queue()).toMatchObject({ packets: p2.received.length, createdAt: 1000 })
})

test('a queue that goes leaves what waits to queue 0; a QoS that goes lets it out', async () => {
  await create()
  await send(102)
  await commit(ops.update('QoS', rowOf('QoS'), { queues: {} }))
  expect(queue()).toBeUndefined()
  await pass(120)
  expect(Math.abs(p2.received.length - 12)).toBeLessThanOrEqual(2)
  await commit(ops.update('Port', portRow('p2'), { qos: undefined }))
  expect([p2.received.length, portOf().egress]).toEqual([102, undefined])
  await send(10)
  expect(p2.received).toHaveLength(112)
})

test('one QoS on two ports limits each by itself, and an MTU that changes is a burst that does', async () => {
  await create('linux-htb', ['p1', 'p2'])
  expect(portOf(1).egress).not.toBe(portOf(2).egress)
  await send(2)
  expect(portOf(1).egress!.shaper!.queues.get(5)).toMatchObject({ packets: 0 })
  expect(queue()!.plan.burst).toBe(1564 * 8)
  await commit(
    ops.update(
      'Interface',
      rowOf('Interface' as never, (row: { name: string }) => row.name === 'p2'),
      {
        mtu_request: 9000,
      },
    ),
  )
  expect(queue()).toMatchObject({ packets: 2, plan: { burst: 9064 * 8 } })
})

test('a port that is made anew has its QoS again', async () => {
  await create()
  const before = portOf()
  host.unregister('p2')
  await quiet()
  const [port, outside] = memoryPair({ name: 'p2', mtuBytes: 1500 }, { name: 'p2.vm' })
  const received: Uint8Array[] = []
  outside.onFrame((frame) => void received.push(frame))
  host.register('p2', port)
  await quiet()
  expect(portOf()).not.toBe(before)
  await send(20)
  expect(received).toHaveLength(2)
})

test('a type that is not here limits nothing and is said once; its marks count', async () => {
  await create('linux-netem', ['p2'], 46)
  await send(20)
  expect(p2.received).toHaveLength(20)
  expect(p2.received[0]![15]).toBe(0xb8)
  await pass(20_000)
  expect(warned).toEqual(['p2 no QoS of type linux-netem is here'])
  await commit(ops.update('QoS', rowOf('QoS'), { type: '' }))
  expect(portOf().egress).toBeUndefined()
})

test('a tunnel has no queues, and says so', async () => {
  addPort(host, 'br-int', 'vx', {
    ...{ type: 'vxlan', options: { remote_ip: '192.0.2.2', key: '7' }, ofport_request: 9 },
  })
  await quiet()
  await create('linux-htb', ['vx'])
  expect(warned).toEqual(['vx a tunnel has no queues: its underlay has them'])
  expect(portOf(9).egress!.shaper).toBeUndefined()
})

test('a tunnel marks packets before they go in', async () => {
  const { h1, h2 } = await startPair(clock)
  try {
    const to = [set('tunnel_id', 7n), set('tun_dst', 0xc000020c)]
    const one = h1.plug('vm1', 1)
    const two = h2.plug('vm2', 2)
    await h1.flow(0, 1, {}, [apply(...to, { kind: 'set_queue', queue_id: 5 }, output(TUNNEL))])
    await h2.flow(0, 1, {}, [apply(output(2))])
    const port = [...h1.host.database.table('Port').values()].find(({ name }) => name === 'vxlan0')!
    h1.host.database.transact([
      ops.insert('Queue', { dscp: 46 }, 'queue'),
      ops.insert('QoS', { type: 'linux-htb', queues: { 5: 'queue' } }, 'qos'),
      ops.update('Port', port._uuid, { qos: 'qos' }),
    ])
    await quiet()
    one.send(udp())
    await quiet()
    expect(two.received).toEqual([udp({ tos: 46 << 2 })])
  } finally {
    h1.host.close()
    h2.host.close()
  }
})
