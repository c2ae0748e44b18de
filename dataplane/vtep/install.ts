/**
 * What should be on a bridge of this process, compared with what is: the flows and groups that differ are changed, in one
 * step between two frames. Neighbours: backend.ts, physical-bridges.ts.
 */
import { type FlowBytes, flowKey, sameBytes, sameFlow } from '../../southbound/openflow/flow.ts'
import type { GroupBytes } from '../../southbound/openflow/group.ts'
import { flowFlags, flowMod, groupMod } from '../../southbound/openflow/message.ts'
import { removedReason } from '../pipeline/journal.ts'
import type { Bridge } from '../switch/bridge.ts'

export interface Wanted {
  /** By flowKey. */
  readonly flows: ReadonlyMap<string, FlowBytes>
  readonly groups: ReadonlyMap<number, GroupBytes>
}

/** Returns how many flows and groups it added, changed or removed. */
export function install(bridge: Bridge, { flows, groups }: Wanted): number {
  let count = 0
  bridge.change(undefined, (journal) => {
    // Those that others name come first: their numbers are higher.
    for (const [id, group] of [...groups].sort(([a], [b]) => b - a)) {
      const there = bridge.groups.all.get(id)
      if (there && sameBytes(there.bytes, group.buckets)) continue
      bridge.applyGroupMod(groupMod(there ? 'modify' : 'add', group), journal)
      count++
    }
    const left = new Map(flows)
    for (const flow of [...bridge.flows.all()]) {
      // What packets taught.
      if (flow.hard_timeout > 0) continue
      const key = flowKey(flow)
      const wanted = left.get(key)
      if (wanted && sameFlow(wanted, flow)) left.delete(key)
      else if (!wanted) {
        bridge.flows.remove(flow, removedReason.delete, journal)
        count++
      } else {
        // Counters go on only where they mean the same.
        const flags = wanted.cookie === flow.cookie ? 0 : flowFlags.reset_counts
        bridge.applyFlowMod(flowMod('add', wanted, flags), journal)
        left.delete(key)
        count++
      }
    }
    for (const flow of left.values()) bridge.applyFlowMod(flowMod('add', flow), journal)
    count += left.size
    for (const [id, { group_type }] of [...bridge.groups.all]) {
      if (groups.has(id)) continue
      const gone = { group_id: id, group_type, buckets: new Uint8Array(0) }
      bridge.applyGroupMod(groupMod('delete', gone), journal)
      count++
    }
  })
  return count
}
