/**
 * Samples of what is dropped: the head of a dropped frame of a workload goes to the controller, so that a port's status can
 * say what vanished last. A meter bounds them for the whole host, whatever its guests send; the counters of the drop flows
 * count all. Neighbours: `port-units.ts`, `network-units.ts` (who drops), `../reconciler/last-drops.ts` (who reads).
 */
import { CONTROLLER } from '../../southbound/openflow/port.ts'
import { flow, meter } from './items.ts'
import type { Unit } from './program.ts'
import type { DropReason } from './reason.ts'
import { block, SAMPLE_METER, table } from './stages.ts'

/** Samples that a host sends. Packets a second. */
const MOST_PKTPS = 10
/** Bytes of a sample: the headers of any frame that has a 5-tuple. */
const SAMPLE_BYTES = 128

const toController = [{ kind: 'output', port: CONTROLLER, max_len: SAMPLE_BYTES } as const]

/** Drops, and shows a sample of it. */
export const dropAndShow = (drop: DropReason) =>
  ({ drop, meter: SAMPLE_METER, apply: toController }) as const

/** A flow has one meter: what is too large is counted by that of its network, and shown from a table of its own. */
export const dropTooLarge = (sizeMeter: number) =>
  ({ drop: 'mtu_exceeded', meter: sizeMeter, goto: table.dropped }) as const

export const samples: Unit = {
  name: 'samples',
  on: 'site',
  run(view) {
    view.emit(block.site, meter(['site'], SAMPLE_METER, MOST_PKTPS))
    view.emit(block.site, flow(['site'], table.dropped, 0, {}, dropAndShow('mtu_exceeded')))
  },
}
