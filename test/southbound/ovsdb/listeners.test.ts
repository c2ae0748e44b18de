/** What somebody's listener throws: it has no effect on what has happened, nor on those who wait for it. */
import { duplexPair } from 'node:stream'
import { expect, test } from 'vitest'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { JsonRpc } from '../../../southbound/ovsdb/json-rpc.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { insert, ledger, select } from './ledger.ts'

const signal = AbortSignal.timeout(20_000)

test('a listener that throws after a commit: all others hear of it, replies go out, the error is told', async () => {
  const told: unknown[] = []
  const onListenerError = (error: unknown) => told.push((error as Error).message)
  const server = new OvsdbServer(ledger, { onListenerError })
  const heard: number[] = []
  server.onCommit(() => {
    throw new Error('first')
  })
  server.onCommit(async () => {
    throw new Error('async')
  })
  server.onCommit((changes) => heard.push(changes.length))
  expect(server.transact([insert('Entry', { name: 'a' })])[0]?.uuid).toBeTypeOf('string')
  const [near, far] = duplexPair()
  server.accept(far)
  const client = await OvsdbClient.open(near, { signal })
  const replica = await client.monitor(ledger, { Entry: ['name'] }, { signal })
  await client.transact(ledger, [insert('Entry', { name: 'b' })], { signal })
  expect(replica.table('Entry').size).toBe(2)
  expect(heard).toEqual([1, 1])
  expect(told).toEqual(['first', 'async', 'first', 'async'])
  server.close()
})

test('a listener of a replica that throws: the replica goes on, calls are answered, the error is told', async () => {
  const server = new OvsdbServer(ledger)
  const [near, far] = duplexPair()
  server.accept(far)
  const told: unknown[] = []
  const onListenerError = (error: unknown) => told.push((error as Error).message)
  const client = await OvsdbClient.open(near, { signal, onListenerError })
  const replica = await client.monitor(ledger, { Entry: ['name'] }, { signal })
  const sizes: number[] = []
  replica.onChange(() => {
    throw new Error('mine')
  })
  replica.onChange(() => sizes.push(replica.table('Entry').size))
  const asked = replica.until(
    () => {
      if (replica.table('Entry').size > 0) throw new Error('asked wrongly')
      return false
    },
    { signal },
  )
  asked.catch(() => undefined)
  for (const name of ['a', 'b'])
    await client.transact(ledger, [insert('Entry', { name })], { signal })
  expect(sizes).toEqual([1, 2])
  expect(told).toEqual(['mine', 'mine'])
  await expect(asked).rejects.toThrow('asked wrongly')
  expect(client.isOpen).toBe(true)
  server.close()
})

test('without anybody to tell, it is a warning of the process', async () => {
  const server = new OvsdbServer(ledger)
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  server.onCommit(() => {
    throw new Error('nobody looks')
  })
  server.transact([insert('Entry', { name: 'a' })])
  expect((await warned).message).toBe('nobody looks')
})

test('a bug in what handles a message ends that connection with the error, and not the process', async () => {
  const [left, right] = duplexPair()
  const bug = new TypeError('a bug')
  const rpc = new JsonRpc(right, {
    onCall() {
      throw bug
    },
  })
  left.write('{"id":1,"method":"a","params":[]}')
  expect(await rpc.closed).toBe(bug)
})

test('rows of all tables together are limited where it is asked for', () => {
  const server = new OvsdbServer(ledger, { maxRows: 3 })
  const entries = (...names: string[]) => names.map((name) => insert('Entry', { name }))
  server.transact(entries('a', 'b'))
  expect(() => server.transact([...entries('c'), insert('Counter', {})])).toThrow(
    'resources exhausted: 4 rows, more than 3',
  )
  server.transact([insert('Counter', {})])
  expect(() => server.transact(entries('c'))).toThrow('resources exhausted')
  server.transact([{ op: 'delete', table: 'Entry', where: [['name', '==', 'a']] }, ...entries('c')])
  expect(server.table('Entry').size).toBe(2)
  expect(server.transact([select('Entry', [])])[0]?.rows).toHaveLength(2)
})
