import { afterEach, beforeEach, expect, test } from 'vitest'
import { gate, openSite, quiet, realized, rowOf, type TestSite, until, update } from './site.ts'

let site: TestSite
let vm1: string
beforeEach(async () => {
  site = await openSite()
  vm1 = site.portUuid('acme/vm1')
})
afterEach(() => site.close())

const bound = (uuid = vm1) => {
  const binding = site.store.snapshot.get('binding', uuid)
  return binding && `${binding.hostId}:${binding.ofport}`
}
const becomes = (where: string | undefined) => until(`vm1 on ${where}`, () => bound() === where)
const refusals = () => site.events('binding_refused').map(({ message }) => message)

/** vm1 is plugged on h1, then on h2, which has it now. */
const twicePlugged = async () => {
  const [h1, h2] = [site.host('h1'), site.host('h2')]
  await h1.plug('vm1', vm1, 1)
  await becomes('h1:1')
  await realized(site, 'infra/hosts/h2')
  await h2.plug('vm1', vm1, 2)
  await becomes('h2:2')
  return { h1, h2 }
}

test('an interface with the iface-id of no port is told of once and bound to nothing', async () => {
  const h1 = site.host('h1')
  await h1.plug('stray', '11111111-1111-4111-8111-111111111111', 7)
  await h1.plug('vm1', vm1, 1)
  await becomes('h1:1')
  h1.unplug('vm1')
  await becomes(undefined)
  await quiet()
  expect(refusals()).toEqual(['interface stray on h1: its iface-id is the uuid of no port'])
})

test('the local port and the tunnel port are no workloads, whatever their iface-id says', async () => {
  const { device } = site.host('h1')
  await realized(site, 'infra/hosts/h1')
  const mark = (name: string, ifaceId: string) => {
    const row = rowOf(device.database, 'Interface', name)
    const external_ids = { 'iface-id': ifaceId }
    device.database.transact([update('Interface', row?._uuid ?? '', { external_ids })])
  }
  mark('br-int', vm1)
  mark('weft-vxlan', site.portUuid('acme/vm2'))
  await until('two refusals', () => refusals().length === 2)
  await quiet()
  expect(refusals().sort()).toEqual([
    'interface br-int on h1: its ofport 65534 is not for workloads',
    'interface weft-vxlan on h1: its ofport 65000 is not for workloads',
  ])
  expect(site.store.snapshot.list('binding').size).toBe(0)
})

test('of two interfaces with one iface-id the first stays bound, and the other follows when it goes', async () => {
  const h1 = site.host('h1')
  await h1.plug('first', vm1, 5)
  await becomes('h1:5')
  await h1.plug('second', vm1, 3)
  await until('a refusal', () => refusals().length > 0)
  await quiet()
  expect(refusals()).toEqual(['interface second on h1: interface first already is acme/vm1'])
  expect(bound()).toBe('h1:5')
  h1.unplug('first')
  await becomes('h1:3')
  await realized(site, 'tenants/acme/ports/vm1')
})

test('the newer plug on another host has the port, and unplugging it there gives it back', async () => {
  const { h1, h2 } = await twicePlugged()
  await realized(site, 'tenants/acme/ports/vm1')
  // Whatever else happens on the first host, it does not take the port back.
  await h1.plug('vm3', site.portUuid('acme/vm3'), 3)
  await until('vm3', () => bound(site.portUuid('acme/vm3')) === 'h1:3')
  await quiet()
  expect(bound()).toBe('h2:2')
  h2.unplug('vm1')
  await becomes('h1:1')
  await realized(site, 'tenants/acme/ports/vm1')
})

test('a stale plug does not move the port when the controller starts again', async () => {
  const { h2 } = await twicePlugged()
  // h2, which has it, comes back last.
  const back = gate()
  h2.gates.ovsdb = back.passed
  await site.restart()
  await realized(site, 'infra/hosts/h1')
  await quiet()
  expect(bound()).toBe('h2:2')
  back.open()
  await realized(site, 'infra/hosts/h2')
  await quiet()
  expect(bound()).toBe('h2:2')
  site.clock.advance(60_000)
  await quiet()
  expect(bound()).toBe('h2:2')
})

test('a host that has not come back a minute after the start loses its ports to an older plug', async () => {
  const { h2 } = await twicePlugged()
  h2.off()
  await site.restart()
  await realized(site, 'infra/hosts/h1')
  expect(bound()).toBe('h2:2')
  site.clock.advance(60_000)
  await becomes('h1:1')
})
