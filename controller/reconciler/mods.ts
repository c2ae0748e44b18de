/**
 * Items as OpenFlow messages. Order within a change: meters before (no bundle takes them), then one bundle of groups to
 * add or modify, flows, groups to delete; then meters to delete. So nothing ever refers to what is not there.
 * Neighbours: `flow-channel.ts` sends them, `actual.ts` reads items back.
 */

import type { groupCommand } from '../../southbound/openflow/group.ts'
import { type Body, flowMod, groupMod } from '../../southbound/openflow/message.ts'
import {
  dropBand,
  type MeterBand,
  meterCommand,
  meterFlags,
} from '../../southbound/openflow/meter.ts'
import type { Item, MeterItem } from '../compiler/program.ts'

/** One item to bring about (`want`) or to take away (`have` alone). */
export interface Step {
  readonly want: Item | undefined
  readonly have: Item | undefined
}

export interface Plan {
  readonly before: readonly Body[]
  readonly bundle: readonly Body[]
  readonly after: readonly Body[]
  /** The step behind each message of the bundle. */
  readonly steps: readonly Step[]
}

/** A rate that no bridge reaches: these meters count, they do not limit. Packets a second. */
const UNLIMITED_PKTPS = 0xffff_ffff
export const countingBands: readonly MeterBand[] = [dropBand(UNLIMITED_PKTPS)]
export const countingFlags = meterFlags.pktps | meterFlags.stats

/** The messages that carry out the steps. */
export function plan(steps: Iterable<Step>): Plan {
  const before: Body[] = []
  const after: Body[] = []
  const ordered: [rank: number, message: Body, step: Step][] = []
  for (const step of steps) {
    const { want, have } = step
    const item = want ?? have
    if (!item) continue
    if (item.kind === 'meter') {
      if (want) before.push(meterMod(have ? 'modify' : 'add', item))
      else after.push(meterMod('delete', item))
    } else if (item.kind === 'group') {
      // Add fails on a group that is there and modify on one that is not; a deletion first makes add right in both cases
      // but would drop the flows that use it, so the reader's knowledge (`have`) decides.
      if (want) ordered.push([0, groupMod(have ? 'modify' : 'add', item.group), step])
      else ordered.push([2, groupMod('delete', item.group), step])
    } else if (want) ordered.push([1, flowMod('add', item.flow), step])
    else ordered.push([1, flowMod('delete_strict', item.flow), step])
  }
  ordered.sort(([a], [b]) => a - b)
  return {
    before,
    bundle: ordered.map(([, message]) => message),
    after,
    steps: ordered.map(([, , step]) => step),
  }
}

function meterMod(command: keyof typeof groupCommand, { meterId }: MeterItem): Body {
  return {
    type: 'meter_mod',
    command: meterCommand[command],
    flags: countingFlags,
    meter_id: meterId,
    bands: command === 'delete' ? [] : countingBands,
  }
}
