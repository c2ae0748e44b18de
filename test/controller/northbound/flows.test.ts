/** What a host should have beside what it has, over REST: our switch as the host, and one of kind vtep. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HostItem } from '../../../controller/northbound/realization.ts'
import { flowMod } from '../../../southbound/openflow/message.ts'
import { connect } from '../../dataplane/rig.ts'
import { openSite, realized, type TestHost, type TestSite, until } from '../reconciler/site.ts'
import { vtepDevice } from '../reconciler/vtep-device.ts'
import { vtepSite } from '../reconciler/vtep-scene.ts'

interface Page {
  readonly items: readonly HostItem[]
  readonly kind: string
  readonly at?: string
  readonly desired: number
  readonly differences: number
  readonly next?: string
}

describe('the flows of a host', () => {
  let site: TestSite
  let host: TestHost
  const ask = async (query = '', id = 'h1') =>
    (await site.rest('GET', `infra/hosts/${id}/flows${query}`)).body as Page

  beforeAll(async () => {
    site = await openSite()
    host = site.host('h1')
    await host.plug('tap1', site.portUuid('acme/vm1'))
    await realized(site, 'tenants/acme/ports/vm1')
  })
  afterAll(() => site.close())

  test('are what its switch has, each with its stage and the intents behind it', async () => {
    const { items, at, desired, differences } = await ask()
    expect(at).toBe(new Date(site.clock.wall()).toISOString())
    expect(differences).toBe(0)
    expect(items).toHaveLength(desired)
    expect(items.every(({ state, packets }) => state === 'same' && packets === 0)).toBe(true)
    const stages = [...new Set(items.map(({ stage }) => stage))]
    expect(stages.slice(0, 3)).toEqual(['meters', 'groups', 'classify'])
    const secured = items.filter(({ stage }) => stage === 'portSecurity')
    expect(secured.map(({ from }) => from)).toContainEqual(['port/acme/vm1'])
    expect(secured[0]).toMatchObject({ kind: 'flow', table: 10 })
  })

  test('come page by page, all of one moment, and once', async () => {
    const whole = (await ask()).items
    const paged: HostItem[] = []
    let next: string | undefined
    do {
      const page = await ask(`?limit=7${next === undefined ? '' : `&cursor=${next}`}`)
      expect(page.items.length).toBeLessThanOrEqual(7)
      paged.push(...page.items)
      next = page.next
    } while (next !== undefined)
    expect(paged).toEqual(whole)
    expect(await site.rest('GET', 'infra/hosts/h2/flows?cursor=WzEsImEgMSJd')).toMatchObject({
      status: 410,
      body: { type: 'urn:weft:problem:revision_gone' },
    })
  })

  test('can be chosen by stage and by intent', async () => {
    const byName = (await ask('?table=l2')).items
    expect(byName.length).toBeGreaterThan(0)
    expect((await ask('?table=50')).items).toEqual(byName)
    expect((await ask('?table=meters')).items.map(({ kind }) => kind)).toContain('meter')
    const ofPort = (await ask('?of=port/acme/vm1')).items
    expect(ofPort.length).toBeGreaterThan(5)
    expect(ofPort.every(({ from }) => from.includes('port/acme/vm1'))).toBe(true)
  })

  test('of a host that is away are what it should have, and a difference is refused', async () => {
    const { items, at } = await ask('', 'h2')
    expect(at).toBeUndefined()
    expect(items.every(({ state }) => state === 'unknown')).toBe(true)
    expect((await site.rest('GET', 'infra/hosts/h2/flows?diff=true')).status).toBe(503)
    expect((await site.rest('GET', 'infra/hosts/h9/flows')).status).toBe(404)
  })

  test('that are not as they should be are told apart: missing, different, foreign', async () => {
    const somebody = await connect(host.bridge)
    const ours = [...host.bridge.flows.all()].filter(({ table_id }) => table_id === 50)
    const [lost, other] = ours.map(({ table_id, priority, cookie, match }) => ({
      ...{ table_id, priority, cookie, match, instructions: new Uint8Array(0) },
    }))
    if (!lost || !other) throw new Error('no flows in table 50')
    // Whatever the controller does against it is refused.
    host.relay.refuse = ({ type }) => (type === 'flow_mod' ? 'bad_action.eperm' : undefined)
    await somebody.send(flowMod('delete_strict', lost))
    await somebody.send(flowMod('add', other))
    await somebody.send(flowMod('add', { ...other, priority: 4242, cookie: 0xbadn }))
    await somebody.barrier()
    const { items, differences } = await ask('?diff=true')
    expect(differences).toBe(3)
    expect(items.map(({ state }) => state).sort()).toEqual(['different', 'foreign', 'missing'])
    const [changed, foreign] = (['different', 'foreign'] as const).map((state) =>
      items.find((item) => item.state === state),
    )
    expect(changed?.actual).toMatch(/^cookie=0x57\S+, table=50, priority=\d+,\S+ actions=drop$/)
    expect(changed?.text).not.toBe(changed?.actual)
    expect(foreign).toMatchObject({ from: [], stage: 'l2' })
    expect(foreign?.text).toContain('cookie=0xbad, table=50, priority=4242,')
    somebody.close()
  })

  test('of kind vtep are rows and, once it is connected, compared too', async () => {
    site.store.commit(vtepSite, { who: 'test' })
    const items = async () => await ask('', 'v1')
    const mac = (page: Page) => page.items.find(({ stage }) => stage === 'Ucast_Macs_Remote')
    const away = await items()
    expect(away.kind).toBe('vtep')
    expect(mac(away)).toMatchObject({
      ...{ kind: 'row', state: 'unknown', from: ['port/acme/vm1'] },
      text: expect.stringMatching(
        /^Ucast_Macs_Remote logicalSwitch=weft-.* mac=02:.*vtep=192.0.2.1/,
      ),
    })
    const device = vtepDevice('v1', { address: '192.0.2.21', ports: ['eth1'] })
    site.dialFrom(device.database, '198.51.100.21')
    await until('its rows are as they should be', async () => (await items()).differences === 0)
    expect(mac(await items())?.state).toBe('same')
    expect((await ask('?diff=true', 'v1')).items).toEqual([])
    const [asked] = (await ask('?table=Ucast_Macs_Remote', 'v1')).items
    expect(asked).toMatchObject({ kind: 'row', stage: 'Ucast_Macs_Remote', state: 'same' })
  })
})
