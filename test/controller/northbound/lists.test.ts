/** Lists: pages of one revision, selectors. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Edit } from '../../../controller/model/schema.ts'
import { createNorthbound, type Northbound } from '../../../controller/northbound/northbound.ts'
import { cursorText } from '../../../controller/northbound/paging.ts'
import { Store } from '../../../controller/store/store.ts'
import { call } from './client.ts'
import { realizedAtOnce } from './realized-at-once.ts'

let store: Store
let northbound: Northbound
let url: string
const by = { who: 'test' }

const network = (id: string, labels: Record<string, string> = {}): Edit => ({
  collection: 'network',
  key: id,
  spec: { labels },
})
const tenant = (key: string): Edit => ({ collection: 'tenant', key, spec: {} })

beforeAll(async () => {
  store = Store.open(':memory:')
  store.commit(
    [
      ...['a', 'a-b', 'b'].map(tenant),
      ...Array.from({ length: 25 }, (_, at) =>
        network(`a/n${String(at).padStart(2, '0')}`, {
          parity: at % 2 ? 'odd' : 'even',
          ...(at < 3 && { old: 'yes' }),
        }),
      ),
      network('a-b/other'),
    ],
    by,
  )
  northbound = await createNorthbound({ store, realization: realizedAtOnce(store) })
  url = (await northbound.listen()).url
})
afterAll(async () => {
  await northbound.close()
  store.close()
})

const list = (query = '', at = 'a') => call(url, 'GET', `/v1/tenants/${at}/networks${query}`)
const ids = ({ body }: { body: { items: { id: string }[] } }) => body.items.map(({ id }) => id)

test('pages have all items once, in order, though somebody changes them meanwhile', async () => {
  const wanted = ids(await list())
  const seen: string[] = []
  let cursor = ''
  let revision: number | undefined
  for (let page = 0; ; page++) {
    const answer = await list(`?limit=7${cursor && `&cursor=${cursor}`}`)
    revision ??= answer.body.revision
    expect(answer.body.revision).toBe(revision)
    seen.push(...ids(answer))
    store.commit(
      [network(`a/n00-${page}`), { ...network('a/n24'), spec: undefined } as Edit].slice(
        page ? 0 : 1,
        1 + Number(page === 0),
      ),
      by,
    )
    cursor = answer.body.next ?? ''
    if (!cursor) break
  }
  expect(seen).toEqual(wanted)
  expect(ids(await list())).not.toContain('n24')
  store.commit([network('a/n24', { parity: 'even' })], by)
})

test('a page that ends with the last item has no next', async () => {
  const count = ids(await list()).length
  expect((await list(`?limit=${count}`)).body.next).toBeUndefined()
  expect((await list(`?limit=${count - 1}`)).body.next).toBeTypeOf('string')
})

test('a list of one tenant has nothing of one whose id begins alike', async () => {
  expect(ids(await list('', 'a-b'))).toEqual(['other'])
  expect(ids(await list('', 'b'))).toEqual([])
  expect((await list('', 'c')).status).toBe(404)
})

test.each([
  ['parity=odd', 12],
  ['parity!=odd', undefined],
  ['old', 3],
  ['old,parity=even', 2],
  ['!old,parity=odd', 11],
  ['nothing=there', 0],
])('labels=%s', async (labels, count) => {
  const answer = await list(`?labels=${encodeURIComponent(labels)}`)
  expect(answer.status).toBe(200)
  const all = (await list()).body.items as { id: string; labels?: Record<string, string> }[]
  const odd = all.filter((each) => each.labels?.parity !== 'odd').length
  expect(ids(answer)).toHaveLength(count ?? odd)
})

test.each([
  '?limit=0',
  '?limit=1001',
  '?limit=x',
  '?cursor=!',
  '?cursor=e30',
  '?labels=a==b',
  '?page=2',
])('%s is refused', async (query) => {
  expect(await list(query)).toMatchObject({
    status: 400,
    body: { type: 'urn:weft:problem:parameter_invalid' },
  })
})

test('a cursor of a revision that there is not is refused, and says what there is', async () => {
  const cursor = cursorText({ revision: 999_999, after: 'a/n00' })
  expect(await list(`?cursor=${cursor}`)).toMatchObject({
    status: 404,
    body: { type: 'urn:weft:problem:revision_unknown' },
  })
})
