/**
 * The routes of one object: GET, PUT and PATCH, the same for every row of model/collections.ts; deletion.ts has DELETE. A write answers
 * when it is durable, with `?wait=realized` when hosts have confirmed it.
 *
 * Neighbours: lists.ts has the lists, preconditions.ts and merge-patch.ts what HTTP says of a write.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Clock } from '../../southbound/wire/clock.ts'
import { withOperatorFields } from '../access/operator-fields.ts'
import { collections, nounOf } from '../model/collections.ts'
import { ModelError, problem } from '../model/errors.ts'
import { useOf } from '../model/quota.ts'
import type { Declared, Edit, Objects } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { specOf } from '../model/spec-of.ts'
import type { Author } from '../store/entry.ts'
import type { Hooks } from '../store/hooks.ts'
import type { Store } from '../store/store.ts'
import { answerOf, selected } from './answers.ts'
import { noTenant } from './guard.ts'
import { atParameter, siteAt } from './history.ts'
import { fieldsParameter } from './lists.ts'
import { mergePatch } from './merge-patch.ts'
import { problemResponses, ref, responseOf } from './openapi.ts'
import { needsOf, pathOf } from './paths.ts'
import { checkPreconditions, etagOf } from './preconditions.ts'
import { HttpError } from './problem.ts'
import { commitWhenFree } from './quarantine.ts'
import type { Realization } from './realization.ts'
import { WriteQuery, waited } from './wait.ts'

export interface Backing {
  readonly store: Store
  readonly realization: Realization
  readonly hooks: Hooks
  /** Aborts when the server is about to close: nobody waits any longer. */
  readonly closing: AbortSignal
  readonly clock: Clock
  /** New ones. */
  readonly uuid: () => string
}

/** What the codes of a write mean. */
const codes = {
  changed: 'durable; with wait: realized',
  created: 'new and durable; with wait: realized',
  waiting: 'durable, not realized within the timeout: status.realized is false, note says so',
} as const

const strict = { additionalProperties: false } as const
const GetQuery = Type.Object({ fields: fieldsParameter, at: atParameter }, strict)
export const Preconditions = Type.Object({
  'if-match': Type.Optional(
    Type.String({ description: 'ETags that the object must have one of, or *: 412 otherwise' }),
  ),
  'if-none-match': Type.Optional(
    Type.String({ description: '*: the object must not exist yet, 412 otherwise' }),
  ),
})

type Params = Readonly<Record<string, string>>

export function addObjectRoutes(
  app: FastifyInstance,
  backing: Backing,
  names: readonly Declared[],
): void {
  for (const collection of names) {
    addGet(app, collection, backing)
    addWrites(app, collection, backing)
  }
}

function addGet(app: FastifyInstance, collection: Declared, backing: Backing): void {
  const { store, realization } = backing
  const path = pathOf(collection)
  const schema = {
    tags: [collections[collection].plural],
    params: path.objectParams,
    querystring: GetQuery,
    operationId: `get${path.title}`,
    summary: `Read a ${nounOf(collection)} and its status`,
    response: { 200: responseOf(path.title, 'as it is now', 'object'), ...problemResponses },
  }
  const config = { needs: needsOf[collection].read }
  app.get(path.object, { schema, config }, async (request, reply) => {
    const key = path.key(request.params as Params)
    const { fields, at } = request.query as { readonly fields?: string; readonly at?: string }
    const object = siteAt(store, at, request.principal).get(collection, key)
    if (!object) throw absent(collection, key)
    reply.header('etag', etagOf(object))
    const items = fields === undefined || /(^|,)status(,|$|\.hosts)/.test(fields)
    const answer = answerOf(realization, collection, object, at, { items })
    const isCounted = collection === 'port' && at === undefined
    const counters = isCounted ? await realization.counters(key) : undefined
    const { status } = answer as { readonly status?: object }
    return selected(counters ? { ...answer, status: { ...status, counters } } : answer, fields)
  })
}

