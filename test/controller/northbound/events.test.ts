/** Events as they happen, whose they are, and what Prometheus reads. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createNorthbound, type Northbound } from '../../../controller/northbound/northbound.ts'
import { EventLog } from '../../../controller/reconciler/events.ts'
import { Store } from '../../../controller/store/store.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import { realizedAtOnce } from './realized-at-once.ts'
import { fetchChecked } from './schemas.ts'

let store: Store
let log: EventLog
let northbound: Northbound
let url: string

beforeEach(async () => {
  store = Store.open(':memory:')
  store.commit(
    ['acme', 'globex'].map((key) => ({ collection: 'tenant', key, spec: {} }) as const),
    { who: 'test' },
  )
  log = new EventLog(systemClock)
  const realization = {
    ...realizedAtOnce(store),
    events: (since?: number) => log.since(since),
    onEvent: (listener: Parameters<EventLog['onEvent']>[0]) => log.onEvent(listener),
  }
  northbound = await createNorthbound({ store, realization })
  url = (await northbound.listen()).url
})
afterEach(async () => {
  await northbound.close()
  store.close()
})

interface Seen {
  readonly id: string
  readonly event: string
  readonly data: { readonly message: string; readonly [field: string]: unknown }
}

/** A stream as a client reads it: `next` resolves to one event after the other. */
async function open(path: string, headers: Record<string, string> = {}) {
  const stop = new AbortController()
  const response = await fetchChecked(url + path, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: stop.signal,
  })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const next = async (): Promise<Seen | undefined> => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end >= 0) {
        const lines = text.slice(0, end).split('\n')
        text = text.slice(end + 2)
        const of = (name: string) =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
        if (of('data')) return { id: of('id'), event: of('event'), data: JSON.parse(of('data')) }
        continue
      }
      const { value, done } = (await reader?.read()) ?? { done: true }
      if (done) return undefined
      text += value
    }
  }
  return { response, next, close: () => stop.abort() }
}

const dropped = (port: string) =>
  log.add('frames_dropped', 'h1', `frames of ${port}`, { port, from: [`port/${port}`] })

test('a stream has each event once, as it happens, with the id to come back with', async () => {
  const stream = await open('/v1/events')
  expect(stream.response.status).toBe(200)
  expect(stream.response.headers.get('content-type')).toBe('text/event-stream')
  log.add('drift', 'h1', 'one')
  log.add('host_connected', 'h1', 'two')
  const [one, two] = [await stream.next(), await stream.next()]
  expect(one).toMatchObject({ event: 'drift', data: { message: 'one', host: 'h1' } })
  expect(two).toMatchObject({ event: 'host_connected', data: { message: 'two' } })
  stream.close()

  log.add('drift', 'h1', 'three')
  const again = await open('/v1/events', { 'last-event-id': one?.id ?? '' })
  expect((await again.next())?.data.message).toBe('two')
  expect((await again.next())?.data.message).toBe('three')
  log.add('drift', 'h1', 'four')
  expect((await again.next())?.data.message).toBe('four')
  again.close()
})

test('a client that comes back too late is told to read the site again', async () => {
  log.add('drift', 'h1', 'first')
  const [first] = log.since()
  const since = (first?.id ?? 0) - 2
  const late = await fetchChecked(`${url}/v1/events?since=${since}`, {
    headers: { accept: 'text/event-stream' },
  })
  expect(late.status).toBe(410)
  expect(await late.json()).toMatchObject({ type: 'urn:weft:problem:events_gone', value: since })
})

test('a tenant sees what happened to its own objects alone, live and in the list', async () => {
  const stream = await open('/v1/tenants/acme/events')
  dropped('globex/vm1')
  log.add('drift', 'h1', 'a flow of the site', { intent: 'tenant/acme' })
  log.add('item_failed', 'h1', 'of both', { from: ['port/acme/vm1', 'port/globex/vm1'] })
  dropped('acme-2/vm1')
  dropped('acme/vm1')
  expect((await stream.next())?.data.message).toBe('frames of acme/vm1')
  stream.close()
  const list = (await (await fetchChecked(`${url}/v1/tenants/acme/events`)).json()) as {
    events: object[]
  }
  expect(list.events).toEqual([expect.objectContaining({ message: 'frames of acme/vm1' })])
  expect((await fetchChecked(`${url}/v1/tenants/nobody/events`)).status).toBe(404)
})

test('the server ends its streams when it closes, and forgets clients that have gone', async () => {
  const [leaving, staying] = [await open('/v1/events'), await open('/v1/events')]
  leaving.close()
  log.add('drift', 'h1', 'still there')
  expect((await staying.next())?.data.message).toBe('still there')
  const end = staying.next()
  await northbound.close()
  expect(await end.catch(() => undefined)).toBeUndefined()
})

test('Prometheus reads the site, its hosts and how REST does', async () => {
  await fetchChecked(`${url}/v1/tenants/acme`)
  await fetchChecked(`${url}/v1/no/such/path`)
  log.add('drift', 'h1', 'one')
  const response = await fetchChecked(`${url}/metrics`)
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=/)
  const text = await response.text()
  for (const line of [
    'weft_revision 1',
    'weft_objects{collection="tenant"} 2',
    'weft_hosts{state="realized"} 0',
    'weft_pending_hosts 1',
    'weft_events_total{type="drift"} 1',
    'weft_http_request_duration_seconds_count{method="GET",route="/v1/tenants/:tenant",status="200"} 1',
    'weft_http_request_duration_seconds_count{method="GET",route="none",status="404"} 1',
  ])
    expect(text.split('\n')).toContain(line)
})
