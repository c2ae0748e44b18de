/** The client, against our server and against the field's. */
import { once } from 'node:events'
import net from 'node:net'
import { duplexPair } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { hasOvs, ownPeer, type Peer, realPeer } from './peers.ts'

const signal = AbortSignal.timeout(60_000)
const { insert, update, mutate, deleteRows, wait, select, rows } = operations(openVSwitch)

/** Bridge br0 with a port and interface of the same name as `name`. */
function addBridge(name: string) {
  return [
    insert('Interface', { name, type: 'internal', external_ids: { 'iface-id': 'x' } }, 'iface'),
    insert('Port', { name, interfaces: ['iface'], tag: 7 }, 'port'),
    insert('Bridge', { name, ports: ['port'], fail_mode: 'secure' }, 'bridge'),
    mutate('Open_vSwitch', [], 'bridges', 'insert', ['bridge']),
  ]
}

describe.each([
  ['our server', ownPeer, true],
  ['ovsdb-server', realPeer, hasOvs],
])('against %s', (_name, start, available) => {
  let peer: Peer
  let client: OvsdbClient
  beforeAll(async () => {
    if (!available) return
    peer = await start()
    client = await OvsdbClient.open(await peer.dial(), { signal })
  })
  afterAll(async () => {
    client?.close()
    await peer?.close()
  })
  beforeEach(async () => {
    if (!available) return
    const clean = [
      deleteRows('Open_vSwitch', []),
      deleteRows('QoS', []),
      insert('Open_vSwitch', {}),
    ]
    await client.transact(openVSwitch, clean, { signal })
  })
  const check = test.skipIf(!available)

  check('databases and schema are listed', async () => {
    expect(client.databases).toContain('Open_vSwitch')
    expect(await client.getSchema('Open_vSwitch', { signal })).toEqual(openVSwitch)
    await expect(client.getSchema('Nope', { signal })).rejects.toMatchObject({
      tag: 'unknown database',
    })
  })

  check('rows inserted with uuid-names refer to each other', async () => {
    const results = await client.transact(openVSwitch, addBridge('br0'), { signal })
    const [iface, port, bridge, root] = results
    expect(root).toEqual({ count: 1 })
    const selects = [select('Bridge', []), select('Port', [['name', '==', 'br0']])]
    const found = await client.transact('Open_vSwitch', selects, { signal })
    expect(rows('Bridge', found[0])).toMatchObject([
      { _uuid: bridge?.uuid, name: 'br0', ports: [port?.uuid], fail_mode: 'secure' },
    ])
    expect(rows('Port', found[1])).toMatchObject([
      { _uuid: port?.uuid, interfaces: [iface?.uuid], tag: 7, qos: undefined, external_ids: {} },
    ])
  })

  check('a failed operation rejects by its place and leaves nothing behind', async () => {
    const list = [...addBridge('br0'), update('Interface', [], { mtu_request: 0 })]
    const failed = client.transact(openVSwitch, list, { signal })
    await expect(failed).rejects.toMatchObject({ tag: 'constraint violation', operation: 4 })
    const twice = [...addBridge('br0'), insert('Open_vSwitch', {})]
    const commit = client.transact(openVSwitch, twice, { signal })
    await expect(commit).rejects.toMatchObject({
      tag: 'constraint violation',
      operation: undefined,
    })
    const [found] = await client.transact(openVSwitch, [select('Interface', [])], { signal })
    expect(rows('Interface', found)).toEqual([])
  })

  check('a replica has each change before the transaction that made it resolves', async () => {
    const request = {
      Open_vSwitch: ['bridges', 'next_cfg'],
      Bridge: ['name', 'ports', 'fail_mode'],
      Interface: ['name', 'external_ids', 'mtu_request'],
    } as const
    const replica = await client.monitor(openVSwitch, request, { signal })
    const heard: string[][] = []
    const stop = replica.onChange((changes) => heard.push(changes.map((c) => c.table).sort()))
    const results = await client.transact(openVSwitch, addBridge('br0'), { signal })
    const bridge = replica.table('Bridge').get(results[2]?.uuid ?? '')
    expect(bridge).toEqual({
      _uuid: results[2]?.uuid,
      name: 'br0',
      ports: [results[1]?.uuid],
      fail_mode: 'secure',
    })
    expect(heard).toEqual([['Bridge', 'Interface', 'Open_vSwitch']])
    const uuid = results[0]?.uuid ?? ''
    const before = replica.table('Interface').get(uuid)
    await client.transact(
      openVSwitch,
      [
        update('Interface', uuid, { mtu_request: 9000 }),
        mutate('Interface', uuid, 'external_ids', 'insert', { a: 'b' }),
        mutate('Interface', uuid, 'external_ids', 'delete', ['iface-id']),
      ],
      { signal },
    )
    const after = replica.table('Interface').get(uuid)
    expect(after).toEqual({ _uuid: uuid, name: 'br0', external_ids: { a: 'b' }, mtu_request: 9000 })
    expect(before?.mtu_request).toBeUndefined()
    await client.transact(openVSwitch, [update('Open_vSwitch', [], { bridges: [] })], { signal })
    expect([replica.table('Bridge').size, replica.table('Interface').size]).toEqual([0, 0])
    expect(heard).toHaveLength(3)
    stop()
    await replica.cancel({ signal })
    await client.transact(openVSwitch, addBridge('br1'), { signal })
    expect(replica.table('Bridge').size).toBe(0)
  })

  check('a conditional replica follows its conditions', async () => {
    const replica = await client.monitor(
      openVSwitch,
      { QoS: { columns: ['type', 'external_ids'], where: [['type', '==', 'a']] } },
      { signal },
    )
    const types = () => [...replica.table('QoS').values()].map((row) => row.type).sort()
    const [a, b] = await client.transact(
      openVSwitch,
      [insert('QoS', { type: 'a' }), insert('QoS', { type: 'b', external_ids: { k: 'v' } })],
      { signal },
    )
    expect(types()).toEqual(['a'])
    await client.transact(openVSwitch, [update('QoS', a?.uuid ?? '', { type: 'c' })], { signal })
    expect(types()).toEqual([])
    await replica.setConditions({ QoS: [] }, { signal })
    expect(types()).toEqual(['b', 'c'])
    const change = { external_ids: { k: 'w', x: 'y' } }
    await client.transact(openVSwitch, [update('QoS', b?.uuid ?? '', change)], { signal })
    expect(replica.table('QoS').get(b?.uuid ?? '')).toMatchObject({ type: 'b', ...change })
    await replica.cancel({ signal })
  })

  check('a transaction that waits goes on when its condition comes true', async () => {
    const waiter = client.transact(
      openVSwitch,
      [wait('Open_vSwitch', [], '==', [{ cur_cfg: 5 }], { timeoutMs: 5000 }), select('QoS', [])],
      { signal },
    )
    const other = await OvsdbClient.open(await peer.dial(), { signal })
    await other.transact(
      openVSwitch,
      [update('Open_vSwitch', [], { cur_cfg: 5 }), insert('QoS', { type: 'seen' })],
      { signal },
    )
    expect(rows('QoS', (await waiter)[1])).toMatchObject([{ type: 'seen' }])
    other.close()
  })

  check('a wait that stays false times out, and an aborted one is cancelled', async () => {
    const never = (timeoutMs?: number) =>
      wait(
        'Open_vSwitch',
        [],
        '==',
        [{ cur_cfg: 77 }],
        timeoutMs === undefined ? {} : { timeoutMs },
      )
    await expect(client.transact(openVSwitch, [never(10)], { signal })).rejects.toMatchObject({
      tag: 'timed out',
      operation: 0,
    })
    const controller = new AbortController()
    const stuck = client.transact(
      openVSwitch,
      [never(), update('Open_vSwitch', [], { next_cfg: 9 })],
      { signal: controller.signal },
    )
    controller.abort(new Error('enough'))
    await expect(stuck).rejects.toThrow('enough')
    const makeTrue = [update('Open_vSwitch', [], { cur_cfg: 77 }), select('Open_vSwitch', [])]
    await client.transact(openVSwitch, makeTrue, { signal })
    const [found] = await client.transact(openVSwitch, [select('Open_vSwitch', [])], { signal })
    expect(rows('Open_vSwitch', found)).toMatchObject([{ cur_cfg: 77, next_cfg: 0 }])
  })

  check('until resolves with the change and rejects when the session ends', async () => {
    const other = await OvsdbClient.open(await peer.dial(), { signal })
    const replica = await other.monitor(openVSwitch, { Open_vSwitch: ['cur_cfg'] }, { signal })
    const [root] = [...replica.table('Open_vSwitch').keys()]
    const cfg = () => replica.table('Open_vSwitch').get(root ?? '')?.cur_cfg
    const reached = replica.until(() => cfg() === 3, { signal })
    await client.transact(openVSwitch, [update('Open_vSwitch', [], { cur_cfg: 3 })], { signal })
    await reached
    const never = replica.until(() => cfg() === 4, { signal })
    other.close()
    await expect(never).rejects.toMatchObject({ tag: 'connection closed' })
    await expect(replica.until(() => false, { signal })).rejects.toThrow(OvsdbError)
  })
})

