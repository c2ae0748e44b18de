import { type Duplex, duplexPair } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { counting, put } from '../model/site.ts'
import {
  databaseOf,
  openSite,
  quiet,
  realized,
  rowOf,
  type TestSite,
  until,
  update,
} from './site.ts'

let site: TestSite
afterEach(() => site.close())

const pending = async () => (await site.rest('GET', 'infra/pending-hosts')).body.items

test('a host that the model does not name is told of once, listed, gets nothing, and is a host when it is named', async () => {
  site = await openSite()
  const stranger = site.host('h9', { systemId: 'stranger' })
  await until('the event', () => site.events('host_pending').length > 0)
  site.store.commit([put('host', 'h2', { vtepAddress: '192.0.2.22' })], { who: 'test' })
  await quiet()
  expect(site.events('host_pending')).toHaveLength(1)
  expect(await pending()).toMatchObject([
    { systemId: 'stranger', address: expect.stringContaining('198.51.100.9:') },
  ])
  expect(stranger.device.database.table('Bridge').size).toBe(0)

  const spec = { systemId: 'stranger', vtepAddress: '192.0.2.9' }
  site.store.commit([put('host', 'h9', spec)], { who: 'test' })
  await realized(site, 'infra/hosts/h9')
  expect(await pending()).toEqual([])
})

test('a system-id of a mebibyte harms nobody', async () => {
  site = await openSite()
  site.host('h1')
  const absurd = databaseOf('x'.repeat(1 << 20))
  site.dialFrom(absurd, '203.0.113.1')
  await until('the event', () => site.events('host_pending').length > 0)
  await realized(site, 'infra/hosts/h1')
  expect(JSON.stringify(site.events('host_pending')).length).toBeLessThan(1000)
  expect(JSON.stringify(await pending()).length).toBeLessThan(1000)
  expect(absurd.table('Bridge').size).toBe(0)
  absurd.close()
})

test('a cloned host from another address waits, takes nothing, and takes over when the first leaves', async () => {
  site = await openSite()
  const h1 = site.host('h1')
  await h1.plug('vm1', site.portUuid('acme/vm1'), 1)
  await realized(site, 'tenants/acme/ports/vm1')
  const clone = site.host('h9', { systemId: 'h1' })
  await until('the event', () => site.events('host_duplicate').length > 0)
  site.store.commit([put('host', 'h2', { vtepAddress: '192.0.2.22' })], { who: 'test' })
  await quiet()
  expect(site.events('host_duplicate')).toHaveLength(1)
  expect(site.events('host_duplicate')[0]?.message).toContain('198.51.100.9:')
  expect(await pending()).toMatchObject([{ systemId: 'h1' }])
  expect(clone.device.database.table('Bridge').size).toBe(0)
  expect(site.store.snapshot.get('binding', site.portUuid('acme/vm1'))).toMatchObject({
    hostId: 'h1',
    ofport: 1,
  })
  await realized(site, 'tenants/acme/ports/vm1')

  h1.off()
  await clone.device.whenBridge('br-int', AbortSignal.timeout(3000))
  await realized(site, 'infra/hosts/h1')
  expect(await pending()).toEqual([])
})

test('when the first becomes another host, the one that waited takes its place', async () => {
  site = await openSite()
  const [first, second] = [databaseOf('h1'), databaseOf('h1')]
  site.dialFrom(first, '198.51.100.1')
  await until('rows', () => rowOf(first, 'Bridge', 'br-int'))
  site.dialFrom(second, '198.51.100.9')
  await until('the event', () => site.events('host_duplicate').length > 0)
  const [root] = first.table('Open_vSwitch').keys()
  const external_ids = { 'system-id': 'h3' }
  first.transact([update('Open_vSwitch', root ?? '', { external_ids })])
  await until('rows', () => rowOf(second, 'Bridge', 'br-int'))
  await until(
    'rows',
    () => rowOf(first, 'Interface', 'weft-vxlan')?.options.local_ip === '192.0.2.3',
  )
  for (const database of [first, second]) database.close()
})

