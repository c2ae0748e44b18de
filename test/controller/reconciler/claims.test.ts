/** What a tenant is told of what another tenant has: that it is there, and no name of it. Operators read whose it is. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { put } from '../model/site.ts'
import { openSite, type TestSite } from './site.ts'

let site: TestSite
beforeEach(async () => {
  site = await openSite(
    put('physicalNetwork', 'lan', {}),
    put('host', 'v1', { kind: 'vtep', vtepAddress: '192.0.2.21' }),
    put('tenant', 'globex', {}),
    put('network', 'globex/secret', { type: 'vlan', physicalNetwork: 'lan', vid: 100 }),
    put('network', 'globex/hidden', { vni: 7007 }),
    put('network', 'globex/flat', { type: 'flat', physicalNetwork: 'lan' }),
    put('port', 'globex/tap', { network: 'hidden', hostId: 'v1', interface: 'eth1' }),
    put('port', 'globex/declared', { network: 'hidden', hostId: 'h1', ofport: 9 }),
  )
})
afterEach(() => site.close())

const web = { network: 'web', addresses: [] }
const asked: readonly (readonly [string, string, object, string])[] = [
  ['vni_taken', 'networks/x', { vni: 7007 }, 'network globex/hidden'],
  [
    'vid_taken',
    'networks/x',
    { type: 'vlan', physicalNetwork: 'lan', vid: 100 },
    'network globex/secret',
  ],
  ['untagged_taken', 'networks/x', { type: 'flat', physicalNetwork: 'lan' }, 'network globex/flat'],
  ['interface_taken', 'ports/x', { ...web, hostId: 'v1', interface: 'eth1' }, 'port globex/tap'],
  [
    'interface_held',
    'ports/x',
    { ...web, hostId: 'v1', interface: 'eth1', vid: 30 },
    'port globex/tap',
  ],
  ['ofport_taken', 'ports/x', { ...web, hostId: 'h1', ofport: 9 }, 'port globex/declared'],
]

test.each(asked)(
  '%s by what another tenant has names it to operators only',
  async (type, path, body, holder) => {
    const uuids = [...site.store.snapshot.list('port').values()].map(({ uuid }) => uuid)
    const answer = await site.rest('PUT', `tenants/acme/${path}`, body)
    expect(answer.status).toBe(409)
    expect(answer.body.type).toBe(`urn:weft:problem:${type}`)
    const text = JSON.stringify(answer.body)
    for (const name of ['globex', 'secret', 'hidden', 'tap', 'declared', ...uuids])
      expect(text).not.toContain(name)
    expect(answer.body.detail).toMatch(/of another tenant/)
    await site.rest('PUT', `tenants/acme/${path}`, body)
    const told = site.events('claim_refused')
    expect(told).toHaveLength(1)
    expect(told[0]?.message).toContain(`acme/x was refused: `)
    expect(told[0]?.message).toContain(holder)
  },
)

test('what the same tenant has is named as before, and no operator is told', async () => {
  const answer = await site.rest('PUT', 'tenants/acme/networks/x', { vni: 5001 })
  expect(answer.body.detail).toBe('VNI 5001 is used by network acme/web')
  expect(site.events('claim_refused')).toEqual([])
})
