/**
 * Flows change while packets flow: ten thousand flow-mods in bundles and as many singly, with packets
 * between them wherever the event loop has a turn. Every packet carries what each table did to it.
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { serveOpenflow } from '../../../dataplane/openflow/agent.ts'
import { commitBundle } from '../../../southbound/openflow/bundle.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { addFlow, apply, flow, output, udp } from './messages.ts'
import { type Controller, controllerOf, startRig } from './rig.ts'

const MODS = 10_000
/** Versions in one bundle, of which the last alone may be seen. */
const STEPS = 5
const PATIENCE_MS = 60_000
let rig: Awaited<ReturnType<typeof startRig>>
let controller: Controller
beforeEach(async () => {
  rig = await startRig()
  controller = await overTcp()
})
afterEach(() => rig.close())

/** A controller on a real socket: between what it sends the event loop has turns. */
async function overTcp(): Promise<Controller> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const far = connect(port, '127.0.0.1')
  const [near] = (await once(server, 'connection')) as [Socket]
  // Small messages that wait for answers.
  for (const end of [near, far]) end.setNoDelay()
  server.close()
  const opening = Connection.open(near)
  const connection = await Connection.open(far)
  serveOpenflow(rig.bridge, await opening)
  return controllerOf(connection)
}

const set = (field: 'eth_dst' | 'eth_src', value: number) =>
  ({ kind: 'set_field', field, value }) as const
/** The version that a frame's destination, and its source, tell of. */
const versions = (frame: Uint8Array) => {
  const view = new DataView(frame.buffer, frame.byteOffset)
  return [view.getUint32(2), view.getUint32(8)] as const
}

/** Sends a few packets in each turn of the event loop until the work is done; answers how many. */
async function packetsDuring(work: Promise<unknown>): Promise<number> {
  let sent = 0
  let done = false
  const over = work.finally(() => {
    done = true
  })
  while (!done) {
    for (let i = 0; i < 3; i++, sent++) rig.p1.send(udp({ source: sent & 0xffff }))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await over
  return sent
}

test('in bundles: a packet meets two tables of the same version, always', {
  timeout: PATIENCE_MS,
}, async () => {
  const { connection } = controller
  // Two flows that must agree, and one in another table that comes and goes.
  const version = (n: number) => [
    addFlow({
      cookie: BigInt(n),
      instructions: [apply(set('eth_dst', n)), { kind: 'goto_table', table_id: 1 }],
    }),
    addFlow({ table_id: 1, instructions: [apply(set('eth_src', n), output(2))] }),
    addFlow({ table_id: 2, cookie: BigInt(n), match: { in_port: n } }),
    flow('delete_strict', { table_id: 2, match: { in_port: n - 1 } }),
  ]
  const bundle = (n: number) =>
    Array.from({ length: STEPS }, (_, i) => version(n * STEPS + i + 1)).flat()
  await commitBundle(connection, bundle(0))
  const changes = async () => {
    for (let n = 1; n < MODS / 4 / STEPS; n++) await commitBundle(connection, bundle(n))
  }
  const sent = await packetsDuring(changes())
  expect(rig.p2.received).toHaveLength(sent)
  const seen = rig.p2.received.map(versions)
  expect(seen.filter(([table0, table1]) => table0 !== table1)).toEqual([])
  expect(seen.filter(([now]) => now % STEPS !== 0)).toEqual([])
  // Later packets see later tables, and many of them.
  expect(seen.every(([now], i) => i === 0 || now >= seen[i - 1]![0])).toBe(true)
  expect(new Set(seen.map(([now]) => now)).size).toBeGreaterThan(100)
  const counted = [...rig.bridge.flows.all()].map((one) => [one.table_id, one.packets, one.bytes])
  expect(counted.sort(([a], [b]) => a! - b!)).toEqual([
    [0, sent, 100 * sent],
    [1, sent, 100 * sent],
    [2, 0, 0],
  ])
})

test('singly: what flow-removed messages and flows counted is what was sent', {
  timeout: PATIENCE_MS,
}, async () => {
  const both = (n: number) => [apply(set('eth_dst', n), set('eth_src', n), output(2))]
  const changes = async () => {
    // A flow of higher priority comes before the one below it goes: some flow takes every packet.
    await controller.connection.send({
      xid: 1,
      ...addFlow({ priority: 1, instructions: both(1) }, { flags: 1 }),
    })
    for (let n = 2; n <= MODS / 3; n++) {
      const priority = n % 2 === 0 ? 2 : 1
      const other = 3 - priority
      const cookie = BigInt(n)
      await controller.connection.send({
        xid: n,
        ...addFlow({ priority, cookie, instructions: both(n - 1) }, { flags: 1 }),
      })
      await controller.connection.send({ xid: n, ...flow('delete_strict', { priority: other }) })
      await controller.connection.send({
        xid: n,
        ...flow('modify_strict', { priority, instructions: both(n) }),
      })
      if (n % 64 === 0) await controller.connection.barrier()
    }
    await controller.connection.barrier()
  }
  const work = changes()
  await controller.connection.barrier()
  const sent = await packetsDuring(work)
  const removed = await controller.take('flow_removed')
  const left = [...rig.bridge.flows.all()]
  expect(controller.told.filter(({ type }) => type === 'error')).toEqual([])
  expect(left).toHaveLength(1)
  const packets = removed.reduce((sum, one) => sum + Number(one.packet_count), left[0]!.packets)
  const bytes = removed.reduce((sum, one) => sum + Number(one.byte_count), left[0]!.bytes)
  expect([packets, bytes]).toEqual([sent, 100 * sent])
  expect(rig.p2.received).toHaveLength(sent)
  const seen = rig.p2.received.map(versions)
  expect(seen.filter(([dst, src]) => dst !== src)).toEqual([])
  expect(seen.every(([now], i) => i === 0 || now >= seen[i - 1]![0])).toBe(true)
})
