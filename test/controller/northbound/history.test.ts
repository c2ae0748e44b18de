/** The past over REST: as it was, what changed, who did it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createNorthbound, type Northbound } from '../../../controller/northbound/northbound.ts'
import { Store } from '../../../controller/store/store.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import { call as callAt, json } from './client.ts'
import { type RealizedAtOnce, realizedAtOnce } from './realized-at-once.ts'

let store: Store
let realization: RealizedAtOnce
let northbound: Northbound
let url: string
let now: number

beforeEach(async () => {
  now = Date.parse('2026-11-23T00:00:00Z')
  store = Store.open(':memory:', {
    clock: { ...systemClock, wall: () => now },
    keep: { revisions: 5 },
  })
  realization = realizedAtOnce(store)
  northbound = await createNorthbound({ store, realization })
  url = (await northbound.listen()).url
  await put('/v1/tenants/acme', {})
  now += 60_000
  await put('/v1/tenants/acme/networks/web', { mtuBytes: 1300 })
  now += 60_000
  await put('/v1/tenants/acme/networks/web', { mtuBytes: 1400 })
})
afterEach(async () => {
  await northbound.close()
  store.close()
})

const put = (path: string, body: object, id = 'req-1') =>
  callAt(url, 'PUT', path, body, { ...json, 'x-request-id': id })
const get = (path: string) => callAt(url, 'GET', path)

test('an object and a list are read as they were, at a revision or a time', async () => {
  const network = '/v1/tenants/acme/networks/web'
  expect((await get(`${network}?at=2`)).body).toMatchObject({ mtuBytes: 1300, revision: 2 })
  expect((await get(`${network}?at=2`)).body).not.toHaveProperty('status')
  expect((await get(`${network}?at=2026-11-23T00:01:30Z`)).body.mtuBytes).toBe(1300)
  expect((await get(network)).body).toMatchObject({ mtuBytes: 1400, status: { realized: true } })
  expect((await get(`${network}?at=1`)).status).toBe(404)
  expect((await get('/v1/tenants/acme/networks?at=1')).body).toEqual({ items: [], revision: 1 })
})

test('a revision says who changed what, and which hosts have it', async () => {
  await put('/v1/infra/hosts/h1', { vtepAddress: '192.0.2.1' })
  expect((await get('/v1/revisions/3')).body).toMatchObject({
    revision: 3,
    at: '2026-11-23T00:02:00.000Z',
    who: 'anybody',
    requestId: 'req-1',
    via: 'rest',
    changes: [
      { object: 'network acme/web', before: { mtuBytes: 1300 }, after: { mtuBytes: 1400 } },
    ],
    hosts: { confirmed: ['h1'], behind: [] },
  })
  realization.hold()
  expect((await get('/v1/revisions/3')).body.hosts).toEqual({ confirmed: [], behind: ['h1'] })
  const list = await get('/v1/revisions?from=2&limit=2')
  expect(
    list.body.items.map(({ revision, objects }: { revision: number; objects: string[] }) => [
      revision,
      objects,
    ]),
  ).toEqual([
    [2, ['network acme/web']],
    [3, ['network acme/web']],
  ])
})

test('what is no longer kept is gone, and says what is the oldest', async () => {
  for (let mtuBytes = 600; mtuBytes < 620; mtuBytes++)
    await put('/v1/tenants/acme/networks/web', { mtuBytes })
  store.compact()
  const gone = await get('/v1/tenants/acme?at=2')
  expect(gone).toMatchObject({ status: 410, body: { type: 'urn:weft:problem:revision_gone' } })
  const { oldest } = (await get('/v1/revisions')).body
  expect(gone.body.expected).toBe(`revision ${oldest - 1} or later`)
  expect((await get('/v1/revisions/1')).status).toBe(410)
  expect((await get('/v1/revisions/9999')).status).toBe(404)
  expect((await get('/v1/tenants/acme?at=yesterday')).status).toBe(400)
})

test('writes of many clients at once share the disk, and none is lost or overtaken', async () => {
  const counts = await Promise.all(
    Array.from({ length: 40 }, async (_, client) => {
      const path = `/v1/tenants/acme/ports/p${client % 4}`
      const answer = await put(
        path,
        { network: 'web', labels: { client: `${client}` } },
        `c${client}`,
      )
      return answer.status
    }),
  )
  expect(counts.filter((status) => status === 201)).toHaveLength(4)
  expect(counts.filter((status) => status === 200)).toHaveLength(36)
  const writers = (await get('/v1/revisions?limit=1000')).body.items
    .filter(({ requestId }: { requestId?: string }) => requestId?.startsWith('c'))
    .map(({ requestId }: { requestId: string }) => requestId)
  expect(new Set(writers).size).toBe(writers.length)
})
