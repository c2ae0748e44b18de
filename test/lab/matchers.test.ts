/** The matchers of `weft/lab`: what they let pass, what not, and what they say. test/setup/example.test.ts has them as others use them. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import { udpFrame } from '../../southbound/wire/frame.ts'
import { openMemoryLab } from '../../topologies/lab/memory/lab.ts'
import { lab, type Site } from '../../topologies/vitest/lab.ts'
import { siteOn } from '../../topologies/vitest/site.ts'
import { breaches } from './breaches.ts'

const SHOP = '../../topologies/example/site.yaml'

/** What an expectation says that does not hold. */
async function failure(expectation: Promise<void>): Promise<string> {
  try {
    await expectation
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('it holds')
}

describe('a site where nothing is wrong', () => {
  let site: Site
  beforeAll(async () => {
    site = await lab(SHOP, { seed: 7 })
  })
  afterAll(() => site.close())

  test('a guest reaches a guest, up to the MTU and no further', async () => {
    await expect(site.guest('h1.web')).toReach('h2.db')
    await expect(site.guest('h1.web')).toReach(site.guest('h2.db'), { bytes: 'mtu' })
    await expect(site.guest('h1.web')).not.toReach('h2.db', { bytes: 9001 })
  })

  test('who has the same address is not the one that was asked for', async () => {
    expect(site.guest('h2.other').address).toBe(site.guest('h2.db').address)
    await expect(site.guest('h1.web')).not.toReach('h2.other')
    const said = await failure(expect(site.guest('h1.web')).toReach('h2.other'))
    expect(said).toMatch(/^h1\.web does not reach h2\.other: .* was answered by h2\.db, which has/)
    expect(said).toContain('-> dropped: mac_unknown')
    expect(said).toContain('shop/web is in network shop/back and guests/other in guests/lan')
  })

  test('reaching who should not be reached shows the way there, and what would keep them apart', async () => {
    const said = await failure(expect(site.guest('h1.web')).not.toReach('h2.db'))
    expect(said).toMatch(/^h1\.web reaches h2\.db: a ping of 84 bytes of IP was answered\n/)
    expect(said).toContain('shop/web -> shop/db delivered\n  both are in network shop/back')
    expect(said.split('\n').filter((line) => line.length > 110)).toEqual([])
    expect(said).toMatch(/\n\nseed 7$/)
  })

  test('guests of two networks are isolated, guests of one are not', async () => {
    await expect(site.guest('h1.web')).toBeIsolatedFrom('h2.other')
    await expect(site.guest('h2.other')).toBeIsolatedFrom('h1.web')
    await expect(site.guest('h1.web')).not.toBeIsolatedFrom('h2.db')
    const said = await failure(expect(site.guest('h1.web')).toBeIsolatedFrom('h2.db'))
    expect(said).toContain('  packets to its MAC: 3 of 3 that h1.web sent were seen by h2.db\n')
    expect(said).toContain('  broadcasts: 3 of 3 that h2.db sent were seen by h1.web\n')
    expect(said).toContain('network/shop/back')
  })

  test.each([{ udp: 53 }, { tcp: 443 }, {}])('a packet arrives (%o)', async (kind) => {
    const frame = site.frame({ from: 'h1.web', to: 'h2.db', ...kind, bytes: 'mtu' })
    await expect(frame).toArriveAt('h2.db')
    await expect(frame).not.toArriveAt('h2.other')
  })

  test('a packet that does not arrive says which flow dropped it, and what would let it pass', async () => {
    const frame = site.frame({ from: 'h1.web', to: 'h2.db', udp: 53, bytes: 9001 })
    const said = await failure(expect(frame).toArriveAt('h2.db'))
    expect(said).toMatch(
      /^h1\.web sent UDP to 10\.0\.0\.12 port 53, 9,001 bytes of IP: not seen at h2\.db, nor anywhere/,
    )
    expect(said).toContain('network/shop/back  priority=100,reg1=0x1,reg4=0x1/0x1')
    expect(said).toContain('set mtuBytes of network shop/back to 9001, now 9000; which the site')
  })

  test('raw bytes arrive as they are; a frame of somebody else arrives nowhere', async () => {
    const [web, db] = [site.guest('h1.web'), site.guest('h2.db')]
    const ip = { ipv4_src: parseIpv4(web.address), ipv4_dst: parseIpv4(db.address) }
    const to = { ...ip, eth_dst: parseMac(db.mac), udp_src: 4242, udp_dst: 53 }
    const raw = udpFrame({ ...to, eth_src: parseMac(web.mac), payload: Uint8Array.of(1, 2, 3) })
    await expect(site.frame({ from: web, raw })).toArriveAt(db)
    expect(await failure(expect(site.frame({ from: web, raw })).toArriveAt('h2.other'))).toBe(
      'h1.web sent a frame of 45 bytes: not seen at h2.other, but at h2.db\n\nseed 7',
    )
    const forged = udpFrame({ ...to, eth_src: parseMac(db.mac) })
    await expect(site.frame({ from: web, raw: forged })).not.toArriveAt(db)
  })

  test('what is no guest, no frame, no length, no port is said so', async () => {
    const { web, frame } = { web: site.guest('h1.web'), frame: site.frame }
    expect(() => site.guest('h1.wob')).toThrow(
      'no guest h1.wob in shop, which has h1.web, h1.desk, h2.db, h2.other',
    )
    expect(() => site.host('h9')).toThrow('no host h9 in shop, which has h1, h2')
    await expect(failure(expect(5).toReach('h2.db'))).resolves.toMatch(/^toReach is about a guest/)
    await expect(failure(expect(web).toArriveAt('h2.db'))).resolves.toMatch(/is about a frame/)
    expect(() => frame({ from: web, to: 'h2.db', udp: 70_000 })).toThrow('udp: 70000 is no port')
    expect(() => frame({ from: web, to: 'h2.db', bytes: 10 })).toThrow('it would be 64 to 65535')
    await expect(lab(SHOP, { seed: -1 })).rejects.toThrow('seed: -1 is none')
    await expect(lab('name: x\nhosts: { h1: { vtepAdress: 192.0.2.1 } }')).rejects.toThrow(
      /^topology:2:16: .*did you mean 'vtepAddress'/m,
    )
  })
})

test('a lab where nothing arrives is broken, not isolated, and shows what hosts did not do', async () => {
  await using site = await lab(SHOP)
  const [web, other] = [site.guest('h1.web'), site.guest('h2.other')]
  await site.host('h2').off()
  await expect(web).not.toReach('h2.db')
  const broken = /^whether h1\.web is isolated cannot be said, for it is not seen to be alive: /
  await expect(failure(expect(web).toBeIsolatedFrom(other))).resolves.toMatch(broken)
  await expect(failure(expect(web).not.toBeIsolatedFrom(other))).resolves.toMatch(broken)
  const said = await failure(expect(web).toReach('h2.db'))
  expect(said).toContain('sent for real: not possible, the host is not connected\n  h2 is away\n')
  expect(said).toMatch(/\n\nagain: WEFT_SEED=1 npx vitest run test\/lab\/matchers\.test\.ts$/)
  await site.host('h2').on()
  await site.realized()
  await expect(web).toReach('h2.db')
  await expect(web).toBeIsolatedFrom(other)
})

test('a cable that is out: hosts up to there have counted the packet, those behind it have not', async () => {
  await using site = await lab(SHOP)
  await site.host('h2').linkDown()
  const frame = site.frame({ from: 'h1.web', to: 'h2.db', udp: 53 })
  expect(await failure(expect(frame).toArriveAt('h2.db'))).toContain(
    [
      'shop/web -> shop/db should be delivered, and was not',
      '  sent for real: 5 of 5 flows of h1 counted it',
      '  sent for real: 0 of 5 flows of h2 counted it; it was lost on the way there, or dropped before',
    ].join('\n'),
  )
  await site.host('h2').linkUp()
  await site.controller.off()
  await expect(frame).toArriveAt('h2.db')
  await site.controller.on()
  await site.realized()
  await expect(frame).toArriveAt('h2.db')
})

test('the change that a failure names lets the packet pass, while the site runs', async () => {
  await using site = await lab(SHOP)
  const frame = site.frame({ from: 'h1.desk', to: 'h2.other', udp: 53, bytes: 1600 })
  expect(await failure(expect(frame).toArriveAt('h2.other'))).toContain(
    'set mtuBytes of network guests/lan to 1600, now 1450 (tried on a copy of the site: it arrives)',
  )
  const put = await site.fetch('/v1/tenants/guests/networks/lan?wait=realized&timeout=5s', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ mtuBytes: 1600 }),
  })
  expect(put.status).toBe(200)
  await expect(frame).toArriveAt('h2.other')
})

