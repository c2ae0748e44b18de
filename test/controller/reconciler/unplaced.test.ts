/** What somebody is told who waits for a port that is nowhere. */
import { afterEach, expect, test } from 'vitest'
import { put } from '../model/site.ts'
import { openSite, realized, type TestSite } from './site.ts'

let site: TestSite
afterEach(() => site.close())

test('of a sub-port whose trunk is not plugged in it is the trunk that is to be plugged in', async () => {
  site = await openSite(
    put('network', 'acme/inner', {}),
    put('port', 'acme/sub', { network: 'inner', parent: 'vm1', vid: 30 }),
  )
  const reason = async () => (await site.status('tenants/acme/ports/sub')).reason
  expect(await reason()).toBe(
    `its trunk acme/vm1 is not plugged in: no host has an interface on br-int with external_ids:iface-id=${site.portUuid('acme/vm1')}, or one with this ifalias where it is of kind vtep`,
  )
  await site.host('h1').plug('vm1', site.portUuid('acme/vm1'))
  await realized(site, 'tenants/acme/ports/sub')
})
