/** A database with several remotes: sessions that come and go, at our server in this process. */
import { duplexPair } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { JsonRpc } from '../../../southbound/ovsdb/json-rpc.ts'
import { RemoteDatabase, type RemoteEvent } from '../../../southbound/ovsdb/remote-database.ts'
import { remotesOf } from '../../../southbound/ovsdb/remotes.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import type { InetEndpoint } from '../../../southbound/wire/endpoint.ts'
import { listen } from '../../../southbound/wire/stream.ts'
import { needs } from '../../needs.ts'
import { startServers } from './cluster.ts'
import { deleteRows, insert, ledger, select, update } from './ledger.ts'

const signal = AbortSignal.timeout(60_000)
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

/** One server behind names that come and go; sessions can be cut at any moment. */
function site() {
  const server = new OvsdbServer(ledger)
  const up = new Set<string>()
  const cuts = new Set<() => void>()
  const dialled: string[] = []
  const events: RemoteEvent[] = []
  /** Told of what is about to reach the server; true: lose the connection after it. */
  let loses = (_text: string): 'before' | 'after' | undefined => undefined
  let inject = (_text: string): unknown => undefined
  const dial = async (remote: string) => {
    dialled.push(remote)
    if (!up.has(remote)) throw new Error(`${remote} is down`)
    const [near, front] = duplexPair()
    const [back, far] = duplexPair()
    server.accept(far)
    const cut = () => {
      for (const end of [near, front, back, far]) end.destroy()
    }
    cuts.add(cut)
    for (const end of [near, front, back, far]) end.on('error', () => {})
    front.on('data', (bytes: Buffer) => {
      const when = loses(bytes.toString())
      if (when === 'before') return cut()
      silent = when === 'after'
      back.write(bytes)
      // The server has handled it by then; its answer is on its way and lost.
      if (silent) setImmediate(() => setImmediate(cut))
    })
    let silent = false
    inject = (text) => front.write(text)
    back.on('data', (bytes: Buffer) => {
      if (!silent) front.write(bytes)
    })
    return near
  }
  const database = new RemoteDatabase(ledger, {
    remotes: ['a', 'b', 'c'],
    dial,
    backoff: { firstMs: 1, maxMs: 5, random: () => 0.99 },
    onEvent: (event) => events.push(event),
  })
  open.push(database, server)
  return {
    ...{ server, up, dialled, events, database },
    cut: () => {
      for (const cut of [...cuts]) cut()
      cuts.clear()
    },
    /** Sends this to the client in the server's name. */
    inject: (text: string) => inject(text),
    /** The next transaction does not get there, or its answer does not get back. */
    loseNext(when: 'before' | 'after') {
      loses = (text) => {
        if (!text.includes('"transact"')) return undefined
        loses = () => undefined
        return when
      }
    },
  }
}

