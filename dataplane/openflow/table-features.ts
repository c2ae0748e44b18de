/**
 * What the tables can do, as a multipart reply (OpenFlow 1.3.5 §7.3.5.5). All tables are equal but
 * for the tables that they may go to. Derived from the OXM rows and the key's layout.
 * Neighbours: statistics.ts asks, actions.ts says which fields may be set.
 */
import type { ReplyElement } from '../../southbound/openflow/multipart.ts'
import { type FieldName, fieldOf } from '../../southbound/openflow/oxm.ts'
import { keyNames } from '../packet/key-layout.ts'
import { isReadOnly } from '../pipeline/actions.ts'
import { TABLES } from '../pipeline/program.ts'

/** Properties as bytes, which are the same for all tables. */
type Property = Extract<
  ReplyElement<'table_features'>['properties'][number],
  { readonly kind: 'unknown' }
>
type TableFeatures = Omit<ReplyElement<'table_features'>, 'properties'> & {
  readonly properties: readonly Property[]
}

/** OFPTFPT_*: property types; the one for the table-miss flow is the next number. */
const INSTRUCTIONS = 0
const NEXT_TABLES = 2
const WRITE_ACTIONS = 4
const APPLY_ACTIONS = 6
const MATCH = 8
const WILDCARDS = 10
const WRITE_SETFIELD = 12
const APPLY_SETFIELD = 14

/** goto, write_metadata, write, apply, clear, meter. */
const INSTRUCTION_TYPES = [1, 2, 3, 4, 5, 6]
/** output, push and pop of VLAN, queue, group, set and decrement of the TTL, set_field. */
export const ACTION_TYPES = [0, 17, 18, 21, 22, 23, 24, 25]

const property = (type: number, bytes: Uint8Array): Property => ({ kind: 'unknown', type, bytes })

/** Types of instructions or actions: { u16 type, u16 length 4 }. */
const typeList = (types: readonly number[]) => Uint8Array.from(types.flatMap((t) => [0, t, 0, 4]))

function fieldList(names: readonly FieldName[]): Uint8Array {
  const headers = names
    // The ONF's and Nicira's experimenter fields have longer headers.
    .filter((name) => fieldOf[name].prefix === 0)
    .map((name) => fieldOf[name].header)
  return Uint8Array.from(headers.flatMap((h) => [h >>> 24, h >>> 16, h >>> 8, h]))
}

const settable = fieldList(keyNames.filter((name) => !isReadOnly(name)))
const all = fieldList(keyNames)
const instructions = typeList(INSTRUCTION_TYPES)
const actions = typeList(ACTION_TYPES)

/** All tables; the same bytes are shared between them. */
export function tableFeatures(): TableFeatures[] {
  return Array.from({ length: TABLES }, (_, table_id) => {
    const next = Uint8Array.from({ length: TABLES - 1 - table_id }, (_, i) => table_id + 1 + i)
    return {
      table_id,
      name: `table${table_id}`,
      metadata_match: 0xffff_ffff_ffff_ffffn,
      metadata_write: 0xffff_ffff_ffff_ffffn,
      config: 0,
      max_entries: 1_000_000,
      properties: [
        property(INSTRUCTIONS, instructions),
        property(NEXT_TABLES, next),
        property(WRITE_ACTIONS, actions),
        property(APPLY_ACTIONS, actions),
        property(MATCH, all),
        property(WILDCARDS, all),
        property(WRITE_SETFIELD, settable),
        property(APPLY_SETFIELD, settable),
      ],
    }
  })
}

/** Bytes on the wire. */
export function tableFeaturesSize({ properties }: TableFeatures): number {
  return properties.reduce((size, one) => size + 12 + one.bytes.length, 64)
}
