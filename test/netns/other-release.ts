/**
 * Another release of Weft, for tests of upgrades: the same program whose pipeline is laid out otherwise, as a pure function
 * of the items. All tables but the first have other numbers, before the L2 lookup comes one more, groups and meters have other
 * numbers. So no flow beyond the first table, no group and no meter of the one is one of the other.
 *
 * As a program of its own: `node other-release.ts STORE OVSDB-ADDRESS REST-SOCKET`. Neighbour: upgrade.test.ts.
 */
import { once } from 'node:events'
import { argv } from 'node:process'
import pino from 'pino'
import { stopSignal } from '../../bin/stop.ts'
import { CompactFlow, compactBytes, compactId } from '../../controller/compiler/compact-flow.ts'
import { flow, groupItemBytes, groupItemId, meter } from '../../controller/compiler/items.ts'
import type { Emitter, Item, Program, Unit } from '../../controller/compiler/program.ts'
import { block, table } from '../../controller/compiler/stages.ts'
import { pipeline } from '../../controller/compiler/units.ts'
import { Controller } from '../../controller/controller.ts'
import { Store } from '../../controller/store/store.ts'
import type { Action } from '../../southbound/openflow/action.ts'
import { decodeBuckets, encodeGroup } from '../../southbound/openflow/group.ts'
import {
  decodeInstructions,
  encodeInstructions,
  type Instruction,
} from '../../southbound/openflow/instruction.ts'

/** Frames come in by the first; in `shown` switches learn, which the reconciler knows by its number. */
const stay: readonly number[] = [table.classify, table.shown]
const laterTable = (id: number): number => (stay.includes(id) ? id : id + 100)
/** Between what was before the L2 lookup, and that. */
const EXTRA = laterTable(table.l2) - 1
const entry = (id: number): number => (id === table.l2 ? EXTRA : laterTable(id))
const otherGroup = (id: number): number => id + 1_000_000
const otherMeter = (id: number): number => id - 100

function otherAction(action: Action): Action {
  if (action.kind === 'group') return { ...action, group_id: otherGroup(action.group_id) }
  if (action.kind === 'resubmit') return { ...action, table_id: entry(action.table_id) }
  return action
}

function otherInstruction(instruction: Instruction): Instruction {
  if (instruction.kind === 'goto_table')
    return { ...instruction, table_id: entry(instruction.table_id) }
  if (instruction.kind === 'meter')
    return { ...instruction, meter_id: otherMeter(instruction.meter_id) }
  if (instruction.kind !== 'apply_actions') return instruction
  return { ...instruction, actions: instruction.actions.map(otherAction) }
}

function otherItem(item: Item): Item {
  if (item.kind === 'row') return item
  if (item.kind === 'meter') return meter(item.from, otherMeter(item.meterId), item.pktps)
  if (item.kind === 'group') {
    const group = encodeGroup({
      group_id: otherGroup(item.group.group_id),
      group_type: item.group.group_type,
      buckets: decodeBuckets(item.group.buckets).map((bucket) => ({
        ...bucket,
        actions: bucket.actions.map(otherAction),
      })),
    })
    const { from, cookie } = item
    const id = groupItemId(group.group_id)
    return { kind: 'group', id, bytes: groupItemBytes(group), cookie, from, group }
  }
  const { table_id, priority, match, instructions } = item.flow
  const id = compactId(laterTable(table_id), priority, match)
  const does = compactBytes(
    encodeInstructions(decodeInstructions(instructions).map(otherInstruction)),
  )
  return new CompactFlow(id, does, item.cookie, item.from, item.isShared ?? false)
}

const extraTable: Unit = {
  name: 'extraTable',
  on: 'site',
  run(view) {
    const { l2 } = table
    view.emit(block.site, flow(['site'], EXTRA, 0, {}, { goto: laterTable(l2) }))
  },
}

export function otherRelease({ indexes, units }: Program): Program {
  const others = units.map((unit): Unit => {
    const run: Unit['run'] = (view, key, member) => {
      const { get, index, derive, link } = view
      const emit: Emitter['emit'] = (id, item) => view.emit(id, otherItem(item))
      unit.run({ get, index, derive, link, emit }, key, member)
    }
    return { ...unit, run }
  })
  return { indexes, units: [...others, extraTable] }
}

if (import.meta.main) {
  const [path = '', host = '', socket = ''] = argv.slice(2)
  const signal = stopSignal()
  const store = Store.open(path)
  const controller = await Controller.start({
    ...{ store, program: otherRelease(pipeline), log: pino(), rest: { path: socket } },
    ...{ ovsdb: { host, port: 6640 }, openflow: { host, port: 6653 } },
  })
  if (!signal.aborted) await once(signal, 'abort')
  await controller.close()
  store.close()
}
