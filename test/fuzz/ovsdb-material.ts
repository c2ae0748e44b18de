/**
 * Requests of RFC 7047 and ovsdb-server(7), right ones, from the schema of ../southbound/ovsdb/zoo.ts,
 * which has every type, kind of column and constraint. Neighbours: ovsdb.ts, json.ts breaks them.
 */
import fc from 'fast-check'
import { transaction, zooColumns, zooSchema } from '../southbound/ovsdb/zoo.ts'

const columns = fc.uniqueArray(fc.constantFrom(...Object.keys(zooColumns), 'name', '_uuid'), {
  maxLength: 4,
})
const select = fc.option(
  fc.record(
    {
      initial: fc.boolean(),
      insert: fc.boolean(),
      delete: fc.boolean(),
      modify: fc.boolean(),
    },
    { requiredKeys: [] },
  ),
)
const where = fc.constantFrom<unknown[]>(
  [],
  [true],
  [false],
  [['range', '<', 2]],
  [['name', '==', '1']],
)
const monitored = (conditions: boolean) =>
  fc.tuple(columns, select, where).map(([names, selected, some]) => ({
    Zoo: [
      { columns: names, ...(selected && { select: selected }), ...(conditions && { where: some }) },
    ],
    Leaf: [{ columns: ['name', 'next'] }],
  }))
const id = fc.constantFrom<unknown>('m1', 'm2', 3, null, ['a'], { b: 1 }, 4, 5, 'own monitor')
const lock = fc.constantFrom(...'abcdefgh', 'mine', 'other', 'third')
const request = (method: string, params: fc.Arbitrary<unknown>) =>
  params.map((list) => ({ method, params: list }))

