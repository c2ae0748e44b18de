import fc from 'fast-check'
import { expect, test } from 'vitest'
import { applyEdits } from '../../../controller/model/edit.ts'
import { ModelError } from '../../../controller/model/errors.ts'
import { indexNames } from '../../../controller/model/indexes.ts'
import { collectionNames, type Edit } from '../../../controller/model/schema.ts'
import { Site } from '../../../controller/model/snapshot.ts'
import { runs } from '../../random.ts'
import { counting, drop, problemsOf, put, siteWith, smallSite } from './site.ts'

test('a spec that is already so makes no new revision', () => {
  const site = siteWith(smallSite)
  expect(applyEdits(site, smallSite, counting())).toMatchObject({ site, changes: [] })
})

test('an object that did not change is the same object in the next revision', () => {
  const site = siteWith(smallSite)
  const next = applyEdits(site, [put('network', 'globex/web', {})], counting()).site
  expect(next.revision).toBe(2)
  expect(next.get('port', 'acme/vm1')).toBe(site.get('port', 'acme/vm1'))
  expect(next.list('port')).toBe(site.list('port'))
  expect(site.get('network', 'globex/web')).toBeUndefined()
})

test('what comes along unchanged is looked at by whoever needs it', () => {
  const host = put('host', 'h2', { vtepAddress: '192.0.2.12', underlayMtuBytes: 1500 })
  const network = put('network', 'acme/web', { vni: 5001, mtuBytes: 9000 })
  expect(problemsOf(host, network).map(({ type }) => type)).toEqual(['underlay_mtu_too_small'])
})

test('objects are frozen, their lists too', () => {
  const port = siteWith(smallSite).get('port', 'acme/vm1')
  expect(Object.isFrozen(port)).toBe(true)
  expect(Object.isFrozen(port?.addresses)).toBe(true)
})

test('what a client leaves out is given, and stays when the same spec comes again', () => {
  const edits = [put('network', 'globex/web', {}), put('port', 'acme/vm2', { network: 'web' })]
  const site = siteWith(smallSite, edits)
  expect(site.get('network', 'globex/web')).toMatchObject({
    vni: 10_001,
    number: 2,
    mtuBytes: 1450,
  })
  expect(site.get('port', 'acme/vm2')).toMatchObject({
    number: 2,
    mac: '02:57:00:00:00:02',
    addresses: ['10.0.0.2'],
  })
  expect(applyEdits(site, edits, counting()).site).toBe(site)
})

test('an address asked for in the same commit is not given to another port', () => {
  const site = siteWith(smallSite, [
    put('port', 'acme/a', { network: 'web' }),
    put('port', 'acme/b', { network: 'web', addresses: ['10.0.0.2'] }),
  ])
  expect(site.get('port', 'acme/b')?.addresses).toEqual(['10.0.0.2'])
  expect(site.get('port', 'acme/a')?.addresses).toEqual(['10.0.0.3'])
})

test('numbers, VNIs and addresses that were freed are not the next to be given', () => {
  const first = [put('network', 'globex/web', {}), put('port', 'acme/vm2', { network: 'web' })]
  const again = [put('network', 'globex/new', {}), put('port', 'acme/vm3', { network: 'web' })]
  const gone = [drop('network', 'globex/web'), drop('port', 'acme/vm2')]
  const site = siteWith(smallSite, first, gone, again)
  expect(site.get('network', 'globex/new')).toMatchObject({ vni: 10_002, number: 3 })
  expect(site.get('port', 'acme/vm3')).toMatchObject({ number: 3, addresses: ['10.0.0.3'] })
})

test('a subnet gives every address but network, gateway and broadcast, then says that it is full', () => {
  const subnet = put('subnet', 'globex/s', { network: 'n', cidr: '10.0.0.0/29' })
  const ports = (count: number): Edit[] =>
    Array.from({ length: count }, (_, at) => put('port', `globex/p${at}`, { network: 'n' }))
  const base = [...smallSite, put('network', 'globex/n', {}), subnet]
  const site = siteWith([...base, ...ports(5)])
  const given = [...site.list('port').range('globex/', 'globex0')].map(([, p]) => p.addresses[0])
  expect(given).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'])
  expect(() => siteWith([...base, ...ports(6)])).toThrow(/no address is left/)
  const freed = siteWith([...base, ...ports(5)], [drop('port', 'globex/p1')])
  const next = applyEdits(freed, [put('port', 'globex/q', { network: 'n' })], counting()).site
  expect(next.get('port', 'globex/q')?.addresses).toEqual(['10.0.0.3'])
})

