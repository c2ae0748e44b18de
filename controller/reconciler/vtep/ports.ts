/**
 * Bindings of the device's ports to our networks, and the ACLs that hold them. Physical_Port rows are the device's: an
 * interface that it does not have is waited for, a VLAN that another manager has bound is left to him.
 * Part of `difference.ts`.
 */
import { keys } from '../../../southbound/agent/other-config.ts'
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import type { Draft, WantedOf } from './difference.ts'
import type { VtepReplica, VtepTableRow } from './vtep-replica.ts'

const { insert, update, mutate, deleteRows } = operations(hardwareVtep)

type Wanted = WantedOf<'Physical_Port'> | WantedOf<'Physical_Network'>
/** The ACL of this name: its uuid, or the uuid-name by which this transaction makes it. */
type Refs = Map<string, string>

/** @param host the device's own row; undefined: it has none now, and so no ports */
export function portOperations(
  draft: Draft,
  host: VtepTableRow<'Physical_Switch'> | undefined,
): void {
  const acls: Refs = new Map()
  for (const { _uuid, acl_name } of draft.replica.table('ACL').values())
    if (draft.isOurs(acl_name)) acls.set(acl_name, _uuid)
  wantedAcls(draft, acls)
  bindings(draft, host, acls)
  surplusAcls(draft)
}

function bindings(
  draft: Draft,
  host: VtepTableRow<'Physical_Switch'> | undefined,
  acls: Refs,
): void {
  const { replica, block } = draft
  const wanted = new Map<string, Map<string, Wanted>>()
  const want = (port: string, each: Wanted) => {
    const vids = wanted.get(port) ?? new Map<string, Wanted>()
    wanted.set(port, vids.set(`${each.row.vid}`, each))
  }
  for (const each of draft.wanted('Physical_Port')) want(each.row.interface, each)
  const offers = offersOf(replica, host)
  for (const each of draft.wanted('Physical_Network')) {
    const { physicalNetwork } = each.row
    const port = offers.get(physicalNetwork)
    if (port !== undefined) want(port, each)
    else block(each.item, `physical_network_missing: no port of it leads to ${physicalNetwork}`)
  }
  for (const uuid of host?.ports ?? []) {
    const port = replica.table('Physical_Port').get(uuid)
    if (!port) continue
    bindPort(draft, port, wanted.get(port.name) ?? new Map(), acls)
    wanted.delete(port.name)
  }
  for (const [port, vids] of wanted)
    for (const { item } of vids.values()) block(item, `the device has no port ${port}`)
}

/**
 * The port that leads to each physical network, by name: a bridge that was asked for goes before one that is offered; of
 * several the first.
 */
function offersOf(
  replica: VtepReplica,
  host: VtepTableRow<'Physical_Switch'> | undefined,
): ReadonlyMap<string, string> {
  const offers = new Map<string, string>()
  const ports = (host?.ports ?? []).flatMap(
    (uuid) => replica.table('Physical_Port').get(uuid) ?? [],
  )
  const isAsked = (name: string) => host?.other_config[`${keys.bridge}${name}`] !== undefined
  const rank = (name: string) => `${isAsked(name) ? 0 : 1} ${name}`
  for (const { name, other_config } of ports) {
    const physicalNetwork = other_config[keys.physicalNetwork]
    if (physicalNetwork === undefined) continue
    const other = offers.get(physicalNetwork)
    if (other === undefined || rank(name) < rank(other)) offers.set(physicalNetwork, name)
  }
  return offers
}

