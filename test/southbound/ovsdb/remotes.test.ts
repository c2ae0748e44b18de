/** The remotes of a database: which is tried when, and which are left for the next or refused. */
import { duplexPair } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { RemoteDatabase, type RemoteEvent } from '../../../southbound/ovsdb/remote-database.ts'
import { remotesOf } from '../../../southbound/ovsdb/remotes.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import type { InetEndpoint } from '../../../southbound/wire/endpoint.ts'
import { listen } from '../../../southbound/wire/stream.ts'
import { insert, ledger } from './ledger.ts'
import { halfServer, type Open } from './remote-site.ts'

const signal = AbortSignal.timeout(60_000)
const open: Open = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
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

test('a server that answers, but gives no rows, is left for the next one', async () => {
  const silent = await halfServer(open, () => undefined)
  const server = new OvsdbServer(ledger)
  const listener = await listen('ptcp:0:127.0.0.1', {}, (stream) => void server.accept(stream))
  const well = `tcp:127.0.0.1:${(listener.address as InetEndpoint).port}`
  const events: RemoteEvent[] = []
  const database = new RemoteDatabase(ledger, {
    remotes: [silent.remote, well],
    // The silent one is the first.
    backoff: { firstMs: 1, maxMs: 5, random: () => 0.99 },
    answerMs: 250,
    onEvent: (event) => events.push(event),
  })
  open.push(database, listener, server)
  const replica = await database.monitor({ Entry: ['name'] }, { signal })
  await database.transact([insert('Entry', { name: 'x' })], { signal })
  expect(replica.table('Entry').size).toBe(1)
  expect(database.remote).toBe(well)
  expect(events.find(({ kind }) => kind === 'disconnected')).toMatchObject({
    remote: silent.remote,
    reason: { message: `timed out: ${silent.remote} gave no rows in 1000 ms` },
  })
  // It has the replica now: the silent one is refused for it before anybody is told to be connected.
  events.length = 0
  await listener.close()
  server.close()
  while (!events.some(({ kind, remote }) => kind === 'refused' && remote === silent.remote)) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(database.remote).toBeUndefined()
})

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
  const other = await halfServer(open, () => undefined)
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
