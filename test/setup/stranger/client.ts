/**
 * What somebody writes who has a token and /openapi.json: types by openapi-typescript (weft.d.ts, made by the test), calls by
 * openapi-fetch. Nothing of Weft is imported. Neighbour: ../stranger.test.ts runs it and reads what it prints.
 */
import createClient from 'openapi-fetch'
import type { components, paths } from './weft.d.ts'

const { WEFT_URL = '', WEFT_TOKEN = '' } = process.env
const api = createClient<paths>({
  baseUrl: WEFT_URL,
  headers: { authorization: `Bearer ${WEFT_TOKEN}` },
})
const tenant = 'acme'
const say = (...words: unknown[]): void => console.log(words.join(' '))

type Problem = components['schemas']['Problem']
/** The data of an answer; a refusal ends the program with the sentence of the server. */
function data<T>(answer: { data?: T; error?: Problem; response: Response }): T {
  if (answer.data !== undefined) return answer.data
  throw new Error(`${answer.response.status} ${answer.error?.type}: ${answer.error?.detail}`)
}

const web = { params: { path: { tenant, id: 'web' } } } as const
const network = await api.PUT('/v1/tenants/{tenant}/networks/{id}', {
  ...web,
  body: { mtuBytes: 1400, labels: { app: 'shop' } },
})
const { type, mtuBytes, status } = data(network)
say('network', network.response.status, type, mtuBytes, `realized: ${status.realized}`)

const subnet = await api.PUT('/v1/tenants/{tenant}/subnets/{id}', {
  ...web,
  body: { network: 'web', cidr: '10.0.0.0/24' },
})
say('subnet', subnet.response.status, data(subnet).cidr)

for (const id of ['vm1', 'vm2', 'vm3', 'vm4', 'vm5']) {
  const path = { tenant, id }
  const port = await api.PUT('/v1/tenants/{tenant}/ports/{id}', {
    params: { path, header: { 'if-none-match': '*' } },
    body: { network: 'web' },
  })
  say('port', id, port.response.status, data(port).addresses.join())
}

const vm1 = { tenant, id: 'vm1' }
const read = await api.GET('/v1/tenants/{tenant}/ports/{id}', { params: { path: vm1 } })
const etag = read.response.headers.get('etag') ?? ''
const patch = (labels: components['schemas']['PortPatch']['labels']) =>
  api.PATCH('/v1/tenants/{tenant}/ports/{id}', {
    params: { path: vm1, header: { 'if-match': etag } },
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { labels },
  })
const patched = await patch({ tier: 'db', zone: null })
say('patched', patched.response.status, JSON.stringify(data(patched).labels))
const stale = await patch(null)
say('stale', stale.response.status, stale.error?.type, stale.error?.expected)

const seen: string[] = []
let cursor: string | undefined
do {
  const page = await api.GET('/v1/tenants/{tenant}/ports', {
    params: { path: { tenant }, query: { limit: '2', ...(cursor !== undefined && { cursor }) } },
  })
  const { items, next } = data(page)
  seen.push(items.map(({ id }) => id).join(','))
  cursor = next
} while (cursor !== undefined)
say('pages', seen.join(' | '))

const document: components['schemas']['Document'] = {
  tenants: {
    acme: {
      networks: { web: { mtuBytes: 1300, labels: { app: 'shop' } } },
      ports: { vm9: { network: 'web' } },
    },
  },
}
const plan = await api.POST('/v1/tenants/{tenant}:apply', {
  params: { path: { tenant }, query: { mode: 'plan' } },
  body: document,
})
for (const { action, object, properties } of data(plan).changes)
  say('plan', action, object, properties.map(({ pointer }) => pointer).join(','))

const events = await api.GET('/v1/tenants/{tenant}/events', { params: { path: { tenant } } })
const list = data(events)
if (typeof list === 'string') throw new Error('a stream that nobody asked for')
for (const event of list.events) say('event', event.type, event.message, event.port)

const before = (list.events[0]?.id ?? 1) - 1
const stream = await api.GET('/v1/tenants/{tenant}/events', {
  params: { path: { tenant }, query: { since: `${before}` } },
  headers: { accept: 'text/event-stream' },
  parseAs: 'stream',
})
let text = ''
for await (const bytes of stream.data ?? []) {
  text += new TextDecoder().decode(bytes)
  if (/^data: .*\n\n/m.test(text)) break
}
say('stream', /^event: (.*)$/m.exec(text)?.[1])

const wrong = await api.PUT('/v1/tenants/{tenant}/networks/{id}', {
  ...web,
  // @ts-expect-error the compiler knows what a body is
  body: { mtuBytes: '' },
})
say('wrong', wrong.response.status, wrong.error?.pointer, wrong.error?.expected)
// @ts-expect-error and which paths there are
const lost = await api.GET('/v1/tenants/{tenant}/nets', { params: { path: { tenant } } })
say('lost', lost.response.status)
const nobody = createClient<paths>({ baseUrl: WEFT_URL })
const refused = await nobody.GET('/v1/tenants', {})
say('nobody', refused.response.status, refused.error?.title)
const health = await nobody.GET('/healthz', {})
say('health', data(health).status)
process.exit(0)
