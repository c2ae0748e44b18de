/** Monitors beyond what a conversation with ovsdb-server shows: slow readers, and those who were away. */
import { duplexPair } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Database } from '../../../southbound/ovsdb/database.ts'
import { jsonFramer } from '../../../southbound/ovsdb/framer.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { database, integer, one, string, table } from '../../../southbound/ovsdb/schema.ts'
import { OvsdbServer, type ServerOptions } from '../../../southbound/ovsdb/server.ts'

const shop = database('Shop', '1.0.0', {
  Item: table({ name: one(string()), count: one(integer()) }),
})
const { insert, update, deleteRows } = operations(shop)

type Message = {
  id?: unknown
  method?: string
  params: unknown[]
  result?: unknown
  error?: unknown
}

/** A client that reads when it wants to. */
function connect(server: OvsdbServer<typeof shop>) {
  const [left, right] = duplexPair()
  const session = server.accept(right)
  const heard: Message[] = []
  const framer = jsonFramer({}, (message) => heard.push(message as unknown as Message))
  left.on('data', (chunk: Uint8Array) => framer.push(chunk))
  left.on('error', () => {})
  let nextId = 0
  return {
    session,
    heard,
    left,
    async ask(method: string, ...params: unknown[]) {
      const id = nextId++
      left.write(JSON.stringify({ id, method, params }))
      for (;;) {
        const reply = heard.find((message) => message.id === id)
        if (reply) return reply
        await sleep(1)
      }
    },
  }
}

/** What a client ends up with that applies differences of update2 or update3. */
function follow(rows: Map<string, object>, updates: unknown): void {
  for (const [uuid, update] of Object.entries((updates as { Item?: object }).Item ?? {})) {
    const { initial, insert: inserted, modify } = update
    if ('delete' in update) rows.delete(uuid)
    else rows.set(uuid, { ...(modify ? rows.get(uuid) : {}), ...(initial ?? inserted ?? modify) })
  }
}

const items = (server: OvsdbServer<typeof shop>) =>
  Object.fromEntries(
    [...server.table('Item')].map(([uuid, { name, count }]) => [uuid, { name, count }]),
  )
/** Differences leave out what has its default. */
const whole = (rows: Map<string, object>) =>
  Object.fromEntries(
    [...rows].map(([uuid, row]) => [uuid, { name: '', count: 0, ...row, _version: undefined }]),
  )

describe('a client that reads slowly', () => {
  test.each([
    ['monitor_cond', 'update2', 1],
    ['monitor_cond_since', 'update3', 2],
  ])(
    'is told by %s what changed meanwhile in one update',
    async (method, notification, at) => {
      const server = new OvsdbServer(shop, { maxQueuedBytes: 1_000_000, maxBacklogBytes: 20_000 })
      const { ask, heard, left, session } = connect(server)
      const reply = await ask(method, 'Shop', 'm', { Item: {} }, ...(at === 2 ? [''] : []))
      expect(reply.error).toBe(null)
      const [kept] = server.transact([insert('Item', { name: 'kept' })])
      await sleep(5)
      left.pause()
      // 10 MB of changes, of which the queue may hold 1.
      for (let count = 1; count <= 10_000; count++) {
        server.transact([update('Item', kept?.uuid ?? '', { count, name: `${count}`.repeat(200) })])
        const [gone] = server.transact([insert('Item', { name: 'x'.repeat(100) })])
        server.transact([deleteRows('Item', gone?.uuid ?? '')])
      }
      server.transact([insert('Item', { name: 'last' })])
      left.resume()
      const reached = () => heard.some((one) => JSON.stringify(one).includes('last'))
      while (!reached()) await sleep(1)
      const updates = heard.filter((one) => one.method === notification)
      expect(updates.length).toBeLessThan(500)
      const rows = new Map<string, object>()
      for (const { params } of updates) follow(rows, params[at])
      expect(whole(rows)).toEqual(items(server))
      session.close()
    },
    30_000,
  )

  test('gets the updates that were kept back before the reply to its own transaction', async () => {
    const server = new OvsdbServer(shop, { maxBacklogBytes: 0 })
    const { ask, heard, left } = connect(server)
    await ask('monitor_cond', 'Shop', 'm', { Item: {} })
    left.pause()
    const type = 'x'.repeat(1000)
    for (let i = 0; i < 100; i++) server.transact([insert('Item', { name: `${i}${type}` })])
    const own = { op: 'insert', table: 'Item', row: { name: 'own' } }
    const reply = ask('transact', 'Shop', own)
    await sleep(20)
    left.resume()
    await reply
    const names = new Set<unknown>()
    for (const { params, method } of heard) {
      if (method !== 'update2') continue
      const update = params[1] as { Item: Record<string, { insert: { name: string } }> }
      for (const row of Object.values(update.Item)) names.add(row.insert.name)
    }
    expect(names.size).toBe(101)
    expect(heard.at(-1)).toBe(await reply)
  })
})

