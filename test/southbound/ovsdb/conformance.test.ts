/**
 * The same requests to ovsdb-server and to our server: same results, same errors, same updates in
 * the same order. Uuids are random on both sides, so each is named by the order of its appearance.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonFramer } from '../../../southbound/ovsdb/framer.ts'
import { hasOvs, ownPeer, type Peer, realPeer } from './peers.ts'

type Json = unknown
const OVS = 'Open_vSwitch'

/** Sends raw requests one by one and returns every message up to each reply. */
async function talk(peer: Peer, requests: readonly [method: string, params: Json[]][]) {
  const socket = await peer.dial()
  const heard: Json[] = []
  let wake = () => {}
  const framer = jsonFramer({}, (message) => {
    heard.push(message)
    wake()
  })
  socket.on('data', (chunk: Uint8Array) => framer.push(chunk))
  const transcript: Json[][] = []
  for (const [id, [method, params]] of requests.entries()) {
    const from = heard.length
    socket.write(JSON.stringify({ method, params, id }))
    const isReply = (message: Json) => (message as { id: Json }).id === id
    while (!heard.slice(from).some(isReply)) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    transcript.push(heard.slice(from))
  }
  socket.destroy()
  return normalize(transcript)
}

/** Names uuids by appearance, and drops sentences for people and members that are null. */
function normalize(transcript: Json): Json {
  const uuids = new Map<string, string>()
  const named = JSON.stringify(transcript).replace(
    /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g,
    (uuid) => {
      if (uuid.startsWith('00000000-')) return uuid
      const name = uuids.get(uuid) ?? `uuid${uuids.size}`
      uuids.set(uuid, name)
      return name
    },
  )
  return JSON.parse(named, (member, value) => {
    if (member === 'details' || member === 'syntax') return undefined
    if ((member === 'error' || member === 'result') && value === null) return undefined
    // Rows and database names come in no order.
    if (member === 'rows' && Array.isArray(value)) {
      return value.map((row) => JSON.stringify(Object.entries(row).sort())).sort()
    }
    return value
  })
}

const op = (name: string, table: string, members: object = {}) => ({ op: name, table, ...members })
const insert = (table: string, row: object, name?: string) =>
  op('insert', table, name === undefined ? { row } : { row, 'uuid-name': name })
const mutateRoot = (...mutations: Json[]) => op('mutate', OVS, { where: [], mutations })
const selectRoot = (where: Json[], ...columns: string[]) => op('select', OVS, { where, columns })
const named = (name: string) => ['named-uuid', name]
const set = (...values: Json[]) => ['set', values]
const map = (...pairs: [Json, Json][]) => ['map', pairs]
const transact = (...operations: Json[]): [string, Json[]] => ['transact', [OVS, ...operations]]
const transactServer = (...operations: Json[]): [string, Json[]] => [
  'transact',
  ['_Server', ...operations],
]
/** A uuid of our choice. */
const own = (n: number) => `${String(n).padStart(8, '1')}-0000-4000-8000-000000000000`
const root = transact(insert(OVS, {}))
const waitFor = (rows: Json[], timeout: number, until = '==') =>
  op('wait', OVS, { where: [], columns: ['next_cfg'], until, rows, timeout })
/** A bridge b with a port p, one transaction. */
const bridge = transact(
  insert('Interface', { name: 'p' }, 'i'),
  insert('Port', { name: 'p', interfaces: named('i') }, 'p'),
  insert('Bridge', { name: 'b', ports: named('p') }, 'b'),
  mutateRoot(['bridges', 'insert', named('b')]),
)

