/**
 * A real Open vSwitch for the tests of one file, with a controller connected to it and a meter that counts;
 * flows and groups go after each test. Neighbours: open-vswitch.ts starts it, pipeline-flows.ts has
 * the flows.
 */
import { afterAll, afterEach, beforeAll } from 'vitest'
import { commitBundle } from '../../../southbound/openflow/bundle.ts'
import type { Connection } from '../../../southbound/openflow/connection.ts'
import { encodeFlow, type FlowBytes, flowKey } from '../../../southbound/openflow/flow.ts'
import { flowMod, groupMod } from '../../../southbound/openflow/message.ts'
import { allFlows } from '../../../southbound/openflow/multipart.ts'
import { type OpenVswitch, startOpenVswitch } from './open-vswitch.ts'
import { countingMeter, floodGroup, pipelineFlows } from './pipeline-flows.ts'

export const all = Object.values(pipelineFlows)
export const drop = (priority: number, cookie = 1n) =>
  encodeFlow({ table_id: 20, priority, cookie, match: { reg1: priority }, instructions: [] })

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
/** What of a flow is compared. */
export const shown = ({ table_id, priority, cookie, match, instructions }: FlowBytes) => ({
  ...{ table_id, priority, cookie },
  ...{ match: hex(match), instructions: hex(instructions) },
})

/** To be called within a describe(); there from its first test on. */
export function switchUnderTest() {
  const it = {} as { ovs: OpenVswitch; controller: Connection }
  beforeAll(async () => {
    it.ovs = await startOpenVswitch()
    it.controller = await it.ovs.connect()
    await it.controller.send({ type: 'meter_mod', command: 0, ...countingMeter })
    await it.controller.barrier()
  }, 30_000)
  afterEach(async () => {
    await it.ovs?.ofctl('del-flows')
    await it.ovs?.ofctl('del-groups')
  })
  afterAll(async () => {
    it.controller?.close()
    await it.ovs?.close()
  }, 30_000)
  return {
    it,
    /** The pipeline and its group. */
    install: () =>
      commitBundle(it.controller, [
        groupMod('add', floodGroup),
        ...all.map((flow) => flowMod('add', flow)),
      ]),
    readFlows: async () => {
      const flows = await it.controller.multipart({ kind: 'flow', body: allFlows() })
      return new Map(flows.map((flow) => [flowKey(flow), flow]))
    },
  }
}
