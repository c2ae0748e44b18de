/**
 * Actions: what is done to a packet, one row each. Here are OpenFlow's own (1.3.5 §7.2.5) and the
 * table of all of them. Fields that are operands are named as in oxm.ts.
 * Neighbours: action-nicira.ts, action-ct.ts, action-learn.ts (Open vSwitch's), instruction.ts and
 * message.ts carry lists of actions, text.ts prints them.
 */
import { UnknownError, WireError } from '../wire/error.ts'
import { type AnyPart, fixed, type Part, type PartOf, tlvs } from '../wire/record.ts'
import { hex16, pad, struct, u8, u16, u32 } from '../wire/struct.ts'
import { ctActions } from './action-ct.ts'
import { learnActions } from './action-learn.ts'
import { niciraActions } from './action-nicira.ts'
import { tlvAt, tlvValue, writeField } from './match.ts'
import { type FieldName, fieldByName, fieldOf } from './oxm.ts'

export { NICIRA } from './experimenter.ts'
export type { Subfield } from './operand.ts'

const REF = 'OpenFlow 1.3.5 §7.2.5'
const empty = fixed(struct('action without operands', REF, { pad: pad(32) }))
const ethertype = (name: string) =>
  fixed(struct(name, REF, { ethertype: hex16('EtherType of the new tag'), pad: pad(16) }))

/** `max_len` counts for the reserved port controller alone; Open vSwitch keeps it for others too. */
const outputTo = fixed(
  struct('output', REF, {
    port: u32(),
    max_len: u16('bytes to the controller, 0xffff: all'),
    pad: pad(48),
  }),
)
const { write: writeOutput } = outputTo
const output: Part<{ port: number; max_len?: number }> = {
  ...outputTo,
  write(writer, value) {
    if (value.max_len === undefined) writeOutput(writer, { port: value.port, max_len: 0 })
    else writeOutput(writer, value as Required<typeof value>)
  },
}

const set_field: Part<{ field: FieldName; value: number | bigint }> = {
  read(bytes, start, end) {
    const tlv = tlvAt(bytes, start, end)
    if (!tlv.field) throw new UnknownError('set_field of an unknown field', start)
    if (tlv.masked) throw new WireError('OpenFlow 1.3 has no masked set_field', start)
    const value = tlvValue(bytes, tlv.field, tlv)
    if (value > tlv.field.ones) throw new UnknownError('set_field of more bits than it has', start)
    return { field: tlv.field.name, value }
  },
  write(writer, { field: name, value }) {
    const field = fieldByName.get(name)
    if (field === undefined) throw new RangeError(`no field is called ${name}`)
    writeField(writer, field, value)
  },
}

/** The table of actions; `kind` of an Action is the row's name. */
export const actionRows = {
  output: [0, output],
  copy_ttl_out: [11, empty],
  copy_ttl_in: [12, empty],
  set_mpls_ttl: [15, fixed(struct('set_mpls_ttl', REF, { mpls_ttl: u8(), pad: pad(24) }))],
  dec_mpls_ttl: [16, empty],
  push_vlan: [17, ethertype('push_vlan')],
  pop_vlan: [18, empty],
  push_mpls: [19, ethertype('push_mpls')],
  pop_mpls: [20, ethertype('pop_mpls')],
  set_queue: [21, fixed(struct('set_queue', REF, { queue_id: u32() }))],
  group: [22, fixed(struct('group', REF, { group_id: u32() }))],
  set_nw_ttl: [23, fixed(struct('set_nw_ttl', REF, { nw_ttl: u8(), pad: pad(24) }))],
  dec_nw_ttl: [24, empty],
  set_field: [25, set_field],
  push_pbb: [26, ethertype('push_pbb')],
  pop_pbb: [27, empty],
  ...niciraActions,
  ...learnActions,
  ...ctActions((): AnyPart => actionsPart),
} as const

/** A list of actions as bytes. */
export const actionsPart = tlvs(actionRows, { experimenter: 0xffff })
export type Action = PartOf<typeof actionsPart>[number]

/** Copies a whole field onto another of the same width. */
export const moveField = (src: FieldName, dst: FieldName): Action => {
  const n_bits = Math.min(fieldOf[src].bits, fieldOf[dst].bits)
  return {
    kind: 'move',
    src: { field: src, ofs: 0, n_bits },
    dst: { field: dst, ofs: 0, n_bits },
  }
}