function addWrites(app: FastifyInstance, collection: Declared, backing: Backing): void {
  const path = pathOf(collection)
  const common = {
    tags: [collections[collection].plural],
    params: path.objectParams,
    querystring: WriteQuery,
    headers: Preconditions,
  }
  const response = {
    200: responseOf(path.title, codes.changed, 'written'),
    201: responseOf(path.title, codes.created, 'written'),
    202: responseOf(path.title, codes.waiting, 'written'),
    ...problemResponses,
  }
  const config = { needs: needsOf[collection].write }
  const noun = nounOf(collection)
  const putSchema = {
    ...common,
    operationId: `put${path.title}`,
    summary: `Make a ${noun}, or change it to be as the body says`,
    body: ref(`${path.title}Spec`),
    response,
  }
  app.put(path.object, { schema: putSchema, config }, (request, reply) => {
    const key = path.key(request.params as Params)
    const asked = bodyOf(request, `${path.title}Spec`)
    const specAfter: SpecAfter = (before) =>
      withOperatorFields(request.principal, collection, asked, before)
    return write(backing, { collection, key, specAfter }, request, reply)
  })

  const { 201: _, ...changed } = response
  const media = { schema: ref(`${path.title}Patch`) }
  const patchSchema = {
    ...common,
    operationId: `patch${path.title}`,
    summary: `Change properties of a ${noun}; null takes one away (RFC 7396)`,
    body: { content: { 'application/merge-patch+json': media, 'application/json': media } },
    response: changed,
  }
  app.patch(path.object, { schema: patchSchema, config }, (request, reply) => {
    const key = path.key(request.params as Params)
    const patch = bodyOf(request, 'properties to change')
    const specAfter: SpecAfter = (before) => {
      if (!before) throw absent(collection, key)
      const merged = mergePatch(specOf(collection, before), patch)
      return withOperatorFields(request.principal, collection, merged, before)
    }
    return write(backing, { collection, key, specAfter }, request, reply)
  })
}

/** What is to be committed in place of an object, as the site has it in the moment of the commit. */
type SpecAfter = (before: Objects[Declared] | undefined) => unknown

interface Write {
  readonly collection: Declared
  readonly key: string
  readonly specAfter: SpecAfter
}

async function write(
  backing: Backing,
  { collection, key, specAfter }: Write,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object> {
  const { store, realization, hooks } = backing
  let isNew = false
  // Asked for the site that it is written onto: nothing comes between the look and the write.
  const edits = (site: Snapshot): Edit[] => {
    const { tenant } = request.principal
    // Of a tenant that is not there, and told of no other: what is meant is for operators to be told.
    if (tenant !== undefined && !site.get('tenant', tenant)) throw noTenant(tenant)
    const before = site.get(collection, key)
    isNew = before === undefined
    checkPreconditions(request, before)
    return [{ collection, key, spec: specAfter(before) } as unknown as Edit]
  }
  const { snapshot } = await commitWhenFree(backing, reply, () =>
    store.commitDurably(edits, authorOf(request)),
  )
  const object = snapshot.get(collection, key) as Objects[Declared]
  const { revision } = object
  const subjects = [{ collection, key, revision }]
  const note = await waited(backing, { subjects, revision }, request, reply)
  hooks.at('before-reply')
  reply.code(note ? 202 : isNew ? 201 : 200).header('etag', etagOf(object))
  const use = 'tenant' in object && useOf(snapshot, collection, object.tenant)
  if (use) reply.headers({ 'quota-limit': use.limit, 'quota-used': use.used })
  const answer = answerOf(realization, collection, object)
  return note ? { ...answer, note } : answer
}

/** Who wrote, for the journal. */
export const authorOf = ({ principal, id }: FastifyRequest): Author => ({
  who: principal.subject,
  requestId: id,
  via: 'rest',
})

function bodyOf({ body }: FastifyRequest, expected: string): unknown {
  if (body !== undefined) return body
  throw new HttpError('body_missing', { pointer: '', expected: `a JSON object: ${expected}` })
}

export function absent(collection: Declared, key: string): ModelError {
  const noun = nounOf(collection)
  const facts = { pointer: '', value: `${noun} ${key}`, expected: `a ${noun} that exists` }
  return new ModelError([problem('not_found', { ...facts, collection, key })])
}
