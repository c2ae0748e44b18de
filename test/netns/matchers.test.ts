/** `weft/lab` on real Open vSwitch: the matchers mean the same there. test/lab/matchers.test.ts has all that they say. */
import { describe, expect, test } from 'vitest'
import { lab } from '../../topologies/vitest/lab.ts'
import { needed } from './site-under-test.ts'

describe('on real Open vSwitch', needed, () => {
  test('the matchers of weft/lab hold and fail as on the memory lab', async () => {
    await using site = await lab('../../topologies/example/site.yaml', { backend: 'netns' })
    const [web, query] = [
      site.guest('h1.web'),
      site.frame({ from: 'h1.web', to: 'h2.db', udp: 53, bytes: 9000 }),
    ]
    await expect(web).toReach('h2.db', { bytes: 'mtu' })
    await expect(web).not.toReach('h2.other')
    await expect(web).toBeIsolatedFrom('h2.other')
    await expect(query).toArriveAt('h2.db')
    await expect(expect(web).toReach('h2.db', { bytes: 9001 })).rejects.toThrow(
      'shop/web -> shop/db dropped on h1: mtu_exceeded',
    )
  })
})
