import { describe, expect, test } from 'vitest'
import type { Edit } from '../../../controller/model/schema.ts'
import { drop, problemsOf, put } from './site.ts'

interface Case {
  readonly name: string
  readonly edit: Edit
  readonly type: string
  readonly pointer: string
  readonly value?: unknown
  readonly expected: string | RegExp
}

const raw = (collection: string, key: string, spec: unknown): Edit =>
  ({ collection, key, spec }) as unknown as Edit

const h2 = { vtepAddress: '192.0.2.12', underlayMtuBytes: 9050 }

const cases: readonly Case[] = [
  {
    name: 'a VNI that another network has, also of another tenant',
    edit: put('network', 'globex/web', { vni: 5001 }),
    type: 'vni_taken',
    pointer: '/vni',
    value: 5001,
    expected: /no other network/,
  },
  {
    name: 'VNI 0',
    edit: put('network', 'globex/web', { vni: 0 }),
    type: 'out_of_range',
    pointer: '/vni',
    value: 0,
    expected: /1 to 16777215/,
  },
  {
    name: 'VNI 16777216',
    edit: put('network', 'globex/web', { vni: 16_777_216 }),
    type: 'out_of_range',
    pointer: '/vni',
    value: 16_777_216,
    expected: /1 to 16777215/,
  },
  {
    name: 'a VNI as text',
    edit: raw('network', 'globex/web', { vni: '5002' }),
    type: 'wrong_type',
    pointer: '/vni',
    value: '5002',
    expected: /^an integer/,
  },
  {
    name: 'a port on an unknown network',
    edit: put('port', 'acme/vm2', { network: 'wbe' }),
    type: 'unknown_reference',
    pointer: '/network',
    value: 'wbe',
    expected: /did you mean 'web'\?/,
  },
  {
    name: "a port on another tenant's network",
    edit: put('port', 'globex/vm1', { network: 'web' }),
    type: 'unknown_reference',
    pointer: '/network',
    value: 'web',
    expected: /there is none/,
  },
  {
    name: 'an address outside its subnet',
    edit: put('port', 'acme/vm2', { network: 'web', addresses: ['10.0.0.12', '10.0.1.12'] }),
    type: 'address_outside_subnet',
    pointer: '/addresses/1',
    value: '10.0.1.12',
    expected: /10\.0\.0\.0\/24 \(subnet web\)/,
  },
  {
    name: 'the broadcast address of a subnet',
    edit: put('port', 'acme/vm2', { network: 'web', addresses: ['10.0.0.255'] }),
    type: 'address_reserved',
    pointer: '/addresses/0',
    value: '10.0.0.255',
    expected: '10.0.0.1 to 10.0.0.254',
  },
  {
    name: 'an address that another port of the network has',
    edit: put('port', 'acme/vm2', { network: 'web', addresses: ['10.0.0.11'] }),
    type: 'address_taken',
    pointer: '/addresses/0',
    value: '10.0.0.11',
    expected: /no other port/,
  },
  {
    name: 'a MAC that another port of the network has',
    edit: put('port', 'acme/vm2', { network: 'web', mac: '02:00:00:00:00:11' }),
    type: 'mac_taken',
    pointer: '/mac',
    value: '02:00:00:00:00:11',
    expected: /no other port/,
  },
  {
    name: 'a multicast MAC',
    edit: put('port', 'acme/vm2', { network: 'web', mac: '01:00:5e:00:00:01' }),
    type: 'malformed',
    pointer: '/mac',
    value: '01:00:5e:00:00:01',
    expected: /unicast MAC/,
  },
  {
    name: 'a subnet with bits behind its prefix',
    edit: put('subnet', 'acme/b', { network: 'web', cidr: '10.1.0.7/24' }),
    type: 'cidr_host_bits',
    pointer: '/cidr',
    value: '10.1.0.7/24',
    expected: '10.1.0.0/24',
  },
  {
    name: 'a subnet that overlaps with another of the network',
    edit: put('subnet', 'acme/b', { network: 'web', cidr: '10.0.0.0/16' }),
    type: 'subnet_overlap',
    pointer: '/cidr',
    value: '10.0.0.0/16',
    expected: 'a range apart from 10.0.0.0/24',
  },
  {
    name: 'a multicast subnet',
    edit: put('subnet', 'acme/b', { network: 'web', cidr: '224.0.0.0/24' }),
    type: 'address_unusable',
    pointer: '/cidr',
    value: '224.0.0.0/24',
    expected: /unicast/,
  },
  {
    name: 'a network whose packets cannot cross the underlay',
    edit: put('network', 'globex/web', { mtuBytes: 9001 }),
    type: 'mtu_exceeds_underlay',
    pointer: '/mtuBytes',
    value: 9001,
    expected: 'at most 9000, or an underlay of at least 9051',
  },
  {
    name: 'a host whose underlay cannot carry the networks there are',
    edit: put('host', 'h2', { ...h2, underlayMtuBytes: 9049 }),
    type: 'underlay_mtu_too_small',
    pointer: '/underlayMtuBytes',
    value: 9049,
    expected: 'at least 9050',
  },
  {
    name: 'two hosts with one VTEP address',
    edit: put('host', 'h2', { ...h2, vtepAddress: '192.0.2.11' }),
    type: 'vtep_address_taken',
    pointer: '/vtepAddress',
    value: '192.0.2.11',
    expected: /no other host/,
  },
  {
    name: 'two hosts with one system-id',
    edit: put('host', 'h2', { ...h2, systemId: 'h1' }),
    type: 'system_id_taken',
    pointer: '/systemId',
    value: 'h1',
    expected: /no other host/,
  },
  {
    name: 'a fingerprint of another length than SHA-256',
    edit: put('host', 'h2', { ...h2, certificateFingerprint: 'ab'.repeat(20) }),
    type: 'malformed',
    pointer: '/certificateFingerprint',
    value: 'ab'.repeat(20),
    expected: /64 hexadecimal digits/,
  },
  {
    name: 'an ofport without a host',
    edit: put('port', 'acme/vm2', { network: 'web', ofport: 7 }),
    type: 'ofport_without_host',
    pointer: '/ofport',
    value: 7,
    expected: 'a hostId beside it',
  },
  {
    name: 'a port declared on an unknown host',
    edit: put('port', 'acme/vm2', { network: 'web', hostId: 'h9' }),
    type: 'unknown_reference',
    pointer: '/hostId',
    value: 'h9',
    expected: /known: h1/,
  },
  {
    name: 'an unknown property, with the nearest known one',
    edit: raw('network', 'globex/web', { mtu_bytes: 1500 }),
    type: 'unknown_field',
    pointer: '/mtu_bytes',
    value: 'mtu_bytes',
    expected: /did you mean 'mtuBytes'\?/,
  },
  {
    name: 'a property that only the controller writes',
    edit: raw('network', 'acme/web', { number: 7 }),
    type: 'read_only',
    pointer: '/number',
    value: 'number',
    expected: /left out/,
  },
  {
    name: 'a property that would reach the prototype',
    edit: raw('tenant', 'initech', JSON.parse('{"__proto__": {"admin": true}}')),
    type: 'unknown_field',
    pointer: '/__proto__',
    value: '__proto__',
    expected: 'a known property; known: quota, labels',
  },
  {
    name: 'a missing property',
    edit: raw('subnet', 'acme/b', { network: 'web' }),
    type: 'missing',
    pointer: '/cidr',
    expected: /^cidr, an IPv4 range/,
  },
  {
    name: 'a network of a tenant that does not exist',
    edit: put('network', 'acmee/web', {}),
    type: 'not_found',
    pointer: '',
    value: 'tenant acmee',
    expected: /did you mean 'acme'\?/,
  },
  {
    name: 'another network for a port that lives',
    edit: put('port', 'acme/vm1', { network: 'app' }),
    type: 'fixed',
    pointer: '/network',
    value: 'app',
    expected: 'web, or another object',
  },
  {
    name: 'an id that is no id',
    edit: put('tenant', '__proto__', {}),
    type: 'id_invalid',
    pointer: '',
    value: '__proto__',
    expected: /lower-case/,
  },
  {
    name: "a bridge under the name of Weft's own",
    edit: put('bridge', 'h1/br-int', {}),
    type: 'id_reserved',
    pointer: '',
    value: 'br-int',
    expected: 'another id',
  },
  {
    name: 'a bridge whose name is too long for an interface',
    edit: put('bridge', 'h1/br-of-sixteen-ch', {}),
    type: 'id_invalid',
    pointer: '',
    value: 'br-of-sixteen-ch',
    expected: /at most 15/,
  },
  {
    name: 'deleting what is not there',
    edit: drop('network', 'acme/app'),
    type: 'not_found',
    pointer: '',
    value: 'network acme/app',
    expected: 'what exists',
  },
]

