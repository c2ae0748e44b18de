/** What only the owner of a server sees, and what a hostile or slow client can do to it. */
import { duplexPair } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { runs } from '../../random.ts'

const signal = AbortSignal.timeout(60_000)
const { insert, update, mutate, deleteRows, wait } = operations(openVSwitch)

async function connect<S extends ConstructorParameters<typeof OvsdbServer>[0]>(
  server: OvsdbServer<S>,
) {
  const [left, right] = duplexPair()
  const session = server.accept(right)
  return { client: await OvsdbClient.open(left, { signal }), session }
}

describe('in process', () => {
  test('a transaction is done, and told, when it returns', () => {
    const server = new OvsdbServer(openVSwitch)
    const heard: unknown[] = []
    server.onCommit((changes) =>
      heard.push(changes.map((c) => [c.table, c.before, c.after?._uuid])),
    )
    const [result] = server.transact([insert('Open_vSwitch', { next_cfg: 3 })])
    expect(server.table('Open_vSwitch').get(result?.uuid ?? '')).toMatchObject({ next_cfg: 3 })
    expect(heard).toEqual([[['Open_vSwitch', undefined, result?.uuid]]])
    expect(() => server.transact([insert('Open_vSwitch', {})])).toThrow(OvsdbError)
    expect(() => server.transact([wait('QoS', [], '!=', [])])).toThrow(/timed out/)
    expect(heard).toHaveLength(1)
  })

  test('a transaction that changes nothing is told to nobody', () => {
    const server = new OvsdbServer(openVSwitch)
    const [result] = server.transact([insert('QoS', { type: 'x' })])
    let told = 0
    server.onCommit(() => told++)
    server.transact([update('QoS', result?.uuid ?? '', { type: 'x' })])
    server.transact([insert('Queue', {}, 'q'), deleteRows('Queue', 'q')])
    expect(told).toBe(0)
  })

  test('a listener that commits is told after the commit it reacts to, to all, in order', async () => {
    const server = new OvsdbServer(openVSwitch)
    const order: string[] = []
    const cfg = (changes: readonly { after?: unknown }[]) => {
      const after = changes[0]?.after as { next_cfg: number; cur_cfg: number }
      return `${after.next_cfg}/${after.cur_cfg}`
    }
    server.onCommit((changes) => {
      order.push(`a ${cfg(changes)}`)
      const [change] = changes
      if (change?.table !== 'Open_vSwitch' || change.after?.cur_cfg === change.after?.next_cfg)
        return
      server.transact([update('Open_vSwitch', [], { cur_cfg: change.after?.next_cfg ?? 0 })])
    })
    server.onCommit((changes) => order.push(`b ${cfg(changes)}`))
    const { client } = await connect(server)
    const replica = await client.monitor(
      openVSwitch,
      { Open_vSwitch: ['cur_cfg', 'next_cfg'] },
      { signal },
    )
    replica.onChange((changes) => order.push(`client ${cfg(changes)}`))
    await client.transact(openVSwitch, [insert('Open_vSwitch', { next_cfg: 1 })], { signal })
    expect(order).toEqual(['a 1/0', 'b 1/0', 'a 1/1', 'b 1/1', 'client 1/0', 'client 1/1'])
  })

  test('a client that transacts while it is told gets its updates before its replies', async () => {
    const server = new OvsdbServer(openVSwitch)
    const { client } = await connect(server)
    const replica = await client.monitor(openVSwitch, { QoS: ['type'] }, { signal })
    const order: string[] = []
    const types = () =>
      [...replica.table('QoS').values()]
        .map((row) => row.type)
        .sort()
        .join()
    const replies: Promise<unknown>[] = []
    replica.onChange(() => {
      order.push(`told ${types()}`)
      const type = String(replica.table('QoS').size)
      if (replica.table('QoS').size > 3) return
      const reply = client.transact(openVSwitch, [insert('QoS', { type })], { signal })
      replies.push(reply.then(() => order.push(`done ${type}`)))
    })
    server.transact([insert('QoS', { type: '0' })])
    await replica.until(() => replica.table('QoS').size > 3, { signal })
    await Promise.all(replies)
    expect(order.filter((line) => line.startsWith('told'))).toEqual([
      'told 0',
      'told 0,1',
      'told 0,1,2',
      'told 0,1,2,3',
    ])
    for (const type of ['1', '2', '3']) {
      const told = order.findIndex((line) => line.startsWith('told') && line.endsWith(type))
      expect(order.indexOf(`done ${type}`)).toBeGreaterThan(told)
    }
  })

  test('rows are frozen, and an old row stays as it was', () => {
    const server = new OvsdbServer(openVSwitch)
    const [result] = server.transact([insert('QoS', { type: 'x', external_ids: { a: 'b' } })])
    const before = server.table('QoS').get(result?.uuid ?? '')
    server.transact([mutate('QoS', [], 'external_ids', 'insert', { c: 'd' })])
    expect(before?.external_ids).toEqual({ a: 'b' })
    expect(Object.isFrozen(before) && Object.isFrozen(before?.external_ids)).toBe(true)
  })
})

