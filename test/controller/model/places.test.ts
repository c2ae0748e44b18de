/** The ways in which a port is bound by declaration: an ofport, an interface of a vtep host, a trunk. */
import { describe, expect, test } from 'vitest'
import { applyEdits } from '../../../controller/model/edit.ts'
import type { Edit, Specs } from '../../../controller/model/schema.ts'
import { counting, drop, put, siteWith, smallSite } from './site.ts'

const port = (id: string, spec: Partial<Specs['port']>): Edit =>
  put('port', `acme/${id}`, { network: 'web', addresses: [], ...spec })

const site = siteWith(smallSite, [
  put('host', 'v1', { kind: 'vtep', vtepAddress: '192.0.2.21', underlayMtuBytes: 9050 }),
  port('tap', { hostId: 'v1', interface: 'eth1' }),
  port('tagged', { hostId: 'v1', interface: 'eth1', vid: 30 }),
  port('uplink', { hostId: 'v1', interface: 'eth2', vid: 40 }),
  port('trunk', { hostId: 'h1', ofport: 7 }),
  port('sub', { parent: 'trunk', vid: 30 }),
])

const refused: readonly (readonly [string, Edit, string, string, unknown, RegExp])[] = [
  [
    'an untagged interface that another port has',
    port('x', { hostId: 'v1', interface: 'eth1' }),
    'interface_taken',
    '/interface',
    'eth1',
    /no other port/,
  ],
  [
    'a VID of an interface that another port has',
    port('x', { hostId: 'v1', interface: 'eth1', vid: 30 }),
    'interface_taken',
    '/vid',
    30,
    /no other port/,
  ],
  [
    'a VID of a trunk that another sub-port has',
    port('x', { parent: 'trunk', vid: 30 }),
    'subport_vid_taken',
    '/vid',
    30,
    /no other port/,
  ],
  [
    'an ofport on a host of kind vtep',
    port('x', { hostId: 'v1', ofport: 7 }),
    'host_kind_mismatch',
    '/ofport',
    7,
    /^an interface, or a host of kind ovs$/,
  ],
  [
    'an interface on a host of kind ovs',
    port('x', { hostId: 'h1', interface: 'eth1' }),
    'host_kind_mismatch',
    '/interface',
    'eth1',
    /^an ofport, or a host of kind vtep$/,
  ],
  [
    'an interface without a host',
    port('x', { interface: 'eth1' }),
    'interface_without_host',
    '/interface',
    'eth1',
    /^a hostId beside it$/,
  ],
  [
    'a VID without what it is a VID of',
    port('x', { hostId: 'h1', ofport: 8, vid: 9 }),
    'vid_without_place',
    '/vid',
    9,
    /^an interface or a parent beside it$/,
  ],
  [
    'a VID of 0, which is no tag',
    port('x', { hostId: 'v1', interface: 'eth2', vid: 0 }),
    'out_of_range',
    '/vid',
    0,
    /1 to 4094/,
  ],
  [
    'a sub-port without a VID',
    port('x', { parent: 'trunk' }),
    'missing',
    '/vid',
    undefined,
    /^vid, an integer: the VID of its frames inside the guest/,
  ],
  [
    'a sub-port with a host of its own',
    port('x', { parent: 'trunk', vid: 31, hostId: 'h1' }),
    'place_ambiguous',
    '/hostId',
    'h1',
    /^no hostId: a sub-port is where its parent is$/,
  ],
  [
    'a sub-port with an ofport of its own',
    port('x', { parent: 'trunk', vid: 31, ofport: 9 }),
    'place_ambiguous',
    '/ofport',
    9,
    /^no ofport: /,
  ],
  [
    'a sub-port of a sub-port',
    port('x', { parent: 'sub', vid: 31 }),
    'parent_is_subport',
    '/parent',
    'sub',
    /^a port that has no parent$/,
  ],
  [
    'a sub-port of itself',
    port('x', { parent: 'x', vid: 31 }),
    'parent_is_subport',
    '/parent',
    'x',
    /^a port that has no parent$/,
  ],
  [
    'a trunk as sub-port of another',
    port('trunk', { parent: 'tap', vid: 31 }),
    'has_subports',
    '/parent',
    'tap',
    /^no parent, or the sub-ports to be deleted first$/,
  ],
  [
    'a VID of an interface whose untagged frames are those of another tenant',
    put('port', 'globex/x', { network: 'n', hostId: 'v1', interface: 'eth1', vid: 31 }),
    'interface_held',
    '/interface',
    'eth1',
    /^an interface that carries no port of another tenant$/,
  ],
  [
    'the untagged frames of an interface that has a VID of another tenant',
    put('port', 'globex/x', { network: 'n', hostId: 'v1', interface: 'eth2' }),
    'interface_held',
    '/interface',
    'eth2',
    /^an interface that carries no port of another tenant$/,
  ],
  [
    'a VID of an interface that another tenant has',
    put('port', 'globex/x', { network: 'n', hostId: 'v1', interface: 'eth2', vid: 40 }),
    'interface_taken',
    '/vid',
    40,
    /no other port/,
  ],
  [
    "another tenant's port as parent",
    put('port', 'globex/x', { network: 'n', parent: 'trunk', vid: 5 }),
    'unknown_reference',
    '/parent',
    'trunk',
    /the id of a port; there is none/,
  ],
]

