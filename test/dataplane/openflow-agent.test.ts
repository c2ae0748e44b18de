import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { commitBundle } from '../../southbound/openflow/bundle.ts'
import type { Connection } from '../../southbound/openflow/connection.ts'
import { encodeFlow } from '../../southbound/openflow/flow.ts'
import { ALL_GROUPS, ANY_GROUP, encodeGroup, groupType } from '../../southbound/openflow/group.ts'
import { decodeMatch, encodeMatch, type Match } from '../../southbound/openflow/match.ts'
import {
  type Body,
  controllerRole,
  type flowCommand,
  flowFlags,
  flowMod,
  groupMod,
  type MessageOf,
  type Outgoing,
} from '../../southbound/openflow/message.ts'
import { ALL_METERS } from '../../southbound/openflow/meter.ts'
import { type MonitorEvent, monitorFlows } from '../../southbound/openflow/monitor.ts'
import { ANY, LOCAL, NORMAL } from '../../southbound/openflow/port.ts'
import { icmpEchoFrame } from '../../southbound/wire/frame.ts'
import {
  addFlow,
  apply,
  connect,
  goto,
  type Host,
  output,
  quiet,
  set,
  startHost,
  type TestClock,
  testClock,
} from './rig.ts'

const frame = icmpEchoFrame({
  eth_src: 1,
  eth_dst: 2,
  ipv4_src: 1,
  ipv4_dst: 2,
  identifier: 1,
  sequence: 1,
})
const ofPort = (n: number): Match => ({ in_port: n })
const NOTHING = new Uint8Array(0)
const everything = {
  table_id: 0xff,
  out_port: ANY,
  out_group: ANY_GROUP,
  cookie: 0n,
  cookie_mask: 0n,
  match: NOTHING,
}

/** The update with bytes of its own: as it comes, they are views of the connection's buffer. */
function copied(event: MonitorEvent): MonitorEvent {
  if (!('match' in event)) return event
  const { match, instructions } = event
  return { ...event, match: Uint8Array.from(match), instructions: Uint8Array.from(instructions) }
}

