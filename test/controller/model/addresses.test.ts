/** Addresses of ports: what subnets give, what may be asked for, and that no address is ever in a network twice. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { poolOf, unusableOf } from '../../../controller/model/address-pool.ts'
import type { AddressRange } from '../../../controller/model/address-ranges.ts'
import { subnetRange } from '../../../controller/model/cidr.ts'
import { applyEdits } from '../../../controller/model/edit.ts'
import { ModelError } from '../../../controller/model/errors.ts'
import {
  addressNumber,
  canonicalAddress,
  eui64Address,
  familyOf,
  formatAddress,
  linkLocalAddress,
} from '../../../controller/model/ip-address.ts'
import type { Collection, Edit, Objects, Port, Specs } from '../../../controller/model/schema.ts'
import { Site } from '../../../controller/model/snapshot.ts'
import { parseMac } from '../../../southbound/wire/address.ts'
import { runs } from '../../random.ts'
import { counting, drop, problemsOf, put, siteWith, smallSite } from './site.ts'

const subnet = (id: string, spec: Partial<Specs['subnet']> & { cidr: string }): Edit =>
  put('subnet', `acme/${id}`, { network: 'web', ...spec })
const port = (id: string, spec: object = {}): Edit =>
  put('port', `acme/${id}`, { network: 'web', ...spec })
const addressesOf = (site: Site, id: string) => site.get('port', `acme/${id}`)?.addresses
const without = (id: string) => smallSite.filter(({ key }) => key !== `acme/${id}`)

test('a MAC makes the address that RFC 4291 says', () => {
  // Appendix A: 34-56-78-9A-BC-DE; and one that is locally administered.
  const prefix = addressNumber('2001:db8::')
  const of = (mac: string) => formatAddress(6, eui64Address(prefix, parseMac(mac)))
  expect(of('34:56:78:9a:bc:de')).toBe('2001:db8::3656:78ff:fe9a:bcde')
  expect(of('02:57:00:00:00:02')).toBe('2001:db8::57:ff:fe00:2')
  expect(formatAddress(6, linkLocalAddress(parseMac('fe:ff:ff:ff:ff:ff')))).toBe(
    'fe80::fcff:ffff:feff:ffff',
  )
})

test('a port gets an address of each family that its network gives', () => {
  const six = subnet('six', { cidr: '2001:DB8:0::/64' })
  const fixed = subnet('seven', { cidr: '10.7.0.0/24', allocation: 'fixed' })
  const site = siteWith(smallSite, [six, fixed], [port('a'), port('b', { addresses: [] })])
  expect(addressesOf(site, 'a')).toEqual(['10.0.0.2', '2001:db8::2'])
  expect(addressesOf(site, 'b')).toEqual([])
  const none = siteWith(without('vm1'), [
    subnet('web', { cidr: '10.0.0.0/24', allocation: 'fixed' }),
    port('a'),
  ])
  expect(addressesOf(none, 'a')).toEqual([])
})

test('IPv6 is kept in one spelling, and is one address in any', () => {
  const six = subnet('six', { cidr: '2001:DB8:0::/64', reserved: ['2001:DB8::0:1-2001:db8::00ff'] })
  const asked = port('a', { addresses: ['2001:0DB8::0A00', '2001:db8::a00'] })
  const site = siteWith(smallSite, [six, asked])
  expect(site.get('subnet', 'acme/six')).toMatchObject({
    cidr: '2001:db8::/64',
    reserved: ['2001:db8::1-2001:db8::ff'],
  })
  expect(addressesOf(site, 'a')).toEqual(['2001:db8::a00'])
  expect(applyEdits(site, [six, asked], counting()).site).toBe(site)
  const [taken] = problemsOf(six, asked, port('b', { addresses: ['2001:db8:0:0::a00'] }))
  expect(taken).toMatchObject({ type: 'address_taken', pointer: '/addresses/0' })
})

test('addresses that follow from the MAC follow it, others stay', () => {
  const six = subnet('six', { cidr: '2001:db8::/64', allocation: 'eui64' })
  const site = siteWith(smallSite, [six, port('b', { addresses: ['2001:db8::5'] }), port('a')])
  expect(addressesOf(site, 'a')).toEqual(['10.0.0.2', '2001:db8::57:ff:fe00:3'])
  const moved = [port('a', { mac: '34:56:78:9A:BC:DE' }), port('b', { mac: '02:00:00:00:00:bb' })]
  const next = applyEdits(site, moved, counting()).site
  expect(addressesOf(next, 'a')).toEqual(['10.0.0.2', '2001:db8::3656:78ff:fe9a:bcde'])
  expect(addressesOf(next, 'b')).toEqual(['2001:db8::5'])
})

test('only what is in the ranges and not reserved is given; what is outside of them may be asked for', () => {
  const ranges = ['10.0.0.100-10.0.0.102', '10.0.0.110', '10.0.0.101-10.0.0.103']
  const web = subnet('web', {
    cidr: '10.0.0.0/24',
    allocationRanges: ranges,
    reserved: ['10.0.0.1', '10.0.0.101-10.0.0.102'],
  })
  const site = siteWith(
    smallSite,
    [web],
    ['a', 'b', 'c'].map((id) => port(id)),
  )
  expect(['a', 'b', 'c'].map((id) => addressesOf(site, id)?.[0])).toEqual([
    '10.0.0.100',
    '10.0.0.103',
    '10.0.0.110',
  ])
  const asked = applyEdits(site, [port('d', { addresses: ['10.0.0.7'] })], counting()).site
  expect(addressesOf(asked, 'd')).toEqual(['10.0.0.7'])
  expect(() => applyEdits(asked, [port('e')], counting())).toThrow(
    'subnet acme/web (10.0.0.0/24) has 3 of 3 taken',
  )
  const [kept] = problemsOf(web, port('d', { addresses: ['10.0.0.101'] }))
  expect(kept).toMatchObject({ type: 'address_kept_back', pointer: '/addresses/0', status: 409 })
  expect(kept?.detail).toBe('10.0.0.101 is reserved in subnet web')
  const router = problemsOf(
    subnet('six', { cidr: '2001:db8::/64' }),
    port('d', { addresses: ['2001:db8::'] }),
  )
  expect(router).toMatchObject([
    { type: 'address_reserved', expected: '2001:db8::1 to 2001:db8::ffff:ffff:ffff:ffff' },
  ])
})

test('ranges change under ports; what would take an address from a port is refused and names the ports', () => {
  const site = siteWith(smallSite, [port('a'), port('b', { addresses: ['10.0.0.200'] })])
  const edit = (spec: Partial<Specs['subnet']> & { cidr: string }, ...others: Edit[]) => {
    try {
      return applyEdits(site, [subnet('web', spec), ...others], counting()).site
    } catch (error) {
      return (error as ModelError).problems.map(({ type, references }) => [type, references])
    }
  }
  const elsewhere = edit({ cidr: '10.0.0.0/24', allocationRanges: ['10.0.0.50-10.0.0.60'] }) as Site
  expect(addressesOf(elsewhere, 'a')).toEqual(['10.0.0.2'])
  expect(addressesOf(applyEdits(elsewhere, [port('c')], counting()).site, 'c')).toEqual([
    '10.0.0.50',
  ])
  expect(edit({ cidr: '10.0.0.0/16' })).toBeInstanceOf(Site)
  expect(edit({ cidr: '10.0.0.0/25' })).toEqual([['addresses_left_out', ['port acme/b']]])
  expect(edit({ cidr: '10.0.0.0/25' }, drop('port', 'acme/b'))).toBeInstanceOf(Site)
  expect(edit({ cidr: '2001:db8::/64' })).toMatchObject([
    ['addresses_left_out', ['port acme/a', 'port acme/vm1', 'port acme/b']],
  ])
  expect(edit({ cidr: '10.0.0.0/24', reserved: ['10.0.0.1-10.0.0.11'] })).toEqual([
    ['addresses_unusable', ['port acme/a', 'port acme/vm1']],
  ])
  // Who is edited too is reported for himself.
  expect(edit({ cidr: '10.0.0.0/25' }, port('b', { addresses: ['10.0.0.201'] }))).toEqual([
    ['address_outside_subnet', undefined],
  ])
})

test('IPv6 is not on a network of less than 1,280 bytes', () => {
  const six = subnet('six', { cidr: '2001:db8::/64' })
  const small = put('network', 'acme/web', { vni: 5001, mtuBytes: 1279 })
  for (const edits of [
    [six, small],
    [small, six],
  ])
    expect(problemsOf(...edits)).toMatchObject([{ type: 'ipv6_mtu_too_small', pointer: '/cidr' }])
  const site = siteWith(smallSite, [six])
  expect(() => applyEdits(site, [small], counting())).toThrow(/mtuBytes: 2001:db8::\/64 cannot be/)
})

test('a MAC that a port of the same commit says is given to no other', () => {
  const site = siteWith(smallSite, [port('a'), port('b', { mac: '02:57:00:00:00:02' })])
  expect(site.get('port', 'acme/a')?.mac).toBe('06:57:00:00:00:02')
  expect(site.get('port', 'acme/b')?.mac).toBe('02:57:00:00:00:02')
})

test('of 4,093 addresses of which 4,059 are taken here and there, exactly the others are given', () => {
  const first = addressNumber('10.1.0.2')
  const isFree = (at: number) => at % 123 === 7
  const count = 4_093
  const base = siteWith(smallSite, [subnet('big', { cidr: '10.1.0.0/20' })], [port('seed')])
  const seed = base.get('port', 'acme/seed') as Port
  const ports = Array.from({ length: count }, (_, at) => at).flatMap((at) =>
    isFree(at)
      ? []
      : [
          [
            'port' as const,
            `acme/p${at}`,
            { ...seed, id: `p${at}`, addresses: [formatAddress(4, first + BigInt(at))] },
          ] as const,
        ],
  )
  const kept = (['tenant', 'network', 'host'] as const).flatMap((name: Collection) =>
    [...base.list(name)].map(([key, object]) => [name, key, object] as const),
  )
  const big = base.get('subnet', 'acme/big') as Objects['subnet']
  const site = Site.of(
    9,
    [...kept, ['subnet', 'acme/big', big], ...ports],
    [['port.number', 99_999]],
  )
  const ids = Array.from({ length: 34 }, (_, at) => `new${at}`)
  const next = applyEdits(
    site,
    ids.map((id) => port(id)),
    counting(),
  ).site
  const given = ids.map((id) => addressNumber(addressesOf(next, id)?.[0] ?? '') - first)
  expect(given).toEqual(ids.map((_, at) => BigInt(at * 123 + 7)))
  expect(() => applyEdits(next, [port('late')], counting())).toThrow('4093 of 4093 taken')
})

// Any sequence -------------------------------------------------------------------------------------

const v4 = fc.integer({ min: 0, max: 17 }).map((n) => `10.0.0.${n}`)
const v6 = fc.integer({ min: 0, max: 17 }).map((n) => `2001:db8::${n.toString(16)}`)
const rangesOf = (address: fc.Arbitrary<string>) =>
  fc.option(
    fc.array(
      fc.oneof(
        address,
        fc.tuple(address, address).map((ends) => ends.join('-')),
      ),
      { maxLength: 3 },
    ),
    { nil: undefined },
  )
const defined = <T extends object>(spec: T): T =>
  Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined)) as T
const anyEdit: fc.Arbitrary<Edit> = fc.oneof(
  fc
    .record({
      cidr: fc.constantFrom('10.0.0.0/28', '10.0.0.0/29', '10.0.0.8/29', '10.0.0.0/24'),
      allocation: fc.constantFrom(undefined, 'pool', 'fixed'),
      allocationRanges: rangesOf(v4),
      reserved: rangesOf(v4),
    })
    .map((spec) => subnet('web', defined(spec) as { cidr: string })),
  fc
    .record({
      cidr: fc.constantFrom('2001:db8::/64', '2001:db8::/124'),
      allocation: fc.constantFrom(undefined, 'pool', 'fixed', 'eui64'),
      allocationRanges: rangesOf(v6),
      reserved: rangesOf(v6),
    })
    .map((spec) => subnet('six', defined(spec) as { cidr: string })),
  fc.constantFrom('web', 'six').map((id) => drop('subnet', `acme/${id}`)),
  fc
    .record({
      id: fc.constantFrom(...'abcdefghijkl'),
      mac: fc.constantFrom(undefined, undefined, '02:00:00:00:00:01', '02:57:00:00:00:03'),
      addresses: fc.option(fc.array(fc.oneof(v4, v6), { maxLength: 2 }), {
        nil: undefined,
        freq: 2,
      }),
    })
    .map(({ id, ...spec }) => port(id, defined(spec))),
  fc.constantFrom(...'abcdefghijkl').map((id) => drop('port', `acme/${id}`)),
)
const isIn = (ranges: readonly AddressRange[], address: bigint) =>
  ranges.some(({ first, last }) => first <= address && address <= last)

test('whatever is edited, no address is twice in a network, outside of its subnets or unusable, and none is given but from a pool', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyEdit, { minLength: 1, maxLength: 3 }), { maxLength: 40, size: 'max' }),
      (batches) => {
        const uuid = counting()
        let site = siteWith(without('vm1'), [subnet('six', { cidr: '2001:db8::/64' })])
        for (const edits of batches) {
          const before = site
          try {
            site = applyEdits(site, edits, uuid).site
          } catch (error) {
            if (!(error instanceof ModelError)) throw error
            continue
          }
          const subnets = [...site.list('subnet').values()]
          const seen = new Set<string>()
          for (const [key, { mac, addresses }] of site.list('port')) {
            const edit = edits.find((each) => each.key === key) as Edit<'port'> | undefined
            const old = before.get('port', key)?.addresses ?? []
            for (const address of addresses) {
              expect(seen.has(address)).toBe(false)
              seen.add(address)
              expect(address).toBe(canonicalAddress(address))
              const [value, family] = [addressNumber(address), familyOf(address)]
              const home = subnets.find((each) => {
                const range = subnetRange(each)
                return range.family === family && isIn([range], value)
              })
              if (!home) throw new Error(`${address} is in no subnet`)
              expect(isIn(unusableOf(home), value)).toBe(false)
              if (old.includes(address) || edit?.spec?.addresses) continue
              const { first } = subnetRange(home)
              const isDerived = family === 6 && value === eui64Address(first, parseMac(mac))
              expect(isIn(poolOf(home), value) || isDerived).toBe(true)
            }
          }
        }
      },
    ),
    runs(100),
  )
})