test('calls wait until one of the remotes is there, and end by their signals', async () => {
  const { database, up, dialled } = site()
  const waiting = database.transact([insert('Entry', { name: 'x' })], { signal })
  const controller = new AbortController()
  const impatient = database.monitor({ Entry: ['name'] }, { signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(impatient).rejects.toThrow('enough')
  while (dialled.length < 7) await new Promise((resolve) => setTimeout(resolve, 2))
  up.add('b')
  expect(await waiting).toHaveLength(1)
  expect(database.remote).toBe('b')
  expect(new Set(dialled)).toEqual(new Set(['a', 'b', 'c']))
})

test('a replica lives through sessions and tells what it missed as one change', async () => {
  const { database, up, cut, server, events } = site()
  up.add('a')
  const replica = await database.monitor(
    { Entry: { columns: ['name', 'number'], where: [['number', '<', 10]] } },
    { signal },
  )
  const byName = replica.index('Entry', 'name')
  server.transact([
    insert('Entry', { name: 'kept', number: 1 }),
    insert('Entry', { name: 'changed', number: 2 }),
    insert('Entry', { name: 'gone', number: 3 }),
    insert('Entry', { name: 'hidden', number: 30 }),
  ])
  await replica.until(() => replica.table('Entry').size === 3, { signal })
  const [kept] = byName.get('kept')
  const batches: string[][] = []
  replica.onChange((changes) => batches.push(changes.map((c) => (c.after ?? c.before)?.name ?? '')))
  up.clear()
  cut()
  while (database.remote) await new Promise((resolve) => setTimeout(resolve, 1))
  server.transact([deleteRows('Entry', [['name', '==', 'gone']])])
  server.transact([update('Entry', [['name', '==', 'changed']], { number: 4 })])
  server.transact([insert('Entry', { name: 'new', number: 5 })])
  // Conditions may change meanwhile.
  const changed = replica.setConditions({ Entry: [['number', '<', 40]] }, { signal })
  up.add('c')
  await changed
  expect(batches.flat().sort()).toEqual(['changed', 'gone', 'hidden', 'new'])
  expect(batches).toHaveLength(1)
  expect(byName.get('kept')[0]).toBe(kept)
  expect(byName.get('changed')).toMatchObject([{ number: 4 }])
  expect(byName.get('gone')).toEqual([])
  expect(events.map(({ kind, remote }) => `${kind} ${remote}`)).toContain('connected c')
})

test('a transaction whose answer is lost is not sent again, and says so', async () => {
  const { database, up, loseNext, server } = site()
  up.add('a').add('b')
  const names = () => [...server.table('Entry').values()].map((row) => row.name)
  await database.connected({ signal })
  loseNext('after')
  const happened = database.transact([insert('Entry', { name: 'one' })], { signal })
  await expect(happened).rejects.toMatchObject({ tag: 'unknown outcome' })
  expect(names()).toEqual(['one'])
  loseNext('before')
  const not = database.transact([insert('Entry', { name: 'two' })], { signal })
  await expect(not).rejects.toMatchObject({ tag: 'unknown outcome' })
  expect(names()).toEqual(['one'])
  // One that only reads is sent again.
  loseNext('after')
  expect(await database.transact([select('Entry', [])], { signal })).toHaveLength(1)
})

test('a repeatable change is built again on rows that show whether it happened', async () => {
  for (const when of ['before', 'after'] as const) {
    const { database, up, loseNext, server } = site()
    up.add('a').add('b')
    const replica = await database.monitor({ Entry: ['name'] }, { signal })
    let builds = 0
    loseNext(when)
    await database.change(
      replica,
      (draft) => {
        builds++
        const [there] = draft.rows('Entry', [['name', '==', 'one']], [])
        return there ? [] : [insert('Entry', { name: 'one' })]
      },
      { signal, repeatable: true },
    )
    expect(builds).toBe(2)
    expect(server.table('Entry').size).toBe(1)
    loseNext(when)
    const once = database.change(replica, () => [insert('Entry', { name: 'two' })], { signal })
    await expect(once).rejects.toMatchObject({ tag: 'unknown outcome' })
  }
})

test('a replica equals the table after sessions that were cut at any moment', async () => {
  const { database, up, cut, server, events } = site()
  up.add('a').add('b')
  const replica = await database.monitor({ Entry: ['name', 'number'] }, { signal })
  const byNumber = replica.index('Entry', 'number')
  let seed = 3
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  for (let i = 0; i < 400; i++) {
    const where = [['name', '==', `n${random(20)}`]] as const
    const present = [...server.table('Entry').values()].some(({ name }) => name === where[0][2])
    const number = random(5)
    if (!present) server.transact([insert('Entry', { name: where[0][2], number })])
    else if (random(4) === 0) server.transact([deleteRows('Entry', where)])
    else server.transact([update('Entry', where, { number })])
    if (random(8) === 0) cut()
    for (let turns = random(4); turns > 0; turns--) await new Promise(setImmediate)
  }
  server.transact([insert('Entry', { name: 'end' })])
  const byName = replica.index('Entry', 'name')
  await replica.until(() => byName.get('end').length === 1, { signal })
  const expected = [...server.table('Entry')].map(([uuid, { name, number }]) => [
    uuid,
    name,
    number,
  ])
  const actual = [...replica.table('Entry')].map(([uuid, { name, number }]) => [uuid, name, number])
  expect(actual.sort()).toEqual(expected.sort())
  for (const row of replica.table('Entry').values()) expect(byNumber.get(row.number)).toContain(row)
  expect(events.filter(({ kind }) => kind === 'connected').length).toBeGreaterThan(10)
})

test('an update that makes no sense ends the session, and all rows come anew', async () => {
  const { database, up, server, events, inject } = site()
  up.add('a')
  const replica = await database.monitor({ Entry: ['name'] }, { signal })
  server.transact([insert('Entry', { name: 'x' })])
  await replica.until(() => replica.table('Entry').size === 1, { signal })
  const uuid = '11111111-2222-3333-4444-555555555555'
  const updates = { Entry: { [uuid]: { modify: { name: 'y' } } } }
  // The replica's monitor is the last that the session began; the rest are of nobody.
  for (let id = 8; id > 0; id--) {
    inject(JSON.stringify({ id: null, method: 'update3', params: [id, uuid, updates] }))
  }
  while (!events.some(({ kind }) => kind === 'disconnected')) await new Promise(setImmediate)
  server.transact([insert('Entry', { name: 'z' })])
  await replica.until(() => replica.table('Entry').size === 2, { signal })
  await database.connected({ signal })
  const last = events.findLast(({ kind }) => kind === 'connected')
  expect(last).toMatchObject({ resumed: 0, reloaded: 1 })
})

test(
  'ovsdb-server that is killed and started again is found, and nothing acknowledged is lost',
  needs('ovs'),
  async () => {
    const servers = await startServers(ledger, 1)
    const events: RemoteEvent[] = []
    const onEvent = (event: RemoteEvent) => events.push(event)
    const database = new RemoteDatabase(ledger, { remotes: servers.remotes, onEvent })
    open.push(database, servers)
    const replica = await database.monitor({ Entry: ['name'] }, { signal })
    for (let n = 0; n < 20; n++) {
      if (n === 10) {
        await servers.kill(servers.remotes[0] ?? '')
        while (database.remote) await new Promise(setImmediate)
        await servers.restart(servers.remotes[0] ?? '')
      }
      await database.transact([insert('Entry', { name: `n${n}` })], { signal })
    }
    expect(replica.table('Entry').size).toBe(20)
    const [found] = await database.transact([select('Entry', [])], { signal })
    expect(found?.rows).toHaveLength(20)
    // One that stands alone does not remember transactions.
    const sessions = events.filter(({ kind }) => kind === 'connected')
    expect(sessions).toMatchObject([{ reloaded: 0 }, { reloaded: 1, resumed: 0 }])
  },
)

test('a lock is lost with its session', async () => {
  const { database, up, cut } = site()
  up.add('a')
  const lock = await database.lock('l', { signal })
  cut()
  await new Promise((resolve) => lock.lost.addEventListener('abort', resolve))
  expect(lock.lost.reason).toBeInstanceOf(OvsdbError)
  await database.lock('l', { signal })
})

test('a closed database rejects what waits and what comes', async () => {
  const { database, up, server } = site()
  const waiting = database.transact([select('Entry', [])], { signal })
  database.close()
  await expect(waiting).rejects.toMatchObject({ tag: 'connection closed' })
  await expect(database.lock('l', { signal })).rejects.toThrow('connection closed')
  const second = site()
  second.up.add('a')
  const replica = await second.database.monitor({ Entry: ['name'] }, { signal })
  const never = replica.until(() => false, { signal })
  second.database.close()
  await expect(never).rejects.toMatchObject({ tag: 'connection closed' })
  expect([up.size, server.table('Entry').size]).toEqual([0, 0])
})

test('remotes are tried once each before a pause, in an order drawn by chance', () => {
  let seed = 0
  const random = () => {
    seed = (seed * 16807 + 7) % 2147483647
    return seed / 2147483647
  }
  const remotes = remotesOf(['a', 'b', 'c'], { firstMs: 100, maxMs: 400, random })
  const round = () =>
    [0, 1, 2].map(() => {
      const remote = remotes.current
      return [remote, Math.round(remotes.next())] as const
    })
  const rounds = [round(), round(), round(), round()]
  for (const tried of rounds) {
    expect(tried.map(([remote]) => remote).sort()).toEqual(['a', 'b', 'c'])
    expect(tried.slice(0, 2).map(([, pause]) => pause)).toEqual([0, 0])
  }
  const pauses = rounds.map((tried) => tried[2]?.[1] ?? 0)
  for (const [i, limit] of [100, 200, 400, 400].entries()) {
    expect(pauses[i]).toBeGreaterThanOrEqual(limit / 2)
    expect(pauses[i]).toBeLessThanOrEqual(limit)
  }
  remotes.settled()
  expect(round()[2]?.[1]).toBeLessThanOrEqual(100)
})

/** A server that is well, and answers everything, except what `silent` says of it. */
async function halfServer(answer: (method: string) => unknown) {
  const asked: string[] = []
  const listener = await listen('ptcp:0:127.0.0.1', {}, (stream) => {
    new JsonRpc(stream, {
      onCall({ method, reply, fail }) {
        asked.push(method)
        const result = method === 'list_dbs' ? ['Ledger'] : answer(method)
        if (result instanceof Error) fail(result)
        else if (result !== undefined) reply(result)
      },
    })
  })
  open.push(listener)
  return { asked, remote: `tcp:127.0.0.1:${(listener.address as InetEndpoint).port}` }
}

test('a server that answers, but gives no rows, is left for the next one', async () => {
  const silent = await halfServer(() => undefined)
  const server = new OvsdbServer(ledger)
  const listener = await listen('ptcp:0:127.0.0.1', {}, (stream) => void server.accept(stream))
  const well = `tcp:127.0.0.1:${(listener.address as InetEndpoint).port}`
  const events: RemoteEvent[] = []
  const database = new RemoteDatabase(ledger, {
    remotes: [silent.remote, well],
    // The silent one is the first.
    backoff: { firstMs: 1, maxMs: 5, random: () => 0.99 },
    answerMs: 50,
    onEvent: (event) => events.push(event),
  })
  open.push(database, listener, server)
  const replica = await database.monitor({ Entry: ['name'] }, { signal })
  await database.transact([insert('Entry', { name: 'x' })], { signal })
  expect(replica.table('Entry').size).toBe(1)
  expect(database.remote).toBe(well)
  expect(events.find(({ kind }) => kind === 'disconnected')).toMatchObject({
    remote: silent.remote,
    reason: { message: `timed out: ${silent.remote} gave no rows in 200 ms` },
  })
  // It has the replica now: the silent one is refused for it before anybody is told to be connected.
  await listener.close()
  server.close()
  while (!events.some(({ kind, remote }) => kind === 'refused' && remote === silent.remote)) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(database.remote).toBeUndefined()
})

test.each(['connection closed', 'unknown outcome'])(
  'what a peer calls %s is its answer, and nothing is sent again',
  async (tag) => {
    const odd = await halfServer(() => new OvsdbError(tag))
    const results = await halfServer(() => [{ error: tag }])
    for (const { asked, remote } of [odd, results]) {
      const database = new RemoteDatabase(ledger, { remotes: [remote] })
      open.push(database)
      await expect(database.transact([select('Entry', [])], { signal })).rejects.toMatchObject({
        tag,
      })
      expect(asked.filter((method) => method === 'transact')).toHaveLength(1)
    }
  },
)

test.each<[string[], RegExp]>([
  [[], /at least one remote/],
  [['db.sock'], /'db.sock' is no endpoint/],
  [['tcp:h:1', 'ptcp:6640'], /one listens there and cannot dial it/],
  [['ssl:h:6640'], /TLS wants a key/],
])('remotes %j are refused at once', (remotes, message) => {
  expect(() => new RemoteDatabase(ledger, { remotes })).toThrow(message)
})

test('a call that ends by its time says what was in the way', async () => {
  const nobody = new RemoteDatabase(ledger, { remotes: ['unix:/nowhere'] })
  const other = await halfServer(() => undefined)
  const elsewhere = new RemoteDatabase({ ...ledger, name: 'Little' }, { remotes: [other.remote] })
  open.push(nobody, elsewhere)
  const ends = { signal: AbortSignal.timeout(300) }
  await expect(nobody.connected(ends)).rejects.toMatchObject({
    name: 'TimeoutError',
    cause: {
      name: 'EndpointError',
      message: expect.stringContaining('unix:/nowhere: connect ENOENT'),
    },
  })
  await expect(elsewhere.connected({ signal: AbortSignal.timeout(300) })).rejects.toMatchObject({
    cause: { tag: 'unknown database' },
  })
})

test('a server that has lost the database is refused by the same tag', async () => {
  const server = new OvsdbServer({ ...ledger, name: 'Other' })
  const [near, far] = duplexPair()
  server.accept(far)
  const events: RemoteEvent[] = []
  const dial = async () => near
  const onEvent = (event: RemoteEvent) => events.push(event)
  open.push(new RemoteDatabase(ledger, { remotes: ['a'], dial, onEvent }), server)
  while (events.length === 0) await new Promise(setImmediate)
  expect(events[0]).toMatchObject({ reason: { tag: 'unknown database' } })
})
