import { afterEach, expect, test } from 'vitest'
import { PROBE_METER, SAMPLE_METER } from '../../../controller/compiler/stages.ts'
import type { Message } from '../../../southbound/openflow/message.ts'
import { drop, put } from '../model/site.ts'
import { openSite, realized, type TestSite, until } from './site.ts'

let site: TestSite
afterEach(() => site.close())

const ADD = 0
const DELETE = 2
const DELETE_STRICT = 4

/** What was done in which order, each kind in a row once: ['add meter', 'add group', …]. */
function phases(messages: readonly Message[]): string[] {
  const done = messages.flatMap((message) => {
    const { type } = message
    if (type === 'meter_mod') return `${message.command === DELETE ? 'delete' : 'add'} meter`
    if (type === 'group_mod') return `${message.command === DELETE ? 'delete' : 'add'} group`
    if (type === 'flow_mod') return `${message.command === ADD ? 'add' : 'delete'} flow`
    return type === 'bundle_control' && message.control_type === 0 ? 'open bundle' : []
  })
  return done.filter((what, i) => what !== done[i - 1])
}

test('meters come before the bundle that uses them, groups before flows, and deletions last', async () => {
  site = await openSite()
  const h1 = site.host('h1')
  await h1.plug('vm1', site.portUuid('acme/vm1'), 1)
  await realized(site, 'tenants/acme/ports/vm1')
  const meters = h1.bridge.meters.all.size
  const groups = h1.bridge.groups.all.size

  let from = h1.relay.sent.length
  const edits = [
    put('network', 'acme/db', { vni: 6001 }),
    put('port', 'acme/db1', { network: 'db', hostId: 'h1', ofport: 51, addresses: [] }),
  ]
  site.store.commit(edits, { who: 'test' })
  await realized(site, 'tenants/acme/ports/db1')
  expect(phases(h1.relay.sent.slice(from))).toEqual([
    'add meter',
    'open bundle',
    'add group',
    'add flow',
  ])

  from = h1.relay.sent.length
  site.store.commit([drop('port', 'acme/db1'), drop('network', 'acme/db')], { who: 'test' })
  await until('no meter', () => h1.bridge.meters.all.size === meters)
  const gone = h1.relay.sent.slice(from)
  expect(phases(gone)).toEqual(['open bundle', 'delete flow', 'delete group', 'delete meter'])
  const flows = gone.flatMap((message) => (message.type === 'flow_mod' ? message.command : []))
  expect(new Set(flows)).toEqual(new Set([DELETE_STRICT]))
  expect(h1.bridge.groups.all.size).toBe(groups)
})

test('a host that is driven anew while things have changed gets them in the same order', async () => {
  site = await openSite()
  const h1 = site.host('h1')
  await h1.plug('vm1', site.portUuid('acme/vm1'), 1)
  await realized(site, 'tenants/acme/ports/vm1')
  const [network] = [...h1.bridge.meters.all.keys()].filter(
    (id) => id !== PROBE_METER && id !== SAMPLE_METER,
  )
  for (const session of [...h1.bridge.sessions]) session.close()
  const from = h1.relay.sent.length
  const edits = [
    ...[1, 2, 3, 4].map((n) => drop('port', `acme/vm${n}`)),
    ...[drop('subnet', 'acme/web'), drop('network', 'acme/web')],
    put('network', 'acme/db', { vni: 6001 }),
    put('port', 'acme/db1', { network: 'db', hostId: 'h1', ofport: 51, addresses: [] }),
  ]
  site.store.commit(edits, { who: 'test' })
  await realized(site, 'tenants/acme/ports/db1')
  await until('the old meter is gone', () => !h1.bridge.meters.all.has(network ?? 0))
  const done = phases(h1.relay.sent.slice(from))
  expect(done.slice(0, 3)).toEqual(['add meter', 'open bundle', 'add group'])
  expect(done.slice(-2)).toEqual(['delete group', 'delete meter'])
  expect(site.events('item_failed')).toEqual([])
})
