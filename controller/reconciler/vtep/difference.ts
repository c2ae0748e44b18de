/**
 * The rows of a device: what should be, compared with what the replica shows, as the operations of one transaction. Written
 * by level, so it serves first contact, drift and change alike.
 *
 * Ours are Logical_Switches and ACLs by their names (`isOurName`), the remote MACs of those switches, the bindings of
 * ports to them, and the keys that ask for bridges. Nothing else is touched: a VLAN of a port that another manager has bound stays his.
 * Neighbours: `macs.ts`, `ports.ts`, `bridges.ts` (parts of this), `vtep-session.ts` sends the operations.
 */
import { configKeys } from '../../../southbound/agent/other-config.ts'
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import type { RowItem } from '../../compiler/program.ts'
import { isOurName, rowItemId, uuidOf, type VtepRow } from '../../compiler/rows.ts'
import { rowsByName } from '../looking.ts'
import { bridgeOperations } from './bridges.ts'
import { macOperations } from './macs.ts'
import { portOperations } from './ports.ts'
import { fitting, physicalSwitch, type VtepReplica } from './vtep-replica.ts'

const { insert, update, mutate, deleteRows } = operations(hardwareVtep)

/** A row that is not as desired: missing, other, or one too many. */
export interface RowChange {
  readonly id: string
  /** Undefined: it should not be there. */
  readonly item: RowItem | undefined
  /** What is wrong, for people. */
  readonly text: string
}

export interface Difference {
  readonly operations: readonly Operation[]
  readonly changes: readonly RowChange[]
  /** What cannot be written, and why. */
  readonly blocked: readonly { readonly item: RowItem; readonly why: string }[]
  /** What belongs to somebody else and was left alone, as phrases. */
  readonly foreign: readonly string[]
}

/** What is wrong and what is written against it: the same when somebody makes a row anew, as ids of rows are left out. */
export function contestedText({ changes, operations }: Difference): string {
  const texts = changes.map(({ text }) => text).join('\n')
  return `${texts}\n${rowsByName(operations)}`
}

/** What the parts of the comparison share. */
export interface Draft {
  readonly replica: VtepReplica
  readonly wanted: <T extends VtepRow['table']>(table: T) => Iterable<WantedOf<T>>
  /** The Logical_Switch of this name: its uuid, or the uuid-name by which this transaction makes it. */
  readonly switchRef: (name: string) => string
  /** Whether a Logical_Switch or an ACL of this name is ours to change. */
  readonly isOurs: (name: string) => boolean
  /** The same of the key of a bridge in other_config. */
  readonly isOurBridge: (bridge: string) => boolean
  /** The name of a Logical_Switch of ours; undefined: it is not ours. */
  readonly ourSwitch: (uuid: string | undefined) => string | undefined
  /** Something is wrong, and what is done against it; nothing when the device has no columns for it (`fitting`). */
  readonly change: (
    what: { readonly row: VtepRow; readonly item?: RowItem | undefined; readonly text: string },
    ...operations: readonly Operation[]
  ) => void
  readonly block: (item: RowItem, why: string) => void
  readonly foreign: (phrase: string) => void
}
export interface WantedOf<T extends VtepRow['table']> {
  readonly item: RowItem
  readonly row: Extract<VtepRow, { readonly table: T }>
}

export interface DesiredVtep {
  /** Name of its Physical_Switch. */
  readonly name: string
  readonly items: Iterable<RowItem>
  /** VTEP addresses of the host itself: what is behind them is not remote. */
  readonly addresses: readonly string[]
  /** Of a host that the model has lost, which may be another site's by now: what this site has made; undefined: all. */
  readonly made?:
    | { readonly row: (uuid: string) => boolean; readonly bridge: (id: string) => boolean }
    | undefined
}

/** Keys of a Logical_Switch's other_config that are the controller's. */
const OUR_KEYS = configKeys
  .filter(({ table, writer }) => table === 'Logical_Switch' && writer === 'controller')
  .map(({ key }) => key)

