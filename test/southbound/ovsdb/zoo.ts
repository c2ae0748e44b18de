/**
 * A database with every type, kind of column and constraint that RFC 7047 knows, and random
 * transactions over it, right and wrong ones. Rows get uuids from a small pool, so that two servers
 * that did the same hold the very same rows.
 */
import fc from 'fast-check'
import type { Json } from './wire.ts'

const types = ['integer', 'real', 'boolean', 'string', 'uuid'] as const
type Type = (typeof types)[number]

interface ColumnType {
  readonly key: Json
  readonly value?: Json
  readonly min?: number
  readonly max?: number | 'unlimited'
}

/** Columns of every type and kind, without constraints: `integer`, `integer_optional`, … */
const plain: Record<string, ColumnType> = {}
for (const type of types) {
  plain[type] = { key: type }
  plain[`${type}_optional`] = { key: type, min: 0 }
  plain[`${type}_set`] = { key: type, min: 0, max: 'unlimited' }
  plain[`${type}_some`] = { key: type, min: 1, max: 3 }
  plain[`${type}_map`] = { key: type, value: 'string', min: 0, max: 'unlimited' }
  plain[`by_${type}`] = { key: 'string', value: type, min: 0, max: 3 }
}

const reference = (refTable: string, refType: 'strong' | 'weak') => ({
  type: 'uuid',
  refTable,
  refType,
})
const bounded: Record<string, ColumnType> = {
  range: { key: { type: 'integer', minInteger: -2, maxInteger: 3 } },
  ranges: { key: { type: 'integer', minInteger: -2, maxInteger: 3 }, min: 0, max: 'unlimited' },
  real_range: { key: { type: 'real', minReal: -0.5, maxReal: 1.5 } },
  length: { key: { type: 'string', minLength: 1, maxLength: 2 }, min: 0 },
  choice: { key: { type: 'string', enum: ['set', ['', 'a', 'b']] } },
  choices: { key: { type: 'integer', enum: ['set', [0, 1, 2]] }, min: 0, max: 2 },
  choice_map: {
    key: { type: 'string', enum: ['set', ['a', 'b']] },
    value: { type: 'integer', maxInteger: 2 },
    min: 0,
    max: 'unlimited',
  },
  strong: { key: reference('Leaf', 'strong'), min: 0, max: 'unlimited' },
  strong_one: { key: reference('Leaf', 'strong'), min: 0 },
  strong_map: { key: 'string', value: reference('Leaf', 'strong'), min: 0, max: 'unlimited' },
  strong_key: { key: reference('Leaf', 'strong'), value: 'integer', min: 0, max: 'unlimited' },
  weak: { key: reference('Leaf', 'weak'), min: 0, max: 'unlimited' },
  weak_one: { key: reference('Zoo', 'weak'), min: 0 },
  weak_map: { key: 'string', value: reference('Zoo', 'weak'), min: 0, max: 'unlimited' },
  weak_key: { key: reference('Leaf', 'weak'), value: 'string', min: 0, max: 'unlimited' },
}

/** Type and kind of every column that transactions use. */
export const zooColumns: Readonly<Record<string, ColumnType>> = { ...plain, ...bounded }

const column = (type: ColumnType, more: object = {}) => ({ type, ...more })
export const zooSchema = {
  name: 'Zoo',
  version: '1.2.3',
  tables: {
    Zoo: {
      isRoot: true,
      maxRows: 5,
      indexes: [['name'], ['range', 'choice', 'choices']],
      columns: {
        name: { type: 'string' },
        frozen: { type: 'integer', mutable: false },
        passing: { type: 'integer', ephemeral: true },
        ...Object.fromEntries(
          Object.entries(zooColumns).map(([name, type]) => [name, column(type)]),
        ),
      },
    },
    Leaf: {
      columns: {
        name: { type: 'string' },
        next: column({ key: reference('Leaf', 'strong'), min: 0 }),
        friend: column({ key: reference('Leaf', 'weak'), min: 0 }),
        owner: column({ key: reference('Zoo', 'weak'), min: 0, max: 'unlimited' }),
        must: column({ key: reference('Zoo', 'weak'), min: 0, max: 2 }),
      },
    },
    Plain: {
      isRoot: true,
      columns: { integer: { type: 'integer' }, string: { type: 'string' } },
    },
  },
}
const leafColumns = {
  name: { key: 'string' },
  next: { key: 'uuid', min: 0 },
  friend: { key: 'uuid', min: 0 },
  owner: { key: 'uuid', min: 0, max: 'unlimited' },
  must: { key: 'uuid', min: 0, max: 2 },
} satisfies Record<string, ColumnType>

