/** A replica equals the table, whatever happens: random transactions on a schema full of references. */
import { duplexPair } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import {
  boolean,
  database,
  immutable,
  integer,
  map,
  one,
  optional,
  ref,
  set,
  string,
  table,
  weak,
} from '../../../southbound/ovsdb/schema.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { runs } from '../../random.ts'

const signal = AbortSignal.timeout(60_000)

async function connect(server: OvsdbServer<typeof tangle>): Promise<OvsdbClient> {
  const [left, right] = duplexPair()
  server.accept(right)
  return OvsdbClient.open(left, { signal })
}

const tangle = database('Tangle', '1.0.0', {
  Root: table(
    { name: one(string()), nodes: set(ref('Node')), favourite: optional(weak('Node')) },
    { isRoot: true, indexes: [['name']] },
  ),
  Node: table({
    label: immutable(one(string())),
    numbers: set(integer(-100, 100)),
    on: one(boolean()),
    tags: map(string(), integer()),
    named: map(string(), weak('Node')),
    next: optional(ref('Node')),
  }),
})
const tangled = operations(tangle)

test('after random transactions both kinds of monitor equal the tables, and references hold', async () => {
  const pick = fc.nat(50)
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('root'),
      name: fc.constantFrom('a', 'b', 'c'),
      a: pick,
      b: pick,
    }),
    fc.record({
      kind: fc.constant('node'),
      a: pick,
      b: pick,
      numbers: fc.uniqueArray(fc.integer({ min: -3, max: 3 })),
    }),
    fc.record({
      kind: fc.constant('edit'),
      a: pick,
      b: pick,
      by: fc.integer({ min: -60, max: 60 }),
    }),
    fc.record({
      kind: fc.constant('tag'),
      a: pick,
      b: pick,
      key: fc.constantFrom('x', 'y', '1', '__proto__'),
    }),
    fc.record({ kind: fc.constant('drop'), a: pick, b: pick }),
    fc.record({ kind: fc.constant('unlink'), a: pick, b: pick }),
  )
  type Step = {
    kind: string
    a: number
    b: number
    name?: string
    numbers?: number[]
    by?: number
    key?: string
  }

  function toOperations(server: OvsdbServer<typeof tangle>, steps: Step[]): Operation[] {
    const { insert, update, mutate, deleteRows } = tangled
    const roots = [...server.table('Root').keys()]
    const nodes = [...server.table('Node').keys()]
    const at = (list: string[], i: number) => list[i % Math.max(1, list.length)]
    return steps.flatMap((s, i): Operation[] => {
      const [root, node, other] = [at(roots, s.a), at(nodes, s.a), at(nodes, s.b)]
      if (s.kind === 'root') {
        return [
          insert('Root', { name: s.name ?? '', nodes: other ? [other] : [], favourite: node }),
        ]
      }
      if (s.kind === 'node') {
        const make = insert(
          'Node',
          {
            label: `n${s.a}`,
            numbers: s.numbers ?? [],
            next: s.b % 3 ? undefined : other,
            named: other ? { o: other } : {},
          },
          `n${i}`,
        )
        return root ? [make, mutate('Root', root, 'nodes', 'insert', [`n${i}`])] : [make]
      }
      if (s.kind === 'edit' && node) {
        const on = update('Node', node, { on: s.b % 2 === 0, ...(other ? { next: other } : {}) })
        return s.b % 2 ? [mutate('Node', node, 'numbers', '+=', s.by ?? 0)] : [on]
      }
      if (s.kind === 'tag' && node) {
        const key = s.key ?? ''
        if (s.b % 3 === 0) return [mutate('Node', node, 'tags', 'delete', [key])]
        return [update('Node', node, { tags: Object.fromEntries([[key, s.b]]) })]
      }
      if (s.kind === 'drop' && root && s.b % 4 === 0) return [deleteRows('Root', root)]
      if (s.kind === 'unlink' && root && other) {
        return [
          mutate('Root', root, 'nodes', 'delete', [other]),
          update('Root', root, { favourite: undefined }),
        ]
      }
      return []
    })
  }

  /** All rows of both tables; columns a monitor does not see left out. */
  const state = (read: (table: 'Root' | 'Node') => ReadonlyMap<string, object>) =>
    (['Root', 'Node'] as const).map((name) =>
      [...read(name)]
        .map(([uuid, row]) => [
          uuid,
          Object.fromEntries(Object.entries(row).filter(([c]) => c !== '_version')),
        ])
        .sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1)),
    )

  let [committed, refused, collected] = [0, 0, 0]
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { maxLength: 5 }), { minLength: 10, maxLength: 20 }),
      async (plan) => {
        const server = new OvsdbServer(tangle)
        const client = await connect(server)
        const columns = {
          Root: ['name', 'nodes', 'favourite'],
          Node: ['label', 'numbers', 'on', 'tags', 'named', 'next'],
        } as const
        const plain = await client.monitor(tangle, columns, { signal })
        const conditional = await client.monitor(
          tangle,
          { Root: { columns: columns.Root, where: [] }, Node: { columns: columns.Node } },
          { signal },
        )
        // A second copy kept from the listeners of the server alone.
        const told = { Root: new Map<string, object>(), Node: new Map<string, object>() }
        server.onCommit((changes) => {
          for (const { table, uuid, before, after } of changes) {
            expect(told[table].get(uuid)).toBe(before)
            if (after) told[table].set(uuid, after)
            else {
              told[table].delete(uuid)
              collected++
            }
          }
        })
        for (const steps of plan) {
          const list = toOperations(server, steps as Step[])
          const before = state((name) => server.table(name))
          try {
            await client.transact(tangle, list, { signal })
            committed++
          } catch (error) {
            expect(error).toBeInstanceOf(OvsdbError)
            expect(state((name) => server.table(name))).toEqual(before)
            refused++
          }
          const actual = state((name) => server.table(name))
          expect(state((name) => plain.table(name))).toEqual(actual)
          expect(state((name) => conditional.table(name))).toEqual(actual)
          expect(state((name) => told[name])).toEqual(actual)
          checkReferences(server)
        }
        client.close()
      },
    ),
    runs(100),
  )
  // The plan must reach what it is for.
  expect(Math.min(committed, refused, collected)).toBeGreaterThan(50)
})

/** By looking at everything, what commit.ts keeps by counting. */
function checkReferences(server: OvsdbServer<typeof tangle>): void {
  const nodes = server.table('Node')
  const strong = new Set<string>()
  for (const root of server.table('Root').values()) {
    for (const uuid of root.nodes) strong.add(uuid)
    if (root.favourite !== undefined) expect(nodes.has(root.favourite)).toBe(true)
  }
  for (const node of nodes.values()) {
    if (node.next !== undefined && node.next !== node._uuid) strong.add(node.next)
    if (node.next !== undefined) expect(nodes.has(node.next)).toBe(true)
    for (const uuid of Object.values(node.named)) expect(nodes.has(uuid)).toBe(true)
  }
  for (const uuid of strong) expect(nodes.has(uuid)).toBe(true)
  for (const uuid of nodes.keys()) expect(strong.has(uuid)).toBe(true)
}
