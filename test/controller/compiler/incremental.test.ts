/** The law of the engine: after every step of a random edit sequence, incremental equals the full compile. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CompileConflict } from '../../../controller/compiler/block.ts'
import { Compiler, compileFull } from '../../../controller/compiler/compiler.ts'
import type { Item } from '../../../controller/compiler/program.ts'
import { TUNNEL_OFPORT } from '../../../controller/compiler/stages.ts'
import { applyEdits } from '../../../controller/model/edit.ts'
import { ModelError } from '../../../controller/model/errors.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { Site } from '../../../controller/model/snapshot.ts'

const tenants = ['acme', 'globex']
const hosts = ['h1', 'h2', 'h3']
const networks = tenants.flatMap((tenant) => [`${tenant}/n1`, `${tenant}/n2`])
const ports = networks.flatMap((network) => [1, 2, 3].map((n) => `${network}p${n}`))

const host = fc.record({
  key: fc.constantFrom(...hosts),
  vtep: fc.integer({ min: 1, max: 4 }),
  gone: fc.boolean(),
})
const network = fc.record({
  key: fc.constantFrom(...networks),
  vni: fc.integer({ min: 1, max: 6 }),
  mtu: fc.constantFrom(1400, 1450),
})
const port = fc.record({
  key: fc.constantFrom(...ports),
  gone: fc.boolean(),
  host: fc.constantFrom(undefined, ...hosts),
  ofport: fc.integer({ min: 1, max: 4 }),
  address: fc.integer({ min: 2, max: 9 }),
})
const binding = fc.record({
  port: fc.constantFrom(...ports),
  host: fc.constantFrom(undefined, ...hosts),
  ofport: fc.integer({ min: 1, max: 4 }),
})
const step = fc.oneof(
  host.map((value) => ({ kind: 'host' as const, ...value })),
  network.map((value) => ({ kind: 'network' as const, ...value })),
  port.map((value) => ({ kind: 'port' as const, ...value })),
  binding.map((value) => ({ kind: 'binding' as const, ...value })),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const base: Edit[] = [
  ...hosts.map(
    (key, i): Edit => ({ collection: 'host', key, spec: { vtepAddress: `192.0.2.${i + 11}` } }),
  ),
  ...tenants.map((key): Edit => ({ collection: 'tenant', key, spec: {} })),
  ...networks.map(
    (key, i): Edit => ({ collection: 'network', key, spec: { vni: 5001 + i, mtuBytes: 1400 } }),
  ),
  ...networks.map(
    (key): Edit => ({
      collection: 'subnet',
      key,
      spec: { network: key.split('/')[1] as string, cidr: '10.0.0.0/24' },
    }),
  ),
]

function editOf(step: Step, site: Site): Edit | undefined {
  if (step.kind === 'host') {
    const spec = step.gone ? undefined : { vtepAddress: `192.0.2.${step.vtep + 20}` }
    return { collection: 'host', key: step.key, spec }
  }
  if (step.kind === 'network')
    return { collection: 'network', key: step.key, spec: { vni: step.vni, mtuBytes: step.mtu } }
  if (step.kind === 'port') {
    if (step.gone) return { collection: 'port', key: step.key, spec: undefined }
    const place = step.host ? { hostId: step.host, ofport: step.ofport } : {}
    const network = (step.key.split('/')[1] as string).slice(0, 2)
    return {
      collection: 'port',
      key: step.key,
      spec: { network, addresses: [`10.0.0.${step.address}`], ...place },
    }
  }
  const uuid = site.get('port', step.port)?.uuid
  if (!uuid) return undefined
  return {
    collection: 'binding',
    key: uuid,
    spec: step.host === undefined ? undefined : { hostId: step.host, ofport: step.ofport },
  }
}

let uuids = 0
const uuid = () => `00000000-0000-4000-8000-${String(++uuids).padStart(12, '0')}`
const facts = (item: Item) => [item.cookie, Buffer.from(item.bytes).toString('hex')]

test('incremental equals full after every step of random edits', () => {
  let applied = 0
  fc.assert(
    fc.property(
      fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), {
        minLength: 5,
        maxLength: 60,
        size: 'max',
      }),
      (batches) => {
        let { site } = applyEdits(Site.empty, base, uuid)
        const compiler = new Compiler(site)
        // What a host would hold that only ever hears of touched items.
        const held = new Map(
          hosts.map((id) => [id, new Map([...compiler.items(id)].map((item) => [item.id, item]))]),
        )
        for (const batch of batches) {
          const edits = new Map<string, Edit>()
          for (const each of batch) {
            const edit = editOf(each, site)
            if (edit) edits.set(`${edit.collection} ${edit.key}`, edit)
          }
          let next: ReturnType<typeof applyEdits>
          try {
            next = applyEdits(site, [...edits.values()], uuid)
          } catch (error) {
            if (error instanceof ModelError) continue
            throw error
          }
          site = next.site
          applied++
          const touched = compiler.apply(next.changes)
          const full = compileFull(site)
          for (const id of hosts) {
            const mine = held.get(id) as Map<string, Item>
            for (const itemId of touched.get(id)?.keys() ?? []) {
              const want = compiler.lookup(id, itemId)
              if (want) mine.set(itemId, want)
              else mine.delete(itemId)
            }
            const expected = full.get(id) ?? new Map<string, Item>()
            expect([...mine.keys()].sort()).toEqual([...expected.keys()].sort())
            for (const [itemId, item] of expected)
              expect(facts(mine.get(itemId) as Item)).toEqual(facts(item))
          }
        }
      },
    ),
    { numRuns: process.env.WEFT_TEST_FULL ? 4000 : 300, seed: 20261122 },
  )
  expect(applied).toBeGreaterThan(1000)
})

test('one more port runs a handful of units, whatever the size of the site', () => {
  const runs = [10, 1000].map((size) => {
    const many = Array.from(
      { length: size },
      (_, i): Edit => ({
        collection: 'port',
        key: `acme/x${i}`,
        spec: {
          network: 'n1',
          addresses: [`10.1.${i >> 8}.${i & 255}`],
          hostId: 'h1',
          ofport: i + 1,
        },
      }),
    )
    const wide: Edit = {
      collection: 'subnet',
      key: 'acme/wide',
      spec: { network: 'n1', cidr: '10.1.0.0/16' },
    }
    const { site } = applyEdits(Site.empty, [...base, wide, ...many.slice(2)], uuid)
    const compiler = new Compiler(site)
    const before = compiler.runs
    const spec = { network: 'n1', addresses: ['10.1.200.1'], hostId: 'h2', ofport: 7 }
    compiler.apply(applyEdits(site, [{ collection: 'port', key: 'acme/new', spec }], uuid).changes)
    return compiler.runs - before
  })
  expect(runs[0]).toBe(runs[1])
  expect(runs[0]).toBeLessThan(6)
})

test('a flow that another block of the host has with other instructions is a conflict', () => {
  const { site } = applyEdits(Site.empty, base, uuid)
  const compiler = new Compiler(site)
  const spec = { network: 'n1', addresses: ['10.0.0.9'], hostId: 'h1', ofport: 9 }
  const { changes } = applyEdits(site, [{ collection: 'port', key: 'acme/x', spec }], uuid)
  // The model refuses the tunnel's number; nothing but the compiler stands behind it.
  const forged = changes.map((change) =>
    change.collection === 'port' && change.after
      ? { ...change, after: { ...change.after, ofport: TUNNEL_OFPORT } }
      : change,
  )
  expect(() => compiler.apply(forged)).toThrow(CompileConflict)
})
