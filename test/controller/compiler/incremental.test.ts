/** The law of the engine: after every step of a random edit sequence, incremental equals the full compile. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CompileConflict, sameItem } from '../../../controller/compiler/block.ts'
import { Compiler, compileFull } from '../../../controller/compiler/compiler.ts'
import type { Item } from '../../../controller/compiler/program.ts'
import { TUNNEL_OFPORT } from '../../../controller/compiler/stages.ts'
import { applyEdits } from '../../../controller/model/edit.ts'
import { ModelError } from '../../../controller/model/errors.ts'
import type { Edit, Specs } from '../../../controller/model/schema.ts'
import { Site } from '../../../controller/model/snapshot.ts'
import { runs } from '../../random.ts'

const tenants = ['acme', 'globex']
const hosts = ['h1', 'h2', 'h3', 'v1', 'v2']
/** v1 and v2 are of kind vtep; h2 and v2 have both families, h3 has IPv6 alone. */
const isVtep = (id: string) => id.startsWith('v')
const over6 = (address: string) => address.replace('192.0.2.', '2001:db8::')
const hostSpec = (id: string, vtepAddress: string) => ({
  vtepAddress: id === 'h3' ? over6(vtepAddress) : vtepAddress,
  ...(isVtep(id) && { kind: 'vtep' as const }),
  ...(id.endsWith('2') && { alternateVtepAddress: over6(vtepAddress) }),
})
/** The same number as an ofport, or as an interface with a VID. */
const placeOf = (id: string, n: number) =>
  isVtep(id) ? { interface: `eth${n >> 1}`, vid: (n & 1) * 7 } : { ofport: n }
const networks = tenants.flatMap((tenant) => [`${tenant}/n1`, `${tenant}/n2`])
/** The first two are in use. */
const physicals = ['p1', 'p2', 'p3']
/** Of types vlan and flat, of the first tenant. */
const segments = ['acme/vlan', 'acme/flat']
const ports = networks.flatMap((network) => [1, 2, 3].map((n) => `${network}p${n}`))

