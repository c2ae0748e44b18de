/** The phases of a host, what runs on one that is draining, and who is not given back yet. */
import { afterEach, expect, test } from 'vitest'
import type { Edit } from '../../../controller/model/schema.ts'
import { drop, put } from '../model/site.ts'
import { openSite, realized, type TestSite, until } from './site.ts'

let site: TestSite
afterEach(() => site.close())

const commit = (...edits: readonly Edit[]) => site.store.commit(edits, { who: 'test' })
const life = async (id: string) => await site.status(`infra/hosts/${id}`)
const H1 = { vtepAddress: '192.0.2.1' }

test('a host is pending, approved, active, away, and draining, and the list of pending ones has what it says of itself', async () => {
  site = await openSite()
  site.host('h9')
  await until('pending', () => site.events('host_pending').length > 0)
  const { body } = await site.rest('GET', 'infra/pending-hosts')
  expect(body.items).toMatchObject([
    {
      ...{ phase: 'pending', systemId: 'h9', kind: 'ovs' },
      says: { vtepAddress: { value: '198.51.100.9', from: 'the address that it dials from' } },
    },
  ])
  expect(await life('h1')).toMatchObject({ phase: 'approved', workloads: 0 })
  const h1 = site.host('h1')
  await h1.plug('vm1', site.portUuid('acme/vm1'))
  await realized(site, 'tenants/acme/ports/vm1')
  expect(await life('h1')).toMatchObject({ phase: 'active', workloads: 1 })
  commit(put('host', 'h1', { ...H1, draining: true }))
  expect((await life('h1')).phase).toBe('draining')
  h1.off()
  await until('away', async () => (await life('h1')).phase === 'away')
  // What it carries tells also a controller that comes later that it was there.
  await site.restart()
  expect(await life('h1')).toMatchObject({ phase: 'away', workloads: 1 })
  expect((await life('h2')).phase).toBe('approved')
})

test('a draining host lists its ports and what is joined there, takes a late one with an event, and tells once that it is empty', async () => {
  const joined = { vni: 5002, extension: { physicalNetwork: 'office', vid: 7, hostId: 'h1' } }
  site = await openSite(put('physicalNetwork', 'office', {}), put('network', 'acme/db', joined))
  const h1 = site.host('h1')
  for (const n of [1, 2]) await h1.plug(`vm${n}`, site.portUuid(`acme/vm${n}`))
  await realized(site, 'tenants/acme/ports/vm2')
  commit(put('bridge', 'h1/br-a', { uplinks: ['eth0'] }))
  commit(put('host', 'h1', { ...H1, draining: true }))
  expect((await life('h1')).drain).toEqual({
    empty: false,
    ports: ['acme/vm1', 'acme/vm2'],
    joins: ['acme/db'],
    bridges: ['h1/br-a'],
  })
  const ports = { extra: { network: 'web', hostId: 'h1', ofport: 99 } }
  const placed = { tenants: { acme: { ports } } }
  const plan = await site.rest('POST', 'tenants/acme:apply?mode=plan', placed)
  expect(plan.body.warnings).toEqual([
    {
      type: 'draining',
      object: 'port acme/extra',
      message: 'port acme/extra comes to h1, which is draining',
    },
  ])
  // Guests go on, also one that comes late.
  await h1.plug('vm3', site.portUuid('acme/vm3'))
  await realized(site, 'tenants/acme/ports/vm3')
  expect(site.events('host_draining').map(({ port }) => port)).toEqual(['acme/vm3'])

  for (const n of [1, 2, 3]) h1.unplug(`vm${n}`)
  await until('no ports', async () => (await life('h1')).drain?.ports.length === 0)
  expect(site.events('host_drained')).toEqual([])
  commit(put('network', 'acme/db', { ...joined, extension: { ...joined.extension, hostId: 'h2' } }))
  expect((await life('h1')).drain).toMatchObject({ empty: true, joins: [] })
  expect(site.events('host_drained')).toHaveLength(1)
  commit(put('host', 'h1', { ...H1, draining: true, labels: { rack: '7' } }))
  expect(site.events('host_drained')).toHaveLength(1)
})

test('a host that was deleted is listed until it is given back, with what keeps it', async () => {
  site = await openSite()
  const [h1, h2] = [site.host('h1'), site.host('h2')]
  await h1.plug('vm1', site.portUuid('acme/vm1'))
  await realized(site, 'tenants/acme/ports/vm1')
  await realized(site, 'infra/hosts/h2')
  h2.off()
  await until('away', async () => (await life('h2')).phase === 'away')
  commit(put('host', 'h7', { vtepAddress: '192.0.2.7' }))
  commit(drop('host', 'h1'), drop('host', 'h2'), drop('host', 'h7'))
  const removing = async () => {
    const { body } = await site.rest('GET', 'infra/pending-hosts')
    const items = body.items as { phase: string; hostId?: string; reason?: string }[]
    return items.flatMap(({ phase, hostId, reason }) =>
      phase === 'removing' ? `${hostId}: ${reason}` : [],
    )
  }
  const away = 'h2: it is away, and is given back when it dials in'
  const held = 'h1: br-int stays, without flows, as long as something is plugged into it: vm1'
  await until('held', async () => (await removing()).includes(held))
  // Who was never there has nothing to be given back.
  expect(await removing()).toEqual([held, away])
  h1.unplug('vm1')
  await until('given back', async () => (await removing()).join() === away)
  expect(site.events('host_removed').at(-1)?.message).toBe('h1 is as Weft found it')
  // Of who was away already when the controller started nobody knows.
  h1.off()
  commit(put('host', 'h2', { vtepAddress: '192.0.2.2' }))
  await site.restart()
  commit(drop('host', 'h2'))
  expect(await removing()).toEqual([away])
})