// ---- values -----------------------------------------------------------------------------------

const rowUuid = (table: 'Zoo' | 'Leaf', n: number) =>
  `${table === 'Zoo' ? 'a' : 'b'}${String(n).padStart(7, '0')}-0000-4000-8000-000000000000`
const uuids = fc.oneof(
  fc.nat(6).map((n) => ['uuid', rowUuid('Leaf', n)]),
  fc.nat(4).map((n) => ['uuid', rowUuid('Zoo', n)]),
  fc.constantFrom('x', 'y').map((name) => ['named-uuid', name]),
)
const atoms: Record<Type, fc.Arbitrary<Json>> = {
  integer: fc.oneof(fc.integer({ min: -3, max: 4 }), fc.constantFrom(2 ** 40, -(2 ** 40))),
  real: fc.integer({ min: -4, max: 8 }).map((n) => n / 4),
  boolean: fc.boolean(),
  string: fc.constantFrom('', 'a', 'b', 'c', 'aa', 'aaa', '10', '9', 'é', '_'),
  uuid: uuids,
}
const wrongs: fc.Arbitrary<Json> = fc.constantFrom<Json>(
  null,
  {},
  [],
  1.5,
  'zz',
  true,
  ['set', 1],
  ['set', [1, 'a']],
  ['map', [[1]]],
  ['map', [['a', 'b', 'c']]],
  ['uuid', 'x'],
  ['named-uuid', '1'],
  ['nope', []],
)
const typeOf = (base: Json): Type =>
  (typeof base === 'string' ? base : (base as { type: Type }).type) as Type

/** A value may be wrong in one way only, twice the same or not allowed: which is told first is not the RFC's. */
const listOf = <T>(item: fc.Arbitrary<T>, distinct: boolean, key: (item: T) => Json) =>
  distinct
    ? fc.uniqueArray(item, { maxLength: 3, selector: (one) => JSON.stringify(key(one)) })
    : fc.array(item, { maxLength: 3 })
const isPlain = (base: Json) => typeof base === 'string'

function setOf(base: Json): fc.Arbitrary<Json> {
  const atom = atoms[typeOf(base)]
  const set = listOf(atom, !isPlain(base), (one) => one).map((list) => ['set', list])
  return fc.oneof(atom, set)
}
function mapOf(key: Json, value: Json): fc.Arbitrary<Json> {
  const pair = fc.tuple(atoms[typeOf(key)], atoms[typeOf(value)])
  const distinct = !isPlain(key) || !isPlain(value)
  return listOf(pair, distinct, ([one]) => one).map((list) => ['map', list])
}
function aValue({ key, value, max = 1 }: ColumnType): fc.Arbitrary<Json> {
  const atom = { weight: 20, arbitrary: atoms[typeOf(key)] }
  const set = setOf(key)
  const one = fc.oneof(atom, { weight: 1, arbitrary: set })
  const right = value ? mapOf(key, value) : max === 1 ? one : set
  return fc.oneof({ weight: 30, arbitrary: right }, { weight: 1, arbitrary: wrongs })
}

// ---- operations -------------------------------------------------------------------------------

const isNumber = ({ key, value }: ColumnType) =>
  ['integer', 'real'].includes(typeOf(key)) && value === undefined

