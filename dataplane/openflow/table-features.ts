/**
 * What the tables can do, asked and ordered (OpenFlow 1.3.5 §7.3.5.5). All tables can do the same but
 * for the tables that they may go to. An order may name less than that, and then the table still
 * takes all of it, which the specification allows; it gives names and configuration, and takes
 * tables that it leaves out, and their flows, out of the pipeline.
 * Neighbours: capabilities.ts (from the rows of the pipeline), multipart.ts.
 */
import type { ReplyElement } from '../../southbound/openflow/multipart.ts'
import { fieldOf } from '../../southbound/openflow/oxm.ts'
import { newJournal } from '../pipeline/journal.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { Bridge } from '../switch/bridge.ts'
import {
  applyKinds,
  instructionKinds,
  matchFields,
  oxmIdsOf,
  settableFields,
  writeKinds,
} from './capabilities.ts'

type TableFeatures = ReplyElement<'table_features'>
type Property = TableFeatures['properties'][number]

/** OFPTC_DEPRECATED_MASK: bits that 1.1 had and nothing reads. */
export const TABLE_CONFIG = 3
const ALL_ONES = 0xffff_ffff_ffff_ffffn

const ids = (kinds: readonly string[]) => kinds.map((kind) => ({ kind })) as never
const same: readonly Property[] = [
  { kind: 'instructions', ids: ids(instructionKinds) },
  { kind: 'write_actions', ids: ids(writeKinds) },
  { kind: 'apply_actions', ids: ids(applyKinds) },
  { kind: 'match', fields: oxmIdsOf(matchFields, true) },
  { kind: 'wildcards', fields: oxmIdsOf(matchFields, false) },
  { kind: 'write_setfield', fields: oxmIdsOf(settableFields, false) },
  { kind: 'apply_setfield', fields: oxmIdsOf(settableFields, false) },
]

const present = ({ flows }: Bridge): number[] =>
  flows.tables.flatMap(({ absent }, id) => (absent ? [] : [id]))

/** Every table of the pipeline. */
export function tableFeatures(bridge: Bridge): TableFeatures[] {
  const all = present(bridge)
  return all.map((table_id) => {
    const { name, config, maxFlows } = bridge.flows.table(table_id)!
    const tables = Uint8Array.from(all.filter((other) => other > table_id))
    const [instructions, ...others] = same
    return {
      table_id,
      name,
      metadata_match: ALL_ONES,
      metadata_write: ALL_ONES,
      config,
      max_entries: maxFlows,
      properties: [instructions!, { kind: 'next_tables', tables }, ...others],
    }
  })
}

const bad = (code: string, why: string): never => refuse(`table_features_failed.${code}`, why)

type Named = { readonly kind: string; readonly type?: number }
const checkIds = (wanted: readonly Named[], known: readonly string[]) => {
  for (const { kind, type } of wanted) {
    if (!known.includes(kind)) bad('bad_argument', `${kind} ${type ?? ''}`)
  }
}
const checkFields = (
  wanted: Extract<Property, { kind: 'match' }>['fields'],
  known: readonly string[],
  masks: boolean,
) => {
  for (const id of wanted) {
    if (!('field' in id)) bad('bad_argument', `field 0x${id.header.toString(16)}`)
    else if (!known.includes(id.field) || (id.masked && !(masks && fieldOf[id.field].maskable))) {
      bad('bad_argument', id.field)
    }
  }
}

function checkProperty(property: Property, table_id: number, tables: ReadonlySet<number>): void {
  // What is said of the table-miss flow is held against the same.
  const kind = property.kind.replace(/_miss$/, '')
  if ('ids' in property) {
    const known = { instructions: instructionKinds, write_actions: writeKinds }[kind] ?? applyKinds
    checkIds(property.ids as readonly Named[], known)
  } else if ('tables' in property) {
    for (const next of property.tables) {
      if (next <= table_id || !tables.has(next)) bad('bad_argument', `${table_id} to ${next}`)
    }
  } else if ('fields' in property) {
    const known = kind === 'match' || kind === 'wildcards' ? matchFields : settableFields
    checkFields(property.fields, known, kind === 'match')
  } else bad('bad_type', property.kind)
}

/** Carries out an order, whole or not at all; throws a Refusal. */
export function setTableFeatures(bridge: Bridge, wanted: readonly TableFeatures[]): void {
  const tables = new Set(wanted.map(({ table_id }) => table_id))
  if (tables.size < wanted.length) bad('bad_table', 'a table twice')
  if (!tables.has(0)) bad('bad_table', 'the pipeline starts at table 0')
  for (const { table_id, config, max_entries, properties } of wanted) {
    const table = bridge.flows.table(table_id)
    if (!table) return bad('bad_table', `${table_id}`)
    if ((config & ~TABLE_CONFIG) !== 0) bad('bad_argument', `config ${config}`)
    if (max_entries > table.maxFlows) bad('bad_argument', `${max_entries} flows`)
    const kinds = new Set<string>()
    for (const property of properties) {
      if (property.kind !== 'unknown' && kinds.has(property.kind)) bad('bad_type', property.kind)
      kinds.add(property.kind)
      checkProperty(property, table_id, tables)
    }
  }
  const journal = newJournal()
  bridge.flows.tables.forEach((table, id) => {
    table.absent = !tables.has(id)
    if (!table.absent) return
    // Nobody is told of these (§7.3.5.5).
    for (const flow of [...bridge.flows.inTable(id)]) bridge.flows.remove(flow, 0, journal)
  })
  bridge.lessons.changed(journal.events)
  for (const { table_id, name, config } of wanted) {
    Object.assign(bridge.flows.table(table_id)!, { name, config })
  }
}

/** Bytes on the wire, at most. */
export function tableFeaturesSize({ properties }: TableFeatures): number {
  const sizeOf = (property: Property): number => {
    if ('ids' in property) return 4 * property.ids.length
    if ('tables' in property) return property.tables.length
    return 'fields' in property ? 8 * property.fields.length : 0
  }
  return properties.reduce((size, one) => size + 12 + sizeOf(one), 64)
}