test.skipIf(!hasOvs)(
  'a host that dials in is served by a client over the accepted socket',
  async () => {
    const listener = net.createServer()
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const { port } = listener.address() as net.AddressInfo
    const accepted = once(listener, 'connection') as Promise<[net.Socket]>
    const host = await realPeer([`tcp:127.0.0.1:${port}`])
    const [socket] = await accepted
    const client = await OvsdbClient.open(socket, { signal, echoIntervalMs: 1000 })
    const replica = await client.monitor(
      openVSwitch,
      { Open_vSwitch: ['external_ids'] },
      { signal },
    )
    const row = { external_ids: { 'system-id': 'h1' } }
    await client.transact(openVSwitch, [insert('Open_vSwitch', row)], { signal })
    expect([...replica.table('Open_vSwitch').values()]).toMatchObject([row])
    await host.close()
    await client.closed
    listener.close()
  },
)

describe('a peer that lies', () => {
  const open = async (script: (request: { id: number; method: string }) => string) => {
    const [left, right] = duplexPair()
    right.on('error', () => {})
    right.on('data', (bytes: Buffer) => {
      for (const line of bytes.toString().split(/(?<=\})(?=\{"id")/))
        right.write(script(JSON.parse(line)))
    })
    return OvsdbClient.open(left, { signal })
  }
  const ok = (id: number, result: unknown) => JSON.stringify({ id, result, error: null })
  const uuid = '11111111-2222-3333-4444-555555555555'

  test('an update of the wrong shape ends the session and leaves the replica as it was', async () => {
    const bad = [
      [1, { Nope: {} }],
      [1, { Bridge: { [uuid]: { new: { name: 3 } } } }],
      [1, { Bridge: { [uuid]: {} } }],
      [1, { Bridge: { __proto__: null, x: { new: {} } } }],
      [1, { Bridge: { [uuid]: { modify: { name: 'x' } } } }],
      [1, { Bridge: { [uuid]: { new: { name: 'fine' } }, y: {} } }],
      [1, 'text'],
      [1, null],
    ]
    for (const params of bad) {
      const client = await open(({ id, method }) => {
        if (method === 'list_dbs') return ok(id, ['Open_vSwitch'])
        return ok(id, {}) + JSON.stringify({ id: null, method: 'update', params })
      })
      const replica = await client.monitor(openVSwitch, { Bridge: ['name'] }, { signal })
      expect(await client.closed).toBeInstanceOf(OvsdbError)
      expect(replica.table('Bridge').size).toBe(0)
    }
  })

  test('replies of the wrong shape reject', async () => {
    await expect(open(({ id }) => ok(id, 'x'))).rejects.toThrow(/list_dbs/)
    const client = await open(({ id, method }) => ok(id, method === 'list_dbs' ? [] : [{}, {}]))
    const call = client.transact('x', [{ op: 'comment', comment: 'x' }], { signal })
    await expect(call).rejects.toThrow(/2 results for 1 operations/)
  })

  test('a peer that says nothing is given up by the signal', async () => {
    const opening = OvsdbClient.open(duplexPair()[0], { signal: AbortSignal.timeout(20) })
    await expect(opening).rejects.toMatchObject({ name: 'TimeoutError' })
  })
})

