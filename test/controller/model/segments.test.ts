/** Networks of type vlan and flat, extensions, physical networks and bridges: what the model refuses. */
import { describe, expect, test } from 'vitest'
import { applyEdits } from '../../../controller/model/edit.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { all, extension } from './segment-site.ts'
import { counting, problemsOf, put, siteWith, smallSite } from './site.ts'

/** Each against a site that has all of the above. */
const refused: readonly (readonly [string, Edit, string, string, unknown, RegExp])[] = [
  [
    'a VID that another network has, also of another tenant',
    put('network', 'globex/n', { type: 'vlan', physicalNetwork: 'p1', vid: 100 }),
    'vid_taken',
    '/vid',
    100,
    /no other network/,
  ],
  [
    'a VID that an extension has',
    put('network', 'globex/n', { type: 'vlan', physicalNetwork: 'p1', vid: 101 }),
    'vid_taken',
    '/vid',
    101,
    /no other network/,
  ],
  [
    'an extension to a VID that a network has',
    put('network', 'globex/n', { extension: { ...extension, vid: 100 } }),
    'vid_taken',
    '/extension/vid',
    100,
    /no other network/,
  ],
  [
    'a second flat network',
    put('network', 'globex/n', { type: 'flat', physicalNetwork: 'p1' }),
    'untagged_taken',
    '/physicalNetwork',
    'p1',
    /no other network/,
  ],
  [
    'an untagged extension beside a flat network',
    put('network', 'globex/n', { extension: { physicalNetwork: 'p1', hostId: 'h1' } }),
    'untagged_taken',
    '/extension/physicalNetwork',
    'p1',
    /no other network/,
  ],
  [
    'a VID that the physical network does not give',
    put('network', 'acme/n', { type: 'vlan', physicalNetwork: 'p1', vid: 200 }),
    'vid_not_allowed',
    '/vid',
    200,
    /^a VID among 7, 100-199$/,
  ],
  [
    'VID 0',
    put('network', 'acme/n', { type: 'vlan', physicalNetwork: 'p1', vid: 0 }),
    'out_of_range',
    '/vid',
    0,
    /1 to 4094/,
  ],
  [
    'VID 4095',
    put('network', 'acme/n', { type: 'vlan', physicalNetwork: 'p1', vid: 4095 }),
    'out_of_range',
    '/vid',
    4095,
    /1 to 4094/,
  ],
  [
    'a VLAN of no physical network',
    put('network', 'acme/n', { type: 'vlan', vid: 5 }),
    'missing',
    '/physicalNetwork',
    undefined,
    /^physicalNetwork, a string: the id of a physical network/,
  ],
  [
    'a VLAN of a physical network that does not exist',
    put('network', 'acme/n', { type: 'vlan', physicalNetwork: 'pl' }),
    'unknown_reference',
    '/physicalNetwork',
    'pl',
    /the id of a physical network; known: p1/,
  ],
  [
    'a VNI of a VLAN network',
    put('network', 'acme/n', { type: 'vlan', physicalNetwork: 'p1', vni: 77 }),
    'property_of_type',
    '/vni',
    77,
    /^vni left out, or type vxlan$/,
  ],
  [
    'a VID of a VXLAN network',
    put('network', 'acme/n', { vid: 77 }),
    'property_of_type',
    '/vid',
    77,
    /^vid left out, or type vlan$/,
  ],
  [
    'a VLAN network that is transparent',
    put('network', 'acme/n', { type: 'vlan', physicalNetwork: 'p1', vlanTransparent: true }),
    'property_of_type',
    '/vlanTransparent',
    true,
    /type vxlan/,
  ],
  [
    'another type for a network that lives',
    put('network', 'acme/vlan', { type: 'flat', physicalNetwork: 'p1' }),
    'fixed',
    '/type',
    'flat',
    /^vlan, or another object$/,
  ],
  [
    'an MTU that the physical network does not carry',
    put('network', 'acme/vlan', { type: 'vlan', physicalNetwork: 'p1', mtuBytes: 9001 }),
    'mtu_exceeds_physical',
    '/mtuBytes',
    9001,
    /^at most 9000, or a physical network of at least 9001$/,
  ],
  [
    'an MTU that fits without the tags that workloads may send',
    put('network', 'acme/n', {
      mtuBytes: 8997,
      vlanTransparent: true,
      extension: { ...extension, vid: 102 },
    }),
    'mtu_exceeds_underlay',
    '/mtuBytes',
    8997,
    /^at most 8996, or an underlay of at least 9051$/,
  ],
  [
    'QinQ that fits as one tag',
    put('network', 'acme/n', { mtuBytes: 8996, vlanTransparent: 'qinq' }),
    'mtu_exceeds_underlay',
    '/mtuBytes',
    8996,
    /^at most 8992, /,
  ],
  [
    'an extension at an unknown host',
    put('network', 'acme/n', { extension: { physicalNetwork: 'p1', vid: 103, hostId: 'h9' } }),
    'unknown_reference',
    '/extension/hostId',
    'h9',
    /known: h1, v1/,
  ],
  [
    'tags of workloads on the untagged wire of a physical network',
    put('network', 'acme/n', {
      vlanTransparent: true,
      extension: { physicalNetwork: 'p2', hostId: 'h1' },
    }),
    'extension_untagged',
    '/extension',
    true,
    /^a vid in the extension, or vlanTransparent left out$/,
  ],
  [
    'tags that are neither yes nor no',
    put('network', 'acme/n', { vlanTransparent: 'yes' as never }),
    'malformed',
    '/vlanTransparent',
    'yes',
    /^true \(workloads may send one VLAN tag\), 'qinq' \(two\) or false/,
  ],
  [
    'a physical network too narrow for what is on it',
    put('physicalNetwork', 'p1', { vids: ['1-4094'], mtuBytes: 1400 }),
    'physical_mtu_too_small',
    '/mtuBytes',
    1400,
    /^at least 1500$/,
  ],
  [
    'a physical network wider than a bridge to it',
    put('physicalNetwork', 'p1', { vids: ['1-4094'], mtuBytes: 9101 }),
    'physical_mtu_too_large',
    '/mtuBytes',
    9101,
    /^at most 9100$/,
  ],
  [
    'VIDs without one that is in use',
    put('physicalNetwork', 'p1', { vids: ['1-100', '102-4094'], mtuBytes: 9000 }),
    'vid_in_use',
    '/vids',
    101,
    /^VIDs with 101 among them$/,
  ],
  [
    'a VID list with a VID that is none',
    put('physicalNetwork', 'p3', { vids: [7, 4095] }),
    'malformed',
    '/vids/1',
    4095,
    /^a VID from 1 to 4094 or a range of them such as '100-199'$/,
  ],
  [
    'a VID range that goes down',
    put('bridge', 'h1/br-y', { vids: ['199-100'] }),
    'malformed',
    '/vids/0',
    '199-100',
    /'100-199'/,
  ],
  [
    'a Linux bridge on a host of kind ovs',
    put('bridge', 'h1/br-y', { kind: 'linux' }),
    'host_kind_mismatch',
    '/kind',
    'linux',
    /^kind ovs$/,
  ],
  [
    'an Open vSwitch bridge on a host of kind vtep',
    put('bridge', 'v1/br-y', { kind: 'ovs' }),
    'host_kind_mismatch',
    '/kind',
    'ovs',
    /^kind linux$/,
  ],
  [
    'a second bridge of one host to a physical network',
    put('bridge', 'h1/br-y', { physicalNetwork: 'p1' }),
    'physical_network_taken',
    '/physicalNetwork',
    'p1',
    /no other bridge/,
  ],
  [
    'a bridge too narrow for its physical network',
    put('bridge', 'h1/br-x', { physicalNetwork: 'p1', mtuBytes: 8999 }),
    'bridge_mtu_too_small',
    '/mtuBytes',
    8999,
    /^at least 9000$/,
  ],
]
describe('the model refuses', () => {
  test.each(refused)('%s', (_, edit, type, pointer, value, expected) => {
    // In a second commit: what was already there is not reported for itself.
    const site = siteWith(smallSite, all)
    let problems: readonly unknown[] = []
    try {
      applyEdits(site, [edit], counting())
    } catch (error) {
      problems = (error as { problems: readonly unknown[] }).problems
    }
    const { collection, key } = edit
    expect(problems[0]).toMatchObject({ type, pointer, value, collection, key })
    expect((problems[0] as { expected: string }).expected).toMatch(expected)
  })
})

test('networks on a physical network, and extensions of others, are for hosts of kind vtep as well', () => {
  const place = { addresses: [], hostId: 'v1', interface: 'eth1' }
  const problems = problemsOf(
    ...all,
    put('bridge', 'v1/br-y', { uplinks: ['eth7'], physicalNetwork: 'p1' }),
    put('port', 'acme/p', { network: 'vlan', ...place }),
    put('port', 'acme/q', { network: 'flat', ...place, vid: 30 }),
    put('port', 'acme/r', { network: 'vlan', addresses: [], parent: 'tap', vid: 5 }),
    put('network', 'acme/n', { extension: { physicalNetwork: 'p1', vid: 103, hostId: 'v1' } }),
  )
  expect(problems).toEqual([])
})
