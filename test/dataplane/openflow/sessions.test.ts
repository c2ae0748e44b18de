/** Sessions: what the switch says of itself, roles, what a controller is told and in which form. */
import { duplexPair } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { serveOpenflow } from '../../../dataplane/openflow/agent.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import {
  controllerRole,
  flowFlags,
  type MessageOf,
  type Outgoing,
} from '../../../southbound/openflow/message.ts'
import { CONTROLLER } from '../../../southbound/openflow/port.ts'
import { addFlow, apply, flow, meter, output, packetOut, udp } from './messages.ts'
import { startRig } from './rig.ts'

let rig: Awaited<ReturnType<typeof startRig>>
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.close())

const { equal, master, slave, nochange } = controllerRole
const role = (wanted: number, generation_id = 0n) =>
  ({ type: 'role_request', role: wanted, generation_id }) as const
const async = (of: Partial<MessageOf<'set_async'>>): Outgoing => ({
  type: 'set_async',
  ...{ packet_in: 3, packet_in_slave: 0, port_status: 7, port_status_slave: 7 },
  ...{ flow_removed: 15, flow_removed_slave: 0 },
  ...of,
})
const toController = addFlow({ cookie: 7n, instructions: [apply(output(CONTROLLER))] })

test('features: 255 tables, no buffers, statistics of flows, tables, ports, groups and queues', async () => {
  const reply = await rig.controller.connection.request({ type: 'features_request' })
  expect(reply).toMatchObject({
    ...{ datapath_id: 0x42n, n_buffers: 0, n_tables: 255, auxiliary_id: 0, capabilities: 0x4f },
  })
})

test('a peer that speaks another version is told hello_failed', async () => {
  const [near, far] = duplexPair()
  const opening = Connection.open(near)
  const chunks: Buffer[] = []
  far.on('data', (chunk: Buffer) => chunks.push(chunk))
  far.write(Uint8Array.of(1, 0, 0, 8, 0, 0, 0, 1))
  await expect(opening).rejects.toMatchObject({ code: 'version' })
  await new Promise((resolve) => setImmediate(resolve))
  const bytes = Buffer.concat(chunks)
  // Behind the hello: version 4, error, hello_failed, incompatible.
  const error = bytes.subarray(bytes.readUInt16BE(2))
  expect([...error.subarray(0, 2), ...error.subarray(8, 12)]).toEqual([4, 1, 0, 0, 0, 0])
})

test('an echo comes back as it was', async () => {
  const data = Uint8Array.of(1, 2, 3)
  const reply = await rig.controller.connection.request({ type: 'echo_request', data })
  expect(reply).toMatchObject({ type: 'echo_reply', data })
})

test('an error holds the first 64 bytes of what failed, under its xid', async () => {
  const match = { in_port: 1, eth_type: 0x0800, ipv4_src: 5, ip_proto: 17 }
  const [error] = await rig.controller.ask({ ...addFlow({ match }, { command: 9 }), xid: 4711 })
  expect(error).toMatchObject({ type: 'error', xid: 4711 })
  expect((error as { data: Uint8Array }).data).toHaveLength(64)
})

test('fragments come in, or are dropped by name when the controller says so', async () => {
  const fragment = udp()
  fragment[20] = 0x20
  await rig.controller.ask(addFlow({ instructions: [apply(output(2))] }))
  rig.p1.send(fragment)
  await rig.controller.ask({ type: 'set_config', flags: 1, miss_send_len: 0 })
  rig.p1.send(fragment)
  rig.p1.send(udp())
  expect(rig.p2.received).toHaveLength(2)
  expect(rig.drops('fragment')).toBe(1)
  const other = await rig.connect()
  const config = await other.connection.request({ type: 'get_config_request' })
  expect(config).toMatchObject({ flags: 1, miss_send_len: 128 })
})

test('a second master demotes the first; a slave changes nothing and hears of ports alone', async () => {
  const { controller } = rig
  const other = await rig.connect()
  const ask = async (of: typeof controller, wanted: number, generation: bigint) =>
    (await of.connection.request(role(wanted, generation))) as { role: number }
  expect(await ask(controller, nochange, 0n)).toMatchObject({
    ...{ role: equal, generation_id: 0xffff_ffff_ffff_ffffn },
  })
  expect(await ask(controller, master, 5n)).toMatchObject({ role: master, generation_id: 5n })
  expect(await ask(other, master, 6n)).toMatchObject({ role: master })
  expect(await ask(controller, nochange, 0n)).toMatchObject({ role: slave, generation_id: 6n })
  const refused = await controller.answers(
    addFlow(),
    meter(),
    packetOut(),
    { type: 'table_mod', table_id: 0, config: 0 },
    { type: 'set_config', flags: 1, miss_send_len: 128 },
  )
  expect(new Set(refused)).toEqual(new Set(['bad_request.is_slave']))
  expect(refused).toHaveLength(5)
  expect(await controller.answers({ type: 'set_config', flags: 0, miss_send_len: 1 })).toEqual([])
  await other.ask(toController, flow('delete', {}, { table_id: 9 }))
  rig.p1.send(udp())
  rig.p2.setUp(false)
  expect((await other.take('packet_in')).length).toBe(1)
  expect((await controller.take('port_status')).length).toBe(1)
  expect(await controller.take('packet_in')).toEqual([])
  expect(await controller.answers(role(master, 4n))).toEqual(['role_request_failed.stale'])
  expect(await ask(controller, master, 7n)).toMatchObject({ role: master })
  expect(await controller.answers(addFlow())).toEqual([])
})

