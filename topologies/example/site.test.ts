import { expect, test } from 'vitest'
import { lab } from 'weft/lab'

test('web reaches db, and nobody else does', async () => {
  await using site = await lab('site.yaml', { seed: 7 })
  await expect(site.guest('h1.web')).toReach('h2.db', { bytes: 'mtu' })
  await expect(site.guest('h1.web')).toBeIsolatedFrom('h2.other')
  const query = site.frame({ from: 'h1.web', to: 'h2.db', udp: 53, bytes: 9000 })
  await expect(query).toArriveAt('h2.db')
})

test('without the controller the site goes on, and a host that comes back is reached again', async () => {
  await using site = await lab('site.yaml', { seed: 7 })
  await site.controller.off()
  await expect(site.guest('h1.web')).toReach('h2.db')
  await site.host('h2').off()
  await expect(site.guest('h1.web')).not.toReach('h2.db')
  await site.controller.on()
  await site.host('h2').on()
  await site.realized()
  await expect(site.guest('h1.web')).toReach('h2.db')
})
