/** Uplinks of bridges, and trunks where guests may send tags: what the model refuses, and what it takes. */
import { expect, test } from 'vitest'
import { applyEdits } from '../../../controller/model/edit.ts'
import { ModelError } from '../../../controller/model/errors.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { counting, problemsOf, put, siteWith, smallSite } from './site.ts'

const bridge = (key: string, ...uplinks: string[]): Edit => put('bridge', key, { uplinks })
const typesOf = (...edits: readonly Edit[]) =>
  problemsOf(...edits).map(({ type, key, pointer }) => `${type} ${key}${pointer}`)

test.each(['br-int', 'weft-vxlan', 'weft-phy1', 'weft-int3', 'weft-bond-br-x'])(
  'an uplink cannot be %s, which is of Weft itself',
  (name) => {
    expect(typesOf(bridge('h1/br-x', 'eth1', name))).toEqual(['uplink_reserved h1/br-x/uplinks/1'])
  },
)

test('an uplink cannot be the bridge itself, nor another bridge of its host, in whatever order they come', () => {
  expect(typesOf(bridge('h1/eth7', 'eth7'))).toEqual(['uplink_is_bridge h1/eth7/uplinks/0'])
  const [below, above] = [bridge('h1/br-a'), bridge('h1/br-b', 'br-a')]
  expect(typesOf(below, above)).toEqual([
    'bridge_is_uplink h1/br-a',
    'uplink_is_bridge h1/br-b/uplinks/0',
  ])
})

test('two bridges of one host have no uplink in common; of two hosts they may', () => {
  const [one, two] = [bridge('h1/br-a', 'eth1'), bridge('h1/br-b', 'eth2', 'eth1')]
  expect(typesOf(one, two)).toEqual([
    'uplink_taken h1/br-a/uplinks/0',
    'uplink_taken h1/br-b/uplinks/1',
  ])
  const other = put('host', 'h2', { vtepAddress: '192.0.2.12', underlayMtuBytes: 9050 })
  expect(typesOf(other, one, bridge('h2/br-a', 'eth1'))).toEqual([])
})

test('a bridge of kind linux has one uplink, as nobody makes a bond of several', () => {
  const host = put('host', 'v1', {
    kind: 'vtep',
    vtepAddress: '192.0.2.21',
    underlayMtuBytes: 9050,
  })
  expect(typesOf(host, bridge('v1/br-a', 'eth1', 'eth2'))).toEqual([
    'uplinks_loop v1/br-a/uplinks/1',
  ])
  expect(typesOf(host, bridge('v1/br-a', 'bond0'))).toEqual([])
})

const tags = (vlanTransparent: boolean | 'qinq') =>
  put('network', 'acme/tags', { vni: 5002, mtuBytes: 1400, vlanTransparent })
const trunk = put('port', 'acme/trunk', { network: 'tags' })
const subport = put('port', 'acme/sub', { network: 'web', parent: 'trunk', vid: 30 })

test.each([true, 'qinq'] as const)(
  'where guests may send tags (%s) no port is a trunk: they would be in the networks of its sub-ports',
  (transparent) => {
    expect(typesOf(tags(transparent), trunk, subport)).toContain(
      'trunk_transparent acme/sub/parent',
    )
    expect(typesOf(tags(false), trunk, subport)).toEqual([])
    expect(typesOf(tags(transparent), trunk)).toEqual([])
  },
)

test('guests cannot be let send tags in the network of a trunk, nor are they for a sub-port of another network', () => {
  const first = [tags(false), trunk, subport]
  expect(problemsOf(...first)).toEqual([])
  expect(afterwards(first, tags(true))).toEqual(['transparent_trunk acme/tags/vlanTransparent'])
  // A sub-port may be in such a network: what the guest tags twice has the inner tag there.
  const inner = put('port', 'acme/sub', { network: 'tags', parent: 'vm1', vid: 30 })
  expect(typesOf(tags(true), inner)).toEqual([])
})

/** The problems of an edit that comes when the others are done. */
function afterwards(first: readonly Edit[], then: Edit): string[] {
  try {
    applyEdits(siteWith(smallSite, first), [then], counting())
    return []
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
    return error.problems.map(({ type, key, pointer }) => `${type} ${key}${pointer}`)
  }
}