test('of two machines with one name and one address the first stays, and the second waits and is told of once', async () => {
  site = await openSite()
  const [first, second] = [databaseOf('h1'), databaseOf('h1')]
  const kept = site.dialFrom(first, '198.51.100.1')
  await until('rows', () => rowOf(first, 'Bridge', 'br-int'))
  // It dials, is sent away or gives up, and dials again, as it may for ever.
  const dials = [site.dialFrom(second, '198.51.100.1')]
  await until('the event', () => site.events('host_duplicate').length > 0)
  for (let n = 0; n < 5; n++) {
    dials.at(-1)?.destroy()
    dials.push(site.dialFrom(second, '198.51.100.1'))
    await until('it is listed', async () => (await pending()).length === 1)
    site.clock.advance(1000)
    await quiet()
  }
  expect(kept.destroyed).toBe(false)
  expect(dials.at(-1)?.destroyed).toBe(false)
  expect(site.events('host_duplicate').map(({ host }) => host)).toEqual(['h1'])
  expect(await pending()).toMatchObject([{ systemId: 'h1' }])
  expect(second.table('Bridge').size).toBe(0)
  // The first one is driven.
  site.store.commit([put('host', 'h1', { vtepAddress: '192.0.2.88' })], { who: 'test' })
  await until(
    'local_ip',
    () => rowOf(first, 'Interface', 'weft-vxlan')?.options.local_ip === '192.0.2.88',
  )
  first.close()
  await until('rows', () => rowOf(second, 'Bridge', 'br-int'))
  expect(await pending()).toEqual([])
  second.close()
})

test('a clone of a whole disk, database and all, waits as well', async () => {
  site = await openSite()
  const [first, clone] = [databaseOf('h1', counting()), databaseOf('h1', counting())]
  site.dialFrom(first, '198.51.100.1')
  await until('rows', () => rowOf(first, 'Bridge', 'br-int'))
  site.dialFrom(clone, '198.51.100.9')
  await until('the event', () => site.events('host_duplicate').length > 0)
  await quiet()
  expect(clone.table('Bridge').size).toBe(0)
  first.close()
  await until('rows', () => rowOf(clone, 'Bridge', 'br-int'))
  clone.close()
})

test('of two strangers with one system-id that is named then, one is the host and the other is told of', async () => {
  site = await openSite()
  const both = [databaseOf('twin'), databaseOf('twin')]
  for (const [i, database] of both.entries()) site.dialFrom(database, `198.51.100.${i + 20}`)
  await until('two strangers', () => site.events('host_pending').length === 2)
  const spec = { systemId: 'twin', vtepAddress: '192.0.2.9' }
  site.store.commit([put('host', 'h9', spec)], { who: 'test' })
  await until('the event', () => site.events('host_duplicate').length === 1)
  await until('rows', () => both.some((database) => rowOf(database, 'Bridge', 'br-int')))
  await quiet()
  expect(both.filter((database) => rowOf(database, 'Bridge', 'br-int'))).toHaveLength(1)
  for (const database of both) database.close()
})

/** A database, and a line to it that somebody cuts without either end being told. */
function behindLine(database: ReturnType<typeof databaseOf>) {
  let isCut = false
  return {
    accept(duplex: Duplex) {
      const [near, far] = duplexPair()
      database.accept(far)
      for (const [from, to] of [
        [duplex, near],
        [near, duplex],
      ] as const)
        from.on('data', (bytes) => isCut || to.write(bytes))
    },
    cut() {
      isCut = true
    },
  }
}

test('a host that dials again replaces its old session, which answers no more', async () => {
  site = await openSite()
  const database = databaseOf('h1')
  const line = behindLine(database)
  const old = site.dialFrom(line, '198.51.100.1')
  await until('rows', () => rowOf(database, 'Bridge', 'br-int'))
  line.cut()
  const fresh = site.dialFrom(database, '198.51.100.1')
  await until('it is listed', async () => (await pending()).length === 1)
  await quiet()
  site.clock.advance(5000)
  await until('the old session is over', () => old.destroyed)
  await quiet()
  expect(fresh.destroyed).toBe(false)
  expect(site.events('host_duplicate')).toEqual([])
  expect(await pending()).toEqual([])
  // The fresh one is driven.
  site.store.commit([put('host', 'h1', { vtepAddress: '192.0.2.88' })], { who: 'test' })
  await until(
    'local_ip',
    () => rowOf(database, 'Interface', 'weft-vxlan')?.options.local_ip === '192.0.2.88',
  )
  database.close()
})