const functionsOfAll = ['==', '!=', 'includes', 'excludes']
const functions = ['==', '!=', '<', '<=', '>', '>=', 'includes', 'excludes', 'nope']
const arithmetic = ['+=', '-=', '*=', '/=', '%=']

const tables = {
  Zoo: { ...zooColumns, name: { key: 'string' } },
  Leaf: leafColumns,
} satisfies Record<string, Record<string, ColumnType>>
type TableName = keyof typeof tables

function aColumn(table: TableName): fc.Arbitrary<[string, ColumnType]> {
  return fc.constantFrom(...(Object.entries(tables[table]) as [string, ColumnType][]))
}
function condition(table: TableName): fc.Arbitrary<Json> {
  const any = aColumn(table).chain(([name, type]) => {
    const likely = isNumber(type) && type.max === undefined ? functions : functionsOfAll
    const any = { weight: 1, arbitrary: fc.constantFrom(...functions) }
    const operator = fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...likely) }, any)
    return fc.tuple(fc.constant(name), operator, aValue(type))
  })
  const byUuid = fc
    .tuple(fc.constantFrom('==', '!=', 'includes', 'excludes'), fc.nat(4))
    .map(([name, n]) => ['_uuid', name, ['uuid', rowUuid(table, n)]])
  return fc.oneof({ weight: 3, arbitrary: byUuid }, { weight: 2, arbitrary: any })
}
const where = (table: TableName) =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant<Json[]>([]) },
    { weight: 3, arbitrary: fc.array(condition(table), { minLength: 1, maxLength: 2 }) },
  )
/** Two columns at most may be wrong in one way only: which error comes first is not the RFC's. */
const row = (table: TableName, size: number) =>
  fc
    .uniqueArray(
      aColumn(table).chain(([name, type]) => aValue(type).map((value) => [name, value] as const)),
      { maxLength: size, selector: ([name]) => name },
    )
    .map((pairs) => Object.fromEntries(pairs))
const columns = (table: TableName) =>
  fc.uniqueArray(fc.constantFrom(...Object.keys(tables[table]), '_uuid'), {
    minLength: 1,
    maxLength: 3,
  })

function insertInto(table: TableName): fc.Arbitrary<Json> {
  const name = fc.option(fc.constantFrom('x', 'y'), { nil: undefined, freq: 2 })
  return fc.tuple(fc.nat(6), name, fc.nat(8), row(table, 1)).map(([n, id, label, values]) => ({
    op: 'insert',
    table,
    uuid: rowUuid(table, n),
    ...(id === undefined ? {} : { 'uuid-name': id }),
    row: {
      name: String(label),
      ...(table === 'Zoo' ? { integer_some: n, range: (n % 6) - 2 } : {}),
      ...values,
    },
  }))
}
/** A leaf that somebody holds. */
const hang = fc.tuple(fc.nat(6), fc.nat(4)).map(([leaf, zoo]): Json[] => [
  { op: 'insert', table: 'Leaf', uuid: rowUuid('Leaf', leaf), row: { name: `l${leaf}` } },
  {
    op: 'mutate',
    table: 'Zoo',
    where: [['_uuid', '==', ['uuid', rowUuid('Zoo', zoo)]]],
    mutations: [['strong', 'insert', ['uuid', rowUuid('Leaf', leaf)]]],
  },
])
function mutation(table: TableName): fc.Arbitrary<Json> {
  return aColumn(table).chain(([name, type]) => {
    const keys = setOf(type.key)
    const argument = fc.oneof(
      { weight: isNumber(type) ? 1 : 4, arbitrary: aValue(type) },
      { weight: 1, arbitrary: keys },
      { weight: isNumber(type) ? 8 : 1, arbitrary: atoms[typeOf(type.key)] },
    )
    const isScalar = type.min === undefined && type.max === undefined
    const computed = isNumber(type) ? arithmetic : []
    const likely = isScalar ? computed : [...computed, 'insert', 'delete', 'insert', 'delete']
    const wrong = { weight: 1, arbitrary: fc.constantFrom('+=', 'insert', '%=', 'nope') }
    const mutator =
      likely.length === 0
        ? wrong.arbitrary
        : fc.oneof({ weight: 14, arbitrary: fc.constantFrom(...likely) }, wrong)
    // ovsdb-server 3.1 takes the product of two negative integers for an overflow.
    const isKnownBug = ([, operator, operand]: Json[]) =>
      operator === '*=' && JSON.stringify(operand).includes('-')
    return fc.tuple(fc.constant(name), mutator, argument).filter((one) => !isKnownBug(one))
  })
}
const table = fc.constantFrom<TableName>('Zoo', 'Zoo', 'Zoo', 'Leaf')

