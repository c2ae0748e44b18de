/** What the status of an object says: conditions and since when, numbers of items on each host, what was observed. */
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { Compiler } from '../../../controller/compiler/compiler.ts'
import { parseEdits } from '../../../controller/model/document-edits.ts'
import type { Condition } from '../../../controller/northbound/conditions.ts'
import type { Status } from '../../../controller/northbound/realization.ts'
import { concernOf, networkOf } from '../../../controller/reconciler/concern.ts'
import { blocksOf } from '../../../controller/reconciler/item-numbers.ts'
import { put, siteWith } from '../model/site.ts'
import { gate, openSite, quiet, realized, type TestHost, type TestSite, until } from './site.ts'

let site: TestSite
afterEach(() => site?.close())

const AUDIT_MS = 60_000
const vm1 = 'tenants/acme/ports/vm1'
const here = { network: 'web', hostId: 'h1', ofport: 11 }

/** h1 is there; acme/here is declared on it. */
async function siteOfOne(): Promise<TestHost> {
  site = await openSite(put('port', 'acme/here', here))
  const h1 = site.host('h1')
  await realized(site, 'tenants/acme/ports/here')
  return h1
}

const of = ({ conditions }: Status, type: Condition['type']): Condition => {
  const found = conditions.find((each) => each.type === type)
  if (!found) throw new Error(`no ${type}`)
  return found
}
const condition = async (path: string, type: Condition['type']) => of(await site.status(path), type)
const said = ({ status, reason }: Condition) => [status, reason]
/** With the numbers of items. */
const whole = async (path: string): Promise<Status> => (await site.rest('GET', path)).body.status
const now = () => new Date(site.clock.wall()).toISOString()

describe('since', () => {
  test('is when it became so, not when somebody looked, and does not move while nothing changes', async () => {
    await siteOfOne()
    const path = 'tenants/acme/ports/here'
    const first = await condition(path, 'Realized')
    site.clock.advance(5000)
    const { revision } = (await site.rest('PUT', path, { ...here, ofport: 12 })).body
    const written = now()
    // Nobody looks while it becomes real.
    await until('confirmed', async () => {
      const answer = await site.rest('GET', `revisions/${revision}`)
      return answer.body.hosts.confirmed.includes('h1')
    })
    await quiet()
    site.clock.advance(5000)
    const second = await condition(path, 'Realized')
    expect(said(second)).toEqual(['true', 'confirmed'])
    expect(second.since).toBe(written)
    expect(second.since > first.since).toBe(true)
    // What others do is nothing of it.
    await site.rest('PUT', 'tenants/acme/ports/late', { network: 'web' })
    await site.rest('GET', 'tenants/acme/ports')
    expect(await condition(path, 'Realized')).toEqual(second)
    expect((await condition(path, 'Accepted')).since).toBe(first.since)
  })

  test('a host that goes leaves it unknown what is real, until it is back and has confirmed', async () => {
    const h1 = await siteOfOne()
    const path = 'tenants/acme/ports/here'
    const before = await site.status(path)
    site.clock.advance(1000)
    const gone = now()
    const { promise, resolve } = Promise.withResolvers<void>()
    h1.gates.openflow = promise
    for (const session of [...h1.bridge.sessions]) session.close()
    await until('away', () => site.events('host_disconnected').length > 0)
    site.clock.advance(1000)
    const away = await site.status(path)
    expect(said(of(away, 'Realized'))).toEqual(['unknown', 'disconnected'])
    expect(said(of(away, 'Degraded'))).toEqual(['unknown', 'disconnected'])
    expect([of(away, 'Realized').since, of(away, 'Degraded').since]).toEqual([gone, gone])
    // What it had answered it has answered.
    expect(away.observedRevision).toBe(before.observedRevision)
    const answer = await site.rest('PUT', path, { ...here, labels: { a: 'b' } })
    expect(answer.body.status.observedRevision).toBeLessThan(answer.body.revision)
    expect(of(answer.body.status, 'Realized').since).toBe(gone)
    site.clock.advance(1000)
    const back = now()
    resolve()
    await realized(site, path)
    const again = await site.status(path)
    expect(of(again, 'Realized').since).toBe(back)
    expect(again.observedRevision).toBeGreaterThanOrEqual(answer.body.revision)
  })

  test('of what was so before the controller started is its start', async () => {
    const h1 = await siteOfOne()
    const path = 'tenants/acme/ports/vm2'
    // It does not come back.
    h1.gates.ovsdb = gate().passed
    h1.gates.openflow = gate().passed
    site.clock.advance(3000)
    const started = now()
    await site.restart()
    site.clock.advance(3000)
    const { conditions } = await site.status(path)
    expect(conditions.map(({ since }) => since)).toEqual([started, started, started])
    expect(conditions.map(said)).toEqual([
      ['true', 'accepted'],
      ['false', 'unplugged'],
      ['unknown', 'disconnected'],
    ])
  })

  test('a port is unplugged since it was unplugged, whatever is written of it', async () => {
    const h1 = await siteOfOne()
    await h1.plug('vm1', site.portUuid('acme/vm1'), 1)
    await realized(site, vm1)
    site.clock.advance(1000)
    const unplugged = now()
    h1.unplug('vm1')
    await until('unplugged', async () => (await condition(vm1, 'Realized')).reason === 'unplugged')
    site.clock.advance(1000)
    await site.rest('PATCH', vm1, { labels: { a: 'b' } })
    expect((await condition(vm1, 'Realized')).since).toBe(unplugged)
  })
})

