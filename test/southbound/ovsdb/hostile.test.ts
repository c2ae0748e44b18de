/** Small requests that would cost much: refused, or done in a time that the default limit of a test allows. */
import { duplexPair } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Database } from '../../../southbound/ovsdb/database.ts'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { makeHistory } from '../../../southbound/ovsdb/history.ts'
import { formatJson, parseJson } from '../../../southbound/ovsdb/json.ts'
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import { replicaStore } from '../../../southbound/ovsdb/replica-store.ts'
import { parseSchema } from '../../../southbound/ovsdb/schema-json.ts'
import { OvsdbServer, type ServerOptions } from '../../../southbound/ovsdb/server.ts'
import { ownPeer, type Peer } from './peers.ts'
import { type Json, type Message, wireClient } from './wire.ts'

const weak = { key: { type: 'uuid', refTable: 'A', refType: 'weak' }, min: 0, max: 'unlimited' }
const schema = parseSchema({
  name: 'T',
  version: '1.0.0',
  tables: {
    A: {
      isRoot: true,
      columns: {
        n: { type: 'integer' },
        list: { type: { key: 'integer', min: 0, max: 'unlimited' } },
        names: { type: { key: 'string', value: 'string', min: 0, max: 'unlimited' } },
        near: { type: weak },
      },
    },
  },
})
const insert = (row: object, uuid?: string) =>
  ({ op: 'insert', table: 'A', row, ...(uuid ? { uuid } : {}) }) as unknown as Operation
