/** The two-tenants site over TLS on real Open vSwitch, from the first handshake to the packets. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NetnsLab } from '../../topologies/lab/netns/lab.ts'
import { events, expectAllChecks, needed, openTwoTenants } from './site-under-test.ts'

describe('a site over TLS', needed, () => {
  let lab: NetnsLab
  beforeAll(async () => {
    lab = await openTwoTenants({ tls: true })
  })
  afterAll(() => lab?.close())

  test('hosts and bridges dial by ssl: only, and every check of the site holds', async () => {
    for (const id of ['h1', 'h2']) {
      const { stdout: managers } = await lab.host(id).vsctl(['get-manager'])
      const { stdout: controllers } = await lab.host(id).vsctl(['get-controller', 'br-int'])
      expect(managers.trim()).toMatch(/^ssl:[\d.]+:6640$/)
      expect(controllers.trim()).toMatch(/^ssl:[\d.]+:6653$/)
    }
    await expectAllChecks(lab)
    const troubles = (await events(lab)).filter(({ type }) => /refused|expired/.test(type))
    expect(troubles).toEqual([])
  })
})