describe('the model refuses', () => {
  test.each(cases)('$name', ({ edit, type, pointer, value, expected }) => {
    const [problem] = problemsOf(edit)
    expect(problem).toMatchObject({ type, pointer, collection: edit.collection, key: edit.key })
    expect(problem?.value).toEqual(value)
    expect(problem?.expected).toMatch(expected)
  })
})

test('a value that nobody sent is called the default, and one that was sent is not', () => {
  const wide = put('host', 'h1', { vtepAddress: '192.0.2.11' })
  expect(problemsOf(wide)[0]?.detail).toMatch(/^an underlay of 1500 bytes \(the default\) cannot/)
  const narrow = put('host', 'h2', { ...h2, underlayMtuBytes: 1500 })
  expect(problemsOf(narrow)[0]?.detail).toMatch(/^an underlay of 1500 bytes cannot/)
  const small = [drop('port', 'acme/vm1'), drop('subnet', 'acme/web'), drop('network', 'acme/web')]
  const tight = put('host', 'h2', { ...h2, underlayMtuBytes: 1400 })
  const given = put('network', 'acme/app', {})
  expect(problemsOf(...small, tight, given)[0]?.detail).toMatch(
    /^packets of 1450 bytes \(the default\) cannot cross the underlay/,
  )
})

