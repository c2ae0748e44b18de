/**
 * Random transactions, the same ones to ovsdb-server and to ours: after each the results and all
 * rows are equal. Rows are told apart by the name that each is given, uuids are replaced by it.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { runs } from '../../random.ts'
import { hasOvs, ownPeer, type Peer, realPeer } from './peers.ts'

const signal = AbortSignal.timeout(120_000)
const { insert, update, mutate, deleteRows, select } = operations(openVSwitch)
const tables = ['Open_vSwitch', 'Bridge', 'Port', 'Interface', 'Mirror', 'QoS', 'Queue'] as const

let peers: Peer[] = []
let clients: OvsdbClient[] = []
beforeAll(async () => {
  if (!hasOvs) return
  peers = [await realPeer(), await ownPeer()]
  clients = await Promise.all(
    peers.map(async (peer) => OvsdbClient.open(await peer.dial(), { signal })),
  )
})
afterAll(async () => {
  for (const client of clients) client.close()
  for (const peer of peers) await peer.close()
})

/** All rows with uuids replaced by names, sorted; and uuids by name, for the next transaction. */
async function dump(client: OvsdbClient) {
  const found = await client.transact(
    openVSwitch,
    tables.map((name) => select(name, [])),
    { signal },
  )
  const names = new Map<string, string>()
  const uuids = new Map<string, string>()
  const wire = found.map(({ rows = [] }) => rows as Record<string, unknown>[])
  wire.forEach((rows, i) => {
    for (const row of rows) {
      const ids = (row.external_ids as [string, [string, string][]])[1]
      const name = `${tables[i]}/${new Map(ids).get('name') ?? row.name ?? ''}`
      const uuid = (row._uuid as string[])[1] ?? ''
      names.set(uuid, name)
      uuids.set(name, uuid)
    }
  })
  // A set of references is sorted by uuid, which differs: sort it by name.
  const renamed = (value: unknown): unknown => {
    if (!Array.isArray(value)) return value
    const [tag, content] = value
    if (tag === 'uuid') return names.get(content) ?? 'none'
    if (tag === 'set') return ['set', content.map(renamed).map(String).sort()]
    return value.map(renamed)
  }
  const lines = wire.flatMap((rows) =>
    rows.map(({ _version, ...row }) =>
      JSON.stringify(
        Object.entries(row)
          .sort()
          .map(([column, value]) => [column, renamed(value)]),
      ),
    ),
  )
  return { lines: lines.sort(), uuids }
}

const nat = fc.nat(5)
const step = fc.record({
  kind: fc.constantFrom(
    ...[
      'bridge',
      'bridge',
      'qos',
      'queue',
      'mirror',
      'use',
      'detach',
      'delete',
      'vlan',
      'ids',
      'cfg',
    ],
  ),
  a: nat,
  b: nat,
  n: fc.integer({ min: -3, max: 5000 }),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function toOperations(steps: readonly Step[], uuids: ReadonlyMap<string, string>): Operation[] {
  return steps.flatMap(({ kind, a, b, n }, i): Operation[] => {
    const bridge = uuids.get(`Bridge/b${a}`)
    const port = uuids.get(`Port/b${b}`)
    const qos = uuids.get(`QoS/q${a}`)
    const ids = (name: string) => ({ external_ids: { name } })
    switch (kind) {
      case 'bridge':
        return [
          insert('Interface', { name: `b${a}` }, `i${i}`),
          insert('Port', { name: `b${a}`, interfaces: [`i${i}`], tag: b }, `p${i}`),
          insert('Bridge', { name: `b${a}`, ports: [`p${i}`] }, `b${i}`),
          mutate('Open_vSwitch', [], 'bridges', 'insert', [`b${i}`]),
        ]
      case 'qos':
        return [
          insert('Queue', ids(`of${a}`), `u${i}`),
          insert('QoS', { ...ids(`q${a}`), queues: { [b]: `u${i}` } }),
        ]
      case 'queue':
        return [insert('Queue', { ...ids(`u${a}`), dscp: n % 80 })]
      case 'mirror':
        return bridge
          ? [
              insert(
                'Mirror',
                { name: `m${a}${b}`, select_src_port: port ? [port] : [], output_port: port },
                `m${i}`,
              ),
              mutate('Bridge', bridge, 'mirrors', 'insert', [`m${i}`]),
            ]
          : []
      case 'use':
        return port && qos ? [update('Port', port, { qos })] : []
      case 'detach':
        return bridge ? [mutate('Open_vSwitch', [], 'bridges', 'delete', [bridge])] : []
      case 'delete':
        return [
          deleteRows(b % 2 ? 'QoS' : 'Queue', [['external_ids', 'includes', { name: `q${a}` }]]),
        ]
      case 'vlan':
        return [
          mutate('Bridge', [['name', '==', `b${a}`]], 'flood_vlans', b % 2 ? 'insert' : 'delete', [
            n,
            n + 1,
          ]),
        ]
      case 'ids':
        return [
          mutate(
            'Open_vSwitch',
            [],
            'other_config',
            b % 2 ? 'insert' : 'delete',
            b % 3 ? { [`k${a}`]: `${b}` } : [`k${a}`],
          ),
        ]
      default:
        return [mutate('Open_vSwitch', [], a % 2 ? 'next_cfg' : 'cur_cfg', a % 3 ? '+=' : '/=', n)]
    }
  })
}

test.skipIf(!hasOvs)(
  'random transactions end alike on ovsdb-server and on our server',
  async () => {
    let [committed, refused] = [0, 0]
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 4, maxLength: 12 }),
        async (plan) => {
          for (const client of clients) {
            // In two steps: what garbage refers to cannot be deleted together with it.
            const root = [deleteRows('Open_vSwitch', []), insert('Open_vSwitch', {})]
            await client.transact(openVSwitch, root, { signal })
            const rest = [deleteRows('QoS', []), deleteRows('Queue', [])]
            await client.transact(openVSwitch, rest, { signal })
          }
          for (const steps of plan) {
            const outcomes = await Promise.all(
              clients.map(async (client) => {
                const { uuids } = await dump(client)
                try {
                  const results = await client.transact(openVSwitch, toOperations(steps, uuids), {
                    signal,
                  })
                  committed++
                  return results.map(({ count }) => count)
                } catch (error) {
                  if (!(error instanceof OvsdbError)) throw error
                  refused++
                  return [error.tag, error.operation]
                }
              }),
            )
            expect(outcomes[1]).toEqual(outcomes[0])
            const [real, own] = await Promise.all(clients.map(dump))
            expect(own?.lines).toEqual(real?.lines)
          }
        },
      ),
      runs(60),
    )
    expect(Math.min(committed, refused)).toBeGreaterThan(20)
  },
  60_000,
)
