/** What the model refuses of subnets, of what they give, and of VNI pools: each with where, what and what would be right. */
import { expect, test } from 'vitest'
import type { Edit } from '../../../controller/model/schema.ts'
import { problemsOf, put } from './site.ts'

interface Case {
  readonly name: string
  readonly edit: Edit
  readonly type: string
  readonly pointer: string
  readonly value: unknown
  readonly expected: string | RegExp
}

const cases: readonly Case[] = [
  {
    name: 'an address of a family that the network has no subnet of',
    edit: put('port', 'acme/vm2', { network: 'web', addresses: ['fd00::1'] }),
    type: 'address_outside_subnet',
    pointer: '/addresses/0',
    value: 'fd00::1',
    expected: 'an address in 10.0.0.0/24 (subnet web)',
  },
  {
    name: 'what is no IPv6 address',
    edit: put('port', 'acme/vm2', { network: 'web', addresses: ['fd00::1::2'] }),
    type: 'malformed',
    pointer: '/addresses/0',
    value: 'fd00::1::2',
    expected: /an IPv4 or IPv6 address/,
  },
  {
    name: 'an IPv6 subnet of one address',
    edit: put('subnet', 'acme/six', { network: 'web', cidr: 'fd00::/128' }),
    type: 'malformed',
    pointer: '/cidr',
    value: 'fd00::/128',
    expected: /16 to 126/,
  },
  {
    name: 'a link-local subnet',
    edit: put('subnet', 'acme/six', { network: 'web', cidr: 'FE80::/64' }),
    type: 'address_unusable',
    pointer: '/cidr',
    value: 'fe80::/64',
    expected: /unicast/,
  },
  {
    name: 'an IPv6 subnet with bits behind its prefix',
    edit: put('subnet', 'acme/six', { network: 'web', cidr: '2001:db8::7/64' }),
    type: 'cidr_host_bits',
    pointer: '/cidr',
    value: '2001:db8::7/64',
    expected: '2001:db8::/64',
  },
  {
    name: 'a range that ends before it begins',
    edit: put('subnet', 'acme/b', {
      ...{ network: 'web', cidr: '10.1.0.0/24' },
      reserved: ['10.1.0.1', '10.1.0.20-10.1.0.10'],
    }),
    type: 'range_invalid',
    pointer: '/reserved/1',
    value: '10.1.0.20-10.1.0.10',
    expected: 'the lower address first',
  },
  {
    name: 'a range outside of its subnet',
    edit: put('subnet', 'acme/b', {
      ...{ network: 'web', cidr: '10.1.0.0/24' },
      allocationRanges: ['10.1.0.250-10.1.1.5'],
    }),
    type: 'range_outside_subnet',
    pointer: '/allocationRanges/0',
    value: '10.1.0.250-10.1.1.5',
    expected: 'addresses in 10.1.0.0/24',
  },
  {
    name: 'ranges of a subnet that gives none of them',
    edit: put('subnet', 'acme/b', {
      ...{ network: 'web', cidr: '10.1.0.0/24', allocation: 'fixed' },
      allocationRanges: ['10.1.0.50'],
    }),
    type: 'ranges_unused',
    pointer: '/allocationRanges',
    value: ['10.1.0.50'],
    expected: 'allocationRanges left out, or allocation pool',
  },
  {
    name: 'addresses from MACs in a subnet that has no room for them',
    edit: put('subnet', 'acme/six', {
      ...{ network: 'web', cidr: '2001:db8::/96', allocation: 'eui64' },
    }),
    type: 'eui64_prefix',
    pointer: '/allocation',
    value: '2001:db8::/96',
    expected: /prefix of 64 bits/,
  },
  {
    name: 'a smaller subnet than its ports need',
    edit: put('subnet', 'acme/web', { network: 'web', cidr: '10.0.0.0/29' }),
    type: 'addresses_left_out',
    pointer: '/cidr',
    value: '10.0.0.0/29',
    expected: 'these ports to be deleted, or given other addresses, first',
  },
  {
    name: 'a subnet whose broadcast address a port has',
    edit: put('subnet', 'acme/web', { network: 'web', cidr: '10.0.0.8/30' }),
    type: 'addresses_unusable',
    pointer: '/cidr',
    value: '10.0.0.8/30',
    expected: 'these ports to be deleted, or given other addresses, first',
  },
  {
    name: 'an address to be reserved that a port has',
    edit: put('subnet', 'acme/web', {
      ...{ network: 'web', cidr: '10.0.0.0/24' },
      reserved: ['10.0.0.1', '10.0.0.10-10.0.0.12'],
    }),
    type: 'addresses_unusable',
    pointer: '/reserved/1',
    value: '10.0.0.10-10.0.0.12',
    expected: 'these ports to be deleted, or given other addresses, first',
  },
  {
    name: 'VNIs of a pool that go downwards',
    edit: put('vniPool', 'a', { vnis: [7, '300-200'] }),
    type: 'malformed',
    pointer: '/vnis/1',
    value: '300-200',
    expected: 'a range that goes upwards, to 16777215 at most',
  },
  {
    name: 'VNIs of a pool that are none',
    edit: put('vniPool', 'a', { vnis: ['16777000-16777216'] }),
    type: 'malformed',
    pointer: '/vnis/0',
    value: '16777000-16777216',
    expected: /at most/,
  },
]

test.each(cases)('refused is $name', ({ edit, type, pointer, value, expected }) => {
  const [problem] = problemsOf(edit)
  const { collection, key } = edit
  expect(problem).toMatchObject({ type, pointer, collection, key })
  expect(problem?.value).toEqual(value)
  expect(problem?.expected).toMatch(expected)
})
