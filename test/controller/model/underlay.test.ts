/** Hosts of either address family, and what crosses between them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyEdits } from '../../../controller/model/edit.ts'
import { ModelError } from '../../../controller/model/errors.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { guestBytes } from '../../../controller/model/segment.ts'
import { Site } from '../../../controller/model/snapshot.ts'
import { tunnelBetween } from '../../../controller/model/tunnel.ts'
import { runs } from '../../random.ts'
import { counting, drop, put, siteWith, smallSite } from './site.ts'

const dual = put('host', 'd1', {
  vtepAddress: '192.0.2.31',
  alternateVtepAddress: '2001:DB8::31',
  underlayMtuBytes: 9050,
})
const host = (id: string, vtepAddress: string, underlayMtuBytes = 9070) =>
  put('host', id, { vtepAddress, underlayMtuBytes })

const refused: readonly (readonly [string, Edit, string, string, unknown, RegExp])[] = [
  [
    'an IPv6 address that another host has, in another spelling',
    host('x', '2001:db8:0:0::0031'),
    'vtep_address_taken',
    '/vtepAddress',
    '2001:db8::31',
    /no other host/,
  ],
  [
    'an alternate address that another host has as its first',
    put('host', 'x', {
      vtepAddress: '2001:db8::99',
      alternateVtepAddress: '192.0.2.11',
      underlayMtuBytes: 9070,
    }),
    'vtep_address_taken',
    '/alternateVtepAddress',
    '192.0.2.11',
    /no other host/,
  ],
  [
    'two addresses of one family',
    put('host', 'x', {
      vtepAddress: '192.0.2.98',
      alternateVtepAddress: '192.0.2.99',
      underlayMtuBytes: 9070,
    }),
    'same_family',
    '/alternateVtepAddress',
    '192.0.2.99',
    /^an IPv6 address$/,
  ],
  [
    'a link-local address',
    host('x', 'fe80::1'),
    'address_unusable',
    '/vtepAddress',
    'fe80::1',
    /unicast address outside .* fe80::\/10/,
  ],
  [
    'an address with a zone',
    host('x', 'fe80::1%eth0'),
    'malformed',
    '/vtepAddress',
    'fe80::1%eth0',
    /^an IPv4 or IPv6 address such as/,
  ],
  [
    'an underlay of IPv6 that could carry the networks over IPv4 only',
    host('x', '2001:db8::99', 9069),
    'underlay_mtu_too_small',
    '/underlayMtuBytes',
    9069,
    /^at least 9070$/,
  ],
  [
    'a host without IPv4 that makes the tunnels of another too dear',
    host('x', '2001:db8::99'),
    'tunnel_too_narrow',
    '/vtepAddress',
    '2001:db8::99',
    /^an IPv4 address beside it, or an underlay of at least 9070 at host d1$/,
  ],
  [
    'another kind for a host that lives',
    put('host', 'd1', {
      kind: 'vtep',
      vtepAddress: '192.0.2.31',
      alternateVtepAddress: '2001:db8::31',
      underlayMtuBytes: 9050,
    }),
    'fixed',
    '/kind',
    'vtep',
    /^ovs, or another object$/,
  ],
  [
    'a kind that there is not',
    put('host', 'x', { kind: 'xen' as never, vtepAddress: '192.0.2.99' }),
    'malformed',
    '/kind',
    'xen',
    /'ovs' .* or 'vtep'/,
  ],
]

describe('the model refuses', () => {
  test.each(refused)('%s', (_, edit, type, pointer, value, expected) => {
    const site = siteWith(smallSite, [dual])
    try {
      applyEdits(site, [edit], counting())
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(ModelError)
      const [problem] = (error as ModelError).problems
      expect(problem).toMatchObject({ type, pointer, value, key: edit.key })
      expect(problem.expected).toMatch(expected)
    }
  })
})

test('an address is kept in its one spelling, and the same address spelled otherwise is no change', () => {
  const site = siteWith(smallSite, [dual])
  expect(site.get('host', 'd1')?.alternateVtepAddress).toBe('2001:db8::31')
  const again = put('host', 'd1', {
    vtepAddress: '192.0.2.31',
    alternateVtepAddress: '2001:db8:0::31',
    underlayMtuBytes: 9050,
  })
  expect(applyEdits(site, [again], counting()).site).toBe(site)
})

test('a network that crosses IPv4 only is refused where a host has nothing but IPv6', () => {
  const site = siteWith([host('h1', '192.0.2.1', 1500), host('h6', '2001:db8::6', 1500)])
  const tenant = put('tenant', 'acme', {})
  const wide = put('network', 'acme/n', { mtuBytes: 1450 })
  expect(() => applyEdits(site, [tenant, wide], counting())).toThrow(
    /VXLAN over IPv6 adds 70 and host h6 carries 1500; expected at most 1430, or an underlay of at least 1520/,
  )
})

test('a network that a document puts again as it was does not excuse a host that cannot carry it', () => {
  const wide = put('network', 'acme/n', { mtuBytes: 1470 })
  const site = siteWith([put('tenant', 'acme', {}), wide])
  const narrow = host('h1', '192.0.2.1', 1500)
  expect(() => applyEdits(site, [narrow, wide], counting())).toThrow(/underlay of 1500 bytes/)
})

const ids = ['a', 'b', 'c', 'd']
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc
    .record({
      at: fc.nat(3),
      families: fc.constantFrom('4', '6', '46', '64'),
      underlayMtuBytes: fc.constantFrom(1500, 1520, 1524, 1550, 9050),
    })
    .map(({ at, families, underlayMtuBytes }) => {
      const addresses = [...families].map((f) =>
        f === '4' ? `192.0.2.${at + 1}` : `2001:db8::${at + 1}`,
      )
      const [vtepAddress = '', alternate] = addresses
      const more = alternate === undefined ? {} : { alternateVtepAddress: alternate }
      return put('host', `${ids[at]}`, { vtepAddress, ...more, underlayMtuBytes })
    }),
  fc.nat(3).map((at) => drop('host', `${ids[at]}`)),
  fc
    .record({
      at: fc.nat(3),
      mtuBytes: fc.constantFrom(undefined, 1400, 1430, 1446, 1450, 1470),
      vlanTransparent: fc.constantFrom(undefined, true as const, 'qinq' as const),
    })
    .map(({ at, mtuBytes, vlanTransparent }) =>
      put('network', `acme/${ids[at]}`, {
        ...(mtuBytes === undefined ? {} : { mtuBytes }),
        ...(vlanTransparent === undefined ? {} : { vlanTransparent }),
      }),
    ),
)

test('whatever the model takes, every VXLAN network crosses every tunnel of the site', () => {
  const taken = { edits: 0, refused: 0 }
  fc.assert(
    fc.property(
      fc.array(fc.array(edit, { minLength: 1, maxLength: 3 }), { maxLength: 12 }),
      (batches) => {
        const uuid = counting()
        let site = applyEdits(Site.empty, [put('tenant', 'acme', {})], uuid).site
        for (const batch of batches) {
          try {
            site = applyEdits(site, batch, uuid).site
            taken.edits++
          } catch (error) {
            if (!(error instanceof ModelError)) throw error
            taken.refused++
            continue
          }
          const hosts = [...site.list('host').values()]
          for (const a of hosts) {
            for (const b of hosts) {
              const tunnel = a === b ? undefined : tunnelBetween(a, b)
              if (!tunnel) continue
              const room = Math.min(a.underlayMtuBytes, b.underlayMtuBytes) - tunnel.overheadBytes
              for (const network of site.list('network').values())
                if (guestBytes(network) > room) return false
            }
          }
        }
        return true
      },
    ),
    runs(300),
  )
  expect(taken.edits).toBeGreaterThan(100)
  expect(taken.refused).toBeGreaterThan(100)
})

test('an MTU that is left out is never refused where every underlay carries 1500 bytes', () => {
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 10 }), (edits) => {
      const hosts = edits.filter(({ collection, spec }) => collection === 'host' && spec)
      const unique = [...new Map(hosts.map((each) => [each.key, each])).values()]
      const networks = [
        put('network', 'acme/n', {}),
        put('network', 'acme/q', { vlanTransparent: 'qinq' }),
      ]
      const site = siteWith([put('tenant', 'acme', {}), ...unique, ...networks])
      const onSix = unique.some(({ key }) => {
        const { vtepAddress = '', alternateVtepAddress } = site.get('host', key) ?? {}
        return vtepAddress.includes(':') && alternateVtepAddress === undefined
      })
      expect(site.get('network', 'acme/n')?.mtuBytes).toBe(onSix ? 1430 : 1450)
    }),
    runs(100),
  )
})
