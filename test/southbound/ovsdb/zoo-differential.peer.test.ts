/**
 * Random transactions over every type and operation, the same ones to ovsdb-server and to ours:
 * results, errors, all rows, and what three monitors were told are equal after each.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseSchema } from '../../../southbound/ovsdb/schema-json.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { runs } from '../../random.ts'
import { hasOvs, ownPeer, type Peer, realPeer } from './peers.ts'
import { type Json, type Message, type WireClient, wireClient } from './wire.ts'
import { emptyZoo, transaction, zooColumns, zooSchema } from './zoo.ts'

let directory = ''
let peers: Peer[] = []
let clients: WireClient[] = []

beforeAll(async () => {
  if (!hasOvs) return
  directory = mkdtempSync(join(tmpdir(), 'zoo-'))
  const path = join(directory, 'zoo.ovsschema')
  writeFileSync(path, JSON.stringify(zooSchema))
  // ovsdb-server probes who is idle alone, ours everybody: the messages in between would differ after 5 s.
  const own = new OvsdbServer(parseSchema(zooSchema), { echoIntervalMs: 0 })
  peers = [await realPeer([], [path]), await ownPeer(own)]
  clients = await Promise.all(peers.map(wireClient))
  for (const client of clients) {
    await client.ask('lock', ['mine'])
    await client.ask('monitor', ['Zoo', 'v1', { Zoo: {}, Leaf: {} }])
    const where = [
      ['range', '>', 0],
      ['choice', '==', 'a'],
    ]
    const some = Object.keys(zooColumns)
    await client.ask('monitor_cond', ['Zoo', 'v2', { Zoo: [{ columns: some, where }], Leaf: [{}] }])
    const watch = { Zoo: [{ where: [['boolean', '==', true]] }] }
    await client.ask('monitor_cond_since', [
      'Zoo',
      'v3',
      watch,
      `${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`,
    ])
  }
}, 30_000)
afterAll(async () => {
  for (const client of clients) client.close()
  for (const peer of peers) await peer.close()
  rmSync(directory, { recursive: true, force: true })
})

/** A uuid that a server made up. */
const MADE =
  /^(?![ab]000000\d-0000-4000)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Leaves out what is random, or a sentence for people, or in no order. */
function plain(value: Json): Json {
  if (typeof value === 'string' && MADE.test(value) && !value.startsWith('00000000-')) return 'made'
  if (Array.isArray(value)) {
    if (value[0] === 'map' && Array.isArray(value[1])) {
      return ['map', value[1].map((pair) => JSON.stringify(plain(pair))).sort()]
    }
    if (value[0] === 'set' && Array.isArray(value[1])) {
      return ['set', value[1].map((atom) => JSON.stringify(plain(atom))).sort()]
    }
    return value.map(plain)
  }
  // ovsdb-server writes 15 digits of a real, and knows a negative zero.
  if (typeof value === 'number') return Number(value.toPrecision(12)) + 0
  if (typeof value !== 'object' || value === null) return value
  const result: Record<string, Json> = {}
  for (const [name, member] of Object.entries(value)) {
    if (name === 'details' || name === 'syntax' || name === '_version' || name === 'id') continue
    if ((name === 'error' || name === 'result') && member === null) continue
    result[name] = plain(member)
    if (name === 'rows' && Array.isArray(member)) {
      result.rows = member.map((row) => JSON.stringify(sorted(plain(row)))).sort()
    }
  }
  return result
}
function sorted(value: Json): Json {
  return Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1))
}

/** By monitor, since their order among each other is nobody's business; transaction ids are random. */
function told(messages: readonly Message[]): Json {
  return messages
    .map((message) => plain(message) as { method?: string; params?: Json[] })
    .map(({ method, params, ...rest }) =>
      method === 'update3'
        ? { method, params: [params?.[0], params?.[2]] }
        : { method, params, ...rest },
    )
    .sort((a, b) => (JSON.stringify(a.params?.[0]) < JSON.stringify(b.params?.[0]) ? -1 : 1))
}

const selectAll = ['Zoo', 'Leaf'].map((table) => ({ op: 'select', table, where: [] }))

test.skipIf(!hasOvs)(
  'random transactions over all types end alike on ovsdb-server and on our server',
  async () => {
    let [committed, refused] = [0, 0]
    const tags = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(fc.array(transaction, { minLength: 5, maxLength: 15 }), async (plan) => {
        for (const client of clients) await client.ask('transact', ['Zoo', ...emptyZoo])
        for (const operations of plan) {
          const both = await Promise.all(
            clients.map(async (client) => {
              const answer = await client.ask('transact', ['Zoo', ...operations])
              const reply = answer.pop()
              return { reply, told: told(answer) }
            }),
          )
          const [real, own] = both
          const results = (real?.reply?.result ?? []) as ({ error?: string } | null)[]
          const error = results.find((result) => result?.error)?.error
          if (error === undefined) committed++
          else {
            refused++
            tags.set(error, (tags.get(error) ?? 0) + 1)
          }
          const asked = JSON.stringify(operations)
          expect(plain(own?.reply), asked).toEqual(plain(real?.reply))
          expect(own?.told, asked).toEqual(real?.told)
          const [expected, actual] = await Promise.all(
            clients.map((client) => client.ask('transact', ['Zoo', ...selectAll])),
          )
          expect({ operations, rows: plain(actual) }).toEqual({ operations, rows: plain(expected) })
        }
      }),
      runs(100),
    )
    expect(Math.min(committed, refused)).toBeGreaterThan(100)
  },
  120_000,
)
