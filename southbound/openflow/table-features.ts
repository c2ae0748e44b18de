/**
 * What a flow table can do, asked and answered, and (in a request with a body) ordered.
 * OpenFlow 1.3.5 §7.3.5.5. Neighbours: multipart.ts carries it, oxm.ts, action.ts and
 * instruction.ts have the things that are listed here by their ids.
 */
import { WireError } from '../wire/error.ts'
import { put } from '../wire/put.ts'
import { type Case, nothing, type Part, record, rest, tlvs } from '../wire/record.ts'
import { hex32, hex64, pad, struct, text, u8, u16, u32 } from '../wire/struct.ts'
import { actionRows } from './action.ts'
import { instructionRows } from './instruction.ts'
import { type FieldName, fieldByHeader, fieldOf } from './oxm.ts'

const REF = 'OpenFlow 1.3.5 §7.3.5.5'

type Rows = Readonly<Record<string, Case>>
type Plain<R extends Rows> = {
  [K in keyof R as R[K][0] extends number ? K : never]: readonly [number, typeof nothing]
}
/** Ids { u16 type, u16 length } of the rows that are no experimenter's; those are kept as unknown. */
function ids<const R extends Rows>(rows: R) {
  const plain = Object.entries(rows).filter(([, [type]]) => typeof type === 'number')
  const cases = Object.fromEntries(plain.map(([name, [type]]) => [name, [type, nothing]]))
  return tlvs(cases as unknown as Plain<R>, { align: 4 })
}

/** A field in a list of fields; as numbers where no row has it or its length is another. */
export type OxmId =
  | { readonly field: FieldName; readonly masked: boolean }
  | { readonly header: number; readonly experimenter?: number }

const word = struct('oxm_id', REF, { value: u32() })
const maskedHeader = (name: FieldName) => {
  const { header, size } = fieldOf[name]
  return header + 0x100 + size
}
export const oxmIds: Part<readonly OxmId[]> = {
  read(bytes, start, end) {
    const out: OxmId[] = []
    for (let at = start; at < end; ) {
      if (end - at < 4) throw new WireError('truncated field id', at)
      const header = word.get.value(bytes, at)
      at += 4
      let experimenter: number | undefined
      if (header >>> 16 === 0xffff) {
        if (end - at < 4) throw new WireError('truncated field id', at)
        experimenter = word.get.value(bytes, at)
        at += 4
      }
      const masked = (header & 0x100) !== 0
      const field = fieldByHeader(header)
      const known =
        field &&
        field.experimenter === experimenter &&
        header === (masked ? maskedHeader(field.name) : field.header)
      if (known) out.push({ field: field.name, masked })
      else out.push(experimenter === undefined ? { header } : { header, experimenter })
    }
    return out
  },
  write(writer, values) {
    for (const id of values) {
      const at = writer.reserve(4)
      let experimenter: number | undefined
      if ('field' in id) {
        const { header } = fieldOf[id.field]
        experimenter = fieldOf[id.field].experimenter
        word.set.value(writer.bytes, at, id.masked ? maskedHeader(id.field) : header)
      } else {
        experimenter = id.experimenter
        word.set.value(writer.bytes, at, id.header)
      }
      if (experimenter !== undefined) {
        put(writer, 4, word.set.value, experimenter)
      }
    }
  },
}

const instructionIds = record(struct('instructions', REF, {}), { ids: ids(instructionRows) })
const actionIds = record(struct('actions', REF, {}), { ids: ids(actionRows) })
const fields = record(struct('fields', REF, {}), { fields: oxmIds })
const nextTables = record(struct('next_tables', REF, {}), { tables: rest })
const experimenter = record(struct('experimenter', REF, { experimenter: u32(), exp_type: u32() }), {
  data: rest,
})

/** `…_miss`: of the table-miss flow, where it differs. */
export const tableFeatureProperties = {
  instructions: [0, instructionIds],
  instructions_miss: [1, instructionIds],
  next_tables: [2, nextTables],
  next_tables_miss: [3, nextTables],
  write_actions: [4, actionIds],
  write_actions_miss: [5, actionIds],
  apply_actions: [6, actionIds],
  apply_actions_miss: [7, actionIds],
  match: [8, fields],
  /** Fields that a flow may leave out. */
  wildcards: [10, fields],
  write_setfield: [12, fields],
  write_setfield_miss: [13, fields],
  apply_setfield: [14, fields],
  apply_setfield_miss: [15, fields],
  experimenter: [0xfffe, experimenter],
  experimenter_miss: [0xffff, experimenter],
} as const

export const tableFeatures = record(
  struct('table_features', REF, {
    length: u16(),
    table_id: u8(),
    pad: pad(40),
    name: text(32),
    metadata_match: hex64('bits that can be matched'),
    metadata_write: hex64('bits that can be written'),
    config: hex32(),
    max_entries: u32(),
  }),
  { properties: tlvs(tableFeatureProperties, { padded: false }) },
  { length: 'self' },
)
