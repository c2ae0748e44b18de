/** An extended network is joined to its VLAN by one host at a time: by the new one when nobody else may do so still. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Compiler, compileFull } from '../../../controller/compiler/compiler.ts'
import type { Item } from '../../../controller/compiler/program.ts'
import { applyEdits } from '../../../controller/model/edit.ts'
import { joinersLeft } from '../../../controller/model/quarantine.ts'
import type { Edit, Network } from '../../../controller/model/schema.ts'
import { runs } from '../../random.ts'
import { counting, put, siteWith } from '../model/site.ts'

const WIDE = 'acme/wide'
const hosts = ['h1', 'h2', 'v1'] as const
const base: readonly Edit[] = [
  put('physicalNetwork', 'office', {}),
  ...hosts.map((id, n) =>
    put('host', id, { vtepAddress: `192.0.2.${n + 1}`, kind: id === 'v1' ? 'vtep' : 'ovs' }),
  ),
  put('tenant', 'acme', {}),
]

const hostId = fc.constantFrom(...hosts)
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ hostId, vid: fc.constantFrom(7, 8, undefined) }) },
  fc.constant('alone' as const),
  { weight: 3, arbitrary: fc.record({ confirms: hostId }) },
)

/** What leads to a patch port, in actions: port 65024, of the first physical network. */
const TO_SEGMENT = Buffer.from([0, 0, 0xfe, 0])

/** Whether a host has what takes frames from the VLAN, or what sends some there. */
function isJoined(items: Iterable<Item>): boolean {
  return [...items].some(({ id, from, bytes }) => {
    if (!from.includes(`network/${WIDE}`)) return false
    const isFromSegment = id.startsWith('f\u0000') || id.includes('Physical_Network')
    return isFromSegment || Buffer.from(bytes).includes(TO_SEGMENT)
  })
}

test('after every move and every confirmation, incremental equals full, and one host alone joins', () => {
  let moves = 0
  let held = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30, size: 'max' }), (steps) => {
      let site = siteWith(base)
      const uuid = counting()
      const compiler = new Compiler(site)
      for (const each of steps) {
        const edits: Edit[] = []
        if (each === 'alone') edits.push(put('network', WIDE, { vni: 6000 }))
        else if ('hostId' in each) {
          const { hostId, vid } = each
          const extension = {
            physicalNetwork: 'office',
            hostId,
            ...(vid === undefined ? {} : { vid }),
          }
          edits.push(put('network', WIDE, { vni: 6000, extension }))
        } else {
          for (const [key, { holders }] of site.list('quarantined')) {
            const left = holders.filter((one) => one !== each.confirms)
            const spec = left.length > 0 ? { holders: left } : undefined
            edits.push({ collection: 'quarantined', key, spec })
          }
        }
        const next = applyEdits(site, edits, uuid)
        site = next.site
        compiler.apply(next.changes)
        const full = compileFull(site)
        for (const id of hosts)
          expect([...compiler.items(id)].map((item) => item.id).sort()).toEqual(
            [...(full.get(id)?.keys() ?? [])].sort(),
          )
        const network = site.get('network', WIDE) as Network | undefined
        if (!network) continue
        const others = joinersLeft(site, network)
        moves++
        if (others.length > 0) held++
        const joined = hosts.filter((id) => isJoined(compiler.items(id)))
        expect(joined).toEqual(
          network.extension && others.length === 0 ? [network.extension.hostId] : [],
        )
      }
    }),
    runs(60),
  )
  expect(held).toBeGreaterThan(0)
  expect(moves).toBeGreaterThan(held)
})
