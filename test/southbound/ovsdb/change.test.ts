/** Reading, modifying and writing while others do the same, at our server and at the field's. */
import type net from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import type { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { needs } from '../../needs.ts'
import { startServers } from './cluster.ts'
import { deleteRows, insert, ledger, rows, select, update, wait } from './ledger.ts'
import { dialPath, ownPeer } from './peers.ts'

const signal = AbortSignal.timeout(60_000)
const none = { skip: false, reason: '', meta: {} }
const ours = async () => ownPeer(new OvsdbServer(ledger))
const field = async () => {
  const servers = await startServers(ledger, 1)
  const path = servers.remotes[0]?.slice('unix:'.length) ?? ''
  return { path, dial: (): Promise<net.Socket> => dialPath(path), close: () => servers.close() }
}

describe.each([
  ['our server', ours, none],
  ['ovsdb-server', field, needs('ovs')],
])('at %s', (_name, start, needed) => {
  describe('a client', needed, () => {
    let peer: Awaited<ReturnType<typeof start>>
    let client: OvsdbClient
    beforeAll(async () => {
      peer = await start()
      client = await OvsdbClient.open(await peer.dial(), { signal })
    })
    afterAll(async () => {
      client?.close()
      await peer?.close()
    })
    beforeEach(async () => {
      const clean = [deleteRows('Entry', []), deleteRows('Counter', [])]
      await client.transact(ledger, clean, { signal })
    })
    const monitor = (client: OvsdbClient) =>
      client.monitor(ledger, { Entry: ['name', 'tags', 'owner'], Counter: ['value'] }, { signal })

    test('adds up exactly what four clients count at once', async () => {
      const [counter] = await client.transact(ledger, [insert('Counter', { value: 0 })], { signal })
      const uuid = counter?.uuid ?? ''
      let tries = 0
      const count = async () => {
        const other = await OvsdbClient.open(await peer.dial(), { signal })
        const replica = await monitor(other)
        for (let i = 0; i < 25; i++) {
          const results = await other.change(
            replica,
            (draft) => {
              tries++
              const row = draft.row('Counter', uuid, ['value'])
              return row ? [update('Counter', uuid, { value: row.value + 1 })] : []
            },
            { signal },
          )
          expect(results).toEqual([{ count: 1 }])
        }
        other.close()
      }
      await Promise.all([count(), count(), count(), count()])
      const [found] = await client.transact(ledger, [select('Counter', [])], { signal })
      expect(rows('Counter', found)).toMatchObject([{ value: 100 }])
      // It was about something: now and then another client was faster.
      expect(tries).toBeGreaterThan(100)
    })

    test('builds again when a row that must not be there has come, or one that was read has gone', async () => {
      const replica = await monitor(client)
      const other = await OvsdbClient.open(await peer.dial(), { signal })
      const seen: (string | undefined)[][] = []
      const claim = () =>
        client.change(
          replica,
          (draft) => {
            const [taken] = draft.rows('Entry', [['name', '==', 'vm1']], ['owner', 'tags'])
            seen.push([taken?.owner, ...(taken?.tags ?? [])])
            return taken ? [] : [insert('Entry', { name: 'vm1', owner: 'us' })]
          },
          { signal },
        )
      const theirs = insert('Entry', { name: 'vm1', owner: 'them', tags: ['t'] })
      // Whoever comes first has it; there is one row in any case.
      const late = (error: OvsdbError) => expect(error.tag).toBe('constraint violation')
      const [, results] = await Promise.all([
        other.transact(ledger, [theirs], { signal }).catch(late),
        claim(),
      ])
      const [found] = await client
        .transact(ledger, [select('Entry', [])], { signal })
        .catch(() => [])
      expect(rows('Entry', found)).toHaveLength(1)
      expect([0, 1]).toContain(results.length)
      expect(seen[0]).toEqual([undefined])
      other.close()
    })

    test('does not ask the server when there is nothing to do', async () => {
      const replica = await monitor(client)
      expect(await client.change(replica, () => [], { signal })).toEqual([])
    })

    test('tries a wait of its own again when rows change, until its signal ends it', async () => {
      const replica = await monitor(client)
      let tries = 0
      const build = () => {
        tries++
        const ready = wait('Counter', [], '==', [{ value: 2 }], { timeoutMs: 0 })
        return [ready, insert('Entry', { name: 'after' })]
      }
      const late = client.change(replica, build, { signal })
      await client.transact(ledger, [insert('Counter', { value: 1 })], { signal })
      await client.transact(ledger, [update('Counter', [], { value: 2 })], { signal })
      expect(await late).toHaveLength(2)
      expect(tries).toBeLessThan(5)
      await client.transact(ledger, [update('Counter', [], { value: 3 })], { signal })
      const controller = new AbortController()
      const never = client.change(replica, build, { signal: controller.signal })
      setTimeout(() => controller.abort(new Error('enough')), 20)
      await expect(never).rejects.toThrow('enough')
    })

    test('gets other errors as they are', async () => {
      const replica = await monitor(client)
      const twice = () => [insert('Entry', { name: 'x' }), insert('Entry', { name: 'x' })]
      await expect(client.change(replica, twice, { signal })).rejects.toMatchObject({
        tag: 'constraint violation',
      })
    })

    test('has a lock until it releases it or another steals it', async () => {
      const other = await OvsdbClient.open(await peer.dial(), { signal })
      const first = await client.lock('l', { signal })
      await expect(client.lock('l', { signal })).rejects.toThrow(/already/)
      const controller = new AbortController()
      const gaveUp = other.lock('l', { signal: controller.signal })
      controller.abort(new Error('enough'))
      await expect(gaveUp).rejects.toThrow('enough')
      const waiting = other.lock('l', { signal })
      const assertion = { op: 'assert', lock: 'l' }
      await client.transact(ledger, [assertion, insert('Entry', { name: 'ours' })], { signal })
      const refused = other.transact(ledger, [assertion], { signal })
      await expect(refused).rejects.toMatchObject({ tag: 'not owner' })
      await first.release({ signal })
      expect(first.lost.aborted).toBe(true)
      const second = await waiting
      expect(second.lost.aborted).toBe(false)

      const stolen = new Promise((resolve) => second.lost.addEventListener('abort', resolve))
      const thief = await client.lock('l', { signal, steal: true })
      await stolen
      expect(second.lost.reason).toMatchObject({ tag: 'not owner' })
      await second.release({ signal })
      const again = other.lock('l', { signal })
      await thief.release({ signal })
      const third = await again
      expect(third.lost.aborted).toBe(false)
      const queued = client.lock('l', { signal })
      other.close()
      await other.closed
      expect(third.lost.aborted).toBe(true)
      await (await queued).release({ signal })
    })
  })
})
