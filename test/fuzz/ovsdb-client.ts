/**
 * Fuzzes what a client reads: schemas, updates of rows in both dialects, replies and errors, and the stream
 * that brings them. The updates are those of the server under test, in order, so that rows are there to be
 * modified. Neighbours: ovsdb.ts (chooses among these and the server), json.ts (breaks them).
 */
import { Buffer } from 'node:buffer'
import { Duplex } from 'node:stream'
import { isDeepStrictEqual } from 'node:util'
import { type ChangeReader, changeReader } from '../../southbound/ovsdb/change-reader.ts'
import { OvsdbError, ovsdbError } from '../../southbound/ovsdb/error.ts'
import { jsonFramer } from '../../southbound/ovsdb/framer.ts'
import { formatJson, parseJson } from '../../southbound/ovsdb/json.ts'
import { JsonRpc } from '../../southbound/ovsdb/json-rpc.ts'
import { operations } from '../../southbound/ovsdb/operation.ts'
import { type ReplicaStore, replicaStore } from '../../southbound/ovsdb/replica-store.ts'
import type { DatabaseSchema } from '../../southbound/ovsdb/schema.ts'
import { formatSchema, parseSchema } from '../../southbound/ovsdb/schema-json.ts'
import type { Random } from './random.ts'

/** One thing that is read: throws the typed errors only. */
export interface ClientSide {
  /** Right ones, to be broken. */
  material(random: Random): unknown
  read(text: string): void | Promise<void>
}

const column = (type: unknown, more: object = {}) => ({ type, ...more })
const schemas: readonly unknown[] = [
  {
    ...{ name: 'Some', version: '1.2.3', cksum: '5 6' },
    tables: {
      T: {
        ...{ isRoot: true, maxRows: 2, indexes: [['a'], ['a', 'b']] },
        columns: {
          a: column('string'),
          b: column(
            {
              key: { type: 'integer', enum: ['set', [2, 1]] },
              min: 0,
              max: 'unlimited',
            },
            { ephemeral: true, mutable: false },
          ),
          c: column({
            key: { type: 'uuid', refTable: 'T', refType: 'weak' },
            value: 'string',
            min: 0,
          }),
          d: column({ key: { type: 'string', enum: 'x' }, min: 0, max: 3 }),
          e: column({
            key: { type: 'string', maxLength: 3 },
            value: { type: 'integer', minInteger: 0 },
          }),
        },
      },
    },
  },
  { name: 'None', tables: {} },
  { name: 'Bad', tables: { T: { columns: { a: column({ key: 'string', max: 0 }) } } } },
  { name: 'Bad', tables: { T: { indexes: [1], columns: {} } } },
  { name: 'Bad', tables: { T: { indexes: [['nope']], columns: {} } } },
  { name: 'Bad', tables: { T: { columns: { _a: column('string') } } } },
  ...[
    { type: 'uuid', refTable: 'U' },
    { type: 'integer', minInteger: 5, maxInteger: 1 },
    { type: 'integer', minInteger: '@raw:-9007199254740993' },
    { type: 'real', maxReal: '@raw:9007199254740993' },
  ].map((key) => ({ name: 'Bad', tables: { T: { columns: { a: column({ key }) } } } })),
]

/** Kinds of columns that ../southbound/ovsdb/zoo.ts has not: of which there must be some, without end. */
const rowsSchema = parseSchema({
  name: 'Rows',
  tables: {
    T: {
      columns: {
        many: column({ key: 'integer', min: 1, max: 'unlimited' }),
        map: column({ key: 'integer', value: 'real', min: 1, max: 2 }),
        flags: column({ key: 'boolean', value: 'uuid', min: 0, max: 'unlimited' }),
      },
    },
  },
})
const selected: readonly unknown[] = [
  [{ many: ['set', []] }],
  [{ many: 5 }, { many: ['set', [2, 1]] }],
  [{ map: ['map', []] }],
  [{ map: ['map', [[1, 2]]] }],
  [
    {
      map: [
        'map',
        [
          [1, 2],
          [2, 3],
          [3, 4],
        ],
      ],
    },
  ],
  [{ flags: ['map', [[true, ['uuid', 'A0000000-0000-4000-8000-000000000000']]]] }],
  [{ nope: 1 }],
]

/** What JSON.parse refuses, parseJson refuses with the same error: which is thrown. */
function refusesToo(text: string): Error {
  try {
    parseJson(text)
  } catch (error) {
    if (error instanceof SyntaxError) return ovsdbError('syntax error', 'no JSON', error)
    return error as Error
  }
  return new Error('parseJson takes what is no JSON')
}
const LONG = '9007199254740993'
/** Numbers too long for a double where they are, and where they only seem to be. */
const numbers: readonly string[] = [
  ...[LONG, `-${LONG}`, `[${LONG} `, `{"a": -${LONG}\n,"${LONG}":1}`, `["${LONG}",${LONG}]`],
  ...[`{${LONG} :1}`, `"x\\"${LONG}`, `["${LONG}, ${LONG}]`, '[9223372036854775808]', '[1e400]'],
  ...[
    `["x",${LONG}]`,
    `[0${LONG}]`,
    `[${LONG}.5]`,
    `[${LONG}e3]`,
    `["\\\\",${LONG}]`,
    `[1,${LONG},2]`,
  ],
  ...[`["a,${LONG},b"]`, `${'9'.repeat(400)}`, '{"a":{"b":[true,null,{"c":1}]}}'],
]

