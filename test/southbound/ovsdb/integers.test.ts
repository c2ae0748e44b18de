/** Integers of 64 bits from a client to the journal and back. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { afterAll, beforeAll, expect, expectTypeOf, test } from 'vitest'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { columnCodec } from '../../../southbound/ovsdb/codec.ts'
import { openStorage } from '../../../southbound/ovsdb/journal-storage.ts'
import { parseJson } from '../../../southbound/ovsdb/json.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import {
  database,
  integer,
  integer64,
  map,
  one,
  type Row,
  real,
  set,
  string,
  table,
} from '../../../southbound/ovsdb/schema.ts'
import { formatSchema, parseSchema } from '../../../southbound/ovsdb/schema-json.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'

const MAX = 2n ** 63n - 1n
const counters = database('Counters', '1.0.0', {
  Counter: table(
    {
      id: one(integer()),
      value: one(integer64(-MAX)),
      values: set(integer64()),
      named: map(string(), integer64()),
      byNumber: map(integer64(), string()),
      ratio: one(real()),
    },
    { isRoot: true, indexes: [['value']] },
  ),
})
const { insert, update, mutate, select, rows } = operations(counters)
const signal = AbortSignal.timeout(20_000)
const content = {
  id: 1,
  value: MAX,
  values: [-MAX, 5, MAX - 1n],
  named: { a: 2n ** 60n, b: 3 },
  byNumber: { 7: 'seven', [`${MAX}`]: 'most', [`${-MAX}`]: 'least' },
  ratio: 2 ** 60,
}

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'integers-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function connect(server: OvsdbServer<typeof counters>) {
  const [near, far] = duplexPair()
  server.accept(far)
  return OvsdbClient.open(near, { signal })
}

test('rows with counters beyond 2^53 are the same at the client, the server and after a restart', async () => {
  const path = join(directory, 'a.journal')
  const server = new OvsdbServer(counters, { storage: openStorage(counters, path) })
  const client = await connect(server)
  const columns = ['id', 'value', 'values', 'named', 'byNumber', 'ratio'] as const
  const replica = await client.monitor(counters, { Counter: columns }, { signal })
  const [made, read] = await client.transact(
    counters,
    [insert('Counter', content), select('Counter', [['value', '==', MAX]], columns)],
    { signal },
  )
  const uuid = made?.uuid ?? ''
  expect(rows('Counter', read)).toEqual([content])
  expect(replica.table('Counter').get(uuid)).toEqual({ ...content, _uuid: uuid })
  expect(replica.index('Counter', 'value').get(MAX)).toHaveLength(1)
  expect(replica.index('Counter', 'value', 'named:a').get(MAX, 2n ** 60n)).toHaveLength(1)
  await client.transact(
    counters,
    [
      mutate('Counter', uuid, 'value', '-=', 1),
      mutate('Counter', uuid, 'values', 'insert', [MAX]),
      mutate('Counter', uuid, 'byNumber', 'delete', [`${MAX}`]),
    ],
    { signal },
  )
  expect(replica.table('Counter').get(uuid)).toMatchObject({
    value: MAX - 1n,
    values: [-MAX, 5, MAX - 1n, MAX],
    byNumber: { 7: 'seven', [`${-MAX}`]: 'least' },
  })
  // Down to where it is a number again.
  await client.transact(counters, [update('Counter', uuid, { value: 2n ** 53n })], { signal })
  await client.transact(counters, [mutate('Counter', uuid, 'value', '-=', 1)], { signal })
  expect(server.table('Counter').get(uuid)?.value).toBe(Number.MAX_SAFE_INTEGER)
  const before = server.table('Counter').get(uuid)
  server.close()
  const again = new OvsdbServer(counters, { storage: openStorage(counters, path) })
  expect({ ...again.table('Counter').get(uuid), _version: 0 }).toEqual({ ...before, _version: 0 })
  again.close()
})

test('a number that is not exact is refused where it is written', () => {
  expect(() => insert('Counter', { value: 2 ** 53 })).toThrow(/expected integer/)
  expect(() => insert('Counter', { value: 2n ** 63n })).toThrow(/expected integer/)
  expect(() => insert('Counter', { id: 1.5 })).toThrow(/expected integer/)
})

test('two that a number would not tell apart are two for a unique index', () => {
  const server = new OvsdbServer(counters)
  server.transact([insert('Counter', { value: MAX }), insert('Counter', { value: MAX - 1n })])
  expect(() => server.transact([insert('Counter', { value: MAX })])).toThrow(/identical values/)
})

test('ranges of a schema are whole too', () => {
  const text = JSON.stringify(formatSchema(counters), (_, v) => (typeof v === 'bigint' ? '#' : v))
  const schema = parseSchema(parseJson(text.replace('"#"', `${-MAX}`)))
  expect(schema.tables.Counter?.columns.value?.key.minInteger).toBe(-MAX)
  const server = new OvsdbServer(schema)
  const write = (value: bigint) =>
    server.transact([{ op: 'insert', table: 'Counter', row: { value } }])
  write(-MAX)
  expect(() => write(-MAX - 1n)).toThrow(/constraint violation/)
})

test('the types say where a bigint is to be expected', () => {
  type Counter = Row<typeof counters, 'Counter'>
  expectTypeOf<Counter['id']>().toEqualTypeOf<number>()
  expectTypeOf<Counter['value']>().toEqualTypeOf<number | bigint>()
  expectTypeOf<Counter['named']>().toEqualTypeOf<Readonly<Record<string, number | bigint>>>()
})

test('an integer with an exponent is the one that it says, to 15 digits', () => {
  const codec = columnCodec('c', one(integer64()))
  for (const [written, value] of [
    ['1e17', 10n ** 17n],
    ['-1.5e17', -15n * 10n ** 16n],
    ['123456789012345e4', 1_234_567_890_123_450_000n],
    ['1.0', 1],
    ['1E3', 1000],
  ] as const) {
    expect(codec.decode(parseJson(written)), written).toBe(value)
  }
  for (const written of [
    '1e19',
    '9.3e18',
    '9007199254740993.0',
    '1234567890.123456789e9',
    '0.5',
    '1e400',
  ]) {
    expect(() => codec.decode(parseJson(written)), written).toThrow(/expected integer/)
  }
  // What is not written but computed has to be exact.
  expect(() => codec.encode(2 ** 53)).toThrow(/expected integer/)
})
