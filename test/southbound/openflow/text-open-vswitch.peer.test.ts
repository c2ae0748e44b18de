import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Connection } from '../../../southbound/openflow/connection.ts'
import {
  encodeFlow,
  type Flow,
  type FlowBytes,
  flowKey,
} from '../../../southbound/openflow/flow.ts'
import { encodeGroup } from '../../../southbound/openflow/group.ts'
import { flowMod, groupMod } from '../../../southbound/openflow/message.ts'
import { allFlows } from '../../../southbound/openflow/multipart.ts'
import { formatFlow, parseActions, parseFlow } from '../../../southbound/openflow/text.ts'
import { formatGroup, parseGroup } from '../../../southbound/openflow/text-group.ts'
import { formatMeter, parseMeter } from '../../../southbound/openflow/text-meter.ts'
import { needs } from '../../needs.ts'
import { type OpenVswitch, startOpenVswitch } from './open-vswitch.ts'
import { countingMeter } from './pipeline-flows.ts'
import { actionValues } from './text-action-values.ts'
import {
  acceptedActions,
  acceptedFlows,
  flowOfKind,
  foreignKinds,
  otherwise,
} from './text-values.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const shown = ({ table_id, priority, cookie, match, instructions }: FlowBytes) => ({
  ...{ table_id, priority, cookie },
  ...{ match: hex(match), instructions: hex(instructions) },
})
const SEED = 20_263