const replies: readonly unknown[] = [
  { id: 1, result: { a: 1 }, error: null },
  { id: 1, result: [], error: null },
  { id: 1, result: 5 },
  { id: 1, error: 'unknown method', result: null },
  { id: 1, error: { error: 'timed out', details: 'late' }, result: null },
  { id: 1, error: { error: 5 }, result: null },
  { id: 'echo', result: [], error: null },
  { id: 7, method: 'transact', params: [] },
  { id: 7, method: 'echo', params: [1] },
  { id: null, method: 'update', params: [null, {}] },
  { id: 1 },
]

/** Lists of chunks; objects and what is between them. */
const streams: readonly string[] = [
  '{}{"a":[1,2]} \n\t{"b":"x\\"y"}',
  `{"a":"${'x'.repeat(200)}"}`,
  `{"a":[${'1,'.repeat(40)}1]}`,
  `${'{"a":'.repeat(12)}1${'}'.repeat(12)}`,
  '{"a":1}x',
  '{"a":nope}{}',
  '{"\u0000é🦔":1}',
]
const LIMITS = { maxBytes: 150, maxDepth: 8, maxValues: 30 }

/** What comes out of a framer that is fed pieces of `size` bytes, or the error of it. */
function framed(bytes: Buffer, size: number, limits = {}): string {
  const out: string[] = []
  const framer = jsonFramer(limits, (value) => out.push(JSON.stringify(value)))
  try {
    for (let at = 0; at < bytes.length; at += size) framer.push(bytes.subarray(at, at + size))
  } catch (error) {
    return `${out.join()} ${(error as Error).name}`
  }
  return out.join()
}

export interface ClientSides {
  readonly sides: Readonly<Record<string, ClientSide>>
  /** A notification of the server, in order. */
  hear(method: string, updates: unknown): void
  /** Rows of the server are other ones from now on. */
  restart(): Promise<void>
}

type Dialect = 'update' | 'update2'
interface Follower {
  readonly store: ReplicaStore
  readonly reader: ChangeReader
  readonly known: Map<string, unknown>
  readonly stop: AbortController
  heard: unknown[]
}