test('a guest that is alone in its network is alive when its host has counted what it sent', async () => {
  const port = (network: string) => ({ networks: { [network]: {} }, ports: { vm: { network } } })
  const subnets = { lan: { network: 'lan', cidr: '10.0.0.0/24' } }
  await using site = await lab({
    hosts: { h1: { vtepAddress: '192.0.2.11' }, h2: { vtepAddress: '192.0.2.12' } },
    tenants: { acme: { ...port('lan'), subnets }, globex: { ...port('lan'), subnets } },
    workloads: { 'h1.acme': 'acme/vm', 'h2.globex': 'globex/vm' },
  })
  await expect(site.guest('h1.acme')).toBeIsolatedFrom('h2.globex')
  await site.host('h2').off()
  await expect(
    failure(expect(site.guest('h1.acme')).toBeIsolatedFrom('h2.globex')),
  ).resolves.toMatch(
    /^whether h2\.globex .* it is alone in its network, and h2 has seen no frame of it$/,
  )
})

test('a wall that has fallen is seen', async () => {
  const file = new URL('../../topologies/two-tenants.yaml', import.meta.url)
  const document = parseDocument(readFileSync(file, 'utf8'), 'two-tenants')
  const { signal } = new AbortController()
  const { program } = breaches.find(({ wall }) => wall === 'the line between tenants') ?? {}
  const opened = await openMemoryLab({ document, signal, seed: 1, ...(program && { program }) })
  await using site = siteOn(opened, { signal, seed: 1 })
  const said = await failure(expect(site.guest('h1.acme-vm1')).toBeIsolatedFrom('h2.globex-vm2'))
  expect(said).toContain(
    '  packets to its MAC: 3 of 3 that h1.acme-vm1 sent were seen by h2.globex-vm2',
  )
  const frame = site.frame({ from: 'h1.acme-vm1', to: 'h2.acme-vm2' })
  await expect(frame).not.toArriveAt('h1.globex-vm1')
  expect(await failure(expect(frame).toArriveAt('h2.acme-vm2'))).toMatch(
    /: also seen at h2\.globex-vm2, h2\.globex-vm3\n/,
  )
})

