/**
 * What taking over a br-int that somebody else has filled would do to it: rows as the operations that would be sent, flows,
 * groups and meters as the difference to what should be. Nothing is changed. Neighbours: `takeover.ts` reads the bridge,
 * `rows.ts` has the operations, ../northbound/adoption.ts answers it.
 */
import { formatFlow } from '../../southbound/openflow/text.ts'
import type { Operation } from '../../southbound/ovsdb/operation.ts'
import type { SwitchItem } from '../compiler/program.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Adoption, AdoptionItems, RowChange } from '../northbound/adoption-plan.ts'
import { type Actual, difference } from './actual.ts'
import { LOOK, portNames } from './before.ts'
import { byName, type HostReplica, INTEGRATION_BRIDGE } from './host-replica.ts'

/** Names of a list that an answer has; the rest is counted. */
const LISTED = 1000

export interface AdoptionFacts {
  readonly hostId: string
  /** Why the bridge is not taken as it is; undefined: it is, or there is none. */
  readonly why: string | undefined
  readonly replica: HostReplica
  readonly operations: readonly Operation[]
  /** Undefined: it could not be read. */
  readonly actual: Actual | undefined
  readonly desired: Iterable<SwitchItem>
  readonly snapshot: Snapshot
}

export function adoptionOf(facts: AdoptionFacts): Adoption {
  const { hostId, why, replica, operations, actual } = facts
  if (why === undefined) return { host: hostId, state: 'free', rows: [], ports: [] }
  const steps = actual && difference(actual, facts.desired)
  const items = (kind: SwitchItem['kind']): AdoptionItems => {
    const mine = (steps ?? []).filter(({ want, have }) => (want ?? have)?.kind === kind)
    const removed = mine.flatMap(({ want, have }) => (have && !want ? [have] : []))
    const changed = mine.flatMap(({ want, have }) => (have && want ? [have] : []))
    const there = [...(actual?.values() ?? [])].filter((item) => item.kind === kind).length
    return {
      removed: removed.slice(0, LISTED).map(textOf),
      changed: changed.slice(0, LISTED).map(textOf),
      unlisted: Math.max(0, removed.length - LISTED) + Math.max(0, changed.length - LISTED),
      staying: there - removed.length - changed.length,
      added: mine.filter(({ have }) => !have).length,
    }
  }
  return {
    ...{ host: hostId, state: 'foreign', why },
    rows: rowChanges(operations, replica),
    ports: portsOf(facts),
    ...(actual && { flows: items('flow'), groups: items('group'), meters: items('meter') }),
  }
}

function textOf(item: SwitchItem): string {
  if (item.kind === 'flow') return formatFlow(item.flow)
  return item.kind === 'group' ? `group ${item.group.group_id}` : `meter ${item.meterId}`
}

/** All ports stay where they are; those of no workload get no flow. */
function portsOf({ replica, snapshot }: AdoptionFacts): Adoption['ports'] {
  const bridge = byName(replica.table('Bridge'), INTEGRATION_BRIDGE)
  const names = bridge ? portNames(replica, bridge) : []
  return names
    .filter((name) => name !== INTEGRATION_BRIDGE)
    .sort()
    .map((name) => {
      const ifaceId = byName(replica.table('Interface'), name)?.external_ids['iface-id'] ?? ''
      const [port] = snapshot.find('portByUuid', ifaceId)
      return port === undefined ? { name } : { name, port }
    })
}

/** What operations do to rows, a line for each column; those that only count are left out. */
function rowChanges(operations: readonly Operation[], replica: HostReplica): RowChange[] {
  const names = new Map<string, string>()
  for (const table of ['Bridge', 'Port', 'Interface'] as const)
    for (const { _uuid, name } of replica.table(table).values()) names.set(_uuid, name)
  const looks = new Set<string>()
  for (const { _uuid, target, external_ids } of replica.table('Controller').values()) {
    names.set(_uuid, target)
    if (LOOK in external_ids) looks.add(_uuid)
  }
  for (const { _uuid, target } of replica.table('Manager').values()) names.set(_uuid, target)
  for (const operation of operations) {
    const { row, 'uuid-name': id } = operation as Written
    if (id !== undefined) names.set(id, String(row?.name ?? row?.target ?? id))
  }
  const rowName = (table: string, uuid: string) => `${table} ${names.get(uuid) ?? '.'}`
  return operations.flatMap((operation): RowChange[] => {
    const { op, table, row = {}, where, mutations = [], 'uuid-name': id } = operation as Written
    if (op === 'insert') {
      const name = names.get(id ?? '') ?? ''
      const given = Object.entries(row).filter(([, value]) => shown(value, names) !== name)
      const after = given.map(([column, value]) => `${column}: ${shown(value, names)}`).join('; ')
      return [{ row: `${table} ${name}`, action: 'add', after }]
    }
    const uuid = where?.[0]?.[2]?.[1] ?? ''
    const rows = replica.table(table as 'Bridge') as ReadonlyMap<string, object>
    const now = (rows.get(uuid) ?? {}) as Readonly<Record<string, unknown>>
    const change = (column: string, before: string, after: string): RowChange[] =>
      before === after
        ? []
        : [{ row: rowName(table, uuid), action: 'change', column, before, after }]
    if (op === 'update')
      return Object.entries(row).flatMap(([column, value]) =>
        change(column, decoded(visible(now[column], looks), names), shown(value, names)),
      )
    return mutations.flatMap(([column, mutator, value]) => {
      if (column === 'next_cfg') return []
      if (mutator === 'insert') return change(column, '', shown(value, names))
      const keys = Object.entries((now[column] ?? {}) as object)
      const gone = keys.filter(([key]) => shown(value, names).split(', ').includes(key))
      return change(column, decoded(Object.fromEntries(gone), names), '')
    })
  })
}

/** Without the rows by which the bridge is read just now. */
const visible = (value: unknown, looks: ReadonlySet<string>): unknown =>
  Array.isArray(value) ? value.filter((each) => !looks.has(each)) : value

/** An operation as it goes over the wire. */
interface Written extends Operation {
  readonly table: string
  readonly row?: Readonly<Record<string, unknown>>
  readonly where?: readonly (readonly [string, string, readonly [string, string]])[]
  readonly mutations?: readonly (readonly [column: string, mutator: string, value: unknown])[]
  readonly 'uuid-name'?: string
}

/** A value in wire form. RFC 7047 §5.1. */
function shown(value: unknown, names: ReadonlyMap<string, string>): string {
  if (!Array.isArray(value)) return `${value}`
  const [kind, content] = value as [string, unknown]
  if (kind === 'uuid' || kind === 'named-uuid') return names.get(`${content}`) ?? `${content}`
  if (kind === 'set') return (content as unknown[]).map((each) => shown(each, names)).join(', ')
  if (kind !== 'map') return JSON.stringify(value)
  return (content as [unknown, unknown][]).map(([key, each]) => `${key}=${each}`).join(', ')
}

/** A decoded value, in the same words. */
function decoded(value: unknown, names: ReadonlyMap<string, string>): string {
  if (value === undefined) return ''
  if (Array.isArray(value)) return value.map((each) => names.get(`${each}`) ?? `${each}`).join(', ')
  if (typeof value !== 'object' || value === null) return `${value}`
  return Object.entries(value)
    .map(([key, each]) => `${key}=${each}`)
    .join(', ')
}