export function clientSides(schema: DatabaseSchema): ClientSides {
  const columns = new Map(
    ['Zoo', 'Leaf'].map((name) => [name, Object.keys(schema.tables[name]?.columns ?? {})]),
  )
  let restarts = 0

  function follow(): Follower {
    const store = replicaStore(schema, columns)
    store.index('Zoo', ['name'])
    const stop = new AbortController()
    if (restarts % 7 === 6) stop.abort(new Error('before it begins'))
    const first = restarts % 2 ? [] : undefined
    const reader = changeReader(stop.signal, first, () => {})
    return { store, reader, known: new Map(), stop, heard: [] }
  }
  let followers: Record<Dialect, Follower> = { update: follow(), update2: follow() }

  /** Reads what waits, and compares what a reader of changes knows with the rows. */
  async function catchUp({ reader, known, store, stop }: Follower): Promise<void> {
    if (stop.signal.aborted) return
    // Nothing may have changed: then this is the batch that it waits for.
    const batch = reader.batches.next()
    reader.push([{ table: '', uuid: '', before: undefined, after: { _uuid: '' } }])
    for (const { table, uuid, before, after } of (await batch).value ?? []) {
      const key = `${table} ${uuid}`
      if (known.get(key) !== before) throw new Error(`${key} was not what the reader knew`)
      if (table === '') continue
      if (after) known.set(key, after)
      else known.delete(key)
    }
    const rows = [...store.tables].flatMap(([table, list]) =>
      [...list].map(([uuid, row]) => [`${table} ${uuid}`, row] as const),
    )
    if (!isDeepStrictEqual(new Map(rows), known)) throw new Error('the reader knows other rows')
  }

  const updatesOf = (dialect: Dialect): ClientSide => ({
    material: (random) => followers[dialect].heard.shift() ?? random.pick(rowUpdates),
    async read(text) {
      const { store, reader } = followers[dialect]
      const json: unknown = parseJson(text)
      const before = new Map([...store.tables].map(([name, rows]) => [name, new Map(rows)]))
      try {
        const isDump = Array.isArray(json) && json.length === 1
        reader.push(isDump ? store.replace(json[0]) : store.apply(json))
      } catch (error) {
        if (!isDeepStrictEqual(new Map(store.tables), before)) {
          throw new Error('a refused update changed rows', { cause: error })
        }
        throw error
      }
      if (text.length % 4 === 0) await catchUp(followers[dialect])
    },
  })

  /** Ends the readers in each way that there is. */
  async function end({ reader, stop }: Follower, way: number): Promise<void> {
    const { batches } = reader
    if (way === 0) await batches.return?.()
    if (way === 1) stop.abort(ovsdbError('canceled', 'aborted'))
    if (way === 2) reader.end()
    if (way === 3) reader.end(ovsdbError('canceled', 'the server left'))
    const wait = way === 4 ? batches.next() : undefined
    if (way === 4) reader.end()
    try {
      await wait
      for await (const _ of batches);
    } catch (error) {
      const isAsked = error instanceof OvsdbError || stop.signal.aborted
      if (!isAsked) throw error
    }
  }

  return {
    hear(method, updates) {
      const { heard } = followers[method as Dialect]
      heard.push(updates)
      if (heard.length > 50) heard.shift()
    },
    async restart() {
      for (const one of Object.values(followers)) await end(one, restarts % 5)
      restarts++
      followers = { update: follow(), update2: follow() }
    },
    sides: {
      schema: {
        material: (random) => random.pick(random.once(4) ? schemas : schemas.slice(0, 1)),
        read(text) {
          const schema = parseSchema(parseJson(text))
          const written = formatJson(formatSchema(schema))
          const again = formatJson(formatSchema(parseSchema(parseJson(written))))
          if (again !== written) throw new Error('the schema is another one')
        },
      },
      update: updatesOf('update'),
      update2: updatesOf('update2'),
      rows: {
        material: (random) => random.pick(selected),
        read(text) {
          const rows = parseJson(text) as never
          operations(rowsSchema).rows('T', { rows: Array.isArray(rows) ? rows : [rows] })
        },
      },
      json: {
        material: (random) => random.pick(numbers),
        read(text) {
          let plain: unknown
          try {
            plain = JSON.parse(text)
          } catch {
            throw refusesToo(text)
          }
          const rounded = JSON.stringify(parseJson(text), (_, value) =>
            typeof value === 'bigint' ? Number(value) : value,
          )
          if (rounded !== JSON.stringify(plain)) throw new Error('parseJson reads something else')
        },
      },
      reply: {
        material: (random) => random.pick(replies),
        async read(text) {
          const duplex = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
          const rpc = new JsonRpc(duplex, {})
          const stop = new AbortController()
          const read = (result: unknown) => {
            if (Array.isArray(result)) throw ovsdbError('syntax error', 'no list was asked for')
            return result
          }
          const answer = rpc.request('some', [], { signal: stop.signal, read })
          const isOver = answer.then(
            () => undefined,
            (error) => error,
          )
          duplex.push(Buffer.from(text))
          await new Promise((resolve) => setImmediate(resolve))
          stop.abort(ovsdbError('canceled', 'not answered'))
          const error = await isOver
          rpc.close()
          duplex.destroy()
          const reason = await rpc.closed
          if (reason ?? error) throw reason ?? error
        },
      },
      stream: {
        material: (random) => random.pick(streams),
        read(text) {
          const bytes = Buffer.from(text)
          const whole = framed(bytes, bytes.length + 1)
          if (framed(bytes, 1) !== whole || framed(bytes, 7) !== whole) {
            throw new Error('pieces make other messages')
          }
          framed(bytes, 50, LIMITS)
          framed(bytes, bytes.length + 1, LIMITS)
          if (whole.includes('Error')) throw ovsdbError('syntax error', 'no stream of objects')
        },
      },
    },
  }
}

const row = (n: number) => `a000000${n}-0000-4000-8000-000000000000`
/** Beside what a server says: what none of ours says. */
const rowUpdates: readonly unknown[] = [
  { Zoo: { [row(1)]: { new: { name: 'x' } } } },
  { Zoo: { [row(1)]: { old: {} } }, Leaf: {} },
  { Zoo: { [row(1)]: { initial: { string_set: ['set', ['a', 'b']] } } } },
  { Zoo: { [row(1)]: { modify: { string_set: ['set', ['b', 'c']], name: 'y' } } } },
  {
    Zoo: {
      [row(1)]: {
        modify: {
          string_map: [
            'map',
            [
              ['a', 'b'],
              ['c', 'd'],
            ],
          ],
        },
      },
    },
  },
  { Zoo: { [row(1)]: { modify: { string_some: ['set', ['']] } } } },
  { Zoo: { [row(1)]: { delete: null } } },
  { Zoo: { [row(2)]: {} } },
  { Nope: {} },
  { Zoo: { x: { delete: null } } },
  [{ Zoo: { [row(1)]: { initial: {} } } }],
  [{}],
]
