/**
 * Bindings of the device's ports to our networks, and the ACLs that hold them. Physical_Port rows are the device's: an
 * interface that it does not have is waited for, a VLAN that another manager has bound is left to him.
 * Part of `difference.ts`.
 */
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { isOurName } from '../../compiler/rows.ts'
import type { Draft, WantedOf } from './difference.ts'
import type { VtepReplica, VtepTableRow } from './vtep-replica.ts'

const { insert, update, mutate, deleteRows } = operations(hardwareVtep)

type Wanted = WantedOf<'Physical_Port'>
/** The ACL of this name: its uuid, or the uuid-name by which this transaction makes it. */
type Refs = Map<string, string>

/** @param host the device's own row; undefined: it has none now, and so no ports */
export function portOperations(
  draft: Draft,
  host: VtepTableRow<'Physical_Switch'> | undefined,
): void {
  const acls: Refs = new Map()
  for (const { _uuid, acl_name } of draft.replica.table('ACL').values())
    if (isOurName(acl_name)) acls.set(acl_name, _uuid)
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
  for (const each of draft.wanted('Physical_Port')) {
    const vids = wanted.get(each.row.interface) ?? new Map<string, Wanted>()
    wanted.set(each.row.interface, vids.set(`${each.row.vid}`, each))
  }
  for (const uuid of host?.ports ?? []) {
    const port = replica.table('Physical_Port').get(uuid)
    if (!port) continue
    bindPort(draft, port, wanted.get(port.name) ?? new Map(), acls)
    wanted.delete(port.name)
  }
  for (const vids of wanted.values())
    for (const { item, row } of vids.values())
      block(item, `the device has no port ${row.interface}`)
}

function bindPort(
  { replica, switchRef, ourSwitch, change, block, foreign }: Draft,
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
    const [wantedNetwork, wantedAcl] = [switchRef(row.logicalSwitch), acls.get(row.acl) ?? '']
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
  after: string,
): Operation[] {
  if (before === after) return []
  return [
    ...(before === undefined ? [] : [mutate('Physical_Port', port, column, 'delete', [vid])]),
    mutate('Physical_Port', port, column, 'insert', { [vid]: after }),
  ]
}

function wantedAcls({ replica, wanted, change }: Draft, acls: Refs): void {
  const uses = usesOf(replica)
  let count = 0
  for (const { item, row } of wanted('ACL')) {
    const actual = replica.table('ACL').get(acls.get(row.name) ?? '')
    const present = new Map<string, string[]>()
    for (const uuid of actual?.acl_entries ?? []) {
      const text = textOf(replica.table('ACL_entry').get(uuid))
      present.set(text, [...(present.get(text) ?? []), uuid])
    }
    const made: Operation[] = []
    const entries = row.entries.map((entry) => {
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

function surplusAcls({ replica, wanted, change }: Draft): void {
  const uses = usesOf(replica)
  const names = new Set([...wanted('ACL')].map(({ row }) => row.name))
  for (const { _uuid, acl_name: name, acl_entries } of replica.table('ACL').values()) {
    if (!isOurName(name) || names.has(name)) continue
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