test('a binding goes with its port and with its host', () => {
  const uuid = siteWith(smallSite).get('port', 'acme/vm1')?.uuid ?? ''
  const bound = siteWith(smallSite, [put('binding', uuid, { hostId: 'h1', ofport: 5 })])
  expect(bound.get('binding', uuid)).toMatchObject({ port: uuid, hostId: 'h1', ofport: 5 })
  const { changes } = applyEdits(bound, [drop('port', 'acme/vm1')], counting())
  expect(changes.map(({ collection, after }) => [collection, after])).toEqual(
    expect.arrayContaining([
      ['port', undefined],
      ['binding', undefined],
    ]),
  )
  expect(applyEdits(bound, [drop('host', 'h1')], counting()).site.list('binding').size).toBe(0)
})

test('a binding of an unknown port or on an unknown host is refused', () => {
  const uuid = siteWith(smallSite).get('port', 'acme/vm1')?.uuid ?? ''
  const other = '00000000-0000-4000-8000-0000000000ff'
  expect(() => siteWith(smallSite, [put('binding', other, { hostId: 'h1', ofport: 5 })])).toThrow(
    /uuid of a port/,
  )
  expect(() => siteWith(smallSite, [put('binding', uuid, { hostId: 'h9', ofport: 5 })])).toThrow(
    /h9 does not exist/,
  )
})

const id = fc.constantFrom('a', 'b', 'c')
const anyEdit: fc.Arbitrary<Edit> = fc.oneof(
  fc
    .record({ id, mtu: fc.constantFrom(1500, 1600, 9050) })
    .map(({ id, mtu }) =>
      put('host', id, { vtepAddress: `192.0.2.${id.charCodeAt(0)}`, underlayMtuBytes: mtu }),
    ),
  id.map((tenant) => put('tenant', tenant, {})),
  fc
    .record({ t: id, n: id, vni: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }) })
    .map(({ t, n, vni }) => put('network', `${t}/${n}`, vni === undefined ? {} : { vni })),
  fc
    .record({ t: id, n: id, s: id })
    .map(({ t, n, s }) =>
      put('subnet', `${t}/${s}`, { network: n, cidr: `10.0.${s.charCodeAt(0)}.0/29` }),
    ),
  fc
    .record({ t: id, n: id, p: fc.constantFrom('p', 'q', 'r', 's'), h: fc.option(id) })
    .map(({ t, n, p, h }) =>
      put('port', `${t}/${p}`, h ? { network: n, hostId: h } : { network: n }),
    ),
  id.map((each) => put('physicalNetwork', each, {})),
  fc
    .record({ h: id, p: fc.option(id, { nil: undefined }) })
    .map(({ h, p }) =>
      put('bridge', `${h}/br-${p}`, p === undefined ? {} : { physicalNetwork: p }),
    ),
  fc
    .record({ t: id, n: id, p: id, vid: fc.option(fc.constantFrom(1, 2, 3), { nil: undefined }) })
    .map(({ t, n, p, vid }) =>
      put('network', `${t}/v${n}`, {
        ...{ type: 'vlan', physicalNetwork: p },
        ...(vid === undefined ? {} : { vid }),
      }),
    ),
  fc
    .record({ t: id, n: id, p: id, h: id })
    .map(({ t, n, p, h }) =>
      put('network', `${t}/${n}`, { extension: { physicalNetwork: p, vid: 2, hostId: h } }),
    ),
  fc
    .record({ t: id, n: id, p: id, parent: fc.constantFrom('p', 'q'), vid: fc.constantFrom(1, 2) })
    .map(({ t, n, p, parent, vid }) => put('port', `${t}/sub${p}`, { network: n, parent, vid })),
  id.map((each) => drop('physicalNetwork', each)),
  fc.record({ c: fc.constantFrom('host', 'tenant'), id }).map(({ c, id }) => drop(c as 'host', id)),
  fc
    .record({ c: fc.constantFrom('network', 'subnet', 'port'), t: id, id })
    .map(({ c, t, id }) => drop(c as 'port', `${t}/${id}`)),
)

test('after any edits, the indexes are those that the objects alone would give', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyEdit, { maxLength: 4 }), { maxLength: 60, size: 'max' }),
      (batches) => {
        const uuid = counting()
        let site = Site.empty
        for (const edits of batches) {
          try {
            site = applyEdits(site, edits, uuid).site
          } catch (error) {
            if (!(error instanceof ModelError)) throw error
          }
        }
        const rebuilt = Site.empty.draft()
        for (const name of collectionNames) {
          for (const [key, object] of site.list(name)) rebuilt.put(name, key, object)
        }
        for (const name of indexNames) {
          expect([...site.index(name)]).toEqual([...rebuilt.index(name)])
        }
      },
    ),
    runs(60),
  )
})