const uuidOf = (n: number) => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`
const numbers = (size: number, from = 0) => [
  'set',
  Array.from({ length: size }, (_, i) => i + from),
]
const select = { op: 'select', table: 'A', where: [] }
const never = {
  op: 'wait',
  table: 'A',
  where: [],
  columns: ['n'],
  until: '!=',
  rows: [],
  timeout: 1e6,
}
const errorOf = (messages: readonly Message[]): Json => {
  const { error, result } = messages.at(-1) ?? {}
  const failed = Array.isArray(result) ? result.find((one) => Object(one).error) : undefined
  return Object(error ?? failed).error
}

let peer: Peer | undefined
afterEach(async () => {
  await peer?.close()
  peer = undefined
})
async function serve(options: ServerOptions = {}, rows: readonly Operation[] = []) {
  const server = new OvsdbServer(schema, options)
  server.transact(rows)
  peer = await ownPeer(server)
  return { server, client: await wireClient(peer) }
}

test('an object that cannot be made text is refused wherever a name belongs', async () => {
  const { client } = await serve()
  const odd = { toString: 1, valueOf: 1 }
  const operations = [
    { op: odd },
    { ...select, table: odd },
    { ...select, columns: [odd] },
    { ...select, where: [['n', odd, 1]] },
    { ...select, where: [[odd, '==', 1]] },
    { ...select, where: [['n', '==', odd]] },
    { op: 'mutate', table: 'A', where: [], mutations: [['n', odd, 1]] },
    { op: 'mutate', table: 'A', where: [], mutations: [[odd, '+=', 1]] },
    { op: 'insert', table: 'A', row: odd },
    { op: 'insert', table: 'A', row: {}, uuid: odd },
    { op: 'insert', table: 'A', row: {}, 'uuid-name': odd },
    { ...never, until: odd },
    { ...never, timeout: odd },
    { op: 'assert', lock: odd },
  ]
  for (const operation of operations) {
    expect(errorOf(await client.ask('transact', ['T', operation])), formatJson(operation)).toEqual(
      expect.any(String),
    )
  }
  for (const [method, ...params] of [
    ['transact', odd],
    ['get_schema', odd],
    ['convert', 'T', odd],
    ['monitor', 'T', odd, odd],
    ['monitor', 'T', odd, { A: odd }],
    ['monitor', 'T', odd, { A: { columns: [odd] } }],
    ['monitor', 'T', odd, { A: { select: { initial: odd } } }],
    ['monitor_cancel', odd],
    ['monitor_cond_change', odd, odd, odd],
    ['lock', odd],
    ['set_db_change_aware', odd],
    ['nope', odd],
  ] as [string, ...Json[]][]) {
    expect((await client.ask(method, params)).at(-1)?.error, method).toBeTruthy()
  }
})

test('text that would end the session of every other client is refused', async () => {
  const { client, server } = await serve()
  // The texts as they come: ovsdb-server and its clients take none of them in any message.
  for (const text of ['\0', 'a\0b', '\ud800', 'x\udc00', '\ud83dA']) {
    for (const names of [
      ['map', [['key', text]]],
      ['map', [[text, 'value']]],
    ]) {
      expect(
        errorOf(await client.ask('transact', ['T', insert({ names }) as unknown as Json])),
      ).toBe('constraint violation')
    }
    // Our own client does not send them.
    const { insert: build } = operations(schema)
    expect(() => build('A', { names: { key: text } })).toThrow(OvsdbError)
  }
  const fine = { names: ['map', [['\u0001', '😀\u2028']]] }
  expect(errorOf(await client.ask('transact', ['T', insert(fine) as unknown as Json]))).toBe(
    undefined,
  )
  expect(server.table('A').size).toBe(1)
})

describe('what a client leaves at the server is limited by what it costs', () => {
  test('transactions that wait', async () => {
    const { client, server } = await serve({ maxPendingCost: 100_000 })
    const long = [never, { op: 'comment', comment: 'x'.repeat(30_000) }]
    const other = await wireClient(peer as Peer)
    const pending = [1, 2, 3].map((id) => other.ask('transact', ['T', ...long]).then(() => id))
    void Promise.allSettled(pending)
    await sleep(20)
    expect(errorOf(await other.ask('transact', ['T', ...long]))).toBe('resources exhausted')
    // Another client has its own, and what is over is given back.
    for (let i = 0; i < 10; i++) {
      await client.ask('transact', ['T', { ...never, timeout: 0 }, ...long.slice(1)])
    }
    server.transact([insert({})])
    await sleep(20)
    expect(errorOf(await other.ask('transact', ['T', select, ...long]))).toBeUndefined()
  })

  test('transactions that would look at many rows after every commit', async () => {
    const rows = Array.from({ length: 1000 }, (_, n) => insert({ n }))
    const { client } = await serve({ maxPendingCost: 100_000 }, rows)
    const found = { ...never, until: '==', where: [['n', '>=', 0]] }
    const waits = Array.from({ length: 6 }, () => ({ ...found, timeout: 0, until: '!=' }))
    expect(errorOf(await client.ask('transact', ['T', ...waits, found]))).toBe(
      'resources exhausted',
    )
  })

  test('monitors, and not how often their conditions change', async () => {
    const { client } = await serve({ maxPendingCost: 100_000 })
    const where = Array.from({ length: 2000 }, (_, n) => ['n', '==', n])
    const request = { A: [{ columns: ['n'], where }] }
    expect(errorOf(await client.ask('monitor_cond', ['T', 1, request]))).toBeUndefined()
    for (let i = 0; i < 20; i++) {
      const change = { A: [{ where: where.slice(i) }] }
      expect(errorOf(await client.ask('monitor_cond_change', [1, 1, change]))).toBeUndefined()
    }
    for (let i = 2; i < 4; i++) await client.ask('monitor_cond', ['T', i, request])
    expect(errorOf(await client.ask('monitor_cond', ['T', 9, request]))).toBe('resources exhausted')
    await client.ask('monitor_cancel', [1])
    expect(errorOf(await client.ask('monitor_cond', ['T', 9, request]))).toBeUndefined()
  })

  test('names of locks', async () => {
    const { client } = await serve()
    expect(errorOf(await client.ask('lock', ['l'.repeat(1024)]))).toBeUndefined()
    expect(errorOf(await client.ask('lock', ['l'.repeat(1025)]))).toBe('resources exhausted')
  })
})

describe('one transaction', () => {
  test('looks at so many rows and no more, by however many operations', async () => {
    const rows = Array.from({ length: 1000 }, (_, n) => insert({ n }))
    const { client } = await serve({ maxWork: 100_000 }, rows)
    const none = { ...select, where: [['n', '<', 0]] }
    const many = (size: number) => Array.from({ length: size }, () => none)
    expect(errorOf(await client.ask('transact', ['T', ...many(90)]))).toBeUndefined()
    expect(errorOf(await client.ask('transact', ['T', ...many(110)]))).toBe('resources exhausted')
    const wide = { ...select, where: Array.from({ length: 110 }, () => ['n', '>=', 0]) }
    expect(errorOf(await client.ask('transact', ['T', wide]))).toBe('resources exhausted')
  })

  test('changes large values so often and not more', async () => {
    const { client, server } = await serve({ maxWork: 1_000_000 }, [
      insert({ list: numbers(10_000) }),
    ])
    const mutations = Array.from({ length: 200 }, (_, n) => ['list', 'insert', -n - 1])
    const mutate = { op: 'mutate', table: 'A', where: [], mutations }
    expect(errorOf(await client.ask('transact', ['T', mutate]))).toBe('resources exhausted')
    expect([...server.table('A').values()].map((row) => (row.list as number[]).length)).toEqual([
      10_000,
    ])
  })

  test('reads large values so often and not more', async () => {
    const text = 'x'.repeat(1_000_000)
    const { client } = await serve({ maxWork: 1_000_000 }, [
      insert({ names: ['map', [['a', text]]] }),
    ])
    const many = Array.from({ length: 2000 }, () => ({ ...select, columns: ['names'] }))
    const answer = await client.ask('transact', ['T', ...many.slice(0, 3)])
    expect(errorOf(answer)).toBeUndefined()
    const database = new Database(schema, { maxWork: 10_000 })
    database.attempt([insert({ list: numbers(2000) })], { holds: () => false })
    const attempt = database.attempt(
      many.map((one) => ({ ...one, columns: ['list'] })),
      {
        holds: () => false,
      },
    )
    expect(attempt).toMatchObject({ kind: 'failed', error: { tag: 'resources exhausted' } })
  })
})

// Each takes one or two seconds of CPU, and would take minutes if it grew by the square.
describe('work grows with the data, not with its square', { timeout: 30_000 }, () => {
  test('conditions on sets and maps of 50,000 elements', () => {
    const pairs = Array.from({ length: 50_000 }, (_, n) => [`k${n}`, `${n}`])
    const server = new OvsdbServer(schema)
    server.transact([insert({ list: numbers(50_000), names: ['map', pairs] })])
    for (const [column, value] of [
      ['list', numbers(50_000)],
      ['names', ['map', pairs]],
    ]) {
      for (const test of ['==', 'includes', 'excludes', '!=']) {
        const where = [[column, test, value]]
        const operation = { op: 'mutate', table: 'A', where, mutations: [['n', '+=', 1]] }
        const [result] = server.transact([operation as unknown as Operation])
        expect(result?.count, test).toBe(test === '==' || test === 'includes' ? 1 : 0)
      }
    }
  })

  test('10,000 conditions on sets and maps of 50,000 elements, of operations and of monitors', () => {
    const server = new OvsdbServer(schema)
    const pairs = Array.from({ length: 50_000 }, (_, n) => [`k${n}`, `${n}`])
    server.transact([insert({ list: numbers(50_000), names: ['map', pairs] })])
    const where = Array.from({ length: 5000 }, (_, n) => [
      ['list', 'excludes', -1 - n],
      ['names', 'includes', ['map', [[`k${n}`, `${n}`]]]],
    ]).flat()
    const both = [{ ...select, columns: ['n'], where }] as unknown as Operation[]
    expect(server.transact(both)[0]?.rows).toHaveLength(1)
    const ones = where.map((one) => ({ ...select, columns: ['n'], where: [one] }))
    expect(server.transact(ones as unknown as Operation[])).toHaveLength(10_000)
    const none = Array.from({ length: 10_000 }, (_, n) => [
      'names',
      'includes',
      ['map', [[`k${n}`, 'x']]],
    ])
    const [near, far] = duplexPair()
    server.accept(far)
    let heard = ''
    near.on('data', (bytes: Buffer) => {
      heard += bytes.toString()
    })
    const request = { A: { columns: ['n'], where: none } }
    near.write(JSON.stringify({ id: 1, method: 'monitor_cond', params: ['T', 'a', request] }))
    return vi.waitFor(() => expect(JSON.parse(heard)).toEqual({ id: 1, error: null, result: {} }))
  })

  test('25,000 of 50,000 targets of weak references go', () => {
    const server = new OvsdbServer(schema)
    const refs = Array.from({ length: 50_000 }, (_, n) => ['uuid', uuidOf(n)])
    server.transact(refs.map((_, n) => insert({ n }, uuidOf(n))))
    server.transact([
      insert({ n: -1, near: ['set', refs] }),
      insert({ n: -2, near: ['set', refs] }),
    ])
    const where = [
      ['n', '>=', 0],
      ['n', '<', 25_000],
    ]
    const both = { op: 'update', table: 'A', where: [['n', '==', -2]], row: { n: -3 } }
    server.transact([both, { op: 'delete', table: 'A', where }] as unknown as Operation[])
    const sizes = [...server.table('A').values()].filter((row) => (row.n as number) < 0)
    expect(sizes.map((row) => (row.near as string[]).length)).toEqual([25_000, 25_000])
  })

  test('an index under one key of which there are all rows', () => {
    const store = replicaStore(schema, new Map([['A', ['n', 'list']]]))
    const index = store.index('A', ['n'])
    for (const kind of ['initial', 'modify', 'delete']) {
      const update = kind === 'delete' ? null : kind === 'modify' ? { list: 1 } : { n: 7 }
      const rows = Array.from({ length: 50_000 }, (_, n) => [uuidOf(n), { [kind]: update }])
      store.apply({ A: Object.fromEntries(rows) })
      expect(index.get(7)).toHaveLength(kind === 'delete' ? 0 : 50_000)
    }
    expect(index.size).toBe(0)
  })

  test('a message of half a million integers of 64 bits', () => {
    const text = `{"a":[${`${2n ** 63n - 1n},`.repeat(500_000)}0]}`
    expect((parseJson(text) as { a: unknown[] }).a.slice(-2)).toEqual([2n ** 63n - 1n, 0])
  })
})

test('what is kept for those who come back is limited by what it holds', () => {
  const history = makeHistory('start', { maxWeight: 10_000 })
  const list = (n: number) => Array.from({ length: 1000 }, (_, i) => i * n)
  for (let n = 1; n <= 100; n++) {
    const [before, after] = [n, n + 1].map((n) => ({ _uuid: 'u', list: list(n), same: list(0) }))
    if (before && after) after.same = before.same
    history.push(`${n}`, [{ table: 'A', uuid: 'u', before, after }])
  }
  expect(history.since('80')).toBeUndefined()
  expect(history.since('95')).toHaveLength(1)
})

test('a client that does not read is told once by all of its monitors, new ones of nothing old', async () => {
  const server = new OvsdbServer(schema, { maxBacklogBytes: 1 })
  server.transact([insert({ n: 1 }, uuidOf(1))])
  const [near, far] = duplexPair()
  server.accept(far)
  const ask = async (message: object) => {
    near.write(JSON.stringify(message))
    await sleep(5)
  }
  await ask({ id: 1, method: 'monitor', params: ['T', 'a', { A: { columns: ['n'] } }] })
  await ask({ id: 2, method: 'monitor', params: ['T', 'b', { A: { columns: ['n', 'names'] } }] })
  const text = 'x'.repeat(200_000)
  server.transact([insert({ n: 2, names: ['map', [['t', text]]] }, uuidOf(2))])
  for (let n = 10; n < 20; n++) {
    server.transact([{ op: 'update', table: 'A', where: [], row: { n } } as unknown as Operation])
  }
  let heard = ''
  near.on('data', (bytes: Buffer) => {
    heard += bytes.toString()
  })
  await sleep(30)
  await ask({ id: 3, method: 'monitor', params: ['T', 'c', { A: { columns: ['n'] } }] })
  const messages = heard.split(/(?<=\})(?=\{"id")/).map((line) => JSON.parse(line) as Message)
  const updates = messages.filter(({ method }) => method === 'update').map(({ params }) => params)
  expect((updates as [string][]).map(([id]) => id)).toEqual(['a', 'b', 'a', 'b'])
  expect(messages.at(-1)).toMatchObject({
    id: 3,
    result: { A: { [uuidOf(1)]: { new: { n: 19 } } } },
  })
})