test('what is written is observed when every host has answered, and not before', async () => {
  await siteOfOne()
  const network = 'tenants/acme/networks/web'
  const { body } = await site.rest('PUT', `${network}?wait=realized&timeout=9s`, { vni: 7001 })
  expect(body.status.observedRevision).toBeGreaterThanOrEqual(body.revision)
  // Nobody is concerned: what is compiled is observed.
  const lonely = await site.rest('PUT', 'tenants/acme/networks/lonely', {})
  expect(lonely.body.status).toMatchObject({ observedRevision: lonely.body.revision, hosts: {} })
  expect(said(of(lonely.body.status, 'Realized'))).toEqual(['true', 'nothing_to_do'])
})

test('a place that another port holds is not accepted, and says so', async () => {
  const h1 = await siteOfOne()
  await h1.plug('vm1', site.portUuid('acme/vm1'), 31)
  await realized(site, vm1)
  await site.rest('PUT', 'tenants/acme/ports/late', { ...here, ofport: 31 })
  const { conditions } = await site.status('tenants/acme/ports/late')
  expect(conditions.slice(0, 2).map(said)).toEqual([
    ['false', 'place_held'],
    ['false', 'place_held'],
  ])
  expect(conditions[0]?.message).toContain('ofport 31 of h1')
})

test("a switch's error is in the status of the object whose flow caused it, until an audit has mended it", async () => {
  site = await openSite()
  const h1 = site.host('h1')
  await realized(site, 'infra/hosts/h1')
  // Whatever has the MAC of vm1 in its match.
  const mac = Buffer.from([0x02, 0, 0, 0, 0, 0x11])
  h1.relay.refuse = (message) =>
    message.type === 'flow_mod' && Buffer.from(message.match).includes(mac)
      ? 'bad_match.bad_field'
      : undefined
  site.clock.advance(1000)
  const refusedAt = now()
  await h1.plug('vm1', site.portUuid('acme/vm1'), 1)
  await until('a refusal', () => site.events('item_failed').length > 0)
  const failed = await until('failed', async () => {
    const status = await whole(vm1)
    return status.hosts.h1?.state === 'failed' && status
  })
  const { desired = 0, acked = 0, failed: items = [] } = failed.hosts.h1 ?? {}
  expect(items.length).toBeGreaterThan(0)
  expect(acked).toBe(desired - items.length)
  expect(items[0]).toEqual({
    item: expect.stringMatching(/table=\d+.*02:00:00:00:00:11.*actions=/),
    error: 'bad_match.bad_field (type 4, code 6)',
    revision: site.store.snapshot.revision,
  })
  expect(said(of(failed, 'Realized'))).toEqual(['false', 'item_refused'])
  // It has answered, if only by a refusal.
  expect(failed.observedRevision).toBe(site.store.snapshot.revision)
  site.clock.advance(1000)
  expect((await condition(vm1, 'Realized')).since).toBe(refusedAt)
  // Of a port on the same host nothing is wrong.
  const other = 'tenants/acme/ports/vm2'
  await h1.plug('vm2', site.portUuid('acme/vm2'), 2)
  await realized(site, other)
  const { hosts } = await whole(other)
  expect(hosts.h1).toEqual({ state: 'realized', desired: 16, acked: 16, failed: [] })

  h1.relay.refuse = () => undefined
  const waits = site.rest('PATCH', `${vm1}?wait=realized&timeout=20s`, {})
  site.clock.advance(AUDIT_MS)
  const mended = now()
  expect(await waits).toMatchObject({ status: 200, body: { status: { realized: true } } })
  site.clock.advance(1000)
  const status = await whole(vm1)
  expect(status.hosts.h1).toEqual({ state: 'realized', desired, acked: desired, failed: [] })
  expect(of(status, 'Realized').since).toBe(mended)
})

test('numbers are of single objects; a list has the rest', async () => {
  await siteOfOne()
  const { body } = await site.rest('GET', 'tenants/acme/ports')
  const item = body.items.find(({ id }: { id: string }) => id === 'here')
  expect(item.status.hosts).toEqual({ h1: { state: 'realized' } })
  expect(item.status.conditions.map(said)).toEqual([
    ['true', 'accepted'],
    ['true', 'confirmed'],
    ['false', 'complete'],
  ])
})

const folder = new URL('../../../topologies/', import.meta.url)
const documents = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
test.each(documents)(
  'in %s no item of an object is in a block that is not looked through for it',
  (name) => {
    const { edits } = parseEdits(readFileSync(new URL(name, folder), 'utf8'), name)
    const snapshot = siteWith(edits)
    const compiler = new Compiler(snapshot)
    for (const collection of ['port', 'network'] as const)
      for (const object of snapshot.list(collection).values()) {
        const concern = concernOf(snapshot, compiler, collection, object)
        const network = networkOf(snapshot, concern)
        for (const hostId of concern.hosts) {
          const intents = [concern.intent]
          const among = blocksOf(compiler, concern, network, hostId)
          const found = compiler.itemsOf(hostId, { intents, among, seen: new Map() })
          const all = [...compiler.items(hostId)].filter(({ from }) =>
            from.includes(concern.intent),
          )
          expect(new Set(found.map(({ id }) => id))).toEqual(new Set(all.map(({ id }) => id)))
        }
      }
  },
)