describe('a client that means no good', () => {
  test('garbage ends its session with the reason and no other', async () => {
    const server = new OvsdbServer(openVSwitch)
    const { client } = await connect(server)
    const [left, right] = duplexPair()
    left.on('error', () => {})
    const session = server.accept(right)
    left.write('GET / HTTP/1.1\r\n\r\n')
    expect((await session.closed)?.message).toMatch(/expected an object/)
    await client.transact(openVSwitch, [insert('QoS', {})], { signal })
  })

  test('requests of every wrong shape are answered or end the session, never the process', async () => {
    const json = fc.jsonValue({ maxDepth: 3 })
    const name = fc.constantFrom(
      'transact',
      'monitor',
      'monitor_cond',
      'monitor_cond_change',
      'monitor_cancel',
      'lock',
      'unlock',
      'get_schema',
      'cancel',
      '__proto__',
      'constructor',
    )
    const member = fc.constantFrom(
      'op',
      'table',
      'row',
      'where',
      'columns',
      'mutations',
      'until',
      'rows',
      'timeout',
      'uuid-name',
      '__proto__',
    )
    const likely = fc.constantFrom<unknown>(
      'insert',
      'select',
      'update',
      'mutate',
      'delete',
      'wait',
      'Bridge',
      'QoS',
      'name',
      'external_ids',
      '==',
      'includes',
      ['set', []],
      ['map', []],
      [],
      [['name', '==', 'x']],
      [['external_ids', 'insert', ['map', [['a', 'b']]]]],
      { name: 'x' },
      ['name'],
      [[]],
      ['uuid', 'x'],
      ['named-uuid', 'x'],
      0,
    )
    const operation = fc.dictionary(member, fc.oneof(likely, json), { maxKeys: 6 })
    const requests = fc.array(
      fc.tuple(
        name,
        fc.oneof(
          fc.array(json),
          fc.array(operation).map((o) => ['Open_vSwitch', ...o]),
        ),
      ),
    )
    await fc.assert(
      fc.asyncProperty(requests, async (list) => {
        const server = new OvsdbServer(openVSwitch)
        const [left, right] = duplexPair()
        left.on('error', () => {})
        left.resume()
        const session = server.accept(right)
        for (const [i, [method, params]] of list.entries()) {
          left.write(JSON.stringify({ id: i, method, params }))
        }
        left.end()
        const reason = await session.closed
        if (reason !== undefined) expect(reason).toBeInstanceOf(OvsdbError)
      }),
      runs(500),
    )
  })

  test('a reply that the client does not read ends its session, the commits go on', async () => {
    const server = new OvsdbServer(openVSwitch, { maxQueuedBytes: 200_000 })
    for (let i = 0; i < 500; i++) server.transact([insert('QoS', { type: 'x'.repeat(1000) })])
    const [left, right] = duplexPair()
    left.on('error', () => {})
    const session = server.accept(right)
    const params = ['Open_vSwitch', 1, { QoS: {} }]
    left.write(JSON.stringify({ id: 1, method: 'monitor', params }))
    expect((await session.closed)?.message).toMatch(/resources exhausted/)
    server.transact([insert('QoS', {})])
    expect(server.table('QoS').size).toBe(501)
  })

  test('transactions that wait for ever are limited and end with the session', async () => {
    const server = new OvsdbServer(openVSwitch)
    const { client, session } = await connect(server)
    const never = wait('QoS', [], '!=', [])
    const errors: string[] = []
    const calls = Array.from({ length: 1030 }, () =>
      client.transact(openVSwitch, [never], { signal }).catch((error) => errors.push(error.tag)),
    )
    await sleep(50)
    session.close()
    await Promise.all(calls)
    expect(errors.filter((tag) => tag === 'resources exhausted')).toHaveLength(6)
    expect(errors.filter((tag) => tag === 'unknown outcome')).toHaveLength(1024)
  })
})

test('a lock moves on when its owner leaves', async () => {
  const server = new OvsdbServer(openVSwitch)
  const raw = () => {
    const [left, right] = duplexPair()
    const heard: unknown[] = []
    left.on('data', (bytes: Buffer) => heard.push(JSON.parse(bytes.toString())))
    server.accept(right)
    return { left, heard }
  }
  const [a, b] = [raw(), raw()]
  a.left.write('{"id":1,"method":"lock","params":["l"]}')
  await sleep(5)
  b.left.write('{"id":1,"method":"lock","params":["l"]}')
  await sleep(5)
  a.left.destroy()
  await sleep(5)
  expect(b.heard).toEqual([
    { id: 1, result: { locked: false }, error: null },
    { id: null, method: 'locked', params: ['l'] },
  ])
})