const host = fc.record({
  key: fc.constantFrom(...hosts),
  vtep: fc.integer({ min: 1, max: 4 }),
  gone: fc.boolean(),
})
const network = fc.record({
  key: fc.constantFrom(...networks),
  vni: fc.integer({ min: 1, max: 6 }),
  mtu: fc.constantFrom(1400, 1430),
  tags: fc.constantFrom(false, true, 'qinq' as const),
  joiner: fc.constantFrom(undefined, ...hosts.filter((id) => !isVtep(id))),
  place: fc.record({
    physicalNetwork: fc.constantFrom(...physicals),
    vid: fc.constantFrom(undefined, 7, 8),
  }),
})
const physical = fc.record({ key: fc.constantFrom(...physicals), gone: fc.boolean() })
/** A sub-port of the first port of its tenant's first network. */
const subport = fc.record({
  tenant: fc.constantFrom(...tenants),
  gone: fc.boolean(),
  network: fc.constantFrom('n1', 'n2', 'vlan', 'flat'),
  vid: fc.integer({ min: 1, max: 2 }),
})
const port = fc.record({
  key: fc.constantFrom(...ports),
  gone: fc.boolean(),
  host: fc.constantFrom(undefined, ...hosts),
  ofport: fc.integer({ min: 1, max: 4 }),
  address: fc.integer({ min: 2, max: 9 }),
  families: fc.constantFrom('4', '6', '46'),
  network: fc.constantFrom(undefined, undefined, 'vlan', 'flat'),
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
  physical.map((value) => ({ kind: 'physical' as const, ...value })),
  subport.map((value) => ({ kind: 'subport' as const, ...value })),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const base: Edit[] = [
  ...hosts.map(
    (key, i): Edit => ({ collection: 'host', key, spec: hostSpec(key, `192.0.2.${i + 11}`) }),
  ),
  ...tenants.map((key): Edit => ({ collection: 'tenant', key, spec: {} })),
  ...networks.map(
    (key, i): Edit => ({ collection: 'network', key, spec: { vni: 5001 + i, mtuBytes: 1400 } }),
  ),
  ...physicals.map((key): Edit => ({ collection: 'physicalNetwork', key, spec: {} })),
  {
    collection: 'network',
    key: 'acme/vlan',
    spec: { type: 'vlan', physicalNetwork: 'p1', vid: 9, mtuBytes: 1400 },
  },
  {
    collection: 'network',
    key: 'acme/flat',
    spec: { type: 'flat', physicalNetwork: 'p2', mtuBytes: 1400 },
  },
  ...[...networks, ...segments].flatMap((key): Edit[] => {
    const network = key.split('/')[1] as string
    return [
      { collection: 'subnet', key, spec: { network, cidr: '10.0.0.0/24' } },
      { collection: 'subnet', key: `${key}-six`, spec: { network, cidr: '2001:db8::/64' } },
    ]
  }),
]

function editOf(step: Step, site: Site): Edit | undefined {
  if (step.kind === 'host') {
    const spec = step.gone ? undefined : hostSpec(step.key, `192.0.2.${step.vtep + 20}`)
    return { collection: 'host', key: step.key, spec }
  }
  if (step.kind === 'network') {
    const { vni, mtu: mtuBytes, tags: vlanTransparent, joiner: hostId, place } = step
    const { physicalNetwork, vid } = place
    const extension = hostId && { hostId, physicalNetwork, ...(vid && { vid }) }
    const spec = { vni, mtuBytes, vlanTransparent, ...(extension && { extension }) }
    return { collection: 'network', key: step.key, spec }
  }
  if (step.kind === 'physical')
    return { collection: 'physicalNetwork', key: step.key, spec: step.gone ? undefined : {} }
  if (step.kind === 'subport') {
    const { tenant, network, vid } = step
    const spec = { network, parent: 'n1p1', vid, addresses: [] }
    return { collection: 'port', key: `${tenant}/sub`, spec: step.gone ? undefined : spec }
  }
  if (step.kind === 'port') {
    if (step.gone) return { collection: 'port', key: step.key, spec: undefined }
    const { vid, ...at } = { vid: 0, ...placeOf(step.host ?? '', step.ofport) }
    const place = step.host ? { hostId: step.host, ...at, ...(vid && { vid }) } : {}
    const network = step.network ?? (step.key.split('/')[1] as string).slice(0, 2)
    const addresses = [
      ...(step.families.includes('4') ? [`10.0.0.${step.address}`] : []),
      ...(step.families.includes('6') ? [`2001:db8::${step.address}`] : []),
    ]
    return { collection: 'port', key: step.key, spec: { network, addresses, ...place } }
  }
  const uuid = site.get('port', step.port)?.uuid
  if (!uuid) return undefined
  return {
    collection: 'binding',
    key: uuid,
    spec:
      step.host === undefined
        ? undefined
        : ({ hostId: step.host, ...placeOf(step.host, step.ofport) } as Specs['binding']),
  }
}

let uuids = 0
const uuid = () => `00000000-0000-4000-8000-${String(++uuids).padStart(12, '0')}`
const idOf = (item: Item | undefined) => item?.id ?? ''
/** Ids of what is in one of both alone, or different in them. */
const differences = (before: ReadonlyMap<string, Item>, after: ReadonlyMap<string, Item>) =>
  [...new Set([...before.keys(), ...after.keys()])]
    .filter((id) => {
      const [one, other] = [before.get(id), after.get(id)]
      return one !== other && !(one && other && sameItem(one, other))
    })
    .sort()
const shown = (items: ReadonlyMap<string, Item>) =>
  [...items]
    .map(([id, { cookie, bytes }]) => `${id} ${cookie} ${Buffer.from(bytes).toString('hex')}`)
    .sort()

test('incremental equals full after every step of random edits', () => {
  let applied = 0
  const reached = new Set<string>()
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
          // Every third step is looked at beforehand, which must neither change anything nor miss anything.
          const previewed = ++applied % 3 === 0 && compiler.preview(next.changes, site)
          site = next.site
          for (const { collection, after } of next.changes) {
            reached.add(`${collection} ${after ? 'put' : 'gone'}`)
            if (collection === 'network' && after?.extension) reached.add('extension')
            if (collection === 'port' && after?.parent) reached.add(`sub-port in ${after.network}`)
          }
          const touched = compiler.apply(next.changes)
          const full = compileFull(site)
          for (const id of hosts) {
            const mine = held.get(id) as Map<string, Item>
            if (previewed) {
              const seen = (previewed.get(id) ?? []).map(({ before, after }) =>
                idOf(before ?? after),
              )
              expect(seen.sort()).toEqual(differences(mine, full.get(id) ?? new Map()))
            }
            for (const itemId of touched.get(id)?.keys() ?? []) {
              const want = compiler.lookup(id, itemId)
              if (want) mine.set(itemId, want)
              else mine.delete(itemId)
            }
            const [is, shouldBe] = [shown(mine), shown(full.get(id) ?? new Map())]
            // Compared as one text first: a matcher for each of a hundred thousand items takes most of a minute.
            if (is.join('\n') !== shouldBe.join('\n')) expect(is).toEqual(shouldBe)
          }
        }
      },
    ),
    runs(300, 4000),
  )
  expect(applied).toBeGreaterThan(1000)
  for (const what of ['extension', 'sub-port in n2', 'sub-port in vlan', 'physicalNetwork gone'])
    expect([...reached]).toContain(what)
}, 120_000)

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
  // Who only wants to know what would be is told, and nothing is lost.
  expect(() => compiler.preview(forged, site)).toThrow(CompileConflict)
  for (const [id, items] of compileFull(site))
    expect(shown(new Map([...compiler.items(id)].map((item) => [item.id, item])))).toEqual(
      shown(items),
    )
  expect(() => compiler.apply(forged)).toThrow(CompileConflict)
})
