/**
 * GET of a list: ordered by key, page by page of one revision, with selectors on labels and on fields. Neighbours:
 * paging.ts has the cursors, selector.ts the labels, objects.ts the other methods.
 */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Principal } from '../access/principal.ts'
import { collections, nounOf } from '../model/collections.ts'
import type { Declared, Objects } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { answerOf, selected } from './answers.ts'
import { noTenant } from './guard.ts'
import { atParameter, siteAt } from './history.ts'
import type { Backing } from './objects.ts'
import { problemResponses, responseOf } from './openapi.ts'
import { cursorText, LONGEST_PAGE, limitParameter, parseCursor } from './paging.ts'
import { needsOf, pathOf } from './paths.ts'
import { parseSelector, type Selector, selectorPattern } from './selector.ts'

export const fieldsParameter = Type.Optional(
  Type.String({
    pattern: '^[A-Za-z]+([.][A-Za-z0-9_-]+)*(,[A-Za-z]+([.][A-Za-z0-9_-]+)*){0,31}$',
    description:
      "no more than these properties, such as 'id,mac,status.realized'; others that are required may then be absent",
  }),
)
const ListQuery = Type.Object(
  {
    limit: limitParameter,
    cursor: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_-]{1,400}$',
        description: '`next` of the page before; all pages are of the revision of the first',
      }),
    ),
    labels: Type.Optional(
      Type.String({
        pattern: selectorPattern,
        description: "those whose labels fit all of it: 'app=web,tier!=db,zone,!old'",
      }),
    ),
    fields: fieldsParameter,
    at: atParameter,
  },
  { additionalProperties: false },
)
interface ListParams {
  readonly limit?: string
  readonly cursor?: string
  readonly labels?: string
  readonly fields?: string
  readonly at?: string
}

export function addLists(app: FastifyInstance, backing: Backing, names: readonly Declared[]): void {
  for (const collection of names) addList(app, collection, backing)
}

function addList(
  app: FastifyInstance,
  collection: Declared,
  { store, realization }: Backing,
): void {
  const path = pathOf(collection)
  const schema = {
    tags: [collections[collection].plural],
    querystring: ListQuery,
    ...(path.listParams ? { params: path.listParams } : {}),
    operationId: `list${path.title}s`,
    summary: `Read ${nounOf(collection)}s page by page, all pages of one revision`,
    response: {
      200: responseOf(`${path.title}List`, 'a page, in the order of keys'),
      ...problemResponses,
    },
  }
  app.get(path.list, { schema, config: { needs: needsOf[collection].read } }, (request) => {
    const { limit = LONGEST_PAGE, cursor: text, labels, fields, at } = request.query as ListParams
    const { tenant } = request.params as { readonly tenant?: string }
    const cursor = text === undefined ? undefined : parseCursor(text)
    const snapshot = siteAt(store, cursor ? `${cursor.revision}` : at, request.principal)
    if (tenant !== undefined && !snapshot.get('tenant', tenant)) throw noTenant(tenant)

    const fits = parseSelector(labels)
    const scope = keysOf(collection, tenant, request.principal)
    const page = take(snapshot, collection, {
      scope,
      after: cursor?.after,
      limit: Number(limit),
      fits,
    })
    const { revision } = snapshot
    const next =
      page.after === undefined ? {} : { next: cursorText({ revision, after: page.after }) }
    const items = page.objects.map((object) =>
      selected(answerOf(realization, collection, object, at), fields),
    )
    return { items, revision, ...next }
  })
}

/** First key, and the one past the last. '0' is the character after '/', '-' the one before any that an id begins with. */
function keysOf(
  collection: Declared,
  tenant: string | undefined,
  { tenant: own }: Principal,
): readonly [from?: string, to?: string] {
  if (tenant !== undefined) return [`${tenant}/`, `${tenant}0`]
  // A principal of one tenant sees that one in the list of tenants.
  if (collection === 'tenant' && own !== undefined) return [own, `${own}\u0000`]
  return []
}

interface Asked {
  readonly scope: readonly [from?: string, to?: string]
  readonly after: string | undefined
  readonly limit: number
  readonly fits: Selector
}

/** `after`: key of the last one taken, when there are more. */
function take<C extends Declared>(
  snapshot: Snapshot,
  collection: C,
  { scope: [from, to], after, limit, fits }: Asked,
): { readonly objects: Objects[C][]; readonly after?: string } {
  const objects: Objects[C][] = []
  let last: string | undefined
  // A key with the lowest character behind it is the next key that there can be. A cursor is whatever a client sends.
  const next = `${after ?? ''}\u0000`
  const start = after === undefined || (from !== undefined && next < from) ? from : next
  for (const [key, object] of snapshot.list(collection).range(start, to)) {
    if (!fits(object.labels)) continue
    if (objects.length === limit && last !== undefined) return { objects, after: last }
    objects.push(object)
    last = key
  }
  return { objects }
}