test('generations go round: the one behind 2^64 - 1 is 0', async () => {
  const { controller } = rig
  expect(await controller.answers(role(slave, 0xffff_ffff_ffff_ffffn), role(slave, 0n))).toEqual([
    'role_reply',
    'role_reply',
  ])
})

test('each kind of message is told for the reasons that are asked for, by role', async () => {
  const { controller } = rig
  const removed = addFlow({ priority: 1 }, { flags: flowFlags.send_flow_rem })
  const remove = flow('delete_strict', { priority: 1 })
  const heard = async () => {
    rig.p1.send(udp())
    rig.p2.setUp(false)
    await controller.ask(removed, remove)
    const told = controller.told.splice(0)
    return told.map(({ type }) => type)
  }
  await controller.ask(toController)
  expect(await heard()).toEqual(['packet_in', 'port_status', 'flow_removed'])
  await controller.ask(async({ packet_in: 1, port_status: 3, flow_removed: 11 }))
  expect(await heard()).toEqual([])
  const masks = await controller.connection.request({ type: 'get_async_request' })
  expect(masks).toMatchObject({ packet_in: 1, port_status: 3, flow_removed: 11 })
  const [packet_in_slave, port_status_slave] = [2, 0]
  await controller.ask(async({ packet_in_slave, port_status_slave }), role(slave))
  controller.told.length = 0
  rig.p1.send(udp())
  rig.p2.setUp(true)
  expect((await controller.ask()).map(({ type }) => type)).toEqual(['packet_in'])
})

test('Nicira’s form of the same sets some masks and leaves the others', async () => {
  const { controller } = rig
  await controller.ask({
    type: 'set_async2',
    properties: [
      { kind: 'packet_in_master', mask: 7 },
      { kind: 'flow_removed_slave', mask: 1 },
    ],
  })
  expect(await controller.connection.request({ type: 'get_async_request' })).toMatchObject({
    ...{
      packet_in: 7,
      packet_in_slave: 0,
      port_status: 7,
      flow_removed: 15,
      flow_removed_slave: 1,
    },
  })
})

test('flows outlive their controller', async () => {
  await rig.controller.ask(addFlow({ cookie: 5n }))
  rig.controller.connection.close()
  await rig.controller.connection.closed
  const other = await rig.connect()
  const body = {
    table_id: 0xff,
    out_port: 0xffffffff,
    out_group: 0xffffffff,
    cookie: 0n,
    cookie_mask: 0n,
    match: new Uint8Array(0),
  }
  expect(await other.connection.multipart({ kind: 'flow', body })).toMatchObject([{ cookie: 5n }])
  expect(rig.bridge.sessions.size).toBe(1)
})

test('a role that changes is told to who serves the connection', async () => {
  const [near, far] = duplexPair()
  const opening = Connection.open(near)
  const connection = await Connection.open(far)
  const roles: number[] = []
  serveOpenflow(rig.bridge, await opening, { onRole: (one) => void roles.push(one) })
  await connection.request(role(master))
  await rig.controller.ask(role(master, 1n))
  expect(roles).toEqual([master, slave])
  connection.close()
})

test('a session that fails when it is told of a flow keeps neither others nor timeouts from it', async () => {
  const { bridge, clock } = rig
  const warned: string[] = []
  bridge.log.warn = (_fields, event) => void warned.push(event)
  const [session] = bridge.sessions
  const failing = {
    ...session!,
    takesPacketIn: () => false,
    flowsChanged() {
      throw new Error('broken')
    },
  }
  bridge.sessions.clear()
  for (const one of [failing, session!]) bridge.sessions.add(one)
  const flags = flowFlags.send_flow_rem
  expect(await rig.controller.answers(addFlow({}, { hard_timeout: 2, flags }))).toEqual([])
  clock.advance(3000)
  expect(await rig.controller.take('flow_removed')).toHaveLength(1)
  expect([...bridge.flows.all()]).toEqual([])
  expect(warned).toEqual(['a controller could not be told', 'a controller could not be told'])
})
