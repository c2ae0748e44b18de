/**
 * Messages that the rows alone make too seldom: matches whose fields lie about their length or come
 * twice, instructions and buckets with every action, actions nested deeper than any switch goes.
 * Neighbours: openflow.ts, ../southbound/openflow/values.ts.
 */
import fc from 'fast-check'
import { actionRows, actionsPart } from '../../southbound/openflow/action.ts'
import { NICIRA, ONF } from '../../southbound/openflow/experimenter.ts'
import { encodeGroup } from '../../southbound/openflow/group.ts'
import { instructionsPart } from '../../southbound/openflow/instruction.ts'
import { encodeMatch, type Match } from '../../southbound/openflow/match.ts'
import { allFlows, multipartRows } from '../../southbound/openflow/multipart.ts'
import { writeHeader } from '../../southbound/openflow/operand.ts'
import { fieldNames, fieldOf, type OxmField } from '../../southbound/openflow/oxm.ts'
import { tlvs } from '../../southbound/wire/record.ts'
import { Writer } from '../../southbound/wire/writer.ts'
import { validMatches } from '../southbound/openflow/text-match-values.ts'
import { valuesOf } from '../southbound/openflow/values.ts'
import { joined } from './random.ts'

const writer = new Writer(1024)
function bytesOf(part: { write(writer: Writer, value: never): void }, value: unknown): Uint8Array {
  writer.length = 0
  part.write(writer, value as never)
  return writer.copy()
}

/** One OXM: mostly as its row says, else longer, shorter, masked or another experimenter's. */
function oxmOf(
  field: OxmField,
  way: number,
  mask: boolean,
  fill: Uint8Array,
  ones = false,
): Uint8Array {
  const size = (field.variable ? 8 : field.size) + field.prefix
  const values = mask ? 2 * size - field.prefix : size
  // A variable field is only wrong when empty or longer than it can be.
  const wrong = field.variable ? [-values, mask ? 1 : 130, 250] : [1, -1, 4]
  const length = Math.min(255, Math.max(0, values + (wrong[way - 4] ?? 0)))
  const out = new Uint8Array(4 + length)
  const view = new DataView(out.buffer)
  for (let i = 0; i < length; i++) out[4 + i] = fill[i % fill.length]!
  if (mask && ones) out.fill(0xff, 4 + size)
  view.setUint32(0, (((field.header & ~0xff) >>> 0) + length + (mask ? 0x100 : 0)) >>> 0)
  if (field.prefix && length >= 4) view.setUint32(4, way === 3 ? 1 : (field.experimenter ?? 0))
  return out
}
/** Bytes of which the leading ones are mostly zero, so that narrow fields hold them. */
const fill = fc.oneof(
  fc.constant(new Uint8Array([0])),
  fc.uint8Array({ minLength: 1, maxLength: 20 }),
)
const oxm = fc
  .tuple(
    fc.constantFrom(...fieldNames),
    fc.integer({ min: 0, max: 6 }),
    fc.boolean(),
    fill,
    fc.boolean(),
  )
  .map(([name, way, mask, bytes, ones]) => oxmOf(fieldOf[name], way, mask, bytes, ones))
const match = fc
  .tuple(fc.array(oxm, { maxLength: 4 }), fc.nat(3))
  .map(([list, twice]) => joined(...list, ...(twice === 0 ? list.slice(0, 1) : [])))
/** What a field needs may be there under a mask. */
const anyTag = fc.nat(7).map((vlan_pcp): Match => ({ vlan_vid: [0x1000, 0x1000], vlan_pcp }))
const valid = fc.oneof(validMatches as fc.Arbitrary<Match>, anyTag).map(encodeMatch)

const actions = valuesOf(actionsPart, 'actions')
const instructions = valuesOf(instructionsPart, 'instructions')
const instructionBytes = fc.oneof(
  instructions.map((value) => bytesOf(instructionsPart, value)),
  actions.map((list) => bytesOf(instructionsPart, [{ kind: 'apply_actions', actions: list }])),
)
/** Each action alone: what is wrong with one of several hides the others. */
const alone = Object.entries(actionRows).map(([kind, row]) => {
  const one = tlvs({ [kind]: row }, { experimenter: 0xffff })
  const list = valuesOf(one, 'actions') as fc.Arbitrary<readonly object[]>
  const bytes = list.map((value) =>
    bytesOf(instructionsPart, [{ kind: 'apply_actions', actions: value }]),
  )
  return flow(fc.constant(new Uint8Array(0)), bytes)
})

/** An action as bytes { type, length, body }, padded to 8; `type` [n] is Open vSwitch's n. */
function element(type: number | readonly [number], body: Uint8Array): Uint8Array {
  const head = typeof type === 'number' ? [type] : [0xffff, NICIRA >>> 16, NICIRA, type[0]]
  const size = (2 + 2 * head.length + body.length + 7) & ~7
  const [first = 0, ...others] = head
  return joined(u16(first, size, ...others), body, new Uint8Array(size)).slice(0, size)
}
const u16 = (...words: readonly number[]) =>
  new Uint8Array(words.flatMap((word) => [(word >>> 8) & 255, word & 255]))
