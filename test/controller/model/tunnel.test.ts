import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalAddress, isVtepAddress } from '../../../controller/model/ip-address.ts'
import { familiesOf, tunnelBetween, type Vtep } from '../../../controller/model/tunnel.ts'
import { runs } from '../../random.ts'

const four = { vtepAddress: '192.0.2.11' }
const six = { vtepAddress: '2001:db8::12' }
const both = { vtepAddress: '192.0.2.13', alternateVtepAddress: '2001:db8::13' }
const bothSixFirst = { vtepAddress: '2001:db8::14', alternateVtepAddress: '192.0.2.14' }

describe('a tunnel between two hosts goes', () => {
  test.each([
    ['over IPv4 where both have it', four, both, [4, '192.0.2.11', '192.0.2.13', 50]],
    ['over IPv6 where one has nothing else', six, both, [6, '2001:db8::12', '2001:db8::13', 70]],
    ['over IPv4 where both have both', bothSixFirst, both, [4, '192.0.2.14', '192.0.2.13', 50]],
    ['over the alternate family', bothSixFirst, four, [4, '192.0.2.14', '192.0.2.11', 50]],
    ['nowhere where they have no family in common', four, six, undefined],
  ] as const)('%s', (_, a, b, expected) => {
    const tunnel = tunnelBetween(a, b)
    const got = tunnel && [tunnel.family, tunnel.local, tunnel.remote, tunnel.overheadBytes]
    expect(got).toEqual(expected)
  })
})

const v4 = fc.ipV4()
const v6 = fc.ipV6()
const vtep: fc.Arbitrary<Vtep> = fc.oneof(
  fc.oneof(v4, v6).map((vtepAddress) => ({ vtepAddress })),
  fc
    .tuple(v4, v6, fc.boolean())
    .map(([a, b, turned]) =>
      turned
        ? { vtepAddress: b, alternateVtepAddress: a }
        : { vtepAddress: a, alternateVtepAddress: b },
    ),
)

test('both ends choose the same tunnel, and there is one exactly when a family is common', () => {
  fc.assert(
    fc.property(vtep, vtep, (a, b) => {
      const there = tunnelBetween(a, b)
      const back = tunnelBetween(b, a)
      const common = [...familiesOf(a)].some((family) => familiesOf(b).includes(family))
      expect(there !== undefined).toBe(common)
      expect(back).toEqual(there && { ...there, local: there.remote, remote: there.local })
    }),
    runs(100),
  )
})

test('an address has one spelling, however it was written', () => {
  const spellings = ['2001:DB8:0:0:0:0:0:A', '2001:db8::a', '2001:0db8::000a', '2001:db8:0::0:a']
  expect(new Set(spellings.map(canonicalAddress))).toEqual(new Set(['2001:db8::a']))
  expect(canonicalAddress('2001:db8:0:1:0:0:0:1')).toBe('2001:db8:0:1::1')
  fc.assert(
    fc.property(v6, (text) => canonicalAddress(canonicalAddress(text)) === canonicalAddress(text)),
    runs(100),
  )
})

test('loopback, multicast, link-local, unspecified and mapped addresses are no VTEP', () => {
  const bad = ['127.0.0.1', '0.1.2.3', '224.0.0.1', '::', '::1', 'ff02::1', 'fe80::1', 'febf::1']
  expect([...bad, '::ffff:192.0.2.1'].filter(isVtepAddress)).toEqual([])
  const good = ['10.0.0.1', '2001:db8::1', 'fd00::1', 'fec0::1']
  expect(good.filter(isVtepAddress)).toEqual(good)
})
