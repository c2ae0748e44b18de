/**
 * Random values of every message, derived from the tables of rows: a new row is generated, and thus
 * tested, by itself. Only parts written by hand have a generator here.
 */
import fc from 'fast-check'
import { encodeMatch, type Match } from '../../../southbound/openflow/match.ts'
import { encode, type Message } from '../../../southbound/openflow/message.ts'
import { messageRows } from '../../../southbound/openflow/message-rows.ts'
import { multipartRows } from '../../../southbound/openflow/multipart.ts'
import {
  type FieldName,
  fieldNames,
  fieldOf,
  type OxmField,
} from '../../../southbound/openflow/oxm.ts'
import type { AnyPart } from '../../../southbound/wire/record.ts'
import type { Field, Fields } from '../../../southbound/wire/struct.ts'

type Value = number | bigint
const bits = (n: number): fc.Arbitrary<Value> => {
  const max = (1n << BigInt(n)) - 1n
  const any = fc.oneof(fc.bigInt(0n, max), fc.constantFrom(0n, 1n, max))
  return n > 48 ? any : any.map(Number)
}

export const oxmValue = (field: OxmField) => bits(field.bits)

export const matches: fc.Arbitrary<Match> = fc
  .uniqueArray(fc.constantFrom(...fieldNames), { maxLength: 6 })
  .chain((names) => fc.tuple(...names.map((name) => entry(fieldOf[name]).map((v) => [name, v]))))
  .map((entries) => Object.fromEntries(entries) as Match)

/** An exact value, or a value under a mask that is neither none nor all ones. */
function entry(field: OxmField): fc.Arbitrary<Value | readonly [Value, Value]> {
  const exact = oxmValue(field)
  if (!field.maskable) return exact
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
const sub = (n_bits: number) => fieldName.map((field) => ({ field, ofs: 0, n_bits }))
const u16 = fc.integer({ min: 0, max: 0xffff })
const match = matches.map(encodeMatch)
const flowBytes = {
  table_id: fc.integer({ min: 0, max: 255 }),
  priority: u16,
  cookie: bits(64),
  match,
  instructions: fc.uint8Array({ maxLength: 32 }),
}

/** By the name of the row or part. */
const byHand: Readonly<Record<string, fc.Arbitrary<object | Uint8Array>>> = {
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
    .chain((field) => {
      const { ones } = fieldOf[field]
      return fc.record({
        field: fc.constant(field),
        value: oxmValue(fieldOf[field]),
        mask: oxmValue(fieldOf[field]).filter((mask) => mask !== ones),
      })
    }),
  move: fc.integer({ min: 1, max: 48 }).chain((n) => fc.record({ src: sub(n), dst: sub(n) })),
  load: fc.integer({ min: 1, max: 64 }).chain((n) => fc.record({ dst: sub(n), value: bits(64) })),
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

function fieldValue(field: Field): fc.Arbitrary<unknown> {
  if (field.kind !== 'text') return bits(field.bits)
  return fc.string({ unit: 'grapheme-ascii', maxLength: field.bits / 8 })
}

const fieldsOf = (fields: Fields, without: readonly string[] = []) =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([name, field]) => field.kind !== 'pad' && !without.includes(name))
      .map(([name, field]) => [name, fieldValue(field)]),
  )

function valuesOf(part: AnyPart, name: string): fc.Arbitrary<unknown> {
  const own = byHand[name]
  if (own) return own
  const { shape } = part
  switch (shape?.is) {
    case 'struct':
      return fc.record(fieldsOf(shape.head.fields))
    case 'record': {
      const parts = Object.entries(shape.parts).map(([key, one]) => [key, valuesOf(one, key)])
      return fc.record({
        ...fieldsOf(shape.head.fields, shape.lengths),
        ...Object.fromEntries(parts),
      })
    }
    case 'list':
      return fc.array(valuesOf(shape.element, `${name} element`), { maxLength: 3 })
    case 'tlvs': {
      const known = Object.entries(shape.cases).map(([kind, [, body]]) =>
        valuesOf(body, kind).map((value) => ({ kind, ...(value as object) })),
      )
      const size = fc.constantFrom(4, 12, 20)
      const unknown = fc.record({
        kind: fc.constant('unknown'),
        type: fc.constantFrom(0x7001, 0x7002),
        bytes: size.chain((n) => fc.uint8Array({ minLength: n, maxLength: n })),
      })
      return fc.array(fc.oneof(...known, unknown), { maxLength: 4 })
    }
    case 'bytes':
      return fc.uint8Array({ maxLength: 40 })
    case 'nothing':
      return fc.constant({})
    default:
      throw new Error(`${name}: no generator`)
  }
}

const alias: Readonly<Record<string, string>> = {
  'flow_monitor 1 element': 'flow_monitor_request',
  'flow_monitor 2 element': 'flow_update',
}

function multipart(type: string, side: 1 | 2): fc.Arbitrary<object>[] {
  return Object.entries(multipartRows).map(([kind, row]) => {
    const part: AnyPart = row[side]
    const name = alias[`${kind} ${side} element`]
    const values =
      name === undefined
        ? valuesOf(part, `${type} ${kind}`)
        : fc.array(valuesOf(part, name), { maxLength: 3 })
    return fc.record({
      type: fc.constant(type),
      kind: fc.constant(kind),
      more: fc.boolean(),
      body: values,
    })
  })
}

/** One generator for each row. */
export const messages: Readonly<Record<string, fc.Arbitrary<Message>>> = Object.fromEntries(
  Object.entries(messageRows).flatMap(([type, [, part]]): [string, fc.Arbitrary<Message>][] => {
    const withXid = (values: fc.Arbitrary<unknown>) =>
      fc
        .tuple(bits(32), values)
        .map(([xid, value]) => ({ type, xid, ...(value as object) }) as Message)
    if (type === 'multipart_request' || type === 'multipart_reply') {
      const side = type === 'multipart_request' ? 1 : 2
      return Object.keys(multipartRows).map((kind, i) => [
        `${type} ${kind}`,
        withXid(multipart(type, side)[i] as fc.Arbitrary<object>),
      ])
    }
    return [[type, withXid(valuesOf(part, type))]]
  }),
)
