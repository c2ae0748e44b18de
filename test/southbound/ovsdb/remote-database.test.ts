/** A database with several remotes: replicas that live through sessions that come and go. */
import { afterEach, expect, test } from 'vitest'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { RemoteDatabase, type RemoteEvent } from '../../../southbound/ovsdb/remote-database.ts'
import { needs } from '../../needs.ts'
import { startServers } from './cluster.ts'
import { deleteRows, insert, ledger, select, update } from './ledger.ts'
import { type Open, site } from './remote-site.ts'

const signal = AbortSignal.timeout(60_000)
const open: Open = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

test('calls wait until one of the remotes is there, and end by their signals', async () => {
  const { database, up, dialled } = site(open)
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
  const { database, up, cut, server, events } = site(open)
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

test('a replica equals the table after sessions that were cut at any moment', async () => {
  const { database, up, cut, server, events } = site(open)
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
  const { database, up, server, events, inject } = site(open)
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
  const { database, up, cut } = site(open)
  up.add('a')
  const lock = await database.lock('l', { signal })
  cut()
  await new Promise((resolve) => lock.lost.addEventListener('abort', resolve))
  expect(lock.lost.reason).toBeInstanceOf(OvsdbError)
  await database.lock('l', { signal })
})

test('a lock whose release was given up before it was asked for is held on', async () => {
  const { database, up } = site(open)
  up.add('a')
  const lock = await database.lock('l', { signal })
  await expect(lock.release({ signal: AbortSignal.abort() })).rejects.toThrow('aborted')
  expect(lock.lost.aborted).toBe(false)
  await lock.release({ signal })
  expect(lock.lost.aborted).toBe(true)
  await (await database.lock('l', { signal })).release({ signal })
})

test('a closed database rejects what waits and what comes', async () => {
  const { database, up, server } = site(open)
  const waiting = database.transact([select('Entry', [])], { signal })
  database.close()
  await expect(waiting).rejects.toMatchObject({ tag: 'connection closed' })
  await expect(database.lock('l', { signal })).rejects.toThrow('connection closed')
  const second = site(open)
  second.up.add('a')
  const replica = await second.database.monitor({ Entry: ['name'] }, { signal })
  const never = replica.until(() => false, { signal })
  second.database.close()
  await expect(never).rejects.toMatchObject({ tag: 'connection closed' })
  expect([up.size, server.table('Entry').size]).toEqual([0, 0])
})
