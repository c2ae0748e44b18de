/** `convert`: rows under another schema, in memory and on a journal, and what clients see of it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openStorage, storedSchema } from '../../../southbound/ovsdb/journal-storage.ts'
import type { Operation } from '../../../southbound/ovsdb/operation.ts'
import type { DatabaseSchema } from '../../../southbound/ovsdb/schema.ts'
import { parseSchema } from '../../../southbound/ovsdb/schema-json.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { ownPeer, type Peer } from './peers.ts'
import { wireClient } from './wire.ts'

const cell = (columns: object, more: object = {}, version = '1.0.0') => ({
  name: 'T',
  version,
  tables: { A: { isRoot: true, columns, ...more } },
})
const many = { key: 'integer', min: 0, max: 'unlimited' }
const old = {
  i: { type: 'integer' },
  s: { type: 'string' },
  seen: { type: 'integer', ephemeral: true },
  list: { type: many },
  gone: { type: 'string' },
}
const next = {
  i: { type: 'real' },
  s: { type: { key: 'string', min: 0, max: 3 } },
  seen: { type: 'integer', ephemeral: true },
  list: { type: many },
  fresh: { type: 'string' },
}
const before = cell(old)
const after = cell(next, {}, '2.0.0')
const row = { i: 3, s: 'x', seen: 9, list: ['set', [1, 2]], gone: 'y' }
const insert = { op: 'insert', table: 'A', row } as unknown as Operation

let directory = ''
let peer: Peer | undefined
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'conversion-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))
afterEach(async () => {
  await peer?.close()
  peer = undefined
})

async function serve(server: OvsdbServer<DatabaseSchema>) {
  peer = await ownPeer(server)
  return wireClient(peer)
}
const rowsOf = (server: OvsdbServer<DatabaseSchema>) =>
  [...server.table('A').values()].map(({ _uuid, _version, ...columns }) => columns)

describe('rows', () => {
  test('keep what both schemas know, also what is ephemeral; the rest is dropped, or its default', async () => {
    const server = new OvsdbServer(parseSchema(before), { convertible: true })
    server.transact([insert])
    const [uuid] = server.table('A').keys()
    const client = await serve(server)
    expect(await client.ask('convert', ['T', after])).toEqual([{ id: 0, result: {}, error: null }])
    expect(rowsOf(server)).toEqual([{ i: 3, s: ['x'], seen: 9, list: [1, 2], fresh: '' }])
    expect([...server.table('A').keys()]).toEqual([uuid])
  })

  test.each([
    ['a value of another type', { s: { type: 'integer' } }, {}, 'syntax error'],
    ['too many elements', { list: { type: 'integer' } }, {}, 'syntax error'],
    [
      'a value out of range',
      { i: { type: { key: { type: 'integer', maxInteger: 2 } } } },
      {},
      'constraint violation',
    ],
    [
      'rows that an index takes for the same',
      { s: { type: 'string' } },
      { indexes: [['s']] },
      'constraint violation',
    ],
    [
      'more rows than there may be',
      { i: { type: 'integer' } },
      { maxRows: 1 },
      'constraint violation',
    ],
  ])('are as they were after a schema that refuses them: %s', async (_name, columns, more, tag) => {
    const path = join(directory, `${tag} ${JSON.stringify(columns).length}.journal`)
    const schema = parseSchema(before)
    const server = new OvsdbServer(schema, {
      convertible: true,
      storage: openStorage(schema, path),
    })
    server.transact([insert, insert])
    const rows = rowsOf(server)
    const client = await serve(server)
    const [reply] = await client.ask('convert', ['T', cell(columns, more)])
    expect(reply).toMatchObject({ error: { error: tag } })
    expect(rowsOf(server)).toEqual(rows)
    server.transact([insert])
    expect(rowsOf(server)).toHaveLength(3)
    expect(storedSchema(path)).toEqual(schema)
  })

  test('are those of the new schema when the journal is opened again', async () => {
    const path = join(directory, 'a.journal')
    const schema = parseSchema(before)
    const storage = openStorage(schema, path)
    const server = new OvsdbServer(schema, { convertible: true, storage })
    server.transact([insert])
    server.convert('T', parseSchema(after))
    server.transact([{ op: 'insert', table: 'A', row: { fresh: 'new' } }])
    server.close()
    expect(() => openStorage(schema, path).load()).toThrow(/another schema/)
    const stored = storedSchema(path) as DatabaseSchema
    expect(stored).toEqual(parseSchema(after))
    const again = new OvsdbServer(stored, { storage: openStorage(stored, path) })
    expect(rowsOf(again)).toEqual([
      { i: 3, s: ['x'], seen: 0, list: [1, 2], fresh: '' },
      { i: 0, s: [], seen: 0, list: [], fresh: 'new' },
    ])
    again.close()
  })

  test('are those of one of the two schemas after a kill -9 in the middle of conversions', async () => {
    const path = join(directory, 'b.journal')
    const program = new URL('./journal-converter.ts', import.meta.url).pathname
    for (let round = 0; round < 4; round++) {
      const child = spawn(process.execPath, [program, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let answered = ''
      for await (const text of child.stdout.setEncoding('utf8')) {
        answered += text
        if (answered.length > 300 + 70 * round) child.kill('SIGKILL')
      }
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      expect(child.signalCode).toBe('SIGKILL')
      const schema = storedSchema(path) as DatabaseSchema
      const server = new OvsdbServer(schema, { storage: openStorage(schema, path) })
      const marks = new Set([...server.table('A').values()].map((row) => row.mark))
      expect(
        answered
          .split('\n')
          .slice(0, -1)
          .filter((mark) => !marks.has(mark)),
      ).toEqual([])
      server.close()
    }
  })
})

describe('clients', () => {
  test('that are aware are told: monitors and waiting transactions end, _Server has the schema', async () => {
    const server = new OvsdbServer(parseSchema(before), { convertible: true })
    server.transact([insert])
    const client = await serve(server)
    await client.ask('set_db_change_aware', [true])
    await client.ask('monitor', ['T', ['m'], { A: { columns: ['i'] } }])
    await client.ask('monitor', ['_Server', 's', { Database: { columns: ['schema'] } }])
    await client.ask('lock', ['l'])
    const wait = { op: 'wait', table: 'A', where: [], columns: ['i'], until: '==', rows: [] }
    const other = await wireClient(peer as Peer)
    await other.ask('set_db_change_aware', [true])
    const waiting = other.ask('transact', ['T', wait])
    expect(await client.ask('convert', ['T', after])).toEqual([
      { id: null, method: 'monitor_canceled', params: [['m']] },
      { id: 4, result: {}, error: null },
    ])
    expect(await waiting).toEqual([{ id: 1, result: null, error: 'canceled' }])
    const [id, updates] = (await client.next()).params as [string, Record<string, object>]
    expect(id).toBe('s')
    const [update] = Object.values(updates.Database ?? {}) as { new: { schema: string } }[]
    expect(parseSchema(JSON.parse(update?.new.schema ?? ''))).toEqual(parseSchema(after))
    // The same session goes on, with its lock, under the new schema.
    const assert = { op: 'assert', lock: 'l' }
    const fresh = { op: 'insert', table: 'A', row: { i: 0.5, fresh: 'x' } }
    const [reply] = await client.ask('transact', ['T', assert, fresh])
    expect(reply?.result).toMatchObject([{}, { uuid: ['uuid', expect.any(String)] }])
    const [rows] = await client.ask('monitor', ['T', ['m'], { A: { columns: ['fresh'] } }])
    expect(Object.values(Object(rows?.result).A)).toHaveLength(2)
  })

  test('that are not are cut off, after their answers', async () => {
    const server = new OvsdbServer(parseSchema(before), { convertible: true })
    const client = await serve(server)
    const other = await wireClient(peer as Peer)
    await other.ask('monitor', ['T', 'm', { A: {} }])
    expect(await client.ask('convert', ['T', after])).toEqual([{ id: 0, result: {}, error: null }])
    await expect(client.next()).rejects.toThrow(/closed/)
    await expect(other.next()).rejects.toThrow(/closed/)
  })

  test('cannot convert a database whose owner counts on its columns, nor _Server', async () => {
    const client = await serve(new OvsdbServer(parseSchema(before)))
    const tags = []
    for (const name of ['T', '_Server']) {
      const [reply] = await client.ask('convert', [name, { ...after, name: 'T' }])
      tags.push(Object(reply?.error).error)
    }
    expect(tags).toEqual(['not allowed', 'not allowed'])
  })
})