function bindPort(
  { replica, switchRef, isOurs: isOurName, ourSwitch, change, block, foreign }: Draft,
  { _uuid, name, vlan_bindings, acl_bindings }: VtepTableRow<'Physical_Port'>,
  wanted: ReadonlyMap<string, Wanted>,
  acls: Refs,
): void {
  const isOurAcl = (uuid: string | undefined) =>
    isOurName(replica.table('ACL').get(uuid ?? '')?.acl_name ?? '')
  for (const [vid, { item, row }] of wanted) {
    const [network, acl] = [vlan_bindings[vid], acl_bindings[vid]]
    if (network !== undefined && ourSwitch(network) === undefined) {
      block(item, `VLAN ${vid} of ${name} is bound to a Logical_Switch that is not ours`)
      continue
    }
    if (acl !== undefined && !isOurAcl(acl)) {
      block(item, `VLAN ${vid} of ${name} is bound to an ACL that is not ours`)
      continue
    }
    const wantedNetwork = switchRef(row.logicalSwitch)
    const wantedAcl = row.acl === undefined ? undefined : (acls.get(row.acl) ?? '')
    if (network === wantedNetwork && acl === wantedAcl) continue
    const was = network === undefined ? 'missing' : 'another one'
    change(
      { row, item, text: `binding of VLAN ${vid} of ${name} was ${was}` },
      ...set(_uuid, 'vlan_bindings', vid, network, wantedNetwork),
      ...set(_uuid, 'acl_bindings', vid, acl, wantedAcl),
    )
  }
  for (const vid of new Set([...Object.keys(vlan_bindings), ...Object.keys(acl_bindings)])) {
    if (wanted.has(vid)) continue
    const isOurs = ourSwitch(vlan_bindings[vid]) !== undefined
    if (vlan_bindings[vid] !== undefined && !isOurs) foreign(`VLAN ${vid} of port ${name}`)
    const isOurAclToo = isOurAcl(acl_bindings[vid])
    if (!isOurs && !isOurAclToo) continue
    const known = { interface: name, vid: Number(vid), logicalSwitch: '', acl: '' }
    const row = { table: 'Physical_Port' as const, ...known }
    change(
      { row, text: `VLAN ${vid} of ${name} was bound for no port` },
      ...(isOurs ? [mutate('Physical_Port', _uuid, 'vlan_bindings', 'delete', [vid])] : []),
      ...(isOurAclToo ? [mutate('Physical_Port', _uuid, 'acl_bindings', 'delete', [vid])] : []),
    )
  }
}

/** One key of a map, whatever else is in it. */
function set(
  port: string,
  column: 'vlan_bindings' | 'acl_bindings',
  vid: string,
  before: string | undefined,
  after: string | undefined,
): Operation[] {
  if (before === after) return []
  return [
    ...(before === undefined ? [] : [mutate('Physical_Port', port, column, 'delete', [vid])]),
    ...(after === undefined
      ? []
      : [mutate('Physical_Port', port, column, 'insert', { [vid]: after })]),
  ]
}

function wantedAcls(draft: Draft, acls: Refs): void {
  const { replica, wanted, change } = draft
  const uses = usesOf(replica)
  const added = new Map<string, WantedOf<'ACL_entry'>[]>()
  for (const each of wanted('ACL_entry')) {
    const entries = added.get(each.row.acl) ?? []
    if (entries.push(each) === 1) added.set(each.row.acl, entries)
  }
  let count = 0
  for (const { item, row } of wanted('ACL')) {
    const actual = replica.table('ACL').get(acls.get(row.name) ?? '')
    const more = added.get(row.name) ?? []
    if (actual && more.length > 0 && row.entries.length === 0) {
      count = addedEntries(draft, { actual, more, uses, count })
      continue
    }
    const present = new Map<string, string[]>()
    for (const uuid of actual?.acl_entries ?? []) {
      const text = textOf(replica.table('ACL_entry').get(uuid))
      present.set(text, [...(present.get(text) ?? []), uuid])
    }
    const made: Operation[] = []
    const all = [...row.entries, ...more.map((each) => each.row.entry)]
    const entries = all.map((entry) => {
      const kept = present.get(textOf(entry))?.shift()
      if (kept !== undefined) return kept
      const uuidName = `entry_${count++}`
      made.push(insert('ACL_entry', entry, uuidName))
      return uuidName
    })
    const surplus = [...present.values()].flat()
    if (actual && made.length + surplus.length === 0) continue
    if (actual) {
      change(
        { row, item, text: `ACL ${row.name} had other entries` },
        ...made,
        update('ACL', actual._uuid, { acl_entries: entries }),
        ...gone(uses, surplus),
      )
    } else {
      const uuidName = `acl_${count++}`
      acls.set(row.name, uuidName)
      const values = { acl_name: row.name, acl_entries: entries }
      const text = `ACL ${row.name} was missing`
      change({ row, item, text }, ...made, insert('ACL', values, uuidName))
    }
  }
}

