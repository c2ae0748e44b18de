/** Indexes and changes of a replica, at our server. */
import { duplexPair } from 'node:stream'
import { beforeEach, expect, test } from 'vitest'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { deleteRows, insert, ledger, mutate, update } from './ledger.ts'

const signal = AbortSignal.timeout(60_000)
const columns = { Entry: ['name', 'number', 'owner', 'tags', 'external_ids'] } as const
let server: OvsdbServer<typeof ledger>
let client: OvsdbClient

beforeEach(async () => {
  const [near, far] = duplexPair()
  server = new OvsdbServer(ledger)
  server.accept(far)
  client = await OvsdbClient.open(near, { signal })
  return () => client.close()
})
const transact = (...operations: Parameters<OvsdbClient['transact']>[1]) =>
  client.transact(ledger, operations, { signal })

test('an index finds rows by a column, a key of a map, the elements of a set, or several together', async () => {
  const replica = await client.monitor(ledger, columns, { signal })
  const byName = replica.index('Entry', 'name')
  const byPort = replica.index('Entry', 'external_ids:port')
  const byTag = replica.index('Entry', 'tags')
  const byOwner = replica.index('Entry', 'owner')
  const byBoth = replica.index('Entry', 'owner', 'number')
  const [a, b] = await transact(
    insert('Entry', { name: 'a', owner: 'x', tags: ['p', 'q'], external_ids: { port: '1' } }),
    insert('Entry', { name: 'b', owner: 'x', tags: ['q'], external_ids: { constructor: '' } }),
    insert('Entry', { name: 'c', number: 7 }),
  )
  const names = (rows: readonly { name: string }[]) => rows.map((row) => row.name).sort()
  expect(names(byName.get('a'))).toEqual(['a'])
  expect(names(byPort.get('1'))).toEqual(['a'])
  expect(names(byTag.get('q'))).toEqual(['a', 'b'])
  expect(names(byOwner.get('x'))).toEqual(['a', 'b'])
  expect(names(byBoth.get('x', 0))).toEqual(['a', 'b'])
  expect([byOwner.size, byName.size, byPort.size]).toEqual([1, 3, 1])

  const seen: string[][] = []
  replica.onChange(() => seen.push(names(byTag.get('q'))))
  await transact(
    update('Entry', a?.uuid ?? '', { tags: ['r'], owner: undefined, name: 'z' }),
    mutate('Entry', b?.uuid ?? '', 'external_ids', 'insert', { port: '1' }),
  )
  expect(seen).toEqual([['b']])
  expect([names(byName.get('a')), names(byName.get('z'))]).toEqual([[], ['z']])
  expect([names(byPort.get('1')), names(byOwner.get('x'))]).toEqual([['b', 'z'], ['b']])
  expect(byBoth.get('x', 0)[0]).toBe(replica.table('Entry').get(b?.uuid ?? ''))
  await transact(deleteRows('Entry', []))
  expect([byName.size, byPort.size, byTag.size, byOwner.size, byBoth.size]).toEqual([0, 0, 0, 0, 0])

  // Declared again it is the same; declared late it is complete; declared wrong it is refused.
  expect(replica.index('Entry', 'name')).toBe(byName)
  await transact(insert('Entry', { name: 'late', number: 3 }))
  expect(names(replica.index('Entry', 'number').get(3))).toEqual(['late'])
  expect(() => replica.index('Entry', 'name:key')).toThrow(/no map/)
  expect(() => replica.index('Entry', 'nope' as 'name')).toThrow(/not monitored/)
})

test('a reader that keeps up sees each transaction, and one that does not sees them merged', async () => {
  const replica = await client.monitor(ledger, columns, { signal })
  const [kept] = await transact(insert('Entry', { name: 'kept' }), insert('Entry', { name: 'old' }))
  const quick = replica.changes({ signal })
  const slow = replica.changes({ signal, initial: true })
  const names = ({ value }: Awaited<ReturnType<typeof slow.next>>) =>
    value?.map(({ before, after }) => [before?.name, after?.name])
  expect(names(await slow.next())).toEqual([
    [undefined, 'kept'],
    [undefined, 'old'],
  ])

  for (let i = 1; i <= 200; i++) {
    const next = quick.next()
    await transact(
      update('Entry', kept?.uuid ?? '', { name: `kept${i}` }),
      ...(i === 3 ? [deleteRows('Entry', [['name', '==', 'old']])] : []),
      // Comes and goes; nobody who is late hears of it.
      i % 2 ? insert('Entry', { name: 'brief' }) : deleteRows('Entry', [['name', '==', 'brief']]),
    )
    expect(names(await next)).toContainEqual([i === 1 ? 'kept' : `kept${i - 1}`, `kept${i}`])
  }
  expect(names(await slow.next())).toEqual([
    ['kept', 'kept200'],
    ['old', undefined],
  ])
  await quick.return?.()
  expect(await quick.next()).toEqual({ done: true, value: undefined })
})

test('changes end with the monitor, and throw when the signal aborts or the session ends', async () => {
  const replica = await client.monitor(ledger, columns, { signal })
  const other = await client.monitor(ledger, columns, { signal })
  const cancelled = other.changes({ signal })
  const controller = new AbortController()
  const aborted = replica.changes({ signal: controller.signal }).next()
  const ended = replica.changes({ signal })
  await transact(insert('Entry', { name: 'last' }))
  await other.cancel({ signal })
  expect((await cancelled.next()).value).toHaveLength(1)
  expect(await cancelled.next()).toMatchObject({ done: true })
  controller.abort(new Error('enough'))
  expect((await aborted).value).toHaveLength(1)
  const stopped = replica.changes({ signal: controller.signal })
  await expect(stopped.next()).rejects.toThrow('enough')
  client.close()
  await client.closed
  expect((await ended.next()).value).toHaveLength(1)
  await expect(ended.next()).rejects.toMatchObject({ tag: 'connection closed' })
  await expect(replica.changes({ signal }).next()).rejects.toMatchObject({
    tag: 'connection closed',
  })
})

test('readers of any pace end with the rows of the replica, and never hold more than those', async () => {
  const replica = await client.monitor(ledger, columns, { signal })
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  const readers = [1, 3, 17, 1000].map((pace) => ({
    pace,
    changes: replica.changes({ signal, initial: true }),
    rows: new Map<string, object>(),
  }))
  const read = async ({ changes, rows }: (typeof readers)[number]) => {
    const { value = [] } = await changes.next()
    for (const { uuid, before, after } of value) {
      expect(rows.get(uuid)).toBe(before)
      if (after) rows.set(uuid, after)
      else rows.delete(uuid)
    }
    expect(value.length).toBeLessThanOrEqual(2 * NAMES)
    expect(rows.size).toBe(replica.table('Entry').size)
  }
  const NAMES = 12
  for (const reader of readers) await read(reader)
  for (let i = 1; i <= 1000; i++) {
    const where = [['name', '==', `n${random(NAMES)}`]] as const
    const [, , name] = where[0]
    const present = replica.index('Entry', 'name').get(name).length > 0
    if (!present) await transact(insert('Entry', { name }))
    else if (random(3) === 0) await transact(deleteRows('Entry', where))
    else await transact(mutate('Entry', where, 'number', '+=', 1))
    for (const reader of readers) if (i % reader.pace === 0) await read(reader)
  }
  await transact(insert('Entry', { name: 'end' }))
  for (const reader of readers) {
    await read(reader)
    expect(new Map(reader.rows)).toEqual(new Map(replica.table('Entry')))
  }
})