function operand(name: (typeof fieldNames)[number]): Uint8Array {
  writer.length = 0
  writeHeader(writer, name)
  return writer.copy()
}
const more = fc.uint8Array({ maxLength: 24 })
const LOAD = 7
const LOAD2 = 33
const LEARN = 16
const LEARN2 = 45
const bodies = fc.oneof(
  // Any field as it may be in a match, masked or not, in the actions that set one.
  fc
    .tuple(fc.constantFrom<number | readonly [number]>(25, [LOAD2]), oxm)
    .map((of) => element(...of)),
  fc
    .tuple(fc.constantFrom(...fieldNames), more)
    .map(([name, bytes]) => element([LOAD], joined(u16(0), operand(name), bytes))),
  // Parts of a learned flow whose headers are any bits.
  fc
    .tuple(
      fc.constantFrom(LEARN, LEARN2),
      fc.nat(0x3fff),
      fc.boolean(),
      more,
      fc.constantFrom(...fieldNames),
    )
    .map(([type, spec, small, bytes, name]) => {
      const head = new Uint8Array(type === LEARN ? 22 : 30)
      const field = joined(operand(name), u16(0))
      return element([type], joined(head, u16(small ? spec & 0x380f : spec), bytes, field, field))
    }),
)
const elements = bodies.map((one) => {
  writer.length = 0
  // apply_actions, of which the length is known.
  return joined(u16(4, 8 + one.length, 0, 0), one)
})
const nested = fc.integer({ min: 1, max: 90 }).map((depth) => {
  let inner: readonly object[] = [{ kind: 'pop_vlan' }]
  for (let i = 0; i < depth; i++) {
    const ct = { kind: 'ct', flags: 1, zone: 0, recirc_table: 255, alg: 0, actions: inner }
    inner = [i % 2 ? ct : { kind: 'clone', actions: inner }]
  }
  return bytesOf(instructionsPart, [{ kind: 'apply_actions', actions: inner }])
})

function flow(matches: fc.Arbitrary<Uint8Array>, list: fc.Arbitrary<Uint8Array>) {
  return fc.tuple(matches, list, fc.nat(255)).map(([one, two, table_id]) => ({
    ...{ type: 'flow_mod', xid: 1, cookie: 1n, cookie_mask: 0n, table_id, command: 0 },
    ...{ idle_timeout: 0, hard_timeout: 0, priority: 5, buffer_id: 0xffffffff, out_port: 0 },
    ...{ out_group: 0, flags: 0, match: one, instructions: two },
  }))
}
const empty = fc.constant(new Uint8Array(0))
const groups = fc.array(actions, { maxLength: 3 }).map((lists) => ({
  ...{ type: 'group_mod', xid: 1, command: 0 },
  ...encodeGroup({ group_id: 3, group_type: 1, buckets: lists as never }),
}))
const request = match.map((one) => ({
  ...{ type: 'multipart_request', xid: 2, kind: 'flow', more: false },
  body: { ...allFlows(), match: one },
}))
/** Lists of ids, one of which has a body that ids do not have. */
const tableFeatures = valuesOf(multipartRows.table_features[1], 'features').map((body) => ({
  ...{ type: 'multipart_request', xid: 2, kind: 'table_features', more: false, body },
}))
/** Errors by every type that has names, and by none. */
const errors = fc.record({
  ...{ type: fc.constant('error'), xid: fc.nat(9), data: more },
  error_type: fc.oneof(fc.constant(0xffff), fc.nat(20)),
  code: fc.oneof(fc.nat(20), fc.integer({ min: 2300, max: 2320 })),
  experimenter: fc.constantFrom(ONF, NICIRA, 1),
})
/** Types that no row declares. */
const foreign = fc
  .oneof(
    // A packet_in that ends behind its match.
    fc.nat(1).map((n) => ({
      ...{ type: 'unknown', code: 10 },
      bytes: joined(new Uint8Array(16), u16(1, 4, 0, 0), new Uint8Array(n)),
    })),
    fc.record({ type: fc.constant('unknown'), code: fc.nat(255), bytes: fc.uint8Array() }),
    fc.record({
      ...{ type: fc.constant('experimenter'), experimenter: fc.constantFrom(0x2320, 77) },
      ...{ exp_type: fc.nat(50), data: fc.uint8Array() },
    }),
    fc.record({
      ...{ type: fc.constantFrom('multipart_request', 'multipart_reply') },
      ...{ kind: fc.constant('unknown'), multipart_type: fc.nat(30), body: fc.uint8Array() },
    }),
    // Bytes that are no list of updates.
    fc.record({
      ...{ type: fc.constantFrom('multipart_request', 'multipart_reply') },
      ...{ kind: fc.constant('experimenter'), experimenter: fc.constant(ONF) },
      ...{ exp_type: fc.constant(1870), body: fc.uint8Array({ maxLength: 9 }) },
    }),
  )
  .map((message) => ({ xid: 3, ...message }))

/** More than one entry: what is to come more often. */
const many = <T>(n: number, values: T): T[] => Array.from({ length: n }, () => values)
export const materials: readonly fc.Arbitrary<object>[] = [
  ...many(40, flow(match, empty)),
  ...many(4, flow(valid, empty)),
  ...many(15, flow(empty, instructionBytes)),
  ...alone,
  ...many(12, flow(empty, elements)),
  errors,
  flow(empty, nested),
  ...many(8, groups),
  request,
  ...many(6, tableFeatures),
  foreign,
]
