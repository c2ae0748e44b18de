/** Our client at a Raft cluster of three ovsdb-servers whose leader is killed while it writes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OvsdbError } from '../../southbound/ovsdb/error.ts'
import { RemoteDatabase, type RemoteEvent } from '../../southbound/ovsdb/remote-database.ts'
import { needs } from '../needs.ts'
import { type Servers, startServers } from '../southbound/ovsdb/cluster.ts'
import { insert, ledger, rows, select, update } from '../southbound/ovsdb/ledger.ts'

/** From the SIGKILL to the first acknowledged write after it. */
const DEADLINE_MS = 3000
const WRITERS = 4
const signal = AbortSignal.timeout(120_000)

describe('a cluster of three', needs('ovs'), () => {
  let cluster: Servers
  const open: RemoteDatabase<typeof ledger>[] = []
  const connect = (onEvent: (event: RemoteEvent) => void = () => {}) => {
    const database = new RemoteDatabase(ledger, { remotes: cluster.remotes, onEvent })
    open.push(database)
    return database
  }
  beforeAll(async () => {
    cluster = await startServers(ledger, 3)
  })
  afterAll(async () => {
    for (const database of open) database.close()
    await cluster?.close()
  })

  test('loses nothing acknowledged when its leader is killed, and is written to again within 3 s', async () => {
    const events: RemoteEvent[] = []
    const database = connect((event) => events.push(event))
    const replica = await database.monitor({ Entry: ['name', 'number'] }, { signal })
    const byName = replica.index('Entry', 'name')

    // What the writers know: acknowledged, refused, or nobody can say.
    const acknowledged = new Set<string>()
    const unknown = new Set<string>()
    const heard = new Set<() => void>()
    let writing = true
    const writer = async (id: number) => {
      for (let n = 0; writing; n++) {
        const name = `${id}-${n}`
        try {
          await database.transact([insert('Entry', { name, number: n })], { signal })
          // The replica is not behind an acknowledgement of its own session.
          expect(byName.get(name)).toHaveLength(1)
          acknowledged.add(name)
          for (const listener of [...heard]) listener()
        } catch (error) {
          if (!(error instanceof OvsdbError) || error.tag !== 'unknown outcome') throw error
          unknown.add(name)
        }
      }
    }
    /** Resolves when `count` more writes are acknowledged; gives up after `ms`. */
    const acknowledgements = async (count: number, ms: number) => {
      const deadline = AbortSignal.timeout(ms)
      const enough = acknowledged.size + count
      await new Promise<void>((resolve, reject) => {
        const check = () => {
          if (acknowledged.size < enough) return
          heard.delete(check)
          resolve()
        }
        heard.add(check)
        deadline.addEventListener('abort', () => reject(new Error(`no write in ${ms} ms`)))
      })
    }
    const killLeader = async () => {
      const leader = database.remote ?? ''
      expect(cluster.remotes).toContain(leader)
      const began = performance.now()
      await cluster.kill(leader)
      await acknowledgements(1, DEADLINE_MS)
      return { leader, ms: performance.now() - began }
    }

    const writers = Array.from({ length: WRITERS }, (_, id) => writer(id))
    await acknowledgements(200, 20_000)
    const first = await killLeader()
    await acknowledgements(200, 20_000)
    // It comes back as a follower, so that another may go.
    await cluster.restart(first.leader)
    await acknowledgements(200, 20_000)
    await sleep(2000)
    const second = await killLeader()
    await acknowledgements(200, 20_000)
    writing = false
    await Promise.all(writers)

    const judge = connect()
    const [found] = await judge.transact([select('Entry', [])], { signal })
    const stored = rows('Entry', found).map((row) => row.name ?? '')
    const counts = new Set(stored)
    expect(counts.size).toBe(stored.length)
    expect([...acknowledged].filter((name) => !counts.has(name))).toEqual([])
    expect(stored.filter((name) => !acknowledged.has(name) && !unknown.has(name))).toEqual([])
    await replica.until(() => replica.table('Entry').size === stored.length, { signal })
    const copied = [...replica.table('Entry').values()].map((row) => row.name)
    expect(copied.sort()).toEqual(stored.sort())

    const sessions = events.filter((event) => event.kind === 'connected')
    expect(sessions.length).toBeGreaterThanOrEqual(3)
    // Rows came as a difference after a kill, not all over again.
    expect(sessions.some((event) => event.resumed === 1)).toBe(true)
    const happened = [...unknown].filter((name) => counts.has(name)).length
    process.stdout.write(
      `leader killed: writing again after ${first.ms.toFixed(0)} and ${second.ms.toFixed(0)} ms; ` +
        `${acknowledged.size} acknowledged, 0 lost; ${unknown.size} without answer, ` +
        `${happened} of them happened; ` +
        `resyncs ${sessions.slice(1).map((event) => (event.resumed ? 'missed' : 'all'))}\n`,
    )
    for (const { kind } of events) expect(['connected', 'disconnected', 'refused']).toContain(kind)
    await cluster.restart(second.leader)
  })

  test('counts exactly when three clients add to one row at once', async () => {
    const clients = [connect(), connect(), connect()]
    await clients[0]?.transact([insert('Counter', { value: 0 })], { signal })
    const EACH = 30
    const add = async (database: RemoteDatabase<typeof ledger>) => {
      const replica = await database.monitor({ Counter: ['value'] }, { signal })
      for (let i = 0; i < EACH; i++) {
        await database.change(
          replica,
          (draft) => {
            const [row] = draft.rows('Counter', [], ['value'])
            return row ? [update('Counter', row._uuid, { value: row.value + 1 })] : []
          },
          { signal },
        )
      }
    }
    await Promise.all(clients.map(add))
    const [found] = (await clients[0]?.transact([select('Counter', [])], { signal })) ?? []
    expect(rows('Counter', found)).toMatchObject([{ value: 3 * EACH }])
  })

  test('is followed to its new leader when the old one hands over and stays', async () => {
    const events: RemoteEvent[] = []
    const database = connect((event) => events.push(event))
    const replica = await database.monitor({ Entry: ['name'] }, { signal })
    const before = database.remote ?? ''
    cluster.control(before, 'cluster/failure-test', 'transfer-leadership')
    while (database.remote === before) await sleep(20)
    await database.transact([insert('Entry', { name: 'after' })], { signal })
    expect(database.remote).not.toBe(before)
    expect(replica.index('Entry', 'name').get('after')).toHaveLength(1)
    const left = events.find((event) => event.kind === 'disconnected')
    expect(left).toMatchObject({ remote: before })
    expect(left?.reason.message).toContain('is not the leader')
  })
})
