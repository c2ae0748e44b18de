import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { type FlowBytes, flowKey } from '../../../southbound/openflow/flow.ts'
import { encodeMatch } from '../../../southbound/openflow/match.ts'
import {
  encode,
  flowFlags,
  flowMod,
  groupMod,
  type Message,
  OFP_NO_BUFFER,
} from '../../../southbound/openflow/message.ts'
import { ALL_METERS } from '../../../southbound/openflow/meter.ts'
import { allFlows } from '../../../southbound/openflow/multipart.ts'
import { CONTROLLER, portReason } from '../../../southbound/openflow/port.ts'
import { formatFlow } from '../../../southbound/openflow/text.ts'
import { needs } from '../../needs.ts'
import { countingMeter, floodGroup, pipelineFlows } from './pipeline-flows.ts'
import { all, drop, shown, switchUnderTest } from './switch-under-test.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
describe('real Open vSwitch', needs('ovs'), () => {
  const { it, install, readFlows } = switchUnderTest()

  test('says what it is', async () => {
    const [desc] = await it.controller.multipart({ kind: 'desc' })
    expect(desc?.hw_desc).toBe('Open vSwitch')
    const ports = await it.controller.multipart({ kind: 'port_desc' })
    expect(new Map(ports.map(({ name, port_no }) => [name, port_no]))).toEqual(
      new Map([
        ['br0', 0xfffffffe],
        ['p1', 1],
        ['p2', 2],
        ['tun', 10],
      ]),
    )
    const features = await it.controller.request({ type: 'features_request' })
    expect(features).toMatchObject({ type: 'features_reply', n_tables: 254 })
    expect(await it.controller.multipart({ kind: 'table' })).toHaveLength(254)
    expect(await it.controller.multipart({ kind: 'table_features', body: [] })).toHaveLength(254)
    expect(
      await it.controller.multipart({ kind: 'port_stats', body: { port_no: 1 } }),
    ).toHaveLength(1)
    const role = { role: 1, generation_id: 0n } as const
    const reply = await it.controller.request({ type: 'role_request', ...role })
    expect(reply).toMatchObject({ type: 'role_reply', role: 1 })
    expect((await it.controller.request({ type: 'get_async_request' })).type).toBe(
      'get_async_reply',
    )
    expect((await it.controller.request({ type: 'get_config_request' })).type).toBe(
      'get_config_reply',
    )
  })

  test('reports every flow of the pipeline byte for byte as it was sent', async () => {
    await install()
    const back = await readFlows()
    expect(back.size).toBe(all.length)
    for (const [name, flow] of Object.entries(pipelineFlows)) {
      const reported = back.get(flowKey(flow))
      expect(reported && shown(reported), name).toEqual(shown(flow))
      expect(reported?.packet_count, name).toBe(0n)
    }
    const [sum] = await it.controller.multipart({ kind: 'aggregate', body: allFlows() })
    expect(sum?.flow_count).toBe(all.length)
  })

  test('prints every flow of the pipeline as formatFlow does', async () => {
    await install()
    const text = await it.ovs.ofctl('dump-flows', '--no-stats')
    const lines = text.split('\n').map((line) => line.trim())
    for (const [name, flow] of Object.entries(pipelineFlows)) {
      expect(lines, name).toContain(formatFlow(flow))
    }
  })

  test('reports groups and meters byte for byte as they were sent', async () => {
    await install()
    const [group, ...others] = await it.controller.multipart({ kind: 'group_desc' })
    expect(others).toEqual([])
    expect({ ...group, buckets: hex(group?.buckets ?? new Uint8Array(0)) }).toEqual({
      ...floodGroup,
      buckets: hex(floodGroup.buckets),
    })
    const meters = { meter_id: ALL_METERS }
    expect(await it.controller.multipart({ kind: 'meter_config', body: meters })).toEqual([
      countingMeter,
    ])
    const [stats] = await it.controller.multipart({ kind: 'meter', body: meters })
    expect(stats).toMatchObject({ meter_id: countingMeter.meter_id, packet_in_count: 0n })
    const [counted] = await it.controller.multipart({ kind: 'group', body: { group_id: 7 } })
    expect(counted?.bucket_stats).toHaveLength(2)
  })

  test('a switch that dials in is greeted, and dials again when it was left', async () => {
    const accepted: Promise<Connection>[] = []
    const server = createServer((socket) => accepted.push(Connection.open(socket)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const target = `tcp:127.0.0.1:${port}`
    await it.ovs.vsctl(
      'set-controller',
      'br0',
      target,
      '--',
      'set',
      'controller',
      'br0',
      'max_backoff=1000',
    )
    for (const n of [0, 1]) {
      await expect.poll(() => accepted.length, { timeout: 5000 }).toBeGreaterThan(n)
      const connection = await accepted[n]
      await connection?.barrier()
      connection?.close()
    }
    await it.ovs.vsctl('del-controller', 'br0')
    for (const connection of accepted)
      void connection.then(
        (one) => one.close(),
        () => {},
      )
    server.close()
  })

  test('sends packet-ins, flow-removed and port-status that are understood', async () => {
    const watcher = await it.ovs.connect()
    const got: Message[] = []
    watcher.onMessage((message) => got.push(message))
    const all = { packet_in: 7, packet_in_slave: 7, port_status: 7, port_status_slave: 7 }
    await watcher.send({ type: 'set_async', ...all, flow_removed: 15, flow_removed_slave: 15 })
    await watcher.send({ type: 'set_config', flags: 0, miss_send_len: 0xffff })
    const flow = {
      ...drop(5, 9n),
      match: pipelineFlows['port security: a subnet']?.match as Uint8Array,
    }
    await watcher.send(flowMod('add', flow, flowFlags.send_flow_rem))
    await watcher.send(flowMod('delete_strict', flow))
    const data = Uint8Array.from({ length: 60 }, (_, i) => i)
    const actions = [{ kind: 'output', port: CONTROLLER, max_len: 0xffff }] as const
    const whole = { buffer_id: OFP_NO_BUFFER, in_port: 1, actions, data }
    await watcher.send({ type: 'packet_out', ...whole })
    await it.ovs.vsctl('add-port', 'br0', 'p3', '--', 'set', 'interface', 'p3', 'type=dummy')
    await expect
      .poll(() => got.map(({ type }) => type).sort(), { timeout: 5000 })
      .toEqual(expect.arrayContaining(['flow_removed', 'packet_in', 'port_status']))
    const of = (type: string) => got.find((message) => message.type === type)
    expect(of('flow_removed')).toMatchObject({
      reason: 2,
      priority: 5,
      cookie: 9n,
      match: flow.match,
    })
    expect(of('packet_in')).toMatchObject({ reason: 1, total_len: 60, data })
    expect(of('packet_in')).toMatchObject({ match: encodeMatch({ in_port: 1 }) })
    expect(of('port_status')).toMatchObject({ reason: portReason.add, name: 'p3' })
    await it.ovs.vsctl('del-port', 'p3')
    watcher.close()
  })

  const flow = all[0] as FlowBytes
  test.each<[Message, string[]]>([
    [
      { xid: 9, ...flowMod('add', flow) },
      ['OFPT_FLOW_MOD (OF1.3) (xid=0x9): ADD', 'in_port=1', 'check_pkt_larger(9014)'],
    ],
    [{ xid: 9, ...flowMod('delete_strict', flow) }, ['DEL_STRICT']],
    [
      { xid: 9, ...groupMod('add', floodGroup) },
      ['OFPT_GROUP_MOD', 'ADD group_id=7,type=all', 'set_field:192.0.2.12->tun_dst'],
    ],
    [
      { type: 'meter_mod', xid: 9, command: 0, ...countingMeter },
      ['OFPT_METER_MOD', 'meter=3 pktps stats bands=', 'type=drop rate=4294967295'],
    ],
    [{ type: 'barrier_request', xid: 9 }, ['OFPT_BARRIER_REQUEST']],
    [
      { type: 'hello', xid: 9, elements: [{ kind: 'version_bitmap', versions: [4] }] },
      ['version bitmap: 0x04'],
    ],
    [
      { type: 'role_request', xid: 9, role: 2, generation_id: 5n },
      ['role=primary', 'generation_id=5'],
    ],
    [
      {
        type: 'packet_out',
        xid: 9,
        buffer_id: 0xffffffff,
        in_port: 0xfffffffd,
        actions: [{ kind: 'output', port: 1, max_len: 0 }],
        data: new Uint8Array(60),
      },
      ['OFPT_PACKET_OUT', 'in_port=CONTROLLER actions=output:1 data_len=60'],
    ],
    [
      {
        type: 'packet_in',
        xid: 0,
        buffer_id: 0xffffffff,
        total_len: 60,
        reason: 1,
        table_id: 3,
        cookie: 5n,
        match: new Uint8Array(Buffer.from('8000000400000002', 'hex')),
        data: new Uint8Array(60),
      },
      ['OFPT_PACKET_IN', 'table_id=3 cookie=0x5 total_len=60 in_port=2 (via action)'],
    ],
    [
      {
        type: 'flow_removed',
        xid: 0,
        ...{ cookie: 5n, priority: 7, reason: 2, table_id: 3 },
        ...{ duration_sec: 1, duration_nsec: 0, idle_timeout: 0, hard_timeout: 0 },
        ...{ packet_count: 4n, byte_count: 400n, match: flow.match },
      },
      [
        'OFPT_FLOW_REMOVED',
        'priority=7,in_port=1 reason=delete table_id=3 cookie:0x5 duration1s idle0 pkts4 bytes400',
      ],
    ],
    [
      {
        type: 'error',
        xid: 9,
        error_type: 5,
        code: 1,
        data: encode({ type: 'barrier_request', xid: 9 }),
      },
      ['OFPFMFC_TABLE_FULL', 'OFPT_BARRIER_REQUEST'],
    ],
    [
      { type: 'multipart_request', xid: 9, kind: 'flow', body: allFlows({ table_id: 4 }) },
      ['OFPST_FLOW request (OF1.3) (xid=0x9): table=4'],
    ],
    [
      {
        type: 'bundle_control',
        xid: 9,
        bundle_id: 5,
        control_type: 0,
        flags: 3,
        properties: new Uint8Array(0),
      },
      ['bundle_id=0x5 type=OPEN_REQUEST flags=atomic ordered'],
    ],
    [
      {
        type: 'bundle_add',
        xid: 9,
        bundle_id: 5,
        flags: 3,
        message: encode({ xid: 9, ...flowMod('add', flow) }),
        properties: new Uint8Array(0),
      },
      ['bundle_id=0x5 flags=atomic ordered', 'OFPT_FLOW_MOD'],
    ],
    [
      {
        type: 'multipart_reply',
        xid: 0,
        kind: 'flow_monitor',
        body: [
          { event: 'added', reason: 0, idle_timeout: 0, hard_timeout: 0, ...flow },
          { event: 'abbrev', xid: 5 },
        ],
      },
      [
        'FLOW_MONITOR reply',
        'event=ADDED table=0 cookie=0x5701000000000001 in_port=1',
        'event=ABBREV xid=0x5',
      ],
    ],
    [{ type: 'flow_monitor_paused', xid: 0 }, ['FLOW_MONITOR_PAUSED']],
  ])('ofp-print reads message %#: $type', async (message, parts) => {
    const text = await it.ovs.print(encode(message))
    for (const part of parts) expect(text).toContain(part)
  })
})
