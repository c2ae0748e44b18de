import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Placements } from '../../../controller/compiler/placement.ts'
import type { Placement } from '../../../controller/compiler/program.ts'
import { applyEdits } from '../../../controller/model/edit.ts'
import { ModelError } from '../../../controller/model/errors.ts'
import type { Edit, Specs } from '../../../controller/model/schema.ts'
import type { Change, Snapshot } from '../../../controller/model/snapshot.ts'
import { runs } from '../../random.ts'
import { counting, drop, put, siteWith, smallSite } from '../model/site.ts'

const port = (id: string, spec: Partial<Specs['port']>): Edit =>
  put('port', `acme/${id}`, { network: 'web', addresses: [], ...spec })
const base = [
  ...smallSite,
  put('host', 'v1', { kind: 'vtep', vtepAddress: '192.0.2.21', underlayMtuBytes: 9050 }),
]

function changesOf(site: Snapshot): Change[] {
  return (['binding', 'port'] as const).flatMap((collection) =>
    [...site.list(collection)].map(
      ([key, after]) => ({ collection, key, before: undefined, after }) as Change,
    ),
  )
}

function placed(site: Snapshot): Map<string, Placement> {
  const placements = new Placements()
  placements.apply(changesOf(site))
  const keys = [...site.list('port').keys()]
  return new Map(keys.flatMap((key) => [[key, placements.get(key)] as [string, Placement]]))
}

test('a port is at an ofport, at an interface and VID, or inside the trunk of its parent', () => {
  const places = placed(
    siteWith(base, [
      port('a', { hostId: 'h1', ofport: 7 }),
      port('b', { hostId: 'v1', interface: 'eth1' }),
      port('c', { hostId: 'v1', interface: 'eth1', vid: 30 }),
      port('d', { parent: 'a', vid: 30 }),
      port('e', { parent: 'b', vid: 31 }),
      port('f', {}),
      port('g', { parent: 'f', vid: 1 }),
      port('h', { parent: 'c', vid: 1 }),
    ]),
  )
  const at = (id: string) => [places.get(`acme/${id}`)?.hostId, places.get(`acme/${id}`)?.at]
  expect(at('a')).toEqual(['h1', { kind: 'ofport', ofport: 7 }])
  expect(at('b')).toEqual(['v1', { kind: 'vtep', interface: 'eth1', vid: 0 }])
  expect(at('c')).toEqual(['v1', { kind: 'vtep', interface: 'eth1', vid: 30 }])
  expect(at('d')).toEqual(['h1', { kind: 'subport', ofport: 7, vid: 30 }])
  expect(at('e')).toEqual(['v1', { kind: 'vtep', interface: 'eth1', vid: 31 }])
  for (const id of ['f', 'g', 'h']) expect(at(id)).toEqual([undefined, undefined])
})

test('sub-ports move with their trunk, and a seen place goes before a declared one', () => {
  const site = siteWith(base, [
    port('a', { hostId: 'h1', ofport: 7 }),
    port('b', { hostId: 'h1', ofport: 8 }),
    port('d', { parent: 'a', vid: 30 }),
  ])
  const placements = new Placements()
  placements.apply(changesOf(site))
  const uuid = `${site.get('port', 'acme/a')?.uuid}`
  const seen = applyEdits(site, [put('binding', uuid, { hostId: 'h1', ofport: 8 })], counting())
  const moved = placements.apply(seen.changes)
  expect(moved.map(({ key, value }) => [key, value?.at]).sort()).toEqual([
    ['acme/a', { kind: 'ofport', ofport: 8 }],
    ['acme/b', undefined],
    ['acme/d', { kind: 'subport', ofport: 8, vid: 30 }],
  ])
})

test('a trunk whose place another port is seen to have is nowhere, and its sub-ports with it', () => {
  const site = siteWith(base, [
    port('a', { hostId: 'h1', ofport: 7 }),
    port('b', {}),
    port('d', { parent: 'a', vid: 30 }),
  ])
  const placements = new Placements()
  placements.apply(changesOf(site))
  const uuid = `${site.get('port', 'acme/b')?.uuid}`
  const seen = applyEdits(site, [put('binding', uuid, { hostId: 'h1', ofport: 7 })], counting())
  placements.apply(seen.changes)
  expect(placements.get('acme/b')?.at).toEqual({ kind: 'ofport', ofport: 7 })
  expect([placements.get('acme/a'), placements.get('acme/d')]).toEqual([undefined, undefined])
  const gone = applyEdits(seen.site, [drop('binding', uuid)], counting())
  placements.apply(gone.changes)
  expect(placements.get('acme/d')?.at).toEqual({ kind: 'subport', ofport: 7, vid: 30 })
})

const globex = [
  put('network', 'globex/n', { vni: 6001 }),
  put('port', 'globex/g', { network: 'n' }),
  put('port', 'globex/s', { network: 'n', parent: 'g', vid: 30 }),
]
const interfaceAt = (name: string, tag: number) => ({ kind: 'vtep', interface: name, vid: tag })

