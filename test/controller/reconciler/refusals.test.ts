import { afterEach, expect, test } from 'vitest'
import { localFloodGroup, SAMPLE_METER, table } from '../../../controller/compiler/stages.ts'
import type { Message } from '../../../southbound/openflow/message.ts'
import { openSite, quiet, realized, type TestHost, type TestSite, until } from './site.ts'

let site: TestSite
afterEach(() => site.close())

const AUDIT_MS = 60_000

/** h1 with vm1 on ofport 1, whose relay refuses some messages from the first. */
async function refusing(refuse: (message: Message) => string | undefined): Promise<TestHost> {
  site = await openSite()
  const h1 = site.host('h1')
  h1.relay.refuse = refuse
  await h1.plug('vm1', site.portUuid('acme/vm1'), 1)
  await until('vm1 bound', () => site.events('port_bound').length > 0)
  return h1
}

const isPortFlow = (message: Message): boolean =>
  message.type === 'flow_mod' && message.table_id === table.classify && message.priority === 100
const localGroup = (message: Message): boolean =>
  message.type === 'group_mod' && message.group_id === localFloodGroup(1)
const sampleMeter = (message: Message): boolean =>
  message.type === 'meter_mod' && message.meter_id === SAMPLE_METER

const isMiss = (message: Message): boolean =>
  message.type === 'flow_mod' && message.table_id === table.l2 && message.priority === 0
const vm1 = 'tenants/acme/ports/vm1'
const web = 'tenants/acme/networks/web'

/** A refused group or meter costs one more item, the flow that uses it. */
const cases = [
  {
    ...{ what: 'flow of a port', is: (m: Message) => isPortFlow(m) && portOf(m) === 1 },
    ...{ intent: 'port/acme/vm1', path: vm1, named: /in_port=1 /, refused: 1 },
  },
  {
    ...{ what: 'flow that every host has', is: isMiss },
    ...{ intent: 'site', path: 'infra/hosts/h1', named: /table=50/, refused: 1 },
  },
  {
    ...{ what: 'group', is: localGroup },
    ...{ intent: 'network/acme/web', path: web, named: /^group/, refused: 2 },
  },
  {
    ...{ what: 'meter', is: sampleMeter },
    ...{ intent: 'site', path: 'infra/hosts/h1', named: /^meter/, refused: 2 },
  },
] as const

function portOf(message: Message): number | undefined {
  if (message.type !== 'flow_mod') return undefined
  const { match } = message
  // OXM in_port: class 0x8000, field 0, length 4.
  return match[0] === 0x80 && match[2] === 0 ? match.at(-1) : undefined
}

test.each(cases)(
  'a refused $what is named once, everything else is installed, and a later audit heals it',
  async ({ is, intent, path, named, refused }) => {
    const h1 = await refusing((message) => (is(message) ? 'bad_request.eperm' : undefined))
    await until('a refusal', () => site.events('item_failed').length > 0)
    await quiet()
    const own = site.events('item_failed').filter(({ item }) => named.test(String(item)))
    expect(own).toHaveLength(1)
    expect(own[0]?.from).toContain(intent)
    expect(own[0]?.message).toMatch(/^h1 refused .*bad_request\.eperm$/)
    const { bridge } = h1
    const flows = [...bridge.flows.all()].length
    expect(flows).toBeGreaterThan(20)

    const status = await site.status(path)
    expect(status).toMatchObject({ realized: false, hosts: { h1: { state: 'failed' } } })
    expect(status.hosts.h1?.reason).toContain('bad_request.eperm')

    // It does not ask again and again.
    const sent = h1.relay.sent.length
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(h1.relay.sent.length).toBe(sent)
    // An audit in between tries once more and says nothing new.
    site.clock.advance(AUDIT_MS)
    await until('an audit', () => h1.relay.sent.length > sent)
    await quiet()
    expect(site.events('item_failed').length).toBe(refused)

    h1.relay.refuse = () => undefined
    site.clock.advance(AUDIT_MS)
    await realized(site, path)
    expect([...bridge.flows.all()].length).toBeGreaterThan(flows - 1)
    expect(site.events('drift')).toEqual([])
  },
)

test('a switch that refuses 200 items gets all others', async () => {
  site = await openSite()
  const h1 = site.host('h1')
  h1.relay.refuse = (message) =>
    isPortFlow(message) && (portOf(message) ?? 0) % 2 === 1 ? 'flow_mod_failed.eperm' : undefined
  await realized(site, 'infra/hosts/h1')
  const edits = Array.from({ length: 400 }, (_, i) => ({
    ...({ collection: 'port', key: `acme/many${i}` } as const),
    spec: { network: 'web', hostId: 'h1', ofport: 100 + i, addresses: [] },
  }))
  site.store.commit(edits, { who: 'test' })
  await until('200 refusals', () => site.events('item_failed').length === 200)
  await until('the rest', () => {
    const classify = [...h1.bridge.flows.all()].filter(
      ({ table_id, priority }) => table_id === table.classify && priority === 100,
    )
    return classify.length === 200 + 1
  })
  await until(
    'even ones real',
    async () => (await site.status('tenants/acme/ports/many0')).realized,
  )
  expect((await site.status('tenants/acme/ports/many1')).hosts.h1?.state).toBe('failed')
})
