/**
 * Random values for the examples: every number of ours that os-ken's form has under the same name is
 * drawn anew on both sides, as wide as the row says; fields of a match get values and masks in the
 * form that os-ken has for them. Neighbours: example.ts, fields.ts, os-ken.ts.
 */
import fc from 'fast-check'
import { fieldOf, type OxmField } from '../../../../southbound/openflow/oxm.ts'
import { formatIpv6 } from '../../../../southbound/openflow/text.ts'
import type { AnyPart } from '../../../../southbound/wire/record.ts'
import { type Fields, ipv4, mac } from '../../../../southbound/wire/struct.ts'
import { tlv } from './example.ts'
import type { OsKenValue } from './os-ken.ts'

type Value = number | bigint
type Numbers = Readonly<Record<string, unknown>>

/** A number up to 48 bits, else a bigint; small ones, full ones and any. */
function bits(width: number): fc.Arbitrary<Value> {
  const max = (1n << BigInt(width)) - 1n
  const some = fc.oneof(fc.bigInt(0n, max), fc.constantFrom(0n, 1n, max, max >> 1n))
  return width > 48 ? some : some.map(Number)
}

/** Widths by name of what a part has before its parts. */
function widths(part: AnyPart): Readonly<Record<string, number>> {
  const { shape } = part
  const of = (fields: Fields) =>
    Object.fromEntries(
      Object.entries(fields)
        .filter(([, { kind }]) => kind === 'number' || kind === 'bigint')
        .map(([name, field]) => [name, field.bits]),
    )
  if (shape?.is === 'struct' || shape?.is === 'record') return of(shape.head.fields)
  if (shape?.is === 'list') return widths(shape.element)
  if (shape?.is !== 'sequence') return {}
  return Object.assign(
    {},
    ...shape.items.map((item) => ('size' in item ? of(item.fields as Fields) : {})),
  )
}

/** What says of which kind a thing is, or how much of the packet there is. */
const fixed = new Set([
  ...['type', 'kind', 'experimenter', 'exp_type', 'error_type', 'class', 'total_len'],
])

/**
 * Other values for the numbers that a value of ours (its part, for the widths) and one of os-ken's share.
 * Not for those in `without`. Names that are not the specification's on either side stay as the example has them.
 */
export function drawn(
  part: AnyPart,
  ours: Numbers,
  theirs: OsKenValue,
  without: readonly string[] = [],
): { names: readonly string[]; values: fc.Arbitrary<{ ours: Numbers; theirs: OsKenValue }> } {
  const [name = '', members = {}] = Object.entries(theirs)[0] ?? []
  const width = widths(part)
  const names = Object.keys(width).filter((key) => {
    const [one, other] = [ours[key], members[key]]
    const isNumber = typeof one === 'number' || typeof one === 'bigint'
    return isNumber && !fixed.has(key) && !without.includes(key) && Number(one) === other
  })
  const fields = Object.fromEntries(names.map((key) => [key, bits(width[key] as number)]))
  return {
    names,
    values: fc.record(fields).map((values) => ({
      ours: { ...ours, ...values },
      theirs: { [name]: { ...members, ...values } },
    })),
  }
}

const formatMac = mac().format
const formatIpv4 = ipv4().format
function inOsKen(field: OxmField, value: Value): Value | string {
  if (field.format === 'mac') return formatMac(Number(value))
  if (field.format === 'ipv4') return formatIpv4(Number(value))
  return field.format === 'ipv6' ? formatIpv6(BigInt(value)) : value
}

/** A value of a field, under a mask or not, that is canonical: no bits outside, not all, not none. */
export function fieldValue(
  field: OxmField,
  nameOfOsKen: string,
): fc.Arbitrary<{ ours: Value | readonly [Value, Value]; theirs: object }> {
  const value = bits(field.bits)
  const exact = value.map((ours) => ({ ours, theirs: tlv(nameOfOsKen, inOsKen(field, ours)) }))
  if (!fieldOf[field.name].maskable || field.bits === 1) return exact
  const masked = fc
    .tuple(value, value)
    .filter(([, mask]) => mask !== field.ones && Number(mask) !== 0)
    .map(([one, mask]) => {
      const under = BigInt(one) & BigInt(mask)
      const ours = field.bits > 48 ? under : Number(under)
      const theirs = tlv(nameOfOsKen, inOsKen(field, ours), inOsKen(field, mask))
      return { ours: [ours, mask] as const, theirs }
    })
  return fc.oneof(exact, masked)
}
