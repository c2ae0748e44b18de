import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { isUuid } from '../../../southbound/ovsdb/atom.ts'
import { columnCodec } from '../../../southbound/ovsdb/codec.ts'
import { applyDifference, valueDifference } from '../../../southbound/ovsdb/difference.ts'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { tableCodec } from '../../../southbound/ovsdb/row-codec.ts'
import * as schema from '../../../southbound/ovsdb/schema.ts'
import { formatSchema, parseSchema } from '../../../southbound/ovsdb/schema-json.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { hasOvs, ovsSchemaPath } from './peers.ts'
import { good, schemas } from './schema-refusals.ts'

const { boolean, integer, map, one, optional, real, set, string, uuid } = schema

test.skipIf(!hasOvs)('the declared schema is the one that Open vSwitch installs', () => {
  const installed = parseSchema(JSON.parse(readFileSync(ovsSchemaPath, 'utf8')))
  expect(formatSchema(openVSwitch)).toEqual(formatSchema(installed))
  expect(openVSwitch).toEqual(installed)
})

test('a schema survives its JSON form', () => {
  expect(parseSchema(JSON.parse(JSON.stringify(formatSchema(openVSwitch))))).toEqual(openVSwitch)
})

const nested = (depth: number): unknown => {
  let inner: unknown[] = []
  for (let i = 0; i < depth; i++) inner = [inner]
  return inner
}

test.each([
  ['no object', 3],
  ['no tables', { name: 'x' }],
  ['a type nobody knows', { name: 'x', tables: { t: { columns: { c: { type: 'float' } } } } }],
  [
    'a minimum of 2',
    { name: 'x', tables: { t: { columns: { c: { type: { key: 'integer', min: 2 } } } } } },
  ],
  ...(['enum', 'index'] as const).map((place): [string, object] => [
    `lists nested in an ${place}`,
    {
      name: 'x',
      tables: {
        t: {
          ...(place === 'index' && { indexes: [[nested(5000)]] }),
          columns: {
            c: {
              type: {
                key: {
                  type: 'string',
                  ...(place === 'enum' && { enum: ['set', [nested(5000), 'a']] }),
                },
              },
            },
          },
        },
      },
    },
  ]),
])('a schema with %s is refused with the place', (_name, json) => {
  expect(() => parseSchema(json)).toThrow(OvsdbError)
})

const id = '11111111-2222-3333-4444-555555555555'
const values: [name: string, column: schema.Column, wire: unknown, decoded: unknown][] = [
  ['an integer', one(integer()), 3, 3],
  ['a real', one(real()), 1.5, 1.5],
  ['a boolean', one(boolean()), true, true],
  ['a string', one(string()), 'a', 'a'],
  ['a uuid', one(uuid()), ['uuid', id], id],
  ['an optional that is there', optional(string()), 'a', 'a'],
  ['an optional that is not', optional(string()), ['set', []], undefined],
  ['a set of one', set(string()), 'a', ['a']],
  ['an empty set', set(string()), ['set', []], []],
  ['a set', set(integer()), ['set', [2, 10]], [2, 10]],
  ['a set of uuids with one', set(uuid()), ['uuid', id], [id]],
  ['a map', map(string(), string()), ['map', [['a', 'b']]], { a: 'b' }],
  ['a map with integer keys', map(integer(), uuid()), ['map', [[7, ['uuid', id]]]], { 7: id }],
  ['an empty map', map(string(), string()), ['map', []], {}],
]
test.each(values)('%s decodes and encodes back', (_name, column, wire, decoded) => {
  const codec = columnCodec('c', column)
  expect(codec.decode(wire)).toEqual(decoded)
  expect(codec.encode(decoded)).toEqual(wire)
})

test('sets are sorted and maps have no inherited keys', () => {
  expect(columnCodec('c', set(integer())).decode(['set', [10, 9, -1]])).toEqual([-1, 9, 10])
  const wire = [
    'map',
    [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ],
  ]
  const decoded = columnCodec('c', map(string(), string())).decode(wire) as Record<string, string>
  expect(Object.keys(decoded)).toEqual(['__proto__', 'constructor'])
  expect(decoded.toString).toBeUndefined()
  expect(columnCodec('c', map(string(), string())).encode(decoded)).toEqual(wire)
})