/** Entry by entry, as many give to it: one port more or less is one change. @returns `count` with what was made */
function addedEntries(
  { replica, change }: Draft,
  {
    actual: { _uuid, acl_name: acl, acl_entries },
    more,
    uses,
    count,
  }: {
    readonly actual: VtepTableRow<'ACL'>
    readonly more: readonly WantedOf<'ACL_entry'>[]
    readonly uses: ReadonlyMap<string, number>
    readonly count: number
  },
): number {
  const present = new Map<string, string[]>()
  for (const uuid of acl_entries) {
    const text = textOf(replica.table('ACL_entry').get(uuid))
    const same = present.get(text) ?? []
    if (same.push(uuid) === 1) present.set(text, same)
  }
  let made = count
  for (const { item, row } of more) {
    if (present.get(textOf(row.entry))?.pop() !== undefined) continue
    const uuidName = `entry_${made++}`
    change(
      { row, item, text: `ACL ${acl} was without entry ${row.entry.sequence}` },
      insert('ACL_entry', row.entry, uuidName),
      mutate('ACL', _uuid, 'acl_entries', 'insert', [uuidName]),
    )
  }
  // After those that come: it may not be empty in between.
  for (const uuid of [...present.values()].flat()) {
    const sequence = replica.table('ACL_entry').get(uuid)?.sequence ?? 0
    const entry = { sequence, direction: 'ingress', action: 'deny' } as const
    change(
      { row: { table: 'ACL_entry', acl, entry }, text: `ACL ${acl} had an entry ${sequence} more` },
      mutate('ACL', _uuid, 'acl_entries', 'delete', [uuid]),
      ...gone(uses, [uuid]),
    )
  }
  return made
}

function surplusAcls({ replica, wanted, isOurs, change }: Draft): void {
  const uses = usesOf(replica)
  const names = new Set([...wanted('ACL')].map(({ row }) => row.name))
  for (const { _uuid, acl_name: name, acl_entries } of replica.table('ACL').values()) {
    if (!isOurs(name) || names.has(name)) continue
    change(
      { row: { table: 'ACL', name, entries: [] }, text: `ACL ${name} was there for no port` },
      deleteRows('ACL', _uuid),
      ...gone(uses, acl_entries),
    )
  }
}

/** How many ACLs have an entry: the schema keeps entries, so they are deleted by hand, unless somebody else has one too. */
function usesOf(replica: VtepReplica): ReadonlyMap<string, number> {
  const uses = new Map<string, number>()
  for (const { acl_entries } of replica.table('ACL').values())
    for (const entry of acl_entries) uses.set(entry, (uses.get(entry) ?? 0) + 1)
  return uses
}

function gone(uses: ReadonlyMap<string, number>, entries: readonly string[]): Operation[] {
  return entries
    .filter((entry) => uses.get(entry) === 1)
    .map((entry) => deleteRows('ACL_entry', entry))
}

/** An entry to compare: what it matches, does, and when. */
function textOf(entry: object | undefined): string {
  return Object.entries(entry ?? {})
    .filter(([column, value]) => value !== undefined && column !== '_uuid' && !/fault/.test(column))
    .map(([column, value]) => `${column}=${value}`)
    .sort()
    .join()
}
