/**
 * Samples of what is dropped: the head of a dropped frame of a workload goes to the controller, so that a port's status can
 * say what vanished last. A port that is shown for a reason is then mute for that reason for some seconds, by a flow that
 * the switch learns: however much it floods, its neighbours are heard. A meter bounds all of them together; the counters of
 * the drop flows count all. Neighbours: `port-units.ts`, `network-units.ts` (who drops), `../reconciler/last-drops.ts` (who
 * reads), `../reconciler/actual.ts` (leaves what was learned alone).
 */
import type { Action } from '../../southbound/openflow/action.ts'
import type { FlowBytes } from '../../southbound/openflow/flow.ts'
import { CONTROLLER } from '../../southbound/openflow/port.ts'
import { cookieOf } from './cookie.ts'
import { type Does, flow, meter, often } from './items.ts'
import { ensure } from './maps.ts'
import { enterAnew, resubmit, set } from './parts.ts'
import type { Unit } from './program.ts'
import { type DropReason, dropReasons } from './reason.ts'
import { block, register, SAMPLE_METER, table } from './stages.ts'

const { source, reason } = register

/** Samples that a host sends. Packets a second. */
const MOST_PKTPS = 50
/** How long a port is mute for a reason. Seconds. */
const MUTE_S = 5
/** Bytes of a sample: the headers of any frame that has a 5-tuple. */
const SAMPLE_BYTES = 128
const MUTE_PRIORITY = 100

const shown = new Map<DropReason, Does>()
/** Drops, and shows a sample of it; of a frame whose `source` is set. */
export const dropAndShow = (drop: DropReason): Does =>
  ensure(shown, drop, () =>
    often({ drop, apply: [set(reason, dropReasons[drop][0]), resubmit(table.shown)] }),
  )

const field = (name: string, n_bits: number) => {
  const at = { field: name, ofs: 0 }
  return { kind: 'match', n_bits, src: at, dst: at }
}
const mute = {
  kind: 'learn',
  ...{ idle_timeout: 0, hard_timeout: MUTE_S, fin_idle_timeout: 0, fin_hard_timeout: 0 },
  ...{ priority: MUTE_PRIORITY, cookie: cookieOf(['site']), flags: 0, table_id: table.shown },
  specs: [field(source, 32), field(reason, 32)],
} as Action

export const samples: Unit = {
  name: 'samples',
  on: 'site',
  run(view) {
    view.emit(block.site, meter(['site'], SAMPLE_METER, MOST_PKTPS))
    const show = { kind: 'output', port: CONTROLLER, max_len: SAMPLE_BYTES } as const
    // A switch learns before it meters: who is mute shall have been heard.
    const passed = { meter: SAMPLE_METER, apply: [enterAnew('sampled')] }
    view.emit(block.site, flow(['site'], table.shown, 0, {}, passed))
    view.emit(block.site, flow(['site'], table.sampled, 0, {}, { apply: [mute, show] }))
  },
}

/** Whether a flow is one that a switch has learned by itself: it does nothing, and goes after some seconds. */
export function isMute(
  seen: Pick<FlowBytes, 'table_id' | 'priority' | 'instructions'> & {
    readonly hard_timeout?: number
  },
): boolean {
  const { table_id, priority, instructions, hard_timeout = 0 } = seen
  const isOfTable = table_id === table.shown && priority === MUTE_PRIORITY
  return isOfTable && instructions.length === 0 && hard_timeout > 0 && hard_timeout <= MUTE_S
}