export function rowDifference(replica: VtepReplica, desired: DesiredVtep): Difference {
  const sent: Operation[] = []
  const changes: RowChange[] = []
  const blocked: { item: RowItem; why: string }[] = []
  const foreign: string[] = []
  const tables = new Map<string, WantedOf<VtepRow['table']>[]>()
  for (const item of desired.items) {
    const { row } = item
    if (row.table === 'Ucast_Macs_Remote' && desired.addresses.includes(row.vtep)) continue
    const rows = tables.get(row.table) ?? []
    if (rows.push({ item, row }) === 1) tables.set(row.table, rows)
  }
  const { made } = desired
  const isOurs = (name: string) => isOurName(name) && (!made || made.row(uuidOf(name)))
  const refs = new Map<string, string>()
  const ours = new Map<string, string>()
  for (const { _uuid, name } of replica.table('Logical_Switch').values()) {
    if (isOurs(name)) {
      refs.set(name, _uuid)
      ours.set(_uuid, name)
    } else foreign.push(`Logical_Switch ${name}`)
  }
  const draft: Draft = {
    replica,
    wanted: (table) => (tables.get(table) ?? []) as never,
    switchRef: (name) => refs.get(name) ?? '',
    isOurs,
    isOurBridge: (id) => !made || made.bridge(id),
    ourSwitch: (uuid) => ours.get(uuid ?? ''),
    change: ({ row, item, text }, ...added) => {
      const fit = added.flatMap((operation) => fitting(operation, replica) ?? [])
      if (fit.length === 0) return
      changes.push({ id: rowItemId(row), item, text })
      sent.push(...fit)
    },
    block: (item, why) => blocked.push({ item, why }),
    foreign: (phrase) => foreign.push(phrase),
  }
  logicalSwitches(draft, refs)
  macOperations(draft)
  const self = physicalSwitch(replica, desired.name)
  portOperations(draft, self)
  bridgeOperations(draft, self)
  surplusSwitches(draft)
  return { operations: sent, changes, blocked, foreign }
}

function logicalSwitches(draft: Draft, refs: Map<string, string>): void {
  const { replica, change } = draft
  let made = 0
  for (const { item, row } of draft.wanted('Logical_Switch')) {
    const { name, description, vni: tunnel_key, config } = row
    const columns = { description, tunnel_key, replication_mode: 'source_node' as const }
    const actual = replica.table('Logical_Switch').get(refs.get(name) ?? '')
    if (!actual) {
      const uuidName = `switch_${made++}`
      refs.set(name, uuidName)
      const values = { name, ...columns, other_config: config }
      const text = `Logical_Switch ${name} was missing`
      change({ row, item, text }, insert('Logical_Switch', values, uuidName))
      continue
    }
    const { _uuid, other_config } = actual
    const wrong = Object.entries(columns).filter(
      ([column, value]) =>
        actual[column as keyof typeof columns] !== value && replica.has('Logical_Switch', column),
    )
    const wrongKeys = OUR_KEYS.filter((key) => other_config[key] !== config[key])
    if (wrong.length + wrongKeys.length === 0) continue
    const names = [...wrong.map(([column]) => column), ...wrongKeys].join(', ')
    const kept = wrongKeys.filter((key) => config[key] !== undefined)
    const pairs = Object.fromEntries(kept.map((key) => [key, config[key] ?? '']))
    change(
      { row, item, text: `Logical_Switch ${name} had another ${names}` },
      ...(wrong.length ? [update('Logical_Switch', _uuid, columns)] : []),
      // Key by key: the others are the device's, which may be writing them now.
      ...(wrongKeys.length
        ? [mutate('Logical_Switch', _uuid, 'other_config', 'delete', wrongKeys)]
        : []),
      ...(kept.length ? [mutate('Logical_Switch', _uuid, 'other_config', 'insert', pairs)] : []),
    )
  }
}

/** Those that no network needs go, with what the device has learned in them: it would hold them. */
function surplusSwitches({ replica, wanted, ourSwitch, change }: Draft): void {
  const names = new Set([...wanted('Logical_Switch')].map(({ row }) => row.name))
  for (const { _uuid, name } of replica.table('Logical_Switch').values()) {
    if (ourSwitch(_uuid) === undefined || names.has(name)) continue
    const learned = [['logical_switch', '==', _uuid]] as const
    const row = { table: 'Logical_Switch', name, description: '', vni: 0, config: {} } as const
    change(
      { row, text: `Logical_Switch ${name} was there for no network` },
      deleteRows('Ucast_Macs_Local', learned),
      deleteRows('Mcast_Macs_Local', learned),
      deleteRows('Logical_Switch', _uuid),
    )
  }
}
