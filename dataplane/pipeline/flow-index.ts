/**
 * The flows of one bridge by what requests ask for: identity, table, cookie, group, meter. A request
 * looks at the flows that it can be about, not at all of them. Neighbours: flow-table.ts.
 */
import type { Flow, FlowFilter } from './flow-table.ts'
import type { Program } from './program.ts'

const ALL_TABLES = 0xff
const WHOLE_COOKIE = 0xffff_ffff_ffff_ffffn
const NONE: ReadonlySet<Flow> = new Set()

export interface FlowIndex {
  readonly size: number
  /** By flowKey(). */
  find(tableId: number, key: string): Flow | undefined
  add(flow: Flow): void
  remove(flow: Flow): void
  /** A flow does something else than it did. */
  changed(flow: Flow, before: Program): void
  inTable(tableId: number): Iterable<Flow>
  /** At least the flows that the filter can take. */
  candidates(filter: Pick<FlowFilter, 'table_id' | 'cookie' | 'cookie_mask'>): Iterable<Flow>
  all(): Iterable<Flow>
  usersOfGroup(id: number): ReadonlySet<Flow>
  usersOfMeter(id: number): ReadonlySet<Flow>
}

/** What belongs to a key: one flow as it is, several in a set. */
function multimap<K>() {
  const found = new Map<K, Flow | Set<Flow>>()
  return {
    of(key: K): ReadonlySet<Flow> {
      const flows = found.get(key)
      return flows === undefined ? NONE : flows instanceof Set ? flows : new Set([flows])
    },
    add(key: K, flow: Flow) {
      const flows = found.get(key)
      if (flows === undefined) found.set(key, flow)
      else if (flows instanceof Set) flows.add(flow)
      else if (flows !== flow) found.set(key, new Set([flows, flow]))
    },
    remove(key: K, flow: Flow) {
      const flows = found.get(key)
      if (flows === flow) found.delete(key)
      else if (flows instanceof Set && flows.delete(flow) && flows.size === 0) found.delete(key)
    },
  }
}

type Multimap<K> = ReturnType<typeof multimap<K>>

export function flowIndex(tables: number): FlowIndex {
  /** Of tables that ever had a flow: most of them never have. */
  const byTable: (Map<string, Flow> | undefined)[] = Array.from({ length: tables })
  /** From the first request by cookie on: most switches never have one. */
  let byCookie: Multimap<bigint> | undefined
  const byGroup = multimap<number>()
  const byMeter = multimap<number>()
  let size = 0

  const addUses = (flow: Flow, { groups, meter }: Program) => {
    for (const id of groups) byGroup.add(id, flow)
    if (meter !== 0) byMeter.add(meter, flow)
  }
  const removeUses = (flow: Flow, { groups, meter }: Program) => {
    for (const id of groups) byGroup.remove(id, flow)
    if (meter !== 0) byMeter.remove(meter, flow)
  }
  function* all() {
    for (const flows of byTable) if (flows !== undefined) yield* flows.values()
  }
  const inTable = (tableId: number): Iterable<Flow> => byTable[tableId]?.values() ?? []

  return {
    get size() {
      return size
    },
    find: (tableId, key) => byTable[tableId]?.get(key),
    add(flow) {
      byTable[flow.table_id] ??= new Map()
      byTable[flow.table_id]!.set(flow.key, flow)
      byCookie?.add(flow.cookie, flow)
      addUses(flow, flow.program)
      size++
    },
    remove(flow) {
      byTable[flow.table_id]?.delete(flow.key)
      byCookie?.remove(flow.cookie, flow)
      removeUses(flow, flow.program)
      size--
    },
    changed(flow, before) {
      removeUses(flow, before)
      addUses(flow, flow.program)
    },
    inTable,
    candidates({ table_id, cookie, cookie_mask }) {
      if (cookie_mask !== WHOLE_COOKIE) return table_id === ALL_TABLES ? all() : inTable(table_id)
      if (!byCookie) {
        byCookie = multimap()
        for (const flow of all()) byCookie.add(flow.cookie, flow)
      }
      return byCookie.of(cookie)
    },
    all,
    usersOfGroup: byGroup.of,
    usersOfMeter: byMeter.of,
  }
}
