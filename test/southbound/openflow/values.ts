/**
 * Random values of every message, derived from the tables of rows: a new row is generated, and thus
 * tested, by itself. Only parts written by hand have a generator here.
 */
import fc from 'fast-check'
import type { Message } from '../../../southbound/openflow/message.ts'
import { messageRows } from '../../../southbound/openflow/message-rows.ts'
import { multipartRows } from '../../../southbound/openflow/multipart.ts'
import type { AnyPart } from '../../../southbound/wire/record.ts'
import type { Field, Fields } from '../../../southbound/wire/struct.ts'
import { bits, byHand, octets } from './values-by-hand.ts'

export { matches, oxmValue } from './values-by-hand.ts'

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

/** Bytes at the end of an element that counts its padding, as many as come back: no padding. */
function wholeTail(part: AnyPart, before: number, align: number): fc.Arbitrary<object> | undefined {
  const { shape } = part
  const [key, last] = shape?.is === 'record' ? (Object.entries(shape.parts).at(-1) ?? []) : []
  if (shape?.is !== 'record' || last?.shape?.is !== 'bytes' || key === undefined) return undefined
  const least = (align - ((before + shape.head.size) % align)) % align
  const tail = fc.integer({ min: 0, max: 4 }).chain((n) => octets(least + n * align))
  return fc.record({ ...fieldsOf(shape.head.fields, shape.lengths), [key]: tail })
}

export function valuesOf(part: AnyPart, name: string, of = ''): fc.Arbitrary<unknown> {
  const { shape } = part
  const own = byHand[`${of} ${name}`] ?? byHand[name]
  if (own && shape?.is !== 'nothing') return own
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
      const known = Object.entries(shape.cases).map(([kind, [type, body]]) => {
        const before = typeof type === 'number' ? 4 : 10
        const whole = shape.padded ? wholeTail(body, before, shape.align) : undefined
        const values = whole ?? valuesOf(body, kind, name)
        return values.map((value) => ({ kind, ...(value as object) }))
      })
      const size = fc.constantFrom(...(shape.align === 4 ? [0, 4, 8] : [4, 12, 20]))
      const unknown = fc.record({
        kind: fc.constant('unknown'),
        type: fc.constantFrom(0x7001, 0x7002),
        bytes: size.chain((n) => fc.uint8Array({ minLength: n, maxLength: n })),
      })
      return fc.array(fc.oneof(...known, unknown), { maxLength: 4 })
    }
    case 'sequence':
      return fc.record(
        Object.assign(
          {},
          ...shape.items.map((item) =>
            typeof item.size === 'number'
              ? fieldsOf(item.fields as Fields)
              : Object.fromEntries(
                  Object.entries(item).map(([key, one]) => [key, valuesOf(one as AnyPart, key)]),
                ),
          ),
        ),
      )
    case 'lazy':
      return valuesOf(shape.part(), name)
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
