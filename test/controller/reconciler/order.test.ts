import { afterEach, expect, test } from 'vitest'
import { SAMPLE_METER } from '../../../controller/compiler/stages.ts'
import { encodeFlow } from '../../../southbound/openflow/flow.ts'
import { flowMod, type Message } from '../../../southbound/openflow/message.ts'
import { dropBand, meterCommand, meterFlags } from '../../../southbound/openflow/meter.ts'
import { drop, put } from '../model/site.ts'
import { openSite, realized, type TestHost, type TestSite, until } from './site.ts'

let site: TestSite
afterEach(() => site.close())

const ADD = 0
const DELETE = 2
const DELETE_STRICT = 4
const FOREIGN_METER = 77

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

/** One meter of ours is gone, and one of nobody's is there with a flow that uses it: as somebody else might leave them. */
function spoil({ bridge }: TestHost): void {
  const [session] = bridge.sessions
  if (!session) throw new Error('nobody is connected')
  const meter = (command: keyof typeof meterCommand, meter_id: number) =>
    bridge.applyMeterMod(
      {
        ...{ type: 'meter_mod', command: meterCommand[command], meter_id },
        ...{ flags: meterFlags.pktps, bands: command === 'add' ? [dropBand(10)] : [] },
      },
      { session, xid: 0 },
    )
  for (const each of [...bridge.sessions]) each.close()
  meter('delete', SAMPLE_METER)
  meter('add', FOREIGN_METER)
  const instructions = [{ kind: 'meter', meter_id: FOREIGN_METER }] as const
  const flow = encodeFlow({ table_id: 200, priority: 1, cookie: 0n, match: {}, instructions })
  bridge.change(undefined, (journal) => bridge.applyFlowMod(flowMod('add', flow), journal))
}

test('meters come before the bundle that uses them, groups before flows, and deletions last', async () => {
  site = await openSite()
  const h1 = site.host('h1')
  await h1.plug('vm1', site.portUuid('acme/vm1'), 1)
  await realized(site, 'tenants/acme/ports/vm1')
  expect(phases(h1.relay.sent).slice(0, 4)).toEqual([
    ...['add meter', 'open bundle', 'add group', 'add flow'],
  ])
  const groups = h1.bridge.groups.all.size

  let from = h1.relay.sent.length
  const edits = [
    put('network', 'acme/db', { vni: 6001 }),
    put('port', 'acme/db1', { network: 'db', hostId: 'h1', ofport: 51, addresses: [] }),
  ]
  site.store.commit(edits, { who: 'test' })
  await realized(site, 'tenants/acme/ports/db1')
  expect(phases(h1.relay.sent.slice(from))).toEqual(['open bundle', 'add group', 'add flow'])

  from = h1.relay.sent.length
  site.store.commit([drop('port', 'acme/db1'), drop('network', 'acme/db')], { who: 'test' })
  await until('no group', () => h1.bridge.groups.all.size === groups)
  const gone = h1.relay.sent.slice(from)
  expect(phases(gone)).toEqual(['open bundle', 'delete flow', 'delete group'])
  const flows = gone.flatMap((message) => (message.type === 'flow_mod' ? message.command : []))
  expect(new Set(flows)).toEqual(new Set([DELETE_STRICT]))
})

test('a host that is driven anew while things have changed gets them in the same order', async () => {
  site = await openSite()
  const h1 = site.host('h1')
  await h1.plug('vm1', site.portUuid('acme/vm1'), 1)
  await realized(site, 'tenants/acme/ports/vm1')
  spoil(h1)
  const from = h1.relay.sent.length
  const edits = [
    ...[1, 2, 3, 4].map((n) => drop('port', `acme/vm${n}`)),
    ...[drop('subnet', 'acme/web'), drop('network', 'acme/web')],
    put('network', 'acme/db', { vni: 6001 }),
    put('port', 'acme/db1', { network: 'db', hostId: 'h1', ofport: 51, addresses: [] }),
  ]
  site.store.commit(edits, { who: 'test' })
  await realized(site, 'tenants/acme/ports/db1')
  await until('the foreign meter is gone', () => !h1.bridge.meters.all.has(FOREIGN_METER))
  const all = phases(h1.relay.sent.slice(from))
  // Before it: what may have been sent to the session that ended.
  const done = all.slice(all.indexOf('add meter'))
  expect(done.slice(0, 3)).toEqual(['add meter', 'open bundle', 'add group'])
  expect(done.slice(-2)).toEqual(['delete group', 'delete meter'])
  expect(site.events('item_failed')).toEqual([])
})
