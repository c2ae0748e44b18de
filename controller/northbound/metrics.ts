/**
 * `/metrics` for Prometheus: what REST answers and how fast, what the site has, how its hosts are, what happened. Names say
 * their unit; what is counted of the site is read when it is asked for. Neighbour: northbound.ts.
 */
import type { FastifyInstance } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { declaredNames } from '../model/collections.ts'
import type { Backing } from './objects.ts'
import { problemResponses } from './openapi.ts'

/** Seconds; a write that is durable takes some milliseconds, one that waits for hosts up to a minute. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 60]

export function addMetrics(app: FastifyInstance, { store, realization }: Backing): void {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  const requests = new Histogram({
    name: 'weft_http_request_duration_seconds',
    help: 'Time to answer a request, by route, method and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS,
    registers,
  })
  app.addHook('onResponse', async ({ method, routeOptions, is404 }, reply) => {
    // A path that nothing is at has no route: whoever invents paths must not make series.
    const route = is404 ? 'none' : (routeOptions.url ?? 'none')
    requests.observe({ method, route, status: reply.statusCode }, reply.elapsedTime / 1000)
  })

  const gauge = (name: string, help: string, labelNames: string[], read: (it: Gauge) => void) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        read(this)
      },
    })
  gauge('weft_revision', 'The last revision of the site.', [], (it) =>
    it.set(store.snapshot.revision),
  )
  gauge('weft_objects', 'Objects of the site, by collection.', ['collection'], (it) => {
    for (const collection of declaredNames)
      it.set({ collection }, store.snapshot.list(collection).size)
  })
  gauge('weft_hosts', 'Hosts of the site, by what is true of them.', ['state'], (it) => {
    for (const state of ['realized', 'pending', 'failed', 'disconnected']) it.set({ state }, 0)
    for (const host of store.snapshot.list('host').values()) {
      const { hosts } = realization.status('host', host)
      it.inc({ state: hosts[host.id]?.state ?? 'disconnected' })
    }
  })
  gauge('weft_pending_hosts', 'Hosts that dialled in and are not of the site.', [], (it) =>
    it.set(realization.pendingHosts().length),
  )
  const events = new Counter({
    name: 'weft_events_total',
    help: 'Events since the start, by type.',
    labelNames: ['type'],
    registers,
  })
  app.addHook(
    'onClose',
    realization.onEvent(({ type }) => events.inc({ type })),
  )

  const content = { 'text/plain': { schema: { type: 'string' } } }
  const schema = {
    tags: ['controller'],
    operationId: 'getMetrics',
    summary: 'Read what Prometheus reads',
    response: {
      200: { description: 'the text format of Prometheus', content },
      ...problemResponses,
    },
  }
  app.get('/metrics', { schema, config: { needs: 'infra:read' } }, async (_, reply) => {
    void reply.type(registry.contentType).serializer(String)
    return registry.metrics()
  })
}
