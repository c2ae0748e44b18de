/** Routes that only look: what happened, what was dropped, who dialled in, whether we live. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { ModelError, problem } from '../model/errors.ts'
import { idPattern, idRule } from '../model/values.ts'
import type { Backing } from './objects.ts'
import { problemResponses } from './openapi.ts'
import { HttpError } from './problem.ts'
import { whileConnected } from './wait.ts'

const strict = { additionalProperties: false } as const
const NoQuery = Type.Object({}, strict)

const Event = Type.Object({
  id: Type.Integer({ description: 'grows by one' }),
  at: Type.String({ description: 'ISO 8601' }),
  type: Type.String(),
  message: Type.String(),
  host: Type.Optional(Type.String()),
  revision: Type.Optional(Type.Integer()),
})
const Drop = Type.Object({
  reason: Type.String(),
  port: Type.Optional(Type.String({ description: "the port to blame: 'acme/vm1'" })),
  network: Type.Optional(Type.String({ description: "the network it happened in: 'acme/web'" })),
  packets: Type.Integer(),
})
const Pending = Type.Object({
  systemId: Type.String(),
  address: Type.Optional(Type.String()),
  since: Type.Optional(Type.String()),
  certificateFingerprint: Type.Optional(
    Type.String({ description: 'SHA-256 of its certificate; only over TLS' }),
  ),
})

const EventQuery = Type.Object(
  {
    since: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,15}$', description: 'id of the last event already seen' }),
    ),
  },
  strict,
)
const HostParams = Type.Object({ id: Type.String({ pattern: idPattern, description: idRule }) })

export function addObservationRoutes(app: FastifyInstance, backing: Backing): void {
  const { store, realization, closing } = backing
  const looks = { needs: 'infra:read' } as const

  const health = Type.Object({ status: Type.Literal('ok'), revision: Type.Integer() })
  const healthSchema = { tags: ['controller'], querystring: NoQuery, response: { 200: health } }
  app.get('/healthz', { schema: healthSchema, config: { needs: 'public' } }, () => ({
    status: 'ok',
    revision: store.snapshot.revision,
  }))

  const events = Type.Object({ events: Type.Array(Event) })
  const eventsSchema = {
    tags: ['controller'],
    querystring: EventQuery,
    response: { 200: events, ...problemResponses },
  }
  app.get('/v1/events', { schema: eventsSchema, config: looks }, (request) => {
    const { since } = request.query as { since?: string }
    return { events: realization.events(since === undefined ? undefined : Number(since)) }
  })

  const pending = Type.Object({ items: Type.Array(Pending) })
  const pendingSchema = {
    tags: ['hosts'],
    querystring: NoQuery,
    response: { 200: pending, ...problemResponses },
  }
  app.get('/v1/infra/pending-hosts', { schema: pendingSchema, config: looks }, () => ({
    items: realization.pendingHosts(),
  }))

  const drops = Type.Object({ host: Type.String(), drops: Type.Array(Drop) })
  const dropsSchema = {
    tags: ['hosts'],
    params: HostParams,
    querystring: NoQuery,
    response: { 200: drops, ...problemResponses },
  }
  app.get(
    '/v1/infra/hosts/:id/drops',
    { schema: dropsSchema, config: looks },
    async (request, reply) => {
      const { id } = request.params as { id: string }
      if (!store.snapshot.get('host', id)) {
        const facts = { pointer: '', value: `host ${id}`, expected: 'a host that exists' }
        throw new ModelError([problem('not_found', facts)])
      }
      const counts = await whileConnected(reply, closing, (signal) => realization.drops(id, signal))
      if (!counts) throw new HttpError('host_disconnected', { value: id })
      return { host: id, drops: counts }
    },
  )
}
