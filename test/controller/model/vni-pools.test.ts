/** VNIs that networks are given: from the pools of the site, never one that is taken or quarantined. */
import { expect, test } from 'vitest'
import { applyEdits } from '../../../controller/model/edit.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import type { Site } from '../../../controller/model/snapshot.ts'
import { counting, drop, put, siteWith, smallSite } from './site.ts'

const pool = (id: string, ...vnis: (number | string)[]): Edit => put('vniPool', id, { vnis })
const network = (id: string, spec: object = {}): Edit => put('network', `globex/${id}`, spec)
const vniOf = (site: Site, id: string) => site.get('network', `globex/${id}`)?.vni
const next = (site: Site, ...edits: Edit[]): Site => applyEdits(site, edits, counting()).site

test('with pools, networks are given what those have and nothing else, whichever object comes first', () => {
  const site = siteWith(smallSite, [
    ...['a', 'b', 'c', 'd'].map((id) => network(id)),
    pool('one', '7000-7001', 7003),
    pool('two', '7001-7002'),
  ])
  expect(['a', 'b', 'c', 'd'].map((id) => vniOf(site, id))).toEqual([7000, 7001, 7002, 7003])
  expect(() => next(site, network('e'))).toThrow('no VNI is left to give: all 4 are taken')
  expect(vniOf(next(site, network('e', { vni: 42 })), 'e')).toBe(42)
  expect(vniOf(next(site, network('e'), pool('two', '9000-9001')), 'e')).toBe(9000)
  const without = next(site, drop('vniPool', 'one'), drop('vniPool', 'two'))
  expect(vniOf(without, 'a')).toBe(7000)
  expect(vniOf(next(without, network('e')), 'e')).toBe(10_001)
})

test('a VNI that a host may still forward for is not given from a pool until that host has confirmed', () => {
  const place = { network: 'a', addresses: [], hostId: 'h1', ofport: 7 }
  const site = siteWith(
    smallSite,
    [pool('one', '7000-7001'), network('a'), put('port', 'globex/p', place)],
    [drop('port', 'globex/p'), drop('network', 'globex/a')],
    [network('b')],
  )
  expect(vniOf(site, 'b')).toBe(7001)
  expect(site.get('quarantined', 'vni 7000')?.holders).toEqual(['h1'])
  expect(() => next(site, network('c'))).toThrow('all 2 are taken, or quarantined')
  const confirmed = { collection: 'quarantined', key: 'vni 7000', spec: undefined } as Edit
  expect(vniOf(next(next(site, confirmed), network('c')), 'c')).toBe(7000)
})
