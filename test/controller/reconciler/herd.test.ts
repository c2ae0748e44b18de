/** Which hosts lack something when they come back, to a controller that was there all the time or has just started. */
import { afterEach, expect, test } from 'vitest'
import { Compiler } from '../../../controller/compiler/compiler.ts'
import { Lacking } from '../../../controller/reconciler/lacking.ts'
import { Store } from '../../../controller/store/store.ts'
import { drop, put } from '../model/site.ts'
import { openSite, realized, type TestSite, until } from './site.ts'

let site: TestSite | undefined
afterEach(() => site?.close())

const by = { who: 'test' }
const port = (hostId: string, ofport: number, network = 'web') => ({ network, hostId, ofport })

test('a host lacks something when a revision since has touched it, also one before the start', () => {
  const store = Store.open(':memory:')
  const hosts = ['h1', 'h2', 'h3', 'h4']
  store.commit(
    [
      ...hosts.map((id, n) => put('host', id, { vtepAddress: `192.0.2.${n + 1}` })),
      put('tenant', 'acme', {}),
      put('network', 'acme/web', {}),
      put('network', 'acme/db', {}),
      put('port', 'acme/vm1', port('h1', 1)),
      put('port', 'acme/vm2', port('h2', 1)),
      put('port', 'acme/vm3', port('h3', 1, 'db')),
    ],
    by,
  )
  const whole = store.snapshot.revision
  store.commit([put('tenant', 'globex', {})], by)
  store.commit([put('port', 'acme/vm4', port('h1', 2))], by)
  const later = store.snapshot.revision
  store.commit([drop('port', 'acme/vm3')], by)

  const compiler = new Compiler(store.snapshot)
  const lacking = new Lacking(store, compiler)
  const since = (revision: number | undefined) =>
    hosts.filter((hostId) => lacking.since(hostId, revision))
  expect(since(store.snapshot.revision)).toEqual([])
  expect(since(later)).toEqual(['h3'])
  expect(since(whole)).toEqual(['h1', 'h2', 'h3'])
  expect(since(later)).toEqual(['h3'])
  // Of these nothing can be told.
  expect(since(undefined)).toEqual(hosts)
  expect(since(store.snapshot.revision + 1)).toEqual(hosts)
  lacking.touched(['h4'], store.snapshot.revision + 1)
  store.commit([put('host', 'h4', { vtepAddress: '192.0.2.44' })], by)
  expect(since(later)).toEqual(['h3', 'h4'])
  store.close()
})

test('a host remembers the last revision that it had whole, once it was left alone, and is not told again', async () => {
  site = await openSite(put('port', 'acme/vm9', port('h1', 1)))
  const { store, clock } = site
  const { device } = site.host('h1')
  const remembered = () =>
    [...device.database.table('Interface').values()].find(({ name }) => name === 'weft-vxlan')
      ?.external_ids['weft-confirmed']
  await realized(site, 'tenants/acme/ports/vm9')
  expect(remembered()).toBeUndefined()
  const first = `${store.snapshot.revision}`
  await until('it is remembered', () => {
    clock.advance(10_000)
    return remembered() === first
  })
  store.commit([put('tenant', 'globex', {})], by)
  let writes = 0
  device.database.onCommit(() => writes++)
  for (let n = 0; n < 3; n++) {
    clock.advance(10_000)
    await site.rest('GET', 'infra/hosts/h1')
  }
  expect(remembered()).toBe(first)
  expect(writes).toBe(0)
  await site.restart()
  await realized(site, 'tenants/acme/ports/vm9')
})