describe('the OpenFlow agent', () => {
  let h: Host
  let clock: TestClock
  let controller: Connection

  beforeEach(async () => {
    clock = testClock()
    h = await startHost('h1', { clock })
    controller = h.controller
  })
  afterEach(() => h.host.close())

  const flows = async (filter: Partial<typeof everything> = {}) => {
    const body = { ...everything, ...filter }
    const found = await controller.multipart({ kind: 'flow', body })
    found.sort((a, b) => a.table_id - b.table_id || a.priority - b.priority)
    return found.map((flow) => ({ ...flow, match: decodeMatch(flow.match) }))
  }
  const shape = async () =>
    (await flows()).map((f) => [f.table_id, f.priority, f.match, f.cookie] as const)
  /** The name of the error that answers a message, or what answered the barrier behind it. */
  const errorOf = async (message: Outgoing): Promise<string> => {
    const request = controller.request(message).then(
      () => 'answered',
      (error: Error) => (error as { reason?: string }).reason ?? error.message,
    )
    return Promise.race([request, controller.barrier().then(() => 'accepted')])
  }
  const mod = (
    command: keyof typeof flowCommand,
    of: Partial<MessageOf<'flow_mod'>> & { on?: Match } = {},
  ): Body => {
    const { on, ...fields } = of
    const flow = encodeFlow({
      table_id: 0,
      priority: 10,
      cookie: 0n,
      match: on ?? {},
      instructions: [],
    })
    return { ...flowMod(command, flow), ...fields }
  }

  test('tells what it is: datapath id, tables, ports', async () => {
    const features = await controller.request({ type: 'features_request' })
    expect(features).toMatchObject({ n_tables: 254, n_buffers: 0 })
    expect((features as MessageOf<'features_reply'>).datapath_id).toBe(h.bridge.datapathId)
    h.plug('vm1', 4)
    await quiet(3)
    const ports = await controller.multipart({ kind: 'port_desc' })
    expect(ports.map((port) => [port.port_no, port.name])).toEqual([
      [LOCAL, 'br-int'],
      [4, 'vm1'],
    ])
    expect(h.unsolicited).toMatchObject([{ type: 'port_status', reason: 0, port_no: 4 }])
    const [desc] = await controller.multipart({ kind: 'desc' })
    expect(desc).toMatchObject({ mfr_desc: 'Weft', dp_desc: 'br-int' })
  })

  test('a port that loses its peer is told as modified, a removed one as deleted', async () => {
    const vm = h.plug('vm1', 4)
    await quiet(3)
    vm.port.disconnect()
    await quiet(3)
    const { removePort } = await import('../../dataplane/switch/operator.ts')
    removePort(h.host, 'vm1')
    await quiet(3)
    const told = h.unsolicited as MessageOf<'port_status'>[]
    expect(told.map(({ reason, state }) => [reason, state])).toEqual([
      [0, 4],
      [2, 1],
      [1, 1],
    ])
  })

  test('adding an identical flow replaces it and starts its counters anew', async () => {
    const vm = h.plug('vm1', 1)
    await h.flow(0, 10, ofPort(1), [], 1n)
    clock.advance(5000)
    vm.send(frame)
    await quiet()
    expect(await flows()).toMatchObject([{ cookie: 1n, packet_count: 1n, duration_sec: 5 }])
    await h.flow(0, 10, ofPort(1), [apply(output(3))], 2n)
    expect(await flows()).toMatchObject([{ cookie: 2n, packet_count: 0n, duration_sec: 0 }])
  })

  test('modify keeps cookie and counters, strict takes one flow, loose all narrower ones', async () => {
    const vm = h.plug('vm1', 1)
    await h.flow(0, 10, ofPort(1), [], 1n)
    await h.flow(0, 20, { in_port: 2, eth_type: 0x0800 }, [], 2n)
    vm.send(frame)
    await quiet()
    const { instructions } = addFlow(0, 0, {}, [apply(output(3))])
    void controller.send(mod('modify_strict', { on: ofPort(1), cookie: 9n, instructions }))
    void controller.send(mod('modify_strict', { on: ofPort(2), priority: 20, instructions }))
    const after = await flows()
    expect(after.map((f) => [f.cookie, f.packet_count, f.instructions.length])).toEqual([
      [1n, 1n, 24],
      [2n, 0n, 0],
    ])
    void controller.send(mod('modify', { on: ofPort(2), instructions }))
    expect((await flows())[1]?.instructions).toHaveLength(24)
    void controller.send(mod('modify', { on: ofPort(77), instructions }))
    expect(await flows()).toHaveLength(2)
  })

  test('deletions filter by table, match, cookie mask, port and group', async () => {
    const group = encodeGroup({ group_id: 1, group_type: groupType.all, buckets: [[output(1)]] })
    void controller.send(groupMod('add', group))
    const fill = async () => {
      await h.flow(0, 10, ofPort(1), [apply(output(5))], 0x57_01n)
      await h.flow(0, 10, ofPort(2), [], 0x57_02n)
      await h.flow(1, 10, { in_port: 1, eth_type: 0x0800 }, [apply({ kind: 'group', group_id: 1 })])
      await h.flow(1, 20, {}, [], 0x58_01n)
    }
    const left = async (...deletion: Parameters<typeof mod>) => {
      await fill()
      void controller.send(mod(...deletion))
      return (await flows()).length
    }
    expect(await left('delete', { table_id: 0xff })).toBe(0)
    expect(await left('delete', { table_id: 1 })).toBe(2)
    expect(await left('delete', { table_id: 0xff, on: ofPort(1) })).toBe(2)
    const cookie = { cookie: 0x57_00n, cookie_mask: 0xff_00n }
    expect(await left('delete', { table_id: 0xff, ...cookie })).toBe(2)
    expect(await left('delete', { table_id: 0xff, out_port: 5 })).toBe(3)
    expect(await left('delete', { table_id: 0xff, out_group: 1 })).toBe(3)
    expect(await left('delete_strict', { table_id: 0, on: ofPort(1) })).toBe(3)
    expect(await left('delete_strict', { table_id: 0, on: ofPort(1), priority: 11 })).toBe(4)
    expect(await left('delete_strict', { table_id: 1, priority: 20 })).toBe(3)
  })

  test('flow statistics filter by cookie and come in as many messages as they need', async () => {
    for (let i = 0; i < 3000; i++) {
      void controller.send(
        addFlow(0, 10, { in_port: i, eth_type: 0x0800, ipv4_dst: i }, [], BigInt(i % 3)),
      )
    }
    await controller.barrier()
    expect(await flows()).toHaveLength(3000)
    const some = await flows({ cookie: 1n, cookie_mask: 0xffn })
    expect(some).toHaveLength(1000)
    expect(some.every((flow) => flow.cookie === 1n)).toBe(true)
    const body = { ...everything, match: encodeMatch({ in_port: 7 }) }
    const [sum] = await controller.multipart({ kind: 'aggregate', body })
    expect(sum?.flow_count).toBe(1)
  })

  test.each<[string, Partial<MessageOf<'flow_mod'>>]>([
    ['bad_match.bad_prereq', { match: encodeMatch({ ipv4_src: 1 }) }],
    ['bad_match.bad_field', { match: Uint8Array.from([0x80, 0, 0x7e, 1, 0]) }],
    ['bad_match.bad_value', { match: Uint8Array.from([0x80, 0, 6 << 1, 2, 0xff, 0]) }],
    ['flow_mod_failed.bad_table_id', { table_id: 0xff }],
    ['bad_request.eperm', { table_id: 254 }],
    ['flow_mod_failed.bad_command', { command: 9 }],
    ['bad_instruction.bad_table_id', addFlow(3, 0, {}, [goto(3)])],
    ['bad_action.bad_out_group', addFlow(0, 0, {}, [apply({ kind: 'group', group_id: 4 })])],
    ['bad_action.bad_out_port', addFlow(0, 0, {}, [apply(output(NORMAL))])],
    ['bad_action.match_inconsistent', addFlow(0, 0, {}, [apply(set('ipv4_src', 4))])],
    ['bad_action.bad_set_argument', addFlow(0, 0, {}, [apply(set('eth_type', 4))])],
    ['bad_action.bad_type', addFlow(0, 0, {}, [apply({ kind: 'push_mpls', ethertype: 0x8847 })])],
    ['meter_mod_failed.unknown_meter', addFlow(0, 0, {}, [{ kind: 'meter', meter_id: 3 }])],
    ['bad_instruction.unknown_inst', { instructions: Uint8Array.from([0, 77, 0, 8, 0, 0, 0, 0]) }],
  ])('%s answers the flow-mod that deserves it, and nothing is changed', async (name, fields) => {
    await h.flow(0, 1, {}, [])
    expect(await errorOf({ ...mod('add'), ...fields } as Outgoing)).toBe(name)
    expect(await flows()).toHaveLength(1)
  })

  test('other requests get the errors of the specification', async () => {
    const group = encodeGroup({ group_id: 1, group_type: groupType.all, buckets: [] })
    const indirect = { ...groupMod('add', group), group_type: groupType.indirect }
    const loop = encodeGroup({
      group_id: 1,
      group_type: groupType.all,
      buckets: [[{ kind: 'group', group_id: 1 }]],
    })
    const ahead = encodeGroup({
      group_id: 2,
      group_type: groupType.all,
      buckets: [[{ kind: 'group', group_id: 1 }]],
    })
    const back = {
      ...loop,
      buckets: encodeGroup({ ...loop, buckets: [[{ kind: 'group', group_id: 2 }]] }).buckets,
    }
    expect(await errorOf(groupMod('modify', group))).toBe('group_mod_failed.unknown_group')
    expect(await errorOf(groupMod('add', ahead))).toBe('accepted')
    expect(await errorOf(groupMod('add', back))).toBe('group_mod_failed.loop')
    expect(await errorOf(indirect)).toBe('group_mod_failed.invalid_group')
    expect(await errorOf(groupMod('add', loop))).toBe('group_mod_failed.loop')
    expect(await errorOf(groupMod('add', group))).toBe('accepted')
    expect(await errorOf(groupMod('add', group))).toBe('group_mod_failed.group_exists')
    const meter = { type: 'meter_mod', command: 0, flags: 9, meter_id: 1, bands: [] } as const
    expect(await errorOf({ ...meter, flags: 0 })).toBe('meter_mod_failed.bad_flags')
    expect(await errorOf({ ...meter, meter_id: 0 })).toBe('meter_mod_failed.invalid_meter')
    expect(await errorOf(meter)).toBe('accepted')
    expect(await errorOf(meter)).toBe('meter_mod_failed.meter_exists')
    expect(await errorOf({ ...meter, command: 1, meter_id: 2 })).toBe(
      'meter_mod_failed.unknown_meter',
    )
    const unknown = { type: 'unknown', code: 29 + 40, bytes: NOTHING } as const
    expect(await errorOf(unknown)).toBe('bad_request.bad_type')
    const foreign = { type: 'experimenter', experimenter: 5, exp_type: 1, data: NOTHING } as const
    expect(await errorOf(foreign)).toBe('bad_request.bad_experimenter')
    const body = NOTHING
    const stats = { type: 'multipart_request', kind: 'unknown', multipart_type: 99, body } as const
    expect(await errorOf(stats)).toBe('bad_request.bad_multipart')
    const out = {
      type: 'packet_out',
      in_port: 9,
      actions: [],
      data: frame,
      buffer_id: 0xffffffff,
    } as const
    expect(await errorOf({ ...out, buffer_id: 3 })).toBe('bad_request.buffer_unknown')
    expect(await errorOf(out)).toBe('bad_request.bad_port')
  })

  test('check_overlap refuses a flow that some packet could share with another', async () => {
    await h.flow(0, 10, { in_port: 1 }, [])
    const flags = flowFlags.check_overlap
    const on = { eth_type: 0x0800 }
    expect(await errorOf(mod('add', { on, flags }))).toBe('flow_mod_failed.overlap')
    expect(await errorOf(mod('add', { on, flags, priority: 11 }))).toBe('accepted')
    expect(await errorOf(mod('add', { on: { in_port: 2 }, flags }))).toBe('accepted')
  })

  test('groups and meters read back as they were written and take their flows with them', async () => {
    const group = encodeGroup({
      group_id: 3,
      group_type: groupType.all,
      buckets: [[output(1)], [set('tun_dst', 5), output(2)]],
    })
    void controller.send(groupMod('add', group))
    const bands = [{ kind: 'drop', rate: 100, burst_size: 5 }] as const
    void controller.send({ type: 'meter_mod', command: 0, flags: 9, meter_id: 7, bands })
    await h.flow(0, 1, {}, [apply({ kind: 'group', group_id: 3 })])
    await h.flow(0, 2, {}, [{ kind: 'meter', meter_id: 7 }])
    await h.flow(0, 3, {}, [])
    const [desc] = await controller.multipart({ kind: 'group_desc' })
    expect({ ...desc, buckets: Uint8Array.from(desc?.buckets ?? []) }).toEqual(group)
    const config = await controller.multipart({
      kind: 'meter_config',
      body: { meter_id: ALL_METERS },
    })
    expect(config).toEqual([{ meter_id: 7, flags: 9, bands }])
    void controller.send(groupMod('delete', { ...group, group_id: ALL_GROUPS }))
    expect((await shape()).map(([, priority]) => priority)).toEqual([2, 3])
    void controller.send({
      type: 'meter_mod',
      command: 2,
      flags: 0,
      meter_id: ALL_METERS,
      bands: [],
    })
    expect((await shape()).map(([, priority]) => priority)).toEqual([3])
  })

  test('a bundle holds whole, in order', async () => {
    const group = encodeGroup({ group_id: 3, group_type: groupType.all, buckets: [[output(1)]] })
    await h.flow(0, 1, {}, [], 1n)
    await commitBundle(controller, [
      groupMod('add', group),
      addFlow(0, 5, ofPort(5), [apply({ kind: 'group', group_id: 3 })], 5n),
      mod('delete_strict', { priority: 1 }),
      addFlow(0, 6, {}, [], 6n),
      mod('delete_strict', { priority: 6 }),
    ])
    expect(await shape()).toEqual([[0, 5, { in_port: 5 }, 5n]])
  })

  test('a bundle that fails leaves flows, groups and counters as they were and names the message', async () => {
    const vm = h.plug('vm1', 1)
    const group = encodeGroup({ group_id: 3, group_type: groupType.all, buckets: [[output(1)]] })
    void controller.send(groupMod('add', group))
    await h.flow(0, 5, ofPort(1), [apply({ kind: 'group', group_id: 3 })], 5n)
    await h.flow(0, 6, {}, [], 6n)
    vm.send(frame)
    await quiet()
    const before = await flows()
    const seen: MonitorEvent[] = []
    const other = await connect(h.bridge)
    await monitorFlows(other, {}, (event) => void seen.push(event))
    const wrong = commitBundle(controller, [
      addFlow(0, 5, ofPort(1), [], 50n),
      mod('delete', {}),
      groupMod('delete', group),
      groupMod('add', { ...group, group_id: 4 }),
      addFlow(9, 9, {}, [goto(1)]),
      addFlow(1, 1, {}, []),
    ])
    await expect(wrong).rejects.toMatchObject({ reason: 'bad_instruction.bad_table_id', index: 4 })
    await controller.barrier()
    expect(await flows()).toEqual(before)
    const groups = await controller.multipart({ kind: 'group_desc' })
    expect(groups.map(({ group_id }) => group_id)).toEqual([3])
    await other.barrier()
    expect(seen).toEqual([])
  })

  test('bundles answer misuse as EXT-230 says', async () => {
    const control = (control_type: number, bundle_id = 1, flags = 3) =>
      ({ type: 'bundle_control', bundle_id, control_type, flags, properties: NOTHING }) as const
    expect(await errorOf(control(4))).toBe('bundle_failed.bad_id')
    expect(await errorOf(control(0))).toBe('answered')
    expect(await errorOf(control(2, 1, 0))).toBe('bundle_failed.bad_flags')
    expect(await errorOf(control(2))).toBe('answered')
    expect(await errorOf(control(9))).toBe('bundle_failed.bad_type')
    expect(await errorOf(control(6))).toBe('answered')
    const meter = { type: 'meter_mod', command: 0, flags: 9, meter_id: 1, bands: [] } as const
    await expect(commitBundle(controller, [meter])).rejects.toMatchObject({
      reason: 'bundle_failed.msg_unsup',
      index: 0,
    })
  })

  test('a monitor is told of others’ changes in full and of its own in short', async () => {
    await h.flow(0, 1, {}, [], 1n)
    const watcher = await connect(h.bridge)
    const seen: MonitorEvent[] = []
    const cancel = await monitorFlows(watcher, { initial: true }, (e) => void seen.push(copied(e)))
    expect(seen.splice(0)).toMatchObject([{ event: 'added', priority: 1, cookie: 1n }])
    await h.flow(0, 7, ofPort(3), [apply(output(2))], 2n)
    const { instructions } = addFlow(0, 0, {}, [apply(output(9))])
    void controller.send(mod('modify_strict', { on: ofPort(3), priority: 7, instructions }))
    void controller.send(mod('modify_strict', { on: ofPort(3), priority: 7, instructions }))
    void controller.send(mod('delete', {}))
    await controller.barrier()
    await quiet(3)
    expect(seen.splice(0)).toMatchObject([
      {
        event: 'added',
        table_id: 0,
        priority: 7,
        cookie: 2n,
        match: encodeMatch(ofPort(3)),
      },
      { event: 'modified', priority: 7, instructions },
      { event: 'deleted', priority: 1, reason: 2 },
      { event: 'deleted', priority: 7, reason: 2 },
    ])
    void watcher.send({ ...addFlow(0, 8, {}, []), xid: 4711 })
    await watcher.barrier()
    expect(seen.splice(0)).toEqual([{ event: 'abbrev', xid: 4711 }])
    await cancel()
    await h.flow(0, 9, {}, [])
    await watcher.barrier()
    expect(seen).toEqual([])
  })

  test('updates of a bundle come before the barrier behind it', async () => {
    const watcher = await connect(h.bridge)
    const seen: MonitorEvent[] = []
    await monitorFlows(watcher, {}, (e) => void seen.push(e))
    const many = Array.from({ length: 2000 }, (_, i) => addFlow(0, i, {}, [apply(output(i + 1))]))
    await commitBundle(controller, many)
    await watcher.barrier()
    expect(seen).toHaveLength(2000)
    await commitBundle(watcher, [mod('delete', {})])
    await watcher.barrier()
    expect(seen.slice(2000).map((e) => e.event)).toEqual(['abbrev'])
  })

  test('timeouts remove flows and tell who asked for it', async () => {
    const vm = h.plug('vm1', 1)
    const flags = flowFlags.send_flow_rem
    void controller.send(mod('add', { on: ofPort(1), idle_timeout: 3, flags }))
    void controller.send(mod('add', { on: ofPort(2), hard_timeout: 5, cookie: 2n, flags }))
    void controller.send(mod('add', { on: ofPort(3), priority: 3, flags }))
    await controller.barrier()
    clock.advance(2000)
    vm.send(frame)
    await quiet()
    clock.advance(4000)
    void controller.send(mod('delete_strict', { on: ofPort(3), priority: 3 }))
    await controller.barrier()
    const removed = h.unsolicited.filter((m) => m.type === 'flow_removed')
    expect(removed).toMatchObject([
      { reason: 0, packet_count: 1n, duration_sec: 5 },
      { reason: 1, cookie: 2n, duration_sec: 5 },
      { reason: 2, priority: 3 },
    ])
  })

  test('a second master demotes the first, a slave may not change flows, stale ids are refused', async () => {
    const other = await connect(h.bridge)
    const role = (role: number, generation_id: bigint) =>
      ({ type: 'role_request', role, generation_id }) as const
    const { master, slave, nochange } = controllerRole
    expect(await controller.request(role(master, 5n))).toMatchObject({ role: master })
    expect(await other.request(role(master, 6n))).toMatchObject({ role: master })
    expect(await controller.request(role(nochange, 0n))).toMatchObject({ role: slave })
    expect(await errorOf(mod('add'))).toBe('bad_request.is_slave')
    expect(await errorOf(role(master, 4n))).toBe('role_request_failed.stale')
    expect(await errorOf(role(9, 7n))).toBe('role_request_failed.bad_role')
    expect(await controller.request(role(master, 7n))).toMatchObject({ role: master })
    expect(await errorOf(mod('add'))).toBe('accepted')
  })

  test('flows outlive their controller', async () => {
    await h.flow(0, 5, ofPort(1), [], 5n)
    controller.close()
    await controller.closed
    await quiet(3)
    expect(h.bridge.sessions.size).toBe(0)
    controller = await connect(h.bridge)
    expect(await shape()).toEqual([[0, 5, { in_port: 1 }, 5n]])
  })
})