const operation: fc.Arbitrary<Json[]> = fc.oneof(
  { weight: 4, arbitrary: table.chain((t) => insertInto(t)).map((op) => [op]) },
  { weight: 3, arbitrary: hang },
  {
    weight: 4,
    arbitrary: table.chain((t) =>
      fc
        .tuple(where(t), row(t, 1))
        .map(([w, values]) => [{ op: 'update', table: t, where: w, row: values }]),
    ),
  },
  {
    weight: 6,
    arbitrary: table.chain((t) =>
      fc
        .tuple(where(t), fc.array(mutation(t), { minLength: 1, maxLength: 2 }))
        .map(([w, mutations]) => [{ op: 'mutate', table: t, where: w, mutations }]),
    ),
  },
  {
    weight: 2,
    arbitrary: table.chain((t) =>
      fc
        .array(condition(t), { minLength: 1, maxLength: 2 })
        .map((w) => [{ op: 'delete', table: t, where: w }]),
    ),
  },
  {
    weight: 4,
    arbitrary: table.chain((t) =>
      fc
        .tuple(where(t), columns(t))
        .map(([w, names]) => [{ op: 'select', table: t, where: w, columns: names }]),
    ),
  },
  {
    weight: 1,
    arbitrary: table.chain((t) =>
      fc
        .tuple(where(t), fc.constantFrom('==', '!='), fc.array(row(t, 1), { maxLength: 1 }))
        .map(([w, until, rows]) => [
          {
            op: 'wait',
            table: t,
            where: w,
            columns: Object.keys(rows[0] ?? { name: 0 }),
            until,
            rows,
            timeout: 0,
          },
        ]),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Json[]>(
      [{ op: 'comment', comment: 'x' }],
      [{ op: 'commit', durable: false }],
      [{ op: 'assert', lock: 'mine' }],
      [{ op: 'assert', lock: 'other' }],
      [{ op: 'abort' }],
      [{ op: 'update', table: 'Zoo', where: [], row: { frozen: 1 } }],
      [{ op: 'mutate', table: 'Zoo', where: [], mutations: [['frozen', '+=', 1]] }],
      [{ op: 'mutate', table: 'Zoo', where: [], mutations: [['passing', '+=', 1]] }],
      [{ op: 'insert', table: 'Zoo', row: { nope: 1 } }],
      [{ op: 'select', table: 'Nope', where: [] }],
      [{ op: 'select', table: 'Zoo', where: [], columns: ['nope'] }],
      [{ op: 'select', table: 'Zoo', where: [], columns: ['name', 'name'] }],
      [{ op: 'select', table: 'Zoo', where: {} }],
      [{ op: 'insert', table: 'Zoo', uuid: 'x', row: {} }],
    ),
  },
)

/** One transaction: a few operations. */
export const transaction = fc
  .array(operation, { minLength: 1, maxLength: 4 })
  .map((lists) => lists.flat())

/** Everything goes: rows that hold each other go together. */
export const emptyZoo: readonly Json[] = ['Zoo', 'Leaf', 'Plain'].map((name) => ({
  op: 'delete',
  table: name,
  where: [],
}))