describe('text and a real Open vSwitch', needs('ovs'), () => {
  let ovs: OpenVswitch
  let controller: Connection
  const dir = mkdtempSync(join(tmpdir(), 'weft-text-'))

  beforeAll(async () => {
    ovs = await startOpenVswitch()
    controller = await ovs.connect()
    await controller.send({ type: 'meter_mod', command: 0, ...countingMeter })
    const group = encodeGroup({ group_id: 1, group_type: 0, buckets: [] })
    await controller.send(groupMod('add', group))
    await controller.barrier()
  }, 30_000)
  afterAll(async () => {
    controller?.close()
    await ovs?.close()
    rmSync(dir, { recursive: true, force: true })
  }, 30_000)

  const reported = async () => {
    const flows = await controller.multipart({ kind: 'flow', body: allFlows() })
    return new Map(flows.map((flow) => [flowKey(flow), flow]))
  }
  const dumped = async () => {
    const text = await ovs.ofctl('dump-flows', '--no-stats')
    const lines = text.split('\n').filter((line) => line.includes('actions='))
    return new Map(
      lines.map((line) => {
        const flow = encodeFlow(parseFlow(line))
        return [flowKey(flow), { flow, line }] as const
      }),
    )
  }
  /** Distinct flows, all of which can be there at once. */
  const sample = (flows: fc.Arbitrary<Flow>, numRuns: number): FlowBytes[] =>
    fc
      .sample(flows, { seed: SEED, numRuns })
      .map((flow, i) => encodeFlow({ ...flow, priority: i + 1, table_id: flow.table_id % 50 }))

  /** Replaces all flows by ovs-ofctl, from their text. */
  async function add(flows: readonly FlowBytes[]) {
    await ovs.ofctl('del-flows')
    const file = join(dir, 'flows.txt')
    writeFileSync(file, `${flows.map((flow) => formatFlow(flow)).join('\n')}\n`)
    await ovs.ofctl('add-flows', file)
  }
  /** The switch has them byte for byte, and says so in its own words. */
  async function addAsText(flows: readonly FlowBytes[]) {
    await add(flows)
    const [bytes, lines] = [await reported(), await dumped()]
    expect(bytes.size).toBe(flows.length)
    for (const flow of flows) {
      const text = formatFlow(flow)
      const one = bytes.get(flowKey(flow))
      expect(one && shown(one), text).toEqual(shown(flow))
      const line = lines.get(flowKey(flow))
      expect(line && shown(line.flow), `${text}\n${line?.line}`).toEqual(shown(flow))
    }
  }

  test('flows with any match are accepted by ovs-ofctl and come back, as bytes and as text', async () => {
    await addAsText(sample(acceptedFlows, 400))
  }, 60_000)

  test('so are flows with several actions', async () => {
    await addAsText(sample(acceptedActions, 300))
  }, 60_000)

  const kinds = Object.keys(actionValues) as (keyof typeof actionValues)[]
  const straight = kinds.filter((kind) => !(otherwise.has(kind) || foreignKinds.includes(kind)))
  test.each(straight)(
    'so are flows with %s',
    async (kind) => {
      await addAsText(sample(flowOfKind(kind), 8))
    },
    60_000,
  )

  // ovs-ofctl sends load for load2, output to the controller for controller, and the like.
  test.each(['load2', 'controller', 'set_tunnel', 'set_tunnel64', 'resubmit_port'] as const)(
    '%s is accepted as text, and comes back as something else of the same meaning',
    async (kind) => {
      const flows = sample(flowOfKind(kind), 12)
      await add(flows)
      const [bytes, lines] = [await reported(), await dumped()]
      expect(bytes.size).toBe(flows.length)
      for (const [key, { flow, line }] of lines) {
        const one = bytes.get(key)
        expect(one && shown(one), line).toEqual(shown(flow))
      }
    },
    60_000,
  )

  test('ovs-ofctl reads delete_field, and has no words for OpenFlow’s PBB, TTL copies and copy_field', () => {
    const refused = (kind: keyof typeof actionValues) => {
      const [flow] = sample(flowOfKind(kind), 1)
      const text = formatFlow(flow as FlowBytes)
      const args = ['-O', 'OpenFlow13', 'parse-flow', text]
      return spawnSync('ovs-ofctl', args).status !== 0
    }
    // A switch takes delete_field only of a field that its tlv_table has.
    expect(refused('delete_field')).toBe(false)
    expect(foreignKinds.filter((kind) => kind !== 'unknown' && refused(kind))).toEqual(foreignKinds)
  })

  test('what we sent as bytes is read in the dump byte for byte', async () => {
    const flows = [...sample(acceptedActions, 200), ...sample(flowOfKind('load2'), 20)].map(
      (flow, i) => ({ ...flow, priority: i + 1 }),
    )
    await ovs.ofctl('del-flows')
    for (const flow of flows) await controller.send(flowMod('add', flow))
    await controller.barrier()
    const lines = await dumped()
    expect(lines.size).toBe(flows.length)
    for (const flow of flows) {
      const line = lines.get(flowKey(flow))
      expect(line && shown(line.flow), line?.line).toEqual(shown(flow))
    }
  }, 60_000)

  test('groups are accepted by ovs-ofctl and come back', async () => {
    for (const group of groups) {
      await ovs.ofctl('add-group', formatGroup(group))
      const all = await controller.multipart({ kind: 'group_desc' })
      const one = all.find(({ group_id }) => group_id === group.group_id)
      expect(one, formatGroup(group)).toEqual(group)
      const dump = (await ovs.ofctl('dump-groups')).split('\n')
      const line = dump.find((text) => text.includes(`group_id=${group.group_id},`))
      expect(encodeGroup(parseGroup(line?.trim() ?? '')), line).toEqual(group)
    }
  }, 60_000)

  test('meters are accepted by ovs-ofctl and come back', async () => {
    for (const meter of meters) {
      await ovs.ofctl('add-meter', formatMeter(meter))
      const all = await controller.multipart({
        kind: 'meter_config',
        body: { meter_id: meter.meter_id },
      })
      expect(all, formatMeter(meter)).toEqual([meter])
      const dump = await ovs.ofctl('dump-meters')
      const text = dump.slice(dump.indexOf(`meter=${meter.meter_id} `)).replace(/\n\n.*/s, '')
      expect(parseMeter(text), dump).toEqual(meter)
    }
  }, 60_000)
})

const bucket = { weight: 0, watch_port: 0xffffffff, watch_group: 0xffffffff }
const [one, two] = [parseActions('output:1'), parseActions('set_field:0xa000001->tun_id,output:10')]
const groups = [
  {
    group_id: 11,
    group_type: 0,
    buckets: [
      { ...bucket, actions: one },
      { ...bucket, actions: two },
    ],
  },
  { group_id: 12, group_type: 1, buckets: [{ ...bucket, weight: 100, actions: one }] },
  { group_id: 13, group_type: 2, buckets: [{ ...bucket, actions: two }] },
  { group_id: 14, group_type: 3, buckets: [{ ...bucket, watch_port: 1, actions: one }] },
  { group_id: 15, group_type: 0, buckets: [{ ...bucket, actions: [] }] },
  { group_id: 16, group_type: 0, buckets: [] },
].map(encodeGroup)
const meters = [
  { meter_id: 21, flags: 1 | 4, bands: [{ kind: 'drop', rate: 1000, burst_size: 70 }] },
  { meter_id: 22, flags: 2 | 4 | 8, bands: [{ kind: 'drop', rate: 5, burst_size: 6 }] },
  { meter_id: 23, flags: 2 | 8, bands: [{ kind: 'drop', rate: 5, burst_size: 5 }] },
] as const