describe('what does not suit a column is an OvsdbError', () => {
  const wrong: [schema.Column, unknown][] = [
    [one(integer()), 1.5],
    [one(integer()), '1'],
    [one(string()), ['set', []]],
    [one(uuid()), ['uuid', 'x']],
    [one(uuid()), id],
    [one(uuid()), ['named-uuid', 'x']],
    [optional(string()), ['set', ['a', 'b']]],
    [set(integer()), ['set', [1, 1]]],
    [set(integer()), ['set', 1]],
    [set(integer()), null],
    [map(string(), string()), ['set', []]],
    [map(string(), string()), ['map', [['a']]]],
    [
      map(string(), string()),
      [
        'map',
        [
          ['a', 'b'],
          ['a', 'c'],
        ],
      ],
    ],
    [map(string(), string()), undefined],
  ]
  test.each(wrong)('%j <- %j', (column, wire) => {
    expect(() => columnCodec('c', column).decode(wire)).toThrow(OvsdbError)
  })
  test('also from our own side', () => {
    const codec = tableCodec(openVSwitch, 'Bridge')
    expect(() => codec.encode({ name: 3 })).toThrow(/column name: .*expected string, found 3/)
    expect(() => codec.encode({ nope: 3 })).toThrow(/No column nope in table Bridge/)
    expect(() => codec.encode({ ports: 'x' })).toThrow(/expected an array/)
    expect(() => codec.encode({ ports: ['not a uuid'] })).toThrow(/uuid/)
    expect(() => codec.encode({ name: undefined })).toThrow(OvsdbError)
  })
})

test('a difference applied to the old value gives the new one', () => {
  const cases: [schema.Column, unknown, unknown][] = [
    [one(integer()), 1, 2],
    [optional(string()), 'a', undefined],
    [set(integer()), [1, 2, 3], [2, 4]],
    [set(integer()), [], [1]],
    [map(string(), string()), { a: '1', b: '2' }, { b: '3', c: '4' }],
    [map(integer(), string()), { 1: 'a', 10: 'b' }, { 10: 'b', 2: 'c' }],
  ]
  for (const [column, before, after] of cases) {
    const codec = columnCodec('c', column)
    expect(applyDifference(codec, before, valueDifference(codec, before, after))).toEqual(after)
  }
})

test('a uuid is recognized by its form alone', () => {
  expect(isUuid(id)).toBe(true)
  expect(isUuid('iface')).toBe(false)
})

test('what is no part of a schema is refused, as ovsdb-tool does', () => {
  const takes = (schema: object) => {
    try {
      parseSchema(schema)
      return true
    } catch (error) {
      expect(error).toBeInstanceOf(OvsdbError)
      return false
    }
  }
  const taken = Object.keys(schemas).filter((name) => takes(schemas[name] ?? {}))
  expect(taken).toEqual([...good])
})

test('a schema that is declared has to make sense as well', () => {
  const { database, ref, table } = schema
  const lost = database('D', '1.0.0', { A: table({ b: set(ref('Nope')) }) })
  expect(() => new OvsdbServer(lost)).toThrow(/A\.b refTable: unexpected "Nope"/)
  const { insert } = operations(openVSwitch)
  expect(() => insert('Port', { name: 'p' }, 'port-1')).toThrow(/uuid-name 'port-1'/)
})

test('a monitor may ask for all columns', () => {
  const columns = ['private_key', 'certificate', 'ca_cert', 'bootstrap_ca_cert', 'external_ids']
  expect(schema.allColumns(openVSwitch, 'SSL')).toEqual(columns)
})

test('a map is shown as what it holds', () => {
  const codec = columnCodec('c', map(string(), string()))
  expect(inspect([codec.initial, codec.decode(['map', [['a', 'b']]])])).toBe("[ {}, { a: 'b' } ]")
})
