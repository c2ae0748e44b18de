/**
 * How often a run met each match field, action, instruction, kind of group and error: counted in
 * frames that a flow or a bucket with it took. Neighbours: campaign.ts, report.ts.
 */
import type { Bridge } from '../../../dataplane/switch/bridge.ts'
import type { Action } from '../../../southbound/openflow/action.ts'
import { decodeBuckets, groupType } from '../../../southbound/openflow/group.ts'
import { decodeInstructions } from '../../../southbound/openflow/instruction.ts'
import { decodeMatch } from '../../../southbound/openflow/match.ts'

export interface Coverage {
  readonly fields: Map<string, number>
  readonly masked: Map<string, number>
  readonly actions: Map<string, number>
  /** Fields that set_field wrote. */
  readonly written: Map<string, number>
  readonly instructions: Map<string, number>
  readonly groups: Map<string, number>
  readonly errors: Map<string, number>
  readonly kinds: Map<string, number>
  /** Frames by how many flows took them. */
  readonly matched: Map<number, number>
}

export const newCoverage = (): Coverage => ({
  fields: new Map(),
  masked: new Map(),
  actions: new Map(),
  written: new Map(),
  instructions: new Map(),
  groups: new Map(),
  errors: new Map(),
  kinds: new Map(),
  matched: new Map(),
})

export const count = <K>(map: Map<K, number>, key: K, by = 1): void => {
  map.set(key, (map.get(key) ?? 0) + by)
}

const groupNames = new Map<number, string>(
  Object.entries(groupType).map(([name, number]) => [number, name]),
)

function countActions(coverage: Coverage, actions: readonly Action[], by: number): void {
  for (const action of actions) {
    count(coverage.actions, action.kind, by)
    if (action.kind === 'set_field') count(coverage.written, action.field, by)
    if (action.kind === 'clone') countActions(coverage, action.actions, by)
  }
}

/** Adds what the bridge's counters say of the flows and groups that it holds. */
export function countBridge(coverage: Coverage, bridge: Bridge): void {
  for (const flow of bridge.flows.all()) {
    if (flow.packets === 0) continue
    for (const [name, entry] of Object.entries(decodeMatch(flow.match))) {
      count(coverage.fields, name, flow.packets)
      if (typeof entry === 'object') count(coverage.masked, name, flow.packets)
    }
    for (const instruction of decodeInstructions(flow.instructions)) {
      count(coverage.instructions, instruction.kind, flow.packets)
      if ('actions' in instruction) countActions(coverage, instruction.actions, flow.packets)
    }
  }
  for (const group of bridge.groups.all.values()) {
    if (group.packets === 0) continue
    count(coverage.groups, groupNames.get(group.group_type) ?? '?', group.packets)
    decodeBuckets(group.bytes).forEach(({ actions }, i) => {
      const packets = group.buckets[i]?.packets ?? 0
      if (packets > 0) countActions(coverage, actions, packets)
    })
  }
}

export function median(counts: ReadonlyMap<number, number>): number {
  const all = [...counts].sort(([a], [b]) => a - b)
  let left = all.reduce((sum, [, n]) => sum + n, 0) / 2
  for (const [value, n] of all) {
    left -= n
    if (left <= 0) return value
  }
  return 0
}
