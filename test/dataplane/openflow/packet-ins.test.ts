/** Packets on their way to controllers: to whom, with what beside them, and what becomes of those that do not fit. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeMatch } from '../../../southbound/openflow/match.ts'
import type { MessageOf, Outgoing } from '../../../southbound/openflow/message.ts'
import { CONTROLLER } from '../../../southbound/openflow/port.ts'
import { addFlow, apply, flow, output, udp, write } from './messages.ts'
import { startRig } from './rig.ts'

let rig: Awaited<ReturnType<typeof startRig>>
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.close())

const async = (of: Partial<MessageOf<'set_async'>>): Outgoing => ({
  type: 'set_async',
  ...{ packet_in: 3, packet_in_slave: 0, port_status: 7, port_status_slave: 7 },
  ...{ flow_removed: 15, flow_removed_slave: 0 },
  ...of,
})
const toController = addFlow({ cookie: 7n, instructions: [apply(output(CONTROLLER))] })

test('a packet whose TTL is over is told of to those that ask for it', async () => {
  const { controller } = rig
  const match = { eth_type: 0x0800 }
  await controller.ask(
    addFlow({ match, cookie: 3n, instructions: [apply({ kind: 'dec_nw_ttl' }, output(2))] }),
  )
  const old = udp()
  old[22] = 1
  rig.p1.send(old)
  expect(await controller.take('packet_in')).toEqual([])
  await controller.ask(async({ packet_in: 7 }))
  rig.p1.send(old)
  expect(await controller.take('packet_in')).toMatchObject([{ reason: 2, cookie: 3n, data: old }])
  expect(rig.p2.received).toEqual([])
})

test('packet-ins come whole, whatever max_len and miss_send_len: there are no buffers', async () => {
  const { controller } = rig
  const cut = { kind: 'output', port: CONTROLLER, max_len: 10 } as const
  await controller.ask(
    { type: 'set_config', flags: 0, miss_send_len: 20 },
    addFlow({ instructions: [apply(cut)] }),
  )
  rig.p1.send(udp())
  expect(await controller.take('packet_in')).toMatchObject([
    { buffer_id: 0xffffffff, total_len: 100, data: udp() },
  ])
})

test('an action set reaches the controller, and what came beside the frame is told', async () => {
  const { controller } = rig
  await controller.ask(
    addFlow({
      instructions: [
        apply({ kind: 'set_field', field: 'reg3', value: 9 }),
        { kind: 'write_metadata', metadata: 5n, metadata_mask: 0xffn },
        write(output(CONTROLLER)),
        { kind: 'goto_table', table_id: 254 },
      ],
    }),
    addFlow({ table_id: 254, cookie: 8n }),
  )
  rig.p1.send(udp())
  expect(await controller.take('packet_in')).toMatchObject([
    // No flow's cookie: the action set is of all of them (§7.4.1).
    {
      table_id: 254,
      cookie: 0xffff_ffff_ffff_ffffn,
      match: encodeMatch({ in_port: 1, metadata: 5n, reg3: 9 }),
    },
  ])
})

test('packet_in2 carries userdata to the controller of its number', async () => {
  const { controller } = rig
  const other = await rig.connect()
  await other.ask(
    { type: 'set_controller_id', controller_id: 5 },
    { type: 'set_packet_in_format', format: 2 },
  )
  const properties = [
    { kind: 'controller_id', controller_id: 5 },
    { kind: 'userdata', userdata: Uint8Array.of(1, 2, 3) },
  ] as const
  await controller.ask(
    addFlow({ cookie: 4n, instructions: [apply({ kind: 'controller2', properties })] }),
  )
  rig.p1.send(udp())
  expect(await controller.take('packet_in')).toEqual([])
  expect(await other.take('packet_in2')).toEqual([
    {
      type: 'packet_in2',
      xid: 0,
      properties: [
        { kind: 'packet', packet: udp() },
        { kind: 'table_id', table_id: 0 },
        { kind: 'cookie', cookie: 4n },
        { kind: 'reason', reason: 1 },
        { kind: 'metadata', metadata: encodeMatch({ in_port: 1 }) },
        { kind: 'userdata', userdata: Uint8Array.of(1, 2, 3) },
      ],
    },
  ])
})

test('who was not configured is told nothing before it sets a miss_send_len', async () => {
  const guest = await rig.connect({ isService: true })
  await rig.controller.ask(toController)
  rig.p1.send(udp())
  expect(await guest.take('packet_in')).toEqual([])
  await guest.ask({ type: 'set_config', flags: 0, miss_send_len: 1 })
  rig.p1.send(udp())
  expect(await guest.take('packet_in')).toHaveLength(1)
})

test('a controller that does not read loses packet-ins, not its connection', async () => {
  rig.close()
  rig = await startRig({ packetInBytes: 2000 })
  await rig.controller.ask(toController)
  for (let i = 0; i < 100; i++) rig.p1.send(udp())
  expect((await rig.controller.take('packet_in')).length).toBe(13)
  expect(rig.drops('no_controller')).toBe(87)
  rig.p1.send(udp())
  expect((await rig.controller.take('packet_in')).length).toBe(1)
})

test('a controller that reads nothing loses its connection for what it must not lose', async () => {
  rig.close()
  rig = await startRig({ packetInBytes: 1000, unreadBytes: 20_000 })
  const deaf = await rig.connect()
  const slow = await rig.connect()
  const goOn = deaf.connection.hold()
  let read = slow.connection.hold()
  const removeMany = async () => {
    for (let i = 0; i < 2000; i++) {
      await rig.controller.connection.send({ xid: 1, ...addFlow({}, { flags: 1 }) })
      await rig.controller.connection.send({ xid: 1, ...flow('delete', {}) })
    }
    await rig.controller.connection.barrier()
  }
  await removeMany()
  for (let second = 0; second < 4; second++) {
    rig.clock.advance(1000)
    read()
    await slow.connection.barrier()
    read = slow.connection.hold()
    await removeMany()
  }
  expect(rig.bridge.sessions.size).toBe(3)
  rig.clock.advance(1000)
  await rig.controller.connection.barrier()
  expect(rig.bridge.sessions.size).toBe(2)
  goOn()
  read()
  expect(await slow.take('flow_removed')).toHaveLength(10_000)
})

test('a packet-in of a frame too long for a message holds what fits, and the next actions run', async () => {
  const { controller } = rig
  const second = await rig.connect()
  await second.ask({ type: 'set_packet_in_format', format: 2 })
  await controller.ask(addFlow({ instructions: [apply(output(CONTROLLER), output(2))] }))
  for (const length of [65_000, 65_400, 65_500, 65_535]) {
    const frame = new Uint8Array(length)
    frame.set(udp())
    rig.p1.send(frame)
    const [told] = await controller.take('packet_in')
    expect(told).toMatchObject({ total_len: length })
    expect(told!.data).toEqual(frame.subarray(0, told!.data.length))
    expect(told!.data.length).toBeGreaterThan(Math.min(length, 65_400) - 1)
    const full = told!.data.length < length ? [length] : []
    const [{ properties }] = (await second.take('packet_in2')) as [MessageOf<'packet_in2'>]
    expect(properties.flatMap((one) => ('full_len' in one ? [one.full_len] : []))).toEqual(full)
  }
  expect([rig.drops('exception'), rig.drops('port_mtu_exceeded')]).toEqual([0, 4])
})

test('a controller action whose userdata fills the message is a drop by name', async () => {
  const { controller } = rig
  await controller.ask({ type: 'set_packet_in_format', format: 2 })
  const properties = [{ kind: 'userdata', userdata: new Uint8Array(65_412) }] as const
  const set = (['reg0', 'reg1', 'reg2'] as const).map(
    (field) => ({ kind: 'set_field', field, value: 1 }) as const,
  )
  expect(
    await controller.answers(
      addFlow({ instructions: [apply(...set), { kind: 'goto_table', table_id: 1 }] }),
      addFlow({
        table_id: 1,
        instructions: [apply({ kind: 'controller2', properties }, output(2))],
      }),
    ),
  ).toEqual([])
  rig.p1.send(udp())
  expect((await controller.take('packet_in2')).length).toBe(0)
  expect([rig.drops('no_controller'), rig.p2.received.length]).toEqual([1, 1])
})

test('who takes no packet-in is not offered one', async () => {
  const { controller, bridge } = rig
  await controller.ask(async({ packet_in: 0 }), toController)
  const [session] = bridge.sessions
  let offered = 0
  session!.packetIn = () => ++offered > 0
  rig.p1.send(udp())
  expect([offered, rig.drops('no_controller')]).toEqual([0, 1])
  await controller.ask(async({ packet_in: 2 }))
  rig.p1.send(udp())
  expect(offered).toBe(1)
})