const conversations: Record<string, [string, Json[]][]> = {
  'errors of requests': [
    ['foo', []],
    ['get_schema', ['x']],
    ['transact', ['x']],
    ['transact', []],
    ['unlock', ['a']],
    ['lock', [3]],
    ['monitor_cancel', [1]],
    ['monitor', [OVS, 1, { foo: [] }]],
    ['monitor_cond_change', ['zz', 'c2', {}]],
    ['echo', [1, 'x']],
  ],
  'errors of operations': [
    root,
    root,
    transact({ op: 'foo' }),
    transact({ foo: 'foo' }),
    transact(3),
    transact(insert('Foo', {})),
    transact(insert('Bridge', { foo: 1 })),
    transact(insert('Bridge', { name: 1 })),
    transact({ ...insert('Bridge', {}), extra: 1 }),
    transact({ op: 'insert', table: 'Bridge' }),
    transact(insert('QoS', {}, 'a'), insert('QoS', {}, 'a')),
    transact(insert('QoS', { queues: map([1, named('b')]) })),
    transact(insert('QoS', { queues: map([1, named('b')], [1, named('b')]) })),
    transact(insert('Bridge', { flood_vlans: set(1, 1) })),
    transact(insert('Bridge', { flood_vlans: set(1, 5000) })),
    transact(insert('Bridge', { fail_mode: 'x' })),
    transact(insert('Bridge', { fail_mode: set('secure', 'standalone') })),
    transact(op('update', 'Bridge', { where: [], row: { name: 'b' } })),
    transact(
      op('update', OVS, {
        where: [],
        row: { _uuid: ['uuid', `${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`] },
      }),
    ),
    transact({ op: 'abort' }, { op: 'comment', comment: 'x' }),
    transact(
      { op: 'comment', comment: 'x' },
      { op: 'commit', durable: false },
      { op: 'assert', lock: 'x' },
    ),
  ],
  'errors of mutations and conditions': [
    root,
    transact(mutateRoot(['next_cfg', '/=', 0])),
    transact(mutateRoot(['next_cfg', '%=', 0])),
    transact(mutateRoot(['next_cfg', 'insert', 1])),
    transact(mutateRoot(['ovs_version', '+=', 1])),
    transact(mutateRoot(['next_cfg', '^=', 1])),
    transact(mutateRoot(['next_cfg', '+=', 'a'])),
    transact(mutateRoot(['nope', '+=', 1])),
    transact(op('mutate', 'Bridge', { where: [], mutations: [['name', 'insert', 'a']] })),
    transact(selectRoot([['next_cfg', '~', 1]], 'next_cfg')),
    transact(selectRoot([['next_cfg', '<', 'a']], 'next_cfg')),
    transact(selectRoot([['ovs_version', '<', 'a']], 'next_cfg')),
    transact(selectRoot([3], 'next_cfg')),
    transact(selectRoot([], 'nope')),
    transact(op('select', 'Bridge', { where: [['flood_vlans', 'includes', 5000]] })),
    transact(op('select', 'Bridge', { where: [['fail_mode', '==', 'x']] })),
    transact(op('mutate', 'Bridge', { where: [], mutations: [['flood_vlans', 'delete', 5000]] })),
    transact(op('mutate', 'Bridge', { where: [], mutations: [['flood_vlans', '+=', 5000]] })),
  ],
  arithmetic: [
    root,
    transact(
      mutateRoot(['next_cfg', '+=', 17], ['next_cfg', '*=', 3], ['next_cfg', '-=', 1]),
      selectRoot([], 'next_cfg'),
      mutateRoot(['next_cfg', '/=', 7], ['cur_cfg', '-=', 9], ['cur_cfg', '/=', 2]),
      selectRoot([], 'next_cfg', 'cur_cfg'),
      mutateRoot(['next_cfg', '%=', 4], ['cur_cfg', '%=', 3]),
      selectRoot([], 'next_cfg', 'cur_cfg'),
    ),
  ],
  'sets and maps': [
    root,
    transact(
      mutateRoot(['iface_types', 'insert', set('c', 'a', 'b')], ['iface_types', 'insert', 'a']),
      selectRoot([], 'iface_types'),
      mutateRoot(['iface_types', 'delete', set('c', 'x')]),
      selectRoot([], 'iface_types'),
      mutateRoot(['external_ids', 'insert', map(['b', '1'], ['a', '2'])]),
      mutateRoot(['external_ids', 'insert', map(['b', '9'], ['c', '3'])]),
      selectRoot([], 'external_ids'),
      mutateRoot(['external_ids', 'delete', map(['b', '9'], ['c', '3'])]),
      mutateRoot(['external_ids', 'delete', set('a')]),
      selectRoot([], 'external_ids'),
      mutateRoot(['ovs_version', 'insert', '1']),
      mutateRoot(['ovs_version', 'insert', '2']),
    ),
  ],
  conditions: [
    root,
    transact(
      mutateRoot(['external_ids', 'insert', map(['a', '1'], ['b', '2'])], ['next_cfg', '+=', 5]),
      mutateRoot(['iface_types', 'insert', set('x', 'y')]),
      ...[
        ['external_ids', 'includes', map(['a', '1'])],
        ['external_ids', 'includes', map(['a', '2'])],
        ['external_ids', 'excludes', map(['a', '2'])],
        ['external_ids', 'excludes', map(['a', '1'])],
        ['external_ids', '==', map(['a', '1'], ['b', '2'])],
        ['external_ids', '!=', map(['a', '1'])],
        ['iface_types', 'includes', set('x', 'y')],
        ['iface_types', 'includes', set()],
        ['iface_types', 'excludes', set('z')],
        ['iface_types', '==', set('y', 'x')],
        ['iface_types', '!=', set('y', 'x')],
        ['ovs_version', '==', set()],
        ['ovs_version', 'includes', 'x'],
        ['next_cfg', '<', 5],
        ['next_cfg', '<=', 5],
        ['next_cfg', '>=', 5],
        ['next_cfg', '>', 4],
        ['next_cfg', 'includes', 5],
        ['next_cfg', 'excludes', 5],
      ].map((condition) => selectRoot([condition], 'next_cfg')),
    ),
  ],
  wait: [
    root,
    transact(waitFor([{ next_cfg: 0 }], 0), selectRoot([], 'next_cfg')),
    transact(waitFor([{ next_cfg: 7 }], 0)),
    transact(waitFor([{ next_cfg: 7 }], 10), { op: 'comment', comment: 'x' }),
    transact({ op: 'comment', comment: 'x' }, waitFor([], 0, '!='), waitFor([{}], 10, '!=')),
  ],
  'references and garbage': [
    root,
    transact(insert('Bridge', { name: 'alone' })),
    transact(op('select', 'Bridge', { where: [], columns: ['name'] })),
    transact(
      insert('Port', { name: 'p' }, 'p'),
      insert('Bridge', { name: 'b', ports: named('p') }, 'b'),
      mutateRoot(['bridges', 'insert', named('b')]),
    ),
    transact(
      insert('Bridge', { name: 'b' }, 'b'),
      insert('Bridge', { name: 'b' }, 'c'),
      mutateRoot(['bridges', 'insert', set(named('b'), named('c'))]),
    ),
    bridge,
    transact(op('delete', 'Bridge', { where: [] })),
    transact(op('delete', 'Port', { where: [] })),
    transact(
      insert('Mirror', { name: 'm' }, 'm'),
      op('mutate', 'Bridge', {
        where: [['name', '==', 'b']],
        mutations: [['mirrors', 'insert', named('m')]],
      }),
    ),
    bridge,
    transact(op('update', OVS, { where: [], row: { bridges: set() } })),
    ...['Bridge', 'Port', 'Interface', 'Mirror'].map((table) =>
      transact(op('select', table, { where: [], columns: ['name'] })),
    ),
  ],
  'a weak reference goes with its row': [
    root,
    transact(
      insert('Interface', { name: 'p' }, 'i'),
      insert('Port', { name: 'p', interfaces: named('i') }, 'p'),
      insert('Mirror', { name: 'm', select_src_port: named('p'), output_port: named('p') }, 'm'),
      insert('Mirror', { name: 'n', select_src_port: named('nowhere') }, 'n'),
      insert('Bridge', { name: 'b', ports: named('p'), mirrors: set(named('m'), named('n')) }, 'b'),
      mutateRoot(['bridges', 'insert', named('b')]),
    ),
    ['monitor', [OVS, 'm', { Mirror: { columns: ['select_src_port', 'output_port'] } }]],
    transact(op('update', 'Bridge', { where: [], row: { ports: set() } })),
    transact(
      op('select', 'Mirror', {
        where: [['name', '==', 'n']],
        columns: ['select_src_port', 'output_port'],
      }),
    ),
  ],
  'monitor: changes first, then the reply': [
    ['monitor', [OVS, ['m'], { [OVS]: { columns: ['next_cfg', 'bridges'] } }]],
    root,
    ['monitor', [OVS, ['m'], {}]],
    transact(mutateRoot(['next_cfg', '+=', 1])),
    transact(mutateRoot(['next_cfg', '+=', 1], ['next_cfg', '-=', 1])),
    transact(mutateRoot(['cur_cfg', '+=', 1])),
    ['monitor', [OVS, 'e', { [OVS]: [{ columns: ['cur_cfg'], select: { initial: false } }] }]],
    ['monitor', [OVS, 'f', { [OVS]: [{ columns: ['cur_cfg'], select: { modify: false } }] }]],
    transact(mutateRoot(['cur_cfg', '+=', 1])),
    ['monitor_cancel', ['e']],
    transact(op('delete', OVS, { where: [] })),
  ],
  'monitor_cond: differences, conditions, their change': [
    root,
    [
      'monitor_cond',
      [
        OVS,
        'c',
        {
          [OVS]: [{ columns: ['next_cfg', 'external_ids', 'ovs_version', 'iface_types'] }],
          QoS: [{ columns: ['type'], where: [['type', '==', 'x']] }],
        },
      ],
    ],
    transact(insert('QoS', { type: 'x' })),
    transact(insert('QoS', { type: 'y' })),
    transact(
      op('update', OVS, {
        where: [],
        row: { external_ids: map(['a', 'b']), ovs_version: '1', iface_types: set('a', 'b') },
      }),
    ),
    transact(
      op('update', OVS, {
        where: [],
        row: {
          external_ids: map(['a', 'c'], ['d', 'e']),
          ovs_version: set(),
          iface_types: set('b', 'c'),
        },
      }),
    ),
    transact(op('update', 'QoS', { where: [['type', '==', 'x']], row: { type: 'z' } })),
    ['monitor_cond_change', ['c', 'c2', { QoS: [{ where: [['type', '==', 'y']] }] }]],
    transact(op('delete', 'QoS', { where: [['type', '==', 'y']] })),
    [
      'monitor_cond',
      [
        OVS,
        'd',
        { QoS: { columns: ['type'], where: [] }, Queue: { columns: ['dscp'], where: [false] } },
      ],
    ],
    transact(op('delete', 'QoS', { where: [] })),
  ],
  'members of the wrong type': [
    transact({ op: 'assert', lock: 'a b' }),
    transact({ op: 'assert', lock: 3 }),
    transact({ op: 'commit', durable: 3 }),
    transact({ op: 'commit', durable: true }),
    transact({ op: 'comment', comment: 3 }),
    transact({ op: 'abort', extra: 1 }),
    transact(op('select', 'QoS', { where: {} })),
    transact(op('select', 'QoS', { where: [], columns: {} })),
    transact(op('select', 'QoS', { where: [], columns: ['type', 'type'] })),
    transact(insert('QoS', { type: 'x' }, '1a')),
    transact({ ...insert('QoS', {}), uuid: ['uuid', 'x'] }),
    transact({ ...insert('QoS', {}), uuid: 'x' }),
    transact(op('wait', 'QoS', { where: [], until: 'x', rows: [] })),
    transact(op('wait', 'QoS', { where: [], until: '!=', rows: [], timeout: 'x' })),
    transact(op('wait', 'QoS', { where: [], until: '!=', rows: [], timeout: -1 })),
    transact(op('delete', 'QoS', { where: [['type', '==']] })),
    transact(op('delete', 'QoS', { where: [true] })),
    transact(op('delete', 'QoS', { where: [3] })),
  ],
  'an insert that names its uuid': [
    transact({ ...insert('QoS', { type: 'a' }, 'x'), uuid: own(1) }, insert('QoS', {}, 'y')),
    transact({ ...insert('QoS', { type: 'b' }), uuid: own(1) }),
    transact(op('delete', 'QoS', { where: [] }), { ...insert('QoS', {}), uuid: own(1) }),
    transact({ ...insert('QoS', {}), uuid: own(2) }, { ...insert('QoS', {}), uuid: own(2) }),
  ],
  'the _Server database': [
    ['list_dbs', []],
    ['get_schema', ['_Server']],
    transactServer(
      op('select', 'Database', {
        where: [['name', '!=', '']],
        columns: ['name', 'model', 'connected', 'leader', 'sid', 'cid', 'index'],
      }),
    ),
    transactServer(insert('Database', {})),
    transactServer(insert('Database', { model: 'relay' })),
    transactServer(op('delete', 'Database', { where: [] })),
    transactServer(op('update', 'Database', { where: [], row: { leader: false } })),
    transactServer(op('mutate', 'Database', { where: [], mutations: [] })),
    transactServer(
      op('wait', 'Database', { where: [], until: '==', rows: [], columns: ['name'], timeout: 0 }),
    ),
    transactServer({ op: 'comment', comment: 'x' }, { op: 'abort' }),
    ['set_db_change_aware', [true]],
    ['set_db_change_aware', [1]],
    ['set_db_change_aware', []],
    ['get_server_id', []],
  ],
  'requests with too little or too much': [
    ['monitor', [OVS, 1, {}, 2]],
    ['monitor_cond', [OVS, 1]],
    ['monitor_cond_since', [OVS, 1, {}]],
    ['monitor_cond_since', [OVS, 1, {}, 3]],
    ['monitor_cond_since', ['nope', 1, {}, own(1)]],
    ['monitor_cond_change', [1, 2]],
    ['monitor_cancel', []],
    ['monitor', [OVS, 2, { QoS: [{ where: [] }] }]],
    ['monitor', [OVS, 3, { QoS: [{ columns: ['nope'] }] }]],
    ['monitor', [OVS, 4, { QoS: [{ columns: ['type', 'type'] }] }]],
    ['monitor_cond', [OVS, 5, { QoS: [{ columns: ['type'], where: [['type', '<', 1]] }] }]],
    ['monitor_cond', [OVS, 6, { QoS: [{ select: { insert: 1 } }] }]],
    ['monitor', [OVS, 7, []]],
    ['cancel', [1]],
    ['lock', ['a b']],
    ['lock', ['a', 'b']],
    ['lock', []],
    ['steal', [1]],
    ['unlock', []],
    ['list_dbs', [1]],
    ['get_schema', []],
    ['get_schema', [OVS, 1]],
  ],
  locks: [
    root,
    ['lock', ['l']],
    ['lock', ['l']],
    transact({ op: 'assert', lock: 'l' }),
    ['unlock', ['l']],
    transact({ op: 'assert', lock: 'l' }),
    ['steal', ['l']],
    ['unlock', ['l']],
  ],
}

describe.skipIf(!hasOvs)('our server answers as ovsdb-server does', () => {
  let real: Peer
  let own: Peer
  beforeAll(async () => {
    real = await realPeer()
    own = await ownPeer()
  })
  afterAll(async () => {
    await real?.close()
    await own?.close()
  })

  test.each(Object.entries(conversations))('%s', async (_name, requests) => {
    const clean = transact(
      op('delete', OVS, { where: [] }),
      op('delete', 'QoS', { where: [] }),
      op('delete', 'Queue', { where: [] }),
    )
    await talk(real, [clean])
    await talk(own, [clean])
    const expected = await talk(real, requests)
    const actual = await talk(own, requests)
    for (const [i, request] of requests.entries()) {
      expect({ request, answer: (actual as Json[])[i] }).toEqual({
        request,
        answer: (expected as Json[])[i],
      })
    }
  })
})
