/**
 * Requests of RFC 7047 and ovsdb-server(7), right ones, from the schema of ../southbound/ovsdb/zoo.ts,
 * which has every type, kind of column and constraint. Neighbours: ovsdb.ts, json.ts breaks them.
 */
import fc from 'fast-check'
import { transaction, zooColumns } from '../southbound/ovsdb/zoo.ts'

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
const id = fc.constantFrom<unknown>('m1', 'm2', 3, null, ['a'], { b: 1 })
const lock = fc.constantFrom('mine', 'other', 'third')
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
      fc.constant('00000000-0000-0000-0000-000000000000'),
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
  lock: request('lock', fc.tuple(lock)),
  steal: request('steal', fc.tuple(lock)),
  unlock: request('unlock', fc.tuple(lock)),
}
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