describe('a client that was away', () => {
  const open = async (options?: ServerOptions) => {
    const server = new OvsdbServer(shop, options)
    server.transact([insert('Item', { name: 'a' }), insert('Item', { name: 'b' })])
    const { ask } = connect(server)
    const since = async (id: string, request: object = {}) =>
      (await ask('monitor_cond_since', 'Shop', `m${Math.random()}`, { Item: request }, id))
        .result as [boolean, string, { Item?: Record<string, object> }]
    return { server, since }
  }

  test('gets what it missed, row by row, when the server still knows', async () => {
    const { server, since } = await open()
    const [found, id, initial] = await since('00000000-0000-0000-0000-000000000000')
    expect(found).toBe(false)
    const rows = new Map<string, object>()
    follow(rows, initial)
    expect(await since(id)).toEqual([true, id, {}])
    for (let count = 1; count < 10; count++) server.transact([update('Item', [], { count })])
    server.transact([deleteRows('Item', [['name', '==', 'a']]), insert('Item', { name: 'c' })])
    server.transact([insert('Item', { name: 'd' }, 'd'), deleteRows('Item', 'd')])
    const [known, newId, missed] = await since(id)
    expect([known, Object.keys(missed.Item ?? {})]).toEqual([true, expect.any(Array)])
    expect(Object.values(missed.Item ?? {})).toHaveLength(3)
    expect(newId).not.toBe(id)
    follow(rows, missed)
    expect(whole(rows)).toEqual(items(server))
  })

  test('gets only what its conditions let it see', async () => {
    const { server, since } = await open()
    const [, id] = await since('')
    server.transact([update('Item', [['name', '==', 'a']], { count: 5 })])
    const seen = await since(id, [{ columns: ['name'], where: [['count', '>', 3]] }])
    expect(Object.values(seen[2].Item ?? {})).toEqual([{ insert: { name: 'a' } }])
  })

  test.each([
    ['transactions', { maxTransactions: 3 }],
    ['changes', { maxChanges: 6 }],
  ])('gets everything when it missed more %s than are kept', async (_name, history) => {
    const { server, since } = await open({ history })
    const [, id] = await since('')
    for (let count = 1; count <= 3; count++) server.transact([update('Item', [], { count })])
    expect((await since(id))[0]).toBe(true)
    server.transact([update('Item', [], { count: 9 })])
    const [found, , rows] = await since(id)
    expect([found, Object.keys(rows.Item ?? {}).length]).toEqual([false, 2])
  })
})

describe('several databases in one server', () => {
  const depot = database('Depot', '1.0.0', { Shelf: table({ name: one(string()) }) })

  test('each has its transactions and monitors; _Server lists them', async () => {
    const server = new OvsdbServer(shop)
    server.add(new Database(depot))
    const { ask, heard } = connect(server)
    expect((await ask('list_dbs')).result).toEqual(['Depot', 'Shop', '_Server'])
    const request = { Database: { columns: ['name', 'model'] } }
    const listed = (await ask('monitor', '_Server', 's', request)).result as { Database: object }
    expect(
      Object.values(listed.Database)
        .map((row) => row.new.name)
        .sort(),
    ).toEqual(['Depot', 'Shop', '_Server'])
    await ask('monitor', 'Depot', 'd', { Shelf: { columns: ['name'] } })
    await ask('transact', 'Shop', { op: 'insert', table: 'Item', row: {} })
    await ask('transact', 'Depot', { op: 'insert', table: 'Shelf', row: { name: 'x' } })
    expect(heard.filter((one) => one.method === 'update').map((one) => one.params[0])).toEqual([
      'd',
    ])
    expect(
      (await ask('transact', 'Depot', { op: 'insert', table: 'Item', row: {} })).result,
    ).toMatchObject([{ error: 'syntax error' }])
    expect(() => server.add(new Database(depot))).toThrow(/is served/)
  })

  test('one that goes ends its monitors, and the sessions that did not ask to be told', async () => {
    const server = new OvsdbServer(shop)
    server.add(new Database(depot))
    const [aware, unaware] = [connect(server), connect(server)]
    await aware.ask('set_db_change_aware', true)
    await aware.ask('monitor', '_Server', 's', { Database: { columns: ['name'] } })
    await aware.ask('monitor_cond', 'Depot', ['d'], { Shelf: {} })
    await unaware.ask('list_dbs')
    server.remove('Depot')
    expect((await unaware.session.closed)?.message).toMatch(/Depot was removed/)
    expect((await aware.ask('get_schema', 'Depot')).error).toMatchObject({
      error: 'unknown database',
    })
    expect(aware.heard.filter((one) => one.id === null)).toMatchObject([
      { method: 'update', params: ['s', { Database: {} }] },
      { method: 'monitor_canceled', params: [['d']] },
    ])
    server.add(new Database(depot))
    expect((await aware.ask('list_dbs')).result).toContain('Depot')
  })
})

test('sessions, monitors, locks and waiting transactions are limited', async () => {
  const server = new OvsdbServer(shop, { maxSessions: 2, maxPending: 3 })
  const { ask } = connect(server)
  connect(server)
  expect((await connect(server).session.closed)?.message).toMatch(/over 2 sessions/)
  for (const n of [1, 2, 3]) {
    expect((await ask('monitor', 'Shop', n, {})).error).toBe(null)
    expect((await ask('lock', `l${n}`)).result).toEqual({ locked: true })
  }
  expect((await ask('monitor', 'Shop', 4, {})).error).toMatchObject({
    error: 'resources exhausted',
  })
  expect((await ask('lock', 'l4')).error).toMatchObject({ error: 'resources exhausted' })
})

test('each wait of a transaction has its own time, from the request on', async () => {
  const server = new OvsdbServer(shop)
  const { ask } = connect(server)
  const waitFor = (count: number, timeout: number) => ({
    op: 'wait',
    table: 'Item',
    where: [],
    columns: ['count'],
    until: '==',
    rows: [{ count }],
    timeout,
  })
  const reply = ask('transact', 'Shop', waitFor(1, 10_000), waitFor(2, 60))
  await sleep(5)
  server.transact([insert('Item', { count: 1 })])
  expect((await reply).result).toMatchObject([{}, { error: 'timed out' }])
})
