/** Status of what is realized and cannot reach each other all the same. */
import { afterEach, expect, test } from 'vitest'
import { put } from '../model/site.ts'
import { openSite, realized, type TestSite } from './site.ts'

let site: TestSite
afterEach(() => site.close())

const port = (id: string, n: number, more: object) =>
  put('port', `acme/${id}`, {
    network: 'web',
    mac: `02:00:00:00:00:${n}`,
    addresses: [`10.0.0.${n}`],
    ...more,
  })
const at = (hostId: string, ofport = 1) => ({ hostId, ofport })
const reasons = async (path: string) =>
  Object.fromEntries(
    Object.entries((await site.status(path)).hosts).map(([id, { state, reason }]) => [
      id,
      `${state} ${reason ?? ''}`.trim(),
    ]),
  )

test('hosts without a family in common say so of a port on one of them, and of the network', async () => {
  site = await openSite(port('a', 21, at('h1')), port('b', 22, at('h2')), port('c', 23, at('h3')))
  const families = [
    put('host', 'h2', { vtepAddress: '2001:db8::2' }),
    put('host', 'h3', { vtepAddress: '192.0.2.3', alternateVtepAddress: '2001:db8::3' }), // Its MTU falls to what crosses IPv6.
    put('network', 'acme/web', { vni: 5001 }),
  ]
  site.store.commit(families, { who: 'test' })
  for (const id of ['h1', 'h2', 'h3']) site.host(id)
  await realized(site, 'tenants/acme/ports/a')
  const both = {
    h1: 'realized Degraded: no_common_family (h2)',
    h2: 'realized Degraded: no_common_family (h1)',
    h3: 'realized',
  }
  expect(await reasons('tenants/acme/ports/a')).toEqual(both)
  expect(await reasons('tenants/acme/networks/web')).toEqual(both)
  expect(await reasons('tenants/acme/subnets/web')).toEqual(both)
  // Whoever is on the host with both families reaches everybody.
  expect(await reasons('tenants/acme/ports/c')).toEqual({
    h1: 'realized',
    h2: 'realized',
    h3: 'realized',
  })
  expect(await reasons('infra/hosts/h1')).toEqual({ h1: 'realized' })
})

test('many hosts without a family in common are counted, not all named', async () => {
  const far = [4, 5, 6, 7, 8, 9, 10]
  site = await openSite(
    ...far.map((n) => put('host', `h${n}`, { vtepAddress: `2001:db8::${n}` })),
    ...far.map((n) => port(`p${n}`, 20 + n, at(`h${n}`))),
    port('a', 60, at('h1')),
  )
  site.host('h1')
  await realized(site, 'infra/hosts/h1')
  expect((await reasons('tenants/acme/ports/a')).h1).toBe(
    'realized Degraded: no_common_family (h10, h4, h5, h6, h7 and 2 more)',
  )
})

test('a sub-port of the network of its parent says so before anybody plugs it in', async () => {
  site = await openSite(port('trunk', 20, {}), port('s1', 21, { parent: 'trunk', vid: 1 }))
  const lead = 'is not plugged in|no host has an interface'
  for (const [id, other] of [
    ['s1', 'trunk'],
    ['trunk', 's1'],
  ])
    expect((await site.status(`tenants/acme/ports/${id}`)).reason).toMatch(
      new RegExp(
        `(${lead}).*; on a host of kind ovs it will be Degraded: same_trunk \\(acme/${other}\\)$`,
      ),
    )
})

test('ports of one network inside one trunk name each other', async () => {
  site = await openSite(
    put('network', 'acme/db', { vni: 5002 }),
    put('subnet', 'acme/db', { network: 'db', cidr: '10.0.0.0/24' }),
    port('trunk', 20, at('h1', 9)),
    port('s1', 21, { parent: 'trunk', vid: 1 }),
    port('s2', 22, { parent: 'trunk', vid: 2, network: 'db' }),
    port('s3', 23, { parent: 'trunk', vid: 3, network: 'db' }),
    port('other', 24, at('h2')),
  )
  site.host('h1')
  site.host('h2')
  for (const id of ['s1', 's2', 'other']) await realized(site, `tenants/acme/ports/${id}`)
  const trunk = (id: string) => ({
    h1: `realized Degraded: same_trunk (acme/${id})`,
    h2: 'realized',
  })
  expect(await reasons('tenants/acme/ports/trunk')).toEqual(trunk('s1'))
  expect(await reasons('tenants/acme/ports/s1')).toEqual(trunk('trunk'))
  expect((await reasons('tenants/acme/ports/s2')).h1).toBe(
    'realized Degraded: same_trunk (acme/s3)',
  )
  expect(await reasons('tenants/acme/ports/other')).toEqual({ h1: 'realized', h2: 'realized' })
})