test('a monitor reply of 20,000 rows is parsed and indexed, however often it comes', async () => {
  const result: Record<string, unknown> = {}
  for (let i = 0; i < 20_000; i++) {
    const ids = [
      ['iface-id', crypto.randomUUID()],
      ['attached-mac', '02:00:00:00:00:01'],
    ]
    const row = {
      name: `port${i}`,
      external_ids: ['map', ids],
      ofport: i,
      mtu: 9000,
      error: ['set', []],
    }
    result[crypto.randomUUID()] = { new: row }
  }
  const [near, far] = duplexPair()
  const client = await new Promise<OvsdbClient>((resolve, reject) => {
    OvsdbClient.open(near, { signal }).then(resolve, reject)
    far.once('data', () => far.write('{"id":1,"result":["Open_vSwitch"],"error":null}'))
  })
  const columns = ['name', 'external_ids', 'ofport', 'mtu', 'error'] as const
  for (let id = 2; id < 4; id++) {
    const bytes = Buffer.from(JSON.stringify({ id, result: { Interface: result }, error: null }))
    const opening = client.monitor(openVSwitch, { Interface: columns }, { signal })
    for (let at = 0; at < bytes.length; at += 65_536) far.write(bytes.subarray(at, at + 65_536))
    const replica = await opening
    expect(replica.table('Interface').size).toBe(20_000)
  }
  client.close()
})
