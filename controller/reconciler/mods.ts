/**
 * Items as OpenFlow messages. Order within a change: meters before (no bundle takes them), then one bundle of groups to
 * add or modify, flows, groups to delete; then meters to delete. So nothing ever refers to what is not there.
 * Neighbours: `flow-channel.ts` sends them, `actual.ts` reads items back.
 */
import { commitBundle } from '../../southbound/openflow/bundle.ts'
import type { Connection } from '../../southbound/openflow/connection.ts'
import { OpenflowError } from '../../southbound/openflow/error.ts'
import type { groupCommand } from '../../southbound/openflow/group.ts'
import { type Body, flowMod, groupMod } from '../../southbound/openflow/message.ts'
import { dropBand, meterCommand, meterFlags } from '../../southbound/openflow/meter.ts'
import type { MeterItem, SwitchItem } from '../compiler/program.ts'

/** One item to bring about (`want`) or to take away (`have` alone). */
export interface Step {
  readonly want: SwitchItem | undefined
  readonly have: SwitchItem | undefined
}

/** A message and the step behind it. */
interface Order {
  readonly message: Body
  readonly step: Step
}

export const meterFlagsOfOurs = meterFlags.pktps | meterFlags.stats

/** So many refusals, and the rest goes one by one: a bundle is all or nothing, and each attempt costs the whole of it. */
const MAX_BUNDLES = 8

export interface ApplyOptions {
  readonly signal: AbortSignal
  /** Called with each step that the switch refuses; the others are carried out. */
  readonly onRefused: (step: Step, error: OpenflowError) => void
}

/** Carries the steps out as one change, closed by a barrier. Gives those that hold now. */
export async function applySteps(
  connection: Connection,
  steps: readonly Step[],
  { signal, onRefused }: ApplyOptions,
): Promise<Step[]> {
  const { before, bundle, after } = ordered(steps)
  const refused = new Set<Step>()
  const refuse = (step: Step, error: OpenflowError) => {
    refused.add(step)
    onRefused(step, error)
  }
  const options = { signal, onRefused: refuse }
  await sendEach(connection, before, options)
  let rest = bundle
  for (let attempts = 0; rest.length > 0; attempts++) {
    if (attempts === MAX_BUNDLES) {
      await sendEach(connection, rest, options)
      break
    }
    try {
      await commitBundle(
        connection,
        rest.map(({ message }) => message),
        { signal },
      )
      break
    } catch (error) {
      const at = error instanceof OpenflowError ? error.index : undefined
      const bad = at === undefined ? undefined : rest[at]
      if (!bad) throw error
      refuse(bad.step, error as OpenflowError)
      rest = rest.filter((order) => order !== bad)
    }
  }
  await sendEach(connection, after, options)
  await connection.barrier({ signal })
  return steps.filter((step) => !refused.has(step))
}

/** One by one, as meters have to; a barrier tells when all refusals are in. */
async function sendEach(
  connection: Connection,
  orders: readonly Order[],
  { signal, onRefused }: ApplyOptions,
): Promise<void> {
  if (orders.length === 0) return
  const first = connection.reserveXids(orders.length)
  const forget = connection.watch(first, orders.length, {
    answer() {},
    fail(error) {
      const order = error instanceof OpenflowError ? orders[error.xid - first] : undefined
      if (order) onRefused(order.step, error as OpenflowError)
    },
  })
  try {
    for (const [i, { message }] of orders.entries()) {
      await connection.send({ ...message, xid: first + i })
    }
    await connection.barrier({ signal })
  } finally {
    forget()
  }
}

/** The messages that carry out the steps, in their order. */
function ordered(steps: readonly Step[]): Record<'before' | 'bundle' | 'after', Order[]> {
  const before: Order[] = []
  const after: Order[] = []
  const groups: Order[] = []
  const flows: Order[] = []
  const lateGroups: Order[] = []
  for (const step of steps) {
    const { want, have } = step
    const item = want ?? have
    if (item?.kind === 'meter') {
      const message = meterMod(want ? (have ? 'modify' : 'add') : 'delete', item)
      ;(want ? before : after).push({ message, step })
    } else if (item?.kind === 'group') {
      // Add fails on a group that is there, modify on one that is not, and deleting it first would take the flows that use
      // it along: what the bridge was last seen to have decides.
      const message = groupMod(want ? (have ? 'modify' : 'add') : 'delete', item.group)
      ;(want ? groups : lateGroups).push({ message, step })
    } else if (item) {
      flows.push({ message: flowMod(want ? 'add' : 'delete_strict', item.flow), step })
    }
  }
  return { before, bundle: [...groups, ...flows, ...lateGroups], after }
}

function meterMod(command: keyof typeof groupCommand, { meterId, pktps }: MeterItem): Body {
  return {
    type: 'meter_mod',
    command: meterCommand[command],
    flags: meterFlagsOfOurs,
    meter_id: meterId,
    bands: command === 'delete' ? [] : [dropBand(pktps)],
  }
}
