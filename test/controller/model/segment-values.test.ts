/** Networks of type vlan and flat, extensions and physical networks: what is given, kept and named. */
import { expect, test } from 'vitest'
import { applyEdits } from '../../../controller/model/edit.ts'
import { all, extended, h1, physical } from './segment-site.ts'
import { counting, drop, problemsOf, put, siteWith, smallSite } from './site.ts'

test('what a physical network carries keeps it from being deleted, and every referrer is named', () => {
  expect(problemsOf(...all)).toEqual([])
  const site = siteWith(smallSite, all)
  expect(() => applyEdits(site, [drop('physicalNetwork', 'p1')], counting())).toThrow(/in use/)
  try {
    applyEdits(site, [drop('physicalNetwork', 'p1')], counting())
  } catch (error) {
    expect(error).toMatchObject({
      type: 'in_use',
      status: 409,
      problems: [
        {
          references: [
            'bridge h1/br-x',
            'network acme/flat',
            'network acme/vlan',
            'network acme/wide',
          ],
        },
      ],
    })
  }
  expect(() => applyEdits(site, [drop('host', 'h1')], counting())).toThrow(/in use/)
})

test('the MTU that is left out is what crosses everything the network is on', () => {
  const site = siteWith(smallSite, [
    put('physicalNetwork', 'wide', { mtuBytes: 9000 }),
    put('physicalNetwork', 'slim', { mtuBytes: 1400 }),
    put('network', 'acme/a', {}),
    put('network', 'acme/b', { vlanTransparent: true }),
    put('network', 'acme/c', { vlanTransparent: 'qinq' }),
    put('network', 'acme/d', { type: 'vlan', physicalNetwork: 'wide' }),
    put('network', 'acme/e', { type: 'flat', physicalNetwork: 'slim' }),
    put('network', 'acme/f', {
      vlanTransparent: true,
      extension: { physicalNetwork: 'slim', vid: 7, hostId: 'h1' },
    }),
  ])
  const bytes = ['a', 'b', 'c', 'd', 'e', 'f'].map(
    (id) => site.get('network', `acme/${id}`)?.mtuBytes,
  )
  expect(bytes).toEqual([1450, 1446, 1442, 1500, 1400, 1396])
})

test('on an underlay of IPv6 the MTU that is left out is 1430', () => {
  const site = siteWith([
    put('host', 'h1', { vtepAddress: '2001:db8::1' }),
    put('tenant', 'acme', {}),
    put('network', 'acme/a', {}),
  ])
  expect(site.get('network', 'acme/a')?.mtuBytes).toBe(1430)
})

test('all 4,094 VIDs of a physical network can be given, and one more is refused', () => {
  const many = Array.from({ length: 4094 }, (_, at) =>
    put('network', `acme/n${at}`, { type: 'vlan', physicalNetwork: 'p' }),
  )
  const site = siteWith(smallSite, [put('physicalNetwork', 'p', {})], many)
  const vids = new Set([...site.list('network').values()].map(({ vid }) => vid))
  vids.delete(undefined)
  expect(vids.size).toBe(4094)
  expect([Math.min(...(vids as Set<number>)), Math.max(...(vids as Set<number>))]).toEqual([
    1, 4094,
  ])
  const more = put('network', 'acme/more', { type: 'vlan', physicalNetwork: 'p' })
  expect(() => applyEdits(site, [more], counting())).toThrow(/no VID is left to give/)
})

test('a VID that is left out is given from those allowed, stays, and is not the next one given', () => {
  const a = put('network', 'acme/a', { type: 'vlan', physicalNetwork: 'p1' })
  const site = siteWith(smallSite, [physical, extended, a])
  expect(site.get('network', 'acme/a')).toMatchObject({ type: 'vlan', vid: 7 })
  expect(applyEdits(site, [a], counting()).site).toBe(site)
  const next = put('network', 'acme/b', { type: 'vlan', physicalNetwork: 'p1' })
  const after = siteWith(smallSite, [physical, extended, a], [drop('network', 'acme/a')], [next])
  expect(after.get('network', 'acme/b')?.vid).toBe(100)
})

test('the first and the last VNI are networks like any other', () => {
  const edits = [1, 0xffffff].map((vni) => put('network', `acme/v${vni}`, { vni }))
  expect(siteWith(smallSite, edits).get('network', 'acme/v16777215')?.vni).toBe(16_777_215)
})

test('an object with none of the new properties is kept in the form it always had', () => {
  const site = siteWith(smallSite)
  expect(JSON.stringify(site.get('network', 'acme/web'))).toBe(
    '{"tenant":"acme","id":"web","uuid":"00000000-0000-4000-8000-000000000004","number":1,"type":"vxlan","vni":5001,"mtuBytes":9000,"revision":1}',
  )
  expect(JSON.stringify(site.get('host', 'h1'))).toBe(
    '{"id":"h1","uuid":"00000000-0000-4000-8000-000000000001","kind":"ovs","systemId":"h1","vtepAddress":"192.0.2.11","underlayMtuBytes":9050,"revision":1}',
  )
})

test('vlanTransparent false is what leaving it out is', () => {
  const site = siteWith(smallSite)
  const said = put('network', 'acme/web', { vni: 5001, mtuBytes: 9000, vlanTransparent: false })
  expect(applyEdits(site, [said], counting()).site).toBe(site)
  const again = [put('host', 'h1', h1)]
  expect(applyEdits(site, again, counting()).site).toBe(site)
})

test('an extension that is put again as it is makes no new revision, and can be taken away', () => {
  const site = siteWith(smallSite, [physical, extended])
  expect(applyEdits(site, [extended], counting()).site).toBe(site)
  const without = applyEdits(site, [put('network', 'acme/wide', { vni: 6000 })], counting()).site
  expect(without.get('network', 'acme/wide')).not.toHaveProperty('extension')
  expect([...without.find('networkByVid', 'p1 00000065')]).toEqual([])
})
