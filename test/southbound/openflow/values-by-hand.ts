/** Random values of the parts that are written by hand, by the name of the row. Neighbour: values.ts. */
import fc from 'fast-check'
import { encodeMatch, type Match, masked } from '../../../southbound/openflow/match.ts'
import { encode } from '../../../southbound/openflow/message.ts'
import {
  type FieldName,
  fieldNames,
  fieldOf,
  type OxmField,
} from '../../../southbound/openflow/oxm.ts'

type Value = number | bigint
export const bits = (n: number): fc.Arbitrary<Value> => {
  const max = (1n << BigInt(n)) - 1n
  const any = fc.oneof(fc.bigInt(0n, max), fc.constantFrom(0n, 1n, max))
  return n > 48 ? any : any.map(Number)
}

/** A variable field of all its 124 bytes is rare; a few words are common. */
export const oxmValue = (field: OxmField) =>
  field.variable ? fc.oneof(bits(64), bits(90), bits(field.bits)) : bits(field.bits)

export const matches: fc.Arbitrary<Match> = fc
  .uniqueArray(fc.constantFrom(...fieldNames), { maxLength: 6 })
  .chain((names) => fc.tuple(...names.map((name) => entry(fieldOf[name]).map((v) => [name, v]))))
  .map((entries) => Object.fromEntries(entries) as Match)

/** An exact value, or a value under a mask that is neither none nor all ones. */
function entry(field: OxmField): fc.Arbitrary<Value | readonly [Value, Value]> {
  const exact = oxmValue(field)
  if (!field.maskable || field.bits === 1) return exact
  const masked = fc
    .tuple(oxmValue(field), oxmValue(field))
    .filter(([, mask]) => BigInt(mask) !== 0n && mask !== field.ones)
    .map(([value, mask]): readonly [Value, Value] => {
      const cut = BigInt(value) & BigInt(mask)
      return [typeof value === 'number' ? Number(cut) : cut, mask]
    })
  return fc.oneof(exact, masked)
}

const fieldName = fc.constantFrom<FieldName>(...fieldNames)
const ofs = fc.integer({ min: 0, max: 1023 })
const sub = (n_bits: number) => fc.record({ field: fieldName, ofs, n_bits: fc.constant(n_bits) })
const upTo = (n: number) => fc.integer({ min: 1, max: n })
const subfield = upTo(64).chain(sub)
/** A field whose header has 4 bytes. */
const shortName = fieldName.filter((name) => fieldOf[name].operandHeader >>> 16 !== 0xffff)
const shortSub = fc.record({ field: shortName, ofs, n_bits: upTo(64) })
const fieldAt = fc.record({ field: fieldName, ofs: fc.integer({ min: 0, max: 0xffff }) })
const u16 = fc.integer({ min: 0, max: 0xffff })
const match = matches.map(encodeMatch)
const flowBytes = {
  table_id: fc.integer({ min: 0, max: 255 }),
  priority: u16,
  cookie: bits(64),
  match,
  instructions: fc.uint8Array({ maxLength: 32 }),
}

export const octets = (n: number) => fc.uint8Array({ minLength: n, maxLength: n })
const moved = upTo(48).chain((n) => fc.record({ src: sub(n), dst: sub(n) }))
const members = {
  algorithm: u16,
  fields: u16,
  basis: u16,
  members: fc.array(u16, { maxLength: 6 }),
}
const fewActions = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('output'), port: bits(32), max_len: u16 }),
    fc.record({ kind: fc.constant('load'), dst: shortSub, value: bits(64) }),
    fc.record({ kind: fc.constant('clone'), actions: fc.constant([{ kind: 'pop_vlan' }]) }),
    fc.record({ kind: fc.constant('nat'), flags: u16, ipv4_min: bits(32) }),
  ),
  { maxLength: 3 },
)
const spec = upTo(128).chain((n) => {
  const n_bits = fc.constant(n)
  return fc.oneof(
    fc.record({
      kind: fc.constantFrom('match', 'load'),
      n_bits,
      src: fc.oneof(fieldAt, fc.bigInt(0n, (1n << BigInt(n)) - 1n)),
      dst: fieldAt,
    }),
    fc.record({ kind: fc.constant('output'), n_bits, src: fieldAt }),
  )
})
const learned = {
  idle_timeout: u16,
  hard_timeout: u16,
  priority: u16,
  cookie: bits(64),
  flags: u16,
  table_id: fc.integer({ min: 0, max: 255 }),
  fin_idle_timeout: u16,
  fin_hard_timeout: u16,
  specs: fc.array(spec, { maxLength: 4 }),
}

