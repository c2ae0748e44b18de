/** Ports: what is told of them, what a port_mod changes. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  ALL,
  ANY,
  CONTROLLER,
  IN_PORT,
  portConfig,
  TABLE,
} from '../../../southbound/openflow/port.ts'
import { addFlow, apply, group, output, packetOut, toGroup, udp } from './messages.ts'
import { type Plug, PORT_MAC, startRig } from './rig.ts'

let rig: Awaited<ReturnType<typeof startRig>>
let p3: Plug
beforeEach(async () => {
  rig = await startRig()
  p3 = rig.plug(3)
  await rig.controller.take('port_status')
})
afterEach(() => rig.close())

const configure = (port_no: number, config: number, mask = config) =>
  ({ type: 'port_mod', port_no, hw_addr: PORT_MAC + port_no, config, mask, advertise: 0 }) as const
const describePort = async (port: number) =>
  (await rig.controller.connection.multipart({ kind: 'port_desc' })).find(
    ({ port_no }) => port_no === port,
  )
const LIVE = 4
const LINK_DOWN = 1

test('a port is told when it comes, when its link changes and when it goes', async () => {
  const p4 = rig.plug(4)
  p4.setUp(false)
  rig.bridge.removePort(4)
  const told = await rig.controller.take('port_status')
  expect(told.map(({ reason, port_no, state }) => [reason, port_no, state])).toEqual([
    [0, 4, LIVE],
    [2, 4, LINK_DOWN],
    [1, 4, LINK_DOWN],
  ])
  expect(await describePort(1)).toEqual({
    ...{ port_no: 1, hw_addr: PORT_MAC + 1, name: 'p1', config: 0, state: LIVE },
    ...{ curr: 0, advertised: 0, supported: 0, peer: 0, curr_speed: 0, max_speed: 0 },
  })
})

test('a port_mod changes the bits of its mask, tells everybody once, and is there to be read', async () => {
  const { no_recv, no_fwd } = portConfig
  const answers = await rig.controller.ask(
    configure(2, no_recv | no_fwd),
    configure(2, 0, no_recv),
    configure(2, no_fwd),
  )
  expect(answers).toMatchObject([
    { type: 'port_status', reason: 2, port_no: 2, config: no_recv | no_fwd },
    { type: 'port_status', reason: 2, port_no: 2, config: no_fwd },
  ])
  expect(await describePort(2)).toMatchObject({ config: no_fwd, state: LIVE })
})

test('port_down: nothing comes in, nothing goes out, the port is not alive', async () => {
  await rig.controller.ask(
    addFlow({ instructions: [apply(output(2))] }),
    configure(2, portConfig.port_down),
  )
  rig.p1.send(udp())
  rig.p2.send(udp())
  expect(rig.p2.received).toEqual([])
  expect(rig.drops('port_down')).toBe(2)
  expect(await describePort(2)).toMatchObject({ config: 1, state: 0 })
})

test('no_recv: what comes in is dropped, what goes out goes', async () => {
  await rig.controller.ask(
    addFlow({ instructions: [apply(output(2))] }),
    configure(1, portConfig.no_recv),
  )
  rig.p1.send(udp())
  expect(rig.drops('port_no_recv')).toBe(1)
  await rig.controller.ask(packetOut({ in_port: 2, actions: [output(1)] }))
  expect(rig.p1.received).toHaveLength(1)
})

test('no_fwd: an output is dropped by name, and ALL leaves the port out', async () => {
  await rig.controller.ask(
    addFlow({ instructions: [apply(output(2))] }),
    configure(2, portConfig.no_fwd),
  )
  rig.p1.send(udp())
  expect(rig.drops('port_no_fwd')).toBe(1)
  await rig.controller.ask(packetOut({ actions: [output(ALL)] }))
  expect([rig.p1, rig.p2, p3].map(({ received }) => received.length)).toEqual([0, 0, 1])
})

test('no_packet_in: no packet of the port reaches a controller', async () => {
  await rig.controller.ask(
    addFlow({ instructions: [apply(output(CONTROLLER))] }),
    configure(1, portConfig.no_packet_in),
  )
  rig.p1.send(udp())
  rig.p2.send(udp())
  expect((await rig.controller.take('packet_in')).length).toBe(1)
  expect(rig.drops('port_no_packet_in')).toBe(1)
})

test('a packet-out goes to ports, reserved ports, groups and through the tables', async () => {
  const { controller, p1, p2 } = rig
  await controller.ask(
    addFlow({ instructions: [apply(output(3))] }),
    group('add', 5, 0, { weight: 0, watch_port: ANY, watch_group: ANY, actions: [output(2)] }),
  )
  const left = async (...actions: Parameters<typeof output>[0][]) => {
    await controller.ask(packetOut({ actions: actions.map(output) }))
    return [p1, p2, p3].map(({ received }) => received.splice(0).length)
  }
  expect(await left(2)).toEqual([0, 1, 0])
  expect(await left(1)).toEqual([0, 0, 0])
  expect(await left(IN_PORT)).toEqual([1, 0, 0])
  expect(await left(ALL)).toEqual([0, 1, 1])
  expect(await left(TABLE)).toEqual([0, 0, 1])
  await controller.ask(packetOut({ actions: [toGroup(5)] }))
  expect(p2.received).toHaveLength(1)
  await controller.ask(packetOut({ actions: [output(CONTROLLER)] }))
  expect(await controller.take('packet_in')).toMatchObject([
    { reason: 1, cookie: 0xffff_ffff_ffff_ffffn, data: udp() },
  ])
})

test('statistics of ports count packets and bytes both ways', async () => {
  await rig.controller.ask(addFlow({ instructions: [apply(output(2))] }))
  rig.clock.advance(1500)
  rig.p1.send(udp())
  const all = await rig.controller.connection.multipart({
    kind: 'port_stats',
    body: { port_no: ANY },
  })
  const [one, two] = all
  expect(one).toMatchObject({ port_no: 1, rx_packets: 1n, rx_bytes: 100n, tx_packets: 0n })
  expect(two).toMatchObject({ port_no: 2, tx_packets: 1n, tx_bytes: 100n, duration_sec: 1 })
  expect(two).toMatchObject({ duration_nsec: 500_000_000 })
})