test('two hosts have not the same certificate, however its fingerprint is written', () => {
  const h1 = { vtepAddress: '192.0.2.11', underlayMtuBytes: 9050 }
  const lower = put('host', 'h1', { ...h1, certificateFingerprint: 'ab'.repeat(32) })
  const upper = put('host', 'h2', { ...h2, certificateFingerprint: `AB${':AB'.repeat(31)}` })
  expect(problemsOf(lower, upper)[0]).toMatchObject({
    ...{ type: 'fingerprint_taken', status: 409, pointer: '/certificateFingerprint' },
  })
})

test('what does not exist is named with its kind and its tenant', () => {
  const [problem] = problemsOf(put('port', 'acme/vm2', { network: 'nope' }))
  expect(problem).toMatchObject({ value: 'nope', detail: 'network acme/nope does not exist' })
})

test('text where a number belongs is shown with its quotes', () => {
  const [problem] = problemsOf(raw('network', 'acme/app', { vni: '7000' }))
  expect(problem?.detail).toBe('"7000" is of the wrong type')
})

test('what is still referred to is not deleted, and every referrer is named', () => {
  expect(problemsOf(drop('network', 'acme/web'))[0]).toMatchObject({
    type: 'in_use',
    status: 409,
    references: ['port acme/vm1', 'subnet acme/web'],
  })
  expect(problemsOf(drop('subnet', 'acme/web'))[0]?.references).toEqual(['port acme/vm1'])
  expect(problemsOf(drop('tenant', 'acme'))[0]?.references).toHaveLength(3)
})

test('what refers to each other may be deleted together, in any order', () => {
  const edits = [
    drop('tenant', 'acme'),
    drop('network', 'acme/web'),
    drop('port', 'acme/vm1'),
    drop('subnet', 'acme/web'),
  ]
  expect(problemsOf(...edits)).toEqual([])
})

test('all that is wrong is said at once', () => {
  const problems = problemsOf(
    put('network', 'globex/web', { vni: 5001, mtuBytes: 9001 }),
    put('port', 'acme/vm2', { network: 'web', addresses: ['10.0.0.11', '10.9.0.1'] }),
  )
  expect(problems.map(({ type }) => type).sort()).toEqual([
    'address_outside_subnet',
    'address_taken',
    'mtu_exceeds_underlay',
    'vni_taken',
  ])
})

test('the same addresses in two tenants are no conflict', () => {
  const edits = [
    put('network', 'globex/web', { vni: 5002, mtuBytes: 9000 }),
    put('subnet', 'globex/web', { network: 'web', cidr: '10.0.0.0/24' }),
    put('port', 'globex/vm1', {
      network: 'web',
      mac: '02:00:00:00:00:11',
      addresses: ['10.0.0.11'],
    }),
  ]
  expect(problemsOf(...edits)).toEqual([])
})
