/**
 * The past: objects and lists as of a revision or a time (`?at=`), what each revision changed, who asked for it, and which
 * hosts have it. Neighbour: store/history.ts reads it.
 */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Principal } from '../access/principal.ts'
import { verdict } from '../access/rights.ts'
import { isDeclared } from '../model/collections.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Revision, RevisionChange } from '../store/history.ts'
import type { Store } from '../store/store.ts'
import { noTenant } from './guard.ts'
import type { Backing } from './objects.ts'
import { answering, problemResponses } from './openapi.ts'
import { needsOf } from './paths.ts'
import { HttpError } from './problem.ts'

const LONGEST = 1000

export const atParameter = Type.Optional(
  Type.String({
    pattern:
      '^([0-9]{1,15}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,3})?Z)$',
    description:
      "as it was at a revision (42) or a time ('2026-11-23T12:00:00Z'); what is read so has no status",
  }),
)

/**
 * The site that a request means. @param at a revision or a time; undefined: now
 * @throws RevisionGone, RevisionUnknown, HttpError `parameter_invalid`; ModelError `not_found` when it was another tenant
 *   that had the id of the principal's then
 */
export function siteAt(
  store: Store,
  at: string | undefined,
  { tenant }: Pick<Principal, 'tenant'>,
): Snapshot {
  if (at === undefined) return store.snapshot
  const site = /^[0-9]+$/.test(at) ? store.at(Number(at)) : store.atTime(timeOf(at))
  const uuid = (of: Snapshot): string | undefined => of.get('tenant', `${tenant}`)?.uuid
  if (tenant !== undefined && uuid(site) !== uuid(store.snapshot)) throw noTenant(tenant)
  return site
}

/** Milliseconds since 1970. `text` has passed the pattern. */
function timeOf(text: string): number {
  const time = Date.parse(text)
  if (!Number.isNaN(time)) return time
  const facts = { parameter: 'at', value: text, expected: 'a time that there is' }
  throw new HttpError('parameter_invalid', facts)
}

const Changed = Type.Object({
  object: Type.String({ description: "'port acme/vm1'" }),
  before: Type.Optional(
    Type.Unknown({ description: 'absent: it was made, or is not yours to read' }),
  ),
  after: Type.Optional(
    Type.Unknown({ description: 'absent: it was deleted, or is not yours to read' }),
  ),
})
const head = {
  revision: Type.Integer(),
  at: Type.String({ description: 'ISO 8601' }),
  who: Type.String({ description: "'token acme/ci', 'host h1'" }),
  requestId: Type.Optional(Type.String({ description: 'x-request-id of the request' })),
  via: Type.Optional(Type.String()),
}
const RevisionAnswer = Type.Object({
  ...head,
  changes: Type.Array(Changed),
  hosts: Type.Object({
    confirmed: Type.Array(Type.String(), { description: 'hosts that have it' }),
    behind: Type.Array(Type.String(), { description: 'hosts that are away or not so far' }),
  }),
})
const RevisionLine = Type.Object({ ...head, objects: Type.Array(Type.String()) })

const RevisionPage = Type.Object({ items: Type.Array(RevisionLine), oldest: Type.Integer() })

const RevisionsQuery = Type.Object(
  {
    from: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,15}$', description: 'left out, the oldest that is kept' }),
    ),
    limit: Type.Optional(
      Type.String({
        pattern: '^([1-9][0-9]{0,2}|1000)$',
        description: `1 to ${LONGEST}; left out, 100`,
      }),
    ),
  },
  { additionalProperties: false },
)
const NoQuery = Type.Object({}, { additionalProperties: false })

export function addHistory(app: FastifyInstance, { store, realization }: Backing): void {
  const tags = ['history']
  const config = { needs: 'infra:read' } as const
  const listSchema = {
    tags,
    operationId: 'listRevisions',
    summary: 'Read who changed what, oldest first',
    querystring: RevisionsQuery,
    response: {
      200: answering('a page', RevisionPage),
      ...problemResponses,
    },
  }
  app.get('/v1/revisions', { schema: listSchema, config }, (request) => {
    const { from, limit = 100 } = request.query as { from?: string; limit?: string }
    const range = { limit: Number(limit), ...(from !== undefined && { from: Number(from) }) }
    const items = store.revisions(range).map((revision) => ({
      ...headOf(revision),
      objects: revision.changes.map(([collection, key]) => `${collection} ${key}`),
    }))
    return { items, oldest: store.oldestRevision + 1 }
  })

  const params = Type.Object({ revision: Type.String({ pattern: '^[0-9]{1,15}$' }) })
  const schema = {
    ...{ tags, params, querystring: NoQuery },
    operationId: 'getRevision',
    summary: 'Read what a revision changed, and which hosts have it',
    response: { 200: answering('as it was then', RevisionAnswer), ...problemResponses },
  }
  app.get('/v1/revisions/:revision', { schema, config }, (request) => {
    const number = Number((request.params as { readonly revision: string }).revision)
    const revision = store.revision(number)
    const changes = revision.changes.map((each) => shownTo(request.principal, each))
    const isBehind = (host: string): boolean => (realization.confirmed(host) ?? -1) < number
    const hosts = [...store.snapshot.list('host').keys()]
    const confirmed = hosts.filter((host) => !isBehind(host))
    return { ...headOf(revision), changes, hosts: { confirmed, behind: hosts.filter(isBehind) } }
  })
}

/** An object of which one may not read what it is now, one may not read what it was; that there was a change is for all. */
function shownTo(
  principal: Principal,
  [collection, key, before, after]: RevisionChange,
): Static<typeof Changed> {
  const object = `${collection} ${key}`
  const need = isDeclared(collection) ? needsOf[collection].read : 'infra:read'
  if (verdict(principal, need, undefined) !== 'allowed') return { object }
  return { object, ...(before && { before }), ...(after && { after }) }
}

const headOf = ({ revision, at, who, requestId, via }: Revision): object => ({
  ...{ revision, at: new Date(at).toISOString(), who },
  ...(requestId !== undefined && { requestId }),
  ...(via !== undefined && { via }),
})