describe('the model refuses', () => {
  test.each(refused)('%s', (_, edit, type, pointer, value, expected) => {
    let problems: readonly { type: string; expected: string }[] = []
    try {
      applyEdits(site, [put('network', 'globex/n', {}), edit], counting())
    } catch (error) {
      problems = (error as { problems: typeof problems }).problems
    }
    const { collection, key } = edit
    const [problem] = problems
    expect(problem).toMatchObject({ type, pointer, collection, key })
    expect((problem as { value?: unknown }).value).toEqual(value)
    expect(problem?.expected).toMatch(expected)
  })
})

test('one interface has a port for its untagged frames and one for each VID', () => {
  expect(site.get('port', 'acme/tap')).toMatchObject({ hostId: 'v1', interface: 'eth1' })
  expect(site.get('port', 'acme/tagged')).toMatchObject({ interface: 'eth1', vid: 30 })
  const more = [
    port('a', { hostId: 'v1', interface: 'eth1', vid: 1 }),
    port('b', { hostId: 'v1', interface: 'eth1', vid: 4094 }),
    port('c', { hostId: 'v1', interface: 'Ethernet1/1' }),
    port('d', { parent: 'trunk', vid: 31 }),
    port('e', { parent: 'tap', vid: 30 }),
  ]
  expect(applyEdits(site, more, counting()).changes).toHaveLength(5)
})

test('an interface that has no untagged frames is a trunk of the host, whose VIDs tenants share', () => {
  const edits = [
    put('network', 'globex/n', {}),
    put('port', 'globex/x', { network: 'n', hostId: 'v1', interface: 'eth2', vid: 41 }),
  ]
  const { changes } = applyEdits(site, edits, counting())
  expect(changes.map(({ collection }) => collection)).toEqual(['network', 'port', 'carrier'])
})

test('a trunk is not deleted before its sub-ports, and with them in any order', () => {
  expect(() => applyEdits(site, [drop('port', 'acme/trunk')], counting())).toThrow(
    /port acme\/trunk is still in use by port acme\/sub/,
  )
  const both = [drop('port', 'acme/trunk'), drop('port', 'acme/sub')]
  expect(applyEdits(site, both, counting()).changes).toHaveLength(2)
})

test('a sub-port that leaves its trunk can become a trunk in the same commit', () => {
  const turned = [port('sub', {}), port('trunk', { parent: 'sub', vid: 30 })]
  expect(applyEdits(site, turned, counting()).changes).toHaveLength(2)
})

test('a host says where a port is as an ofport, or as an interface and a VID', () => {
  const uuid = `${site.get('port', 'acme/tap')?.uuid}`
  const seen = put('binding', uuid, { hostId: 'v1', interface: 'eth1', vid: 0 })
  const after = applyEdits(site, [seen], counting()).site
  expect(after.get('binding', uuid)).toEqual({
    ...{ port: uuid, hostId: 'v1', interface: 'eth1', vid: 0, revision: 3 },
  })
  const moved = put('binding', uuid, { hostId: 'h1', ofport: 9 })
  expect(applyEdits(after, [moved], counting()).site.get('binding', uuid)).toEqual({
    ...{ port: uuid, hostId: 'h1', ofport: 9, revision: 4 },
  })
})
