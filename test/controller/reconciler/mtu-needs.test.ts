/** Which networks are on a host is known without looking at all networks, and follows every change. */
import { expect, test } from 'vitest'
import { Compiler } from '../../../controller/compiler/compiler.ts'
import { applyEdits } from '../../../controller/model/edit.ts'
import { MtuNeeds } from '../../../controller/reconciler/mtu-needs.ts'
import { counting, drop, put, siteWith } from '../model/site.ts'

const uuid = counting()

test('two hosts need what the largest of their common networks needs, as long as both have it', () => {
  const port = (id: string, network: string, hostId: string, ofport: number) =>
    put('port', `acme/${id}`, { network, hostId, ofport })
  let snapshot = siteWith([
    put('host', 'h1', { vtepAddress: '192.0.2.1' }),
    put('host', 'h2', { vtepAddress: '192.0.2.2' }),
    put('tenant', 'acme', {}),
    put('physicalNetwork', 'lan', {}),
    put('network', 'acme/small', { vni: 1, mtuBytes: 1000 }),
    put('network', 'acme/large', { vni: 2, mtuBytes: 1400 }),
    put('subnet', 'acme/small', { network: 'small', cidr: '10.0.0.0/24' }),
    put('subnet', 'acme/large', { network: 'large', cidr: '10.0.1.0/24' }),
    ...[port('a', 'small', 'h1', 1), port('b', 'small', 'h2', 1), port('c', 'large', 'h1', 2)],
  ])
  const compiler = new Compiler(snapshot)
  const needs = new MtuNeeds({ snapshot: () => snapshot, compiler })
  const edit = (one: ReturnType<typeof put>) => {
    const applied = applyEdits(snapshot, [one], uuid)
    snapshot = applied.site
    compiler.apply(applied.changes)
  }
  expect([...needs.networksOf('h1')].sort()).toEqual(['acme/large', 'acme/small'])
  expect(needs.between('h1', 'h2')).toBe(1000)
  const extension = { physicalNetwork: 'lan', vid: 5, hostId: 'h2' }
  edit(put('network', 'acme/large', { vni: 2, mtuBytes: 1400, extension }))
  expect(needs.between('h1', 'h2')).toBe(1400)
  expect([...needs.pairs(() => true)].map(({ from, to, bytes }) => [from, to, bytes])).toEqual([
    ['h1', 'h2', 1400],
    ['h2', 'h1', 1400],
  ])
  edit(drop('port', 'acme/a'))
  expect([...needs.networksOf('h1')]).toEqual(['acme/large'])
})
