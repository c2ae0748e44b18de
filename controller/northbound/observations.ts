/** Routes that only look: what happened, what was dropped, who dialled in, whether we live. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { ModelError, problem } from '../model/errors.ts'
import { schemas } from '../model/schema.ts'
import type { Change } from '../model/snapshot.ts'
import { idPattern, idRule, oneOf } from '../model/values.ts'
import { seenBy } from './event-scope.ts'
import { streamEvents } from './event-stream.ts'
import { noTenant } from './guard.ts'
import type { Backing } from './objects.ts'
import { answering, problemResponses } from './openapi.ts'
import { HttpError } from './problem.ts'
import type { Realization } from './realization.ts'
import { whileConnected } from './wait.ts'

const strict = { additionalProperties: false } as const
const NoQuery = Type.Object({}, strict)

const Event = Type.Object(
  {
    id: Type.Integer({ description: 'grows by one' }),
    at: Type.String({ description: 'ISO 8601' }),
    type: Type.String(),
    message: Type.String(),
    host: Type.Optional(Type.String()),
    revision: Type.Optional(Type.Integer()),
  },
  { additionalProperties: true, description: 'with what belongs to its type' },
)
const EventHeaders = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({ description: 'of a stream that was lost: goes before `since`' }),
  ),
})
const Drop = Type.Object({
  reason: Type.String(),
  port: Type.Optional(Type.String({ description: "the port to blame: 'acme/vm1'" })),
  network: Type.Optional(Type.String({ description: "the network it happened in: 'acme/web'" })),
  packets: Type.Integer(),
})
const said = (value: ReturnType<typeof Type.String> | ReturnType<typeof Type.Integer>) =>
  Type.Object({ value, from: Type.String({ description: 'where it was read' }) })
const Pending = Type.Object({
  phase: oneOf(
    ['pending', 'removing'],
    "'pending': the model names no such host; 'removing': it did, and the host is not yet as Weft found it",
  ),
  systemId: Type.String(),
  kind: Type.Optional(oneOf(['ovs', 'vtep'], 'as a host object has it')),
  says: Type.Optional(
    Type.Object(
      {
        version: Type.Optional(Type.String()),
        vtepAddress: said(Type.String()),
        underlayMtuBytes: Type.Optional(said(Type.Integer())),
      },
      { description: 'what the machine says of itself' },
    ),
  ),
  hostId: Type.Optional(Type.String({ description: 'of one that is being removed: its id' })),
  reason: Type.Optional(Type.String({ description: 'why it is not given back yet' })),
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
const TenantParams = Type.Object({
  tenant: Type.String({ pattern: idPattern, description: idRule }),
})
export const HostParams = Type.Object({
  id: Type.String({ pattern: idPattern, description: idRule }),
})

export function addObservationRoutes(app: FastifyInstance, backing: Backing): void {
  const { store, realization, closing, clock } = backing
  const looks = { needs: 'infra:read' } as const

  // Alive: the process answers. Ready: it is not about to stop, so that who balances load sends no more.
  const health = Type.Object({ status: Type.Literal('ok'), revision: Type.Integer() })
  const response = { 200: answering('yes', health), ...problemResponses }
  const healthSchema = { tags: ['controller'], querystring: NoQuery, response }
  const questions = {
    '/healthz': { operationId: 'getHealth', summary: 'Whether the controller lives' },
    '/readyz': { operationId: 'getReadiness', summary: 'Whether it takes requests' },
  }
  for (const [url, question] of Object.entries(questions))
    app.get(url, { schema: { ...healthSchema, ...question }, config: { needs: 'public' } }, () => {
      if (url === '/readyz' && closing.aborted) throw new HttpError('closing')
      return { status: 'ok', revision: store.snapshot.revision }
    })

  // By tenant the last event before it was made: what is older is of another tenant that had its id.
  const births = new Map<string, number>()
  const forgetBirths = store.onCommit(({ changes }) => {
    const made = changes.filter(({ collection, before }) => collection === 'tenant' && !before)
    const last = made.length > 0 ? (realization.events().at(-1)?.id ?? 0) : 0
    for (const { key } of made) births.set(key, last)
  })
  app.addHook('onClose', forgetBirths)

  for (const [url, needs] of [
    ['/v1/events', 'infra:read'],
    ['/v1/tenants/:tenant/events', 'tenant:read'],
  ] as const)
    app.get(url, { schema: eventsSchema(url), config: { needs } }, (request, reply) => {
      const { tenant } = request.params as { readonly tenant?: string }
      if (tenant !== undefined && !store.snapshot.get('tenant', tenant)) throw noTenant(tenant)
      const isSeen = seenBy(tenant, request.principal.tenant ? births.get(`${tenant}`) : undefined)
      const since = sinceOf(request)
      if (!request.headers.accept?.includes('text/event-stream'))
        return { events: realization.events(since).filter(isSeen) }
      checkKept(since, realization)
      if (request.method === 'HEAD') return reply.type('text/event-stream').send()
      const uuid = (): string | undefined => store.snapshot.get('tenant', `${tenant}`)?.uuid
      const own = uuid()
      const isLetIn = async (): Promise<boolean> => uuid() === own && request.isLetIn()
      const onAccess = (listener: () => void) =>
        store.onCommit(({ changes }) => changes.some(isOfAccess) && listener())
      return streamEvents(reply, { realization, clock, since, isSeen, closing, isLetIn, onAccess })
    })

  const pending = Type.Object({ items: Type.Array(Pending) })
  const pendingSchema = {
    tags: ['hosts'],
    operationId: 'listPendingHosts',
    summary: 'Read who dialled in and is no host of the site, and who is not given back yet',
    querystring: NoQuery,
    response: { 200: answering('now', pending), ...problemResponses },
  }
  app.get('/v1/infra/pending-hosts', { schema: pendingSchema, config: looks }, () => ({
    items: realization.pendingHosts(),
  }))

  const quarantined = Type.Array(schemas.quarantined.object, {
    description: 'a number is free again when no host holds it',
  })
  const quarantine = Type.Object({ items: quarantined })
  const quarantineSchema = {
    tags: ['controller'],
    operationId: 'listQuarantine',
    summary: 'List the freed numbers that a host may still use, each with those hosts',
    querystring: NoQuery,
    response: { 200: answering('now', quarantine), ...problemResponses },
  }
  app.get('/v1/infra/quarantine', { schema: quarantineSchema, config: looks }, () => ({
    items: [...store.snapshot.list('quarantined').values()],
  }))

  const drops = Type.Object({ host: Type.String(), drops: Type.Array(Drop) })
  const dropsSchema = {
    tags: ['hosts'],
    operationId: 'getHostDrops',
    summary: 'Read what a host has dropped, and why',
    params: HostParams,
    querystring: NoQuery,
    response: { 200: answering('since its flows were made', drops), ...problemResponses },
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

function eventsSchema(url: string): object {
  const ofTenant = url.includes(':')
  return {
    tags: ['events'],
    querystring: EventQuery,
    headers: EventHeaders,
    ...(ofTenant && { params: TenantParams }),
    operationId: ofTenant ? 'listTenantEvents' : 'listEvents',
    summary: `Read what happened${ofTenant ? ' to a tenant' : ''}, or follow it as it happens`,
    response: {
      200: {
        description: 'newest last; with `Accept: text/event-stream` as they happen',
        content: {
          'application/json': { schema: Type.Object({ events: Type.Array(Event) }) },
          'text/event-stream': { schema: { type: 'string' } },
        },
      },
      ...problemResponses,
    },
  }
}

/** `Last-Event-ID` is what a client sends by itself that lost its stream; it knows better than the URL it began with. */
function sinceOf({ query, headers }: FastifyRequest): number | undefined {
  const { since } = query as { readonly since?: string }
  const last = headers['last-event-id']
  const text = typeof last === 'string' && /^[0-9]{1,15}$/.test(last) ? last : since
  return text === undefined ? undefined : Number(text)
}

const isOfAccess = ({ collection }: Change): boolean =>
  collection === 'token' || collection === 'siteToken' || collection === 'tenant'

/**
 * Ids grow by one, and a full log loses first what is said most: all that came later must be there still.
 * @throws HttpError `events_gone` when a stream would have a gap that nobody could see
 */
function checkKept(since: number | undefined, realization: Realization): void {
  if (since === undefined) return
  const later = realization.events(since)
  const last = later.at(-1) ?? realization.events().at(-1)
  // An id, and an empty log: it is of an earlier life.
  if (last && later.length === Math.max(0, last.id - since)) return
  const expected = 'the site to be read again, then events without an id'
  throw new HttpError('events_gone', { parameter: 'since', value: since, expected })
}