/** By method; a row each. */
export const requests: Readonly<Record<string, fc.Arbitrary<object>>> = {
  echo: request('echo', fc.array(fc.json())),
  list_dbs: request('list_dbs', fc.constant([])),
  get_schema: request('get_schema', fc.constantFrom(['Zoo'], ['_Server'])),
  get_server_id: request('get_server_id', fc.constant([])),
  set_db_change_aware: request('set_db_change_aware', fc.constantFrom([true], [false])),
  transact: request(
    'transact',
    transaction.map((list) => ['Zoo', ...list]),
  ),
  cancel: request('cancel', fc.tuple(fc.nat(5))).map((one) => ({ ...one, id: null })),
  monitor: request('monitor', fc.tuple(fc.constant('Zoo'), id, monitored(false))),
  monitor_cond: request('monitor_cond', fc.tuple(fc.constant('Zoo'), id, monitored(true))),
  monitor_cond_since: request(
    'monitor_cond_since',
    fc.tuple(
      fc.constant('Zoo'),
      id,
      monitored(true),
      // The last one that the server told of.
      fc.constantFrom<unknown>('00000000-0000-0000-0000-000000000000', '@last', '@last', 5),
    ),
  ),
  monitor_cond_change: request(
    'monitor_cond_change',
    fc.tuple(
      id,
      id,
      where.map((some) => ({ Zoo: [{ where: some }] })),
    ),
  ),
  monitor_cancel: request('monitor_cancel', fc.tuple(id)),
  convert: request(
    'convert',
    fc.constantFrom<unknown[]>(
      ['Zoo'],
      ['Zoo', {}],
      ['Zoo', {}, 1],
      ['x', {}],
      [],
      ['_Server', {}],
    ),
  ),
  lock: request('lock', fc.tuple(lock)),
  steal: request('steal', fc.tuple(lock)),
  unlock: request('unlock', fc.tuple(lock)),
}
const BIG = '@raw:9007199254740993'
const FOX = {
  op: 'insert',
  table: 'Zoo',
  row: {
    ...{ name: 'fox', integer: BIG, real: 1.5, integer_set: ['set', [1, 2]], integer_optional: 1 },
    string_map: [
      'map',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ...{ choice: 'b', integer_some: 1, real_some: 1, boolean_some: true, string_some: '' },
    uuid_some: ['uuid', '00000000-0000-0000-0000-000000000000'],
    by_boolean: ['map', []],
  },
}
const fox = [['name', '==', 'fox']]
/** Operations on a row that is there, and gone with the transaction. */
const onFox = (...list: readonly object[]) => ({
  method: 'transact',
  params: [
    'Zoo',
    FOX,
    ...list.map((one) => ({ table: 'Zoo', where: fox, ...one })),
    { op: 'abort' },
  ],
})
const mutateFox = (...mutations: readonly unknown[]) => onFox({ op: 'mutate', mutations })
const selectFox = (...where: readonly unknown[]) =>
  onFox({ op: 'select', where, columns: ['name'] })
const waitFox = (more: object) => {
  const { params, ...call } = onFox({
    ...{ op: 'wait', columns: ['name'], until: '==', rows: [{ name: 'wolf' }] },
    ...more,
  })
  return { ...call, params: params.slice(0, -1) }
}

/** What random requests are too seldom: each right or wrong in one way. */
export const phrases: readonly object[] = [
  ...['+=', '-=', '*=', '/=', '%='].flatMap((mutator) => [
    ...[5, BIG, 0].map((value) => mutateFox(['integer', mutator, value])),
    mutateFox(['integer', '+=', 1], ['integer', mutator, BIG]),
    mutateFox(['real', mutator, 1e308], ['real', mutator, 10]),
    mutateFox(['integer_set', mutator, 2]),
    mutateFox(['integer_optional', mutator, 2]),
  ]),
  mutateFox(['integer_set', '*=', 0]),
  mutateFox(['integer', '+=', '@raw:-1e17']),
  // More than one answer may hold.
  onFox(...Array.from({ length: 64 }, () => ({ op: 'select' }))),
  mutateFox(['integer', 'delete', 1]),
  mutateFox(['integer', 'insert', 1]),
  mutateFox([
    'string_map',
    'delete',
    [
      'map',
      [
        ['a', 'b'],
        ['c', 'x'],
        ['e', 'f'],
      ],
    ],
  ]),
  mutateFox(['string_map', 'delete', ['set', ['a', 'z']]]),
  mutateFox([
    'string_map',
    'insert',
    [
      'map',
      [
        ['a', 'x'],
        ['z', 'y'],
      ],
    ],
  ]),
  mutateFox(['real', '+=', '@raw:1234567890123456789']),
  ...['<', '<=', '>', '>='].flatMap((test) => [
    selectFox(['integer', test, 5]),
    selectFox(['integer_optional', test, 5]),
    selectFox(['integer_optional', test, ['set', []]]),
    selectFox(['real_optional', test, 5]),
  ]),
  selectFox(['string_map', 'includes', ['map', [['a', 'x']]]]),
  // The row's map is longer.
  selectFox(['string_map', '==', ['map', [['a', 'b']]]]),
  ...[
    {
      op: 'insert',
      table: 'Leaf',
      row: { _uuid: ['uuid', '00000000-0000-0000-0000-000000000000'] },
    },
    { op: 'insert', table: 'Plain', row: {} },
    { op: 'delete', table: 'Plain', where: [] },
  ].map((one) => ({ method: 'transact', params: ['Zoo', one] })),
  waitFox({ rows: [[]] }),
  waitFox({ rows: [null] }),
  {
    method: 'monitor_cond_change',
    params: ['own monitor', 'own monitor', { Zoo: { where: [true] } }],
  },
  mutateFox(['integer_optional', '+=', 9007199254740991]),
  mutateFox(['integer_map', 'insert', ['map', [[BIG, 'x']]]], ['integer_map', 'delete', 5]),
  // Whoever did not ask to be told is cut off.
  { method: 'convert', params: ['Zoo', zooSchema] },
  ...['==', '!=', '<'].map((until) => waitFox({ until, timeout: 0 })),
  ...[-1, 5, 1].map((timeout) => waitFox({ timeout })),
  waitFox({}),
  waitFox({ rows: [{ name: 'fox' }] }),
  { method: 'cancel', params: [1], id: null },
  { method: 'cancel', params: [2], id: null },
  ...[...'abcdefghabcdefgh'].map((name) => ({ method: 'lock', params: [name] })),
  { method: 'lock', params: ['x'.repeat(5000)] },
  { method: 'transact', params: ['Zoo', { op: 'assert', lock: 'a' }] },
  {
    method: 'transact',
    params: ['_Server', { op: 'delete', table: 'Database', where: [] }],
  },
  ...['own monitor', 'own monitor_cond', 'own monitor_cond', 'm1', 'm1'].flatMap((own) =>
    [
      [false],
      [true],
      [false],
      [true],
      [['name', '==', 'x']],
      [['strong', 'includes', ['named-uuid', 'x']]],
    ].map((where) => ({ method: 'monitor_cond_change', params: [own, own, { Zoo: [{ where }] }] })),
  ),
  ...[true, false, true, false].map((where) => ({
    method: 'monitor_cond',
    params: ['Zoo', 'm1', { Zoo: [{ where: [where], select: { delete: false, insert: false } }] }],
  })),
  { method: 'monitor_cancel', params: ['m1'] },
  {
    method: 'monitor_cond',
    params: ['Zoo', 'm1', { Zoo: [{ columns: ['name'] }, { columns: ['name'] }] }],
  },
]

export const operationNames = [
  ...[
    'insert',
    'select',
    'update',
    'mutate',
    'delete',
    'wait',
    'commit',
    'abort',
    'comment',
    'assert',
  ],
] as const
export const functionNames = ['==', '!=', '<', '<=', '>', '>=', 'includes', 'excludes'] as const
export const mutatorNames = ['+=', '-=', '*=', '/=', '%=', 'insert', 'delete'] as const
export const columnNames = Object.keys(zooColumns)
