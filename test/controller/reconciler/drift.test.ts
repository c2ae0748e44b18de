import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Connection } from '../../../southbound/openflow/connection.ts'
import { flowMod } from '../../../southbound/openflow/message.ts'
import { connect } from '../../dataplane/rig.ts'
import { openSite, realized, type TestHost, type TestSite, until } from './site.ts'

let site: TestSite
let h1: TestHost
/** Somebody with ovs-ofctl in hands. */
let somebody: Connection
beforeEach(async () => {
  site = await openSite()
  h1 = site.host('h1')
  await h1.plug('vm1', site.portUuid('acme/vm1'), 1)
  await realized(site, 'tenants/acme/ports/vm1')
  somebody = await connect(h1.bridge)
})
afterEach(() => site.close())

const flowsNow = () =>
  [...h1.bridge.flows.all()]
    .map(({ table_id, priority, match, cookie }) =>
      [table_id, priority, Buffer.from(match).toString('hex'), cookie].join(),
    )
    .sort()

test('groups that were deleted behind our back come back with the flows that used them', async () => {
  const flows = flowsNow()
  const groups = [...h1.bridge.groups.all.keys()].sort()
  expect(groups).toHaveLength(7)
  for (const group_id of groups) {
    const nothing = { group_type: 0, buckets: new Uint8Array(0) }
    await somebody.send({ type: 'group_mod', command: 2, group_id, ...nothing })
  }
  await somebody.barrier()
  await until('groups', () => h1.bridge.groups.all.size === groups.length)
  await until('flows', () => flowsNow().join() === flows.join())
  await realized(site, 'tenants/acme/networks/web')
  expect(site.events('drift').map(({ intent }) => intent)).toContain('network/acme/web')
})

test('a flow in place of ours that would expire is put right', async () => {
  const ours = [...h1.bridge.flows.all()].find(({ table_id }) => table_id === 50)
  if (!ours) throw new Error('no flow in table 50')
  const { table_id, priority, cookie, match, instructions } = ours
  const mod = flowMod('add', { table_id, priority, cookie, match, instructions })
  await somebody.send({ ...mod, hard_timeout: 30 } as typeof mod)
  await somebody.barrier()
  await until('the event', () => site.events('drift').length > 0)
  await until('no flow expires', () =>
    [...h1.bridge.flows.all()].every(({ hard_timeout }) => hard_timeout === 0),
  )
  expect(site.events('drift')).toMatchObject([{ host: 'h1', seen: 'added' }])
})

test('a flow that nobody asked for is removed, and the event has its text and cookie', async () => {
  const flows = flowsNow()
  const mod = flowMod('add', {
    ...{ table_id: 0, priority: 4242, cookie: 0xbadn },
    ...{ match: new Uint8Array(0), instructions: new Uint8Array(0) },
  })
  await somebody.send(mod)
  await somebody.barrier()
  await until('the event', () => site.events('drift').length > 0)
  await until('it is gone', () => flowsNow().join() === flows.join())
  const [event] = site.events('drift')
  expect(event).toMatchObject({ intent: 'foreign', cookie: '0xbad' })
  expect(event?.item).toContain('priority=4242')
})