const oxmIds = fc.array(
  fc.oneof(
    fc.record({ field: fieldName, masked: fc.boolean() }),
    fc.constantFrom({ header: 0x8000fe04 }, { header: 0xffff0008, experimenter: 77 }),
  ),
  { maxLength: 5 },
)

/** By the name of the row or part. */
export const byHand: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  match,
  message: fc
    .uint8Array({ maxLength: 20 })
    .map((data) => encode({ type: 'echo_request', xid: 9, data })),
  error: fc.oneof(
    fc.record({ error_type: fc.integer({ min: 0, max: 13 }), code: u16, data: fc.uint8Array() }),
    fc.record({
      error_type: fc.constant(0xffff),
      code: u16,
      experimenter: bits(32),
      data: fc.uint8Array(),
    }),
  ),
  version_bitmap: fc
    .uniqueArray(fc.integer({ min: 0, max: 70 }), { minLength: 1, maxLength: 4 })
    .map((versions) => ({ versions: versions.sort((a, b) => a - b) })),
  set_field: fieldName.chain((field) =>
    fc.record({ field: fc.constant(field), value: oxmValue(fieldOf[field]) }),
  ),
  load2: fieldName
    .filter((name) => fieldOf[name].maskable)
    .chain((name) => {
      const field = fieldOf[name]
      const mask = oxmValue(field).filter((one) => one !== field.ones)
      return fc
        .tuple(oxmValue(field), mask)
        .map(([value, one]) => ({ field: name, value: masked(field, value, one), mask: one }))
    }),
  move: moved,
  copy_field: moved,
  load: fc.record({ dst: shortSub, value: bits(64) }),
  src: subfield,
  dst: subfield,
  field: fieldName,
  output_reg2: fc.record({ src: subfield, max_len: u16 }),
  dec_ttl_cnt_ids: fc.record({ ids: fc.array(u16, { maxLength: 5 }) }),
  bundle: fc.record(members),
  bundle_load: fc.record({ ...members, dst: shortSub }),
  ct: fc.record({
    flags: u16,
    zone: fc.oneof(u16, shortSub),
    recirc_table: fc.integer({ min: 0, max: 255 }),
    alg: u16,
    actions: fewActions,
  }),
  clone: fc.record({ actions: fewActions }),
  nat: fc.record(
    {
      flags: u16,
      ipv4_min: bits(32),
      ipv4_max: bits(32),
      ipv6_min: bits(128),
      ipv6_max: bits(128),
      proto_min: u16,
      proto_max: u16,
    },
    { requiredKeys: ['flags'] },
  ),
  learn: fc.record(learned),
  learn2: fc
    .tuple(fc.record({ ...learned, limit: bits(32) }), fc.option(fieldAt))
    .map(([one, result_dst]) =>
      result_dst ? { ...one, flags: one.flags | 4, result_dst } : { ...one, flags: one.flags & ~4 },
    ),
  fields: oxmIds,
  'properties match': fc.record({ fields: oxmIds }),
  metadata: fc.record({ metadata: match }),
  check_pkt_larger: fc.record({
    pkt_len: u16,
    dst: fc.record({ field: fieldName, ofs: fc.integer({ min: 0, max: 31 }) }),
  }),
  flow_monitor_request: fc.record({
    id: bits(32),
    flags: u16,
    out_port: bits(32),
    table_id: flowBytes.table_id,
    match,
  }),
  flow_update: fc.oneof(
    fc.record({ event: fc.constant('abbrev'), xid: bits(32) }),
    fc.record({
      event: fc.constantFrom('added', 'deleted', 'modified'),
      reason: u16,
      idle_timeout: u16,
      hard_timeout: u16,
      ...flowBytes,
    }),
  ),
}