test.each([
  ['toReach', (site: Site) => expect(site.guest('h1.web')).toReach('h2.db')],
  ['toBeIsolatedFrom', (site: Site) => expect(site.guest('h1.web')).toBeIsolatedFrom('h2.other')],
  [
    'toArriveAt',
    (site: Site) => expect(site.frame({ from: 'h1.web', to: 'h2.db' })).toArriveAt('h2.db'),
  ],
])('who does not wait for %s and closes the lab is told so, and where', async (matcher, ask) => {
  const site = await lab(SHOP, { seed: 7 })
  const said = ask(site).catch((error: Error) => error)
  await site.close()
  const { message, stack = '' } = (await said) as Error
  expect(message).toBe(`the lab was closed before this was known: await expect(…).${matcher}(…)`)
  expect(stack).toContain('matchers.test.ts:')
})

test('an option that there is not is refused, and the one that is meant is named', async () => {
  const wrong = (options: object) => lab(SHOP, options)
  await expect(wrong({ sed: 3 })).rejects.toThrow("lab: no option sed; did you mean 'seed'?")
  await expect(wrong({ backend: 'netsn' })).rejects.toThrow(
    "lab: no backend netsn; did you mean 'netns'?",
  )
  await using site = await lab(SHOP)
  const frame = { from: 'h1.web', to: 'h2.db', icmp: 3 }
  expect(() => site.frame(frame)).toThrow('frame: no option icmp; known: from, to, udp, tcp, bytes')
  const raw = { from: 'h1.web', raw: new Uint8Array(60), to: 'h2.db' }
  expect(() => site.frame(raw)).toThrow('frame: no option to; known: from, raw')
  const options = { byte: 9999 } as object
  expect(await failure(expect(site.guest('h1.web')).toReach('h2.db', options))).toBe(
    "toReach: no option byte; did you mean 'bytes'?",
  )
})

test('hosts of every kind: one network over all of them, and the other tenant beside it', async () => {
  await using site = await lab('../../topologies/three-kinds.yaml')
  await expect(site.guest('h1.acme-vm1')).toReach('h3.acme-vm3', { bytes: 'mtu' })
  await expect(site.guest('h3.acme-vm3')).toBeIsolatedFrom('h1.globex-vm1')
  await expect(site.frame({ from: 'h3.acme-vm3', to: 'h2.acme-vm2', tcp: 80 })).toArriveAt(
    'h2.acme-vm2',
  )
})
