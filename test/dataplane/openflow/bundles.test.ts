/** Bundles: whole and in order, or not at all. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { commitBundle } from '../../../southbound/openflow/bundle.ts'
import { encode, type Outgoing } from '../../../southbound/openflow/message.ts'
import type { Sent } from './cases/case.ts'
import { addFlow, apply, bucket, flow, group, output, toGroup, udp } from './messages.ts'
import { answersOf, PORT_MAC, startRig } from './rig.ts'

let rig: Awaited<ReturnType<typeof startRig>>
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.close())

const shape = () =>
  [...rig.bridge.flows.all()]
    .map(({ priority, cookie, packets }) => [priority, cookie, packets] as const)
    .sort(([a], [b]) => a - b)
const portMod = (config: number) =>
  ({
    type: 'port_mod',
    port_no: 2,
    hw_addr: PORT_MAC + 2,
    config,
    mask: config,
    advertise: 0,
  }) as const

test('a bundle of flows, groups and ports holds whole, in order', async () => {
  const { controller } = rig
  await controller.ask(addFlow({ priority: 1, cookie: 1n }))
  await commitBundle(controller.connection, [
    group('add', 3, 0, bucket([output(2)])),
    addFlow({ priority: 5, cookie: 5n, instructions: [apply(toGroup(3))] }),
    flow('delete_strict', { priority: 1 }),
    addFlow({ priority: 6 }),
    flow('delete_strict', { priority: 6 }),
    portMod(4),
  ])
  expect(shape()).toEqual([[5, 5n, 0]])
  expect(await controller.take('port_status')).toMatchObject([{ port_no: 2, config: 4, reason: 2 }])
})

test('a bundle that fails leaves flows, groups, ports and counters as they were, and nobody is told', async () => {
  const { controller } = rig
  await controller.ask(
    group('add', 3, 0, bucket([output(2)])),
    addFlow({ priority: 5, cookie: 5n, instructions: [apply(toGroup(3))] }, { flags: 1 }),
    addFlow({ priority: 6, cookie: 6n }, { flags: 1 }),
  )
  rig.p1.send(udp())
  const before = shape()
  const wrong = commitBundle(controller.connection, [
    addFlow({ priority: 5, cookie: 50n }),
    flow('modify', { instructions: [apply(output(1))] }, { flags: 4 }),
    flow('delete'),
    group('delete', 3),
    group('add', 4),
    portMod(1),
    addFlow({ table_id: 9, instructions: [{ kind: 'goto_table', table_id: 1 }] }),
    addFlow({ table_id: 1 }),
  ])
  await expect(wrong).rejects.toMatchObject({ reason: 'bad_instruction.bad_table_id', index: 6 })
  expect(shape()).toEqual(before)
  expect([...rig.bridge.groups.all.keys()]).toEqual([3])
  expect(rig.bridge.ports.get(2)!.config).toBe(0)
  expect(await controller.take('port_status')).toEqual([])
  expect(await controller.take('flow_removed')).toEqual([])
  await controller.ask(group('delete', 3))
  expect(shape()).toEqual([[6, 6n, 1]])
})

const properties = new Uint8Array(0)
const control = (bundle_id: number, control_type: number) =>
  ({ type: 'bundle_control', bundle_id, control_type, flags: 3, properties }) as const
const inBundle = (inner: Sent) => {
  const message = encode({ xid: 77, ...inner } as Outgoing)
  return { type: 'bundle_add', bundle_id: 1, flags: 3, message, properties } as const
}
const add = (of = {}) => inBundle(addFlow(of))

test('so many bundles, messages and bytes, and no more', async () => {
  rig.close()
  rig = await startRig({ bundles: 1, bundleMessages: 2, bundleBytes: 1200 })
  expect(
    await rig.controller.answers(control(1, 0), control(2, 0), add(), add(), add(), control(1, 6)),
  ).toEqual([
    'bundle_control',
    'bundle_failed.out_of_bundles',
    'bundle_failed.msg_too_many',
    'bundle_control',
  ])
  const long = add({ match: { eth_type: 0x86dd, ipv6_src: [1n, 1n], ipv6_dst: [1n, 1n] } })
  expect(await rig.controller.answers(control(1, 0), long, long)).toEqual([
    'bundle_control',
    'bundle_failed.msg_too_many',
  ])
})

test('small messages are charged what they take in memory, to one account of all controllers', async () => {
  rig.close()
  rig = await startRig({ bundleBytes: 10 * 528 })
  const tiny = inBundle(group('add', 5))
  const ten = Array.from({ length: 10 }, () => tiny)
  const other = await rig.connect()
  expect(await other.answers(...ten)).toEqual([])
  expect(await rig.controller.answers(tiny)).toEqual(['bundle_failed.msg_too_many'])
  await other.connection.close()
  await other.connection.closed
  await rig.controller.connection.barrier()
  expect(await rig.controller.answers(...ten, tiny)).toEqual(['bundle_failed.msg_too_many'])
  expect(await rig.controller.answers(control(1, 6), ...ten)).toEqual(['bundle_control'])
})

test('a bundle that nobody touches for ten seconds is forgotten, and its controller told', async () => {
  const { controller, clock, bridge } = rig
  await controller.ask(control(1, 0), add())
  clock.advance(9_000)
  await controller.ask(add())
  clock.advance(9_000)
  expect(await controller.answers(add())).toEqual([])
  clock.advance(10_000)
  expect(answersOf(await controller.take('error'))).toEqual(['bundle_failed.timeout'])
  expect(bridge.bundleBytes).toBe(0)
  expect(await controller.answers(control(1, 4))).toEqual(['bundle_failed.bad_id'])
})