test('who is seen on an interface has all its VIDs, whatever another tenant has declared before', () => {
  const site = siteWith(base, globex, [
    port('a', { hostId: 'v1', interface: 'eth1', vid: 30 }),
    port('b', { hostId: 'v1', interface: 'eth1', vid: 31 }),
  ])
  const placements = new Placements()
  placements.apply(changesOf(site))
  expect(placements.get('acme/a')?.at).toEqual(interfaceAt('eth1', 30))
  const uuid = `${site.get('port', 'globex/g')?.uuid}`
  const seen = put('binding', uuid, { hostId: 'v1', interface: 'eth1', vid: 0 })
  const bound = applyEdits(site, [seen], counting())
  const moved = placements.apply(bound.changes)
  expect(moved.map(({ key, value }) => [key, value?.at]).sort()).toEqual([
    ['acme/a', undefined],
    ['acme/b', undefined],
    ['globex/g', interfaceAt('eth1', 0)],
    ['globex/s', interfaceAt('eth1', 30)],
  ])
  const gone = applyEdits(bound.site, [drop('binding', uuid)], counting())
  placements.apply(gone.changes)
  expect(placements.get('acme/a')?.at).toEqual(interfaceAt('eth1', 30))
  expect(placements.get('globex/s')).toBeUndefined()
})

test('a sub-port whose trunk is nowhere takes no VID of the port that is there', () => {
  const site = siteWith(base, globex, [
    port('a', { hostId: 'h1', ofport: 7 }),
    port('b', { parent: 'a', vid: 30 }),
  ])
  const placements = new Placements()
  placements.apply(changesOf(site))
  const uuid = `${site.get('port', 'globex/g')?.uuid}`
  const seen = applyEdits(site, [put('binding', uuid, { hostId: 'h1', ofport: 7 })], counting())
  placements.apply(seen.changes)
  expect(placements.get('globex/s')?.at).toEqual({ kind: 'subport', ofport: 7, vid: 30 })
  expect([placements.get('acme/a'), placements.get('acme/b')]).toEqual([undefined, undefined])
})

const ids = ['a', 'b', 'c', 'd']
const vid = fc.constantFrom(1, 2)
const id = fc.constantFrom(...ids)
const tenant = fc.constantFrom('acme', 'globex')
const ofport = fc.constantFrom(1, 2)
const interfaceName = fc.constantFrom('eth1', 'eth2')
const spec: fc.Arbitrary<Partial<Specs['port']>> = fc.oneof(
  fc.constant({}),
  ofport.map((each) => ({ hostId: 'h1', ofport: each })),
  interfaceName.map((each) => ({ hostId: 'v1', interface: each })),
  fc.tuple(interfaceName, vid).map(([name, tag]) => ({ hostId: 'v1', interface: name, vid: tag })),
  fc.tuple(id, vid).map(([parent, tag]) => ({ parent, vid: tag })),
)
type Step = (site: Snapshot) => Edit
const trunkId = fc.constantFrom('a', 'b')
const childId = fc.constantFrom('c', 'd')
const step: fc.Arbitrary<Step> = fc.oneof(
  // Rarely does chance put a sub-port on a trunk that has a place: these two steps make for both.
  fc.tuple(tenant, trunkId, ofport).map(
    ([owner, key, each]) =>
      () =>
        put('port', `${owner}/${key}`, { network: 'web', hostId: 'h1', ofport: each }),
  ),
  fc.tuple(tenant, childId, trunkId, vid).map(
    ([owner, key, parent, tag]) =>
      () =>
        put('port', `${owner}/${key}`, { network: 'web', parent, vid: tag }),
  ),
  {
    weight: 3,
    arbitrary: fc.tuple(tenant, id, spec).map(
      ([owner, key, value]) =>
        () =>
          put('port', `${owner}/${key}`, { network: 'web', addresses: [], ...value }),
    ),
  },
  fc.tuple(tenant, id).map(
    ([owner, key]) =>
      () =>
        drop('port', `${owner}/${key}`),
  ),
  fc
    .tuple(tenant, id, fc.oneof(ofport, interfaceName, fc.constant(undefined)), vid)
    .map(([owner, key, at, tag]) => (site: Snapshot) => {
      const uuid = site.get('port', `${owner}/${key}`)?.uuid ?? counting()()
      if (at === undefined) return drop('binding', uuid)
      return typeof at === 'number'
        ? put('binding', uuid, { hostId: 'h1', ofport: at })
        : put('binding', uuid, { hostId: 'v1', interface: at, vid: tag - 1 })
    }),
)

test('after any commits, placements are those that the snapshot alone would give', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(
      fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 25, size: 'max' }),
      (batches) => {
        const uuid = counting()
        const both = [...base, put('network', 'globex/web', { vni: 6001 })]
        let site = applyEdits(siteWith(), both, uuid).site
        const placements = new Placements()
        placements.apply(changesOf(site))
        const told = new Map<string, Placement | undefined>()
        for (const batch of batches) {
          try {
            const next = applyEdits(
              site,
              batch.map((make) => make(site)),
              uuid,
            )
            site = next.site
            for (const { key, value } of placements.apply(next.changes)) told.set(key, value)
          } catch (error) {
            if (error instanceof ModelError) continue
            throw error
          }
          const oracle = placed(site)
          const slots = new Set<string>()
          const holders = new Map<string, string>()
          for (const [key, { tenant: owner }] of site.list('port')) {
            const at = oracle.get(key)?.at
            if (at?.kind === 'vtep' && at.vid === 0) holders.set(at.interface, owner)
          }
          for (const [key, { tenant: owner }] of site.list('port')) {
            const place = placements.get(key)
            expect(place).toEqual(oracle.get(key))
            expect(told.has(key) ? told.get(key) : place).toEqual(place)
            if (!place) continue
            seen.add(place.at.kind)
            const holder = place.at.kind === 'vtep' ? holders.get(place.at.interface) : undefined
            expect(holder ?? owner).toBe(owner)
            const slot = JSON.stringify([place.hostId, place.at])
            expect(slots.has(slot)).toBe(false)
            slots.add(slot)
          }
        }
      },
    ),
    runs(200),
  )
  expect([...seen].sort()).toEqual(['ofport', 'subport', 'vtep'])
})
