/**
 * The routes of the collections: GET, PUT, DELETE of one object, GET of a list; the same four for
 * every row of model/collections.ts. A write answers when it is durable, with `?wait=realized` when
 * hosts have confirmed it.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { collections, declaredNames, nounOf } from '../model/collections.ts'
import { ModelError, problem } from '../model/errors.ts'
import { type Declared, type Edit, type Objects, schemas } from '../model/schema.ts'
import type { Hooks } from '../store/hooks.ts'
import type { Store } from '../store/store.ts'
import { answerOf, problemResponses, ref } from './openapi.ts'
import { pathOf } from './paths.ts'
import { HttpError } from './problem.ts'
import { commitWhenFree } from './quarantine.ts'
import type { Realization } from './realization.ts'
import {
  defaultTimeout,
  durationPattern,
  milliseconds,
  waitRealized,
  whileConnected,
} from './wait.ts'

export interface Backing {
  readonly store: Store
  readonly realization: Realization
  readonly hooks: Hooks
  /** Aborts when the server is about to close: nobody waits any longer. */
  readonly closing: AbortSignal
}

const WriteQuery = Type.Object(
  {
    wait: Type.Optional(
      Type.Literal('realized', {
        description:
          "'realized': answer when every host that it concerns has confirmed it, or the timeout has passed; the write is kept either way",
      }),
    ),
    timeout: Type.Optional(
      Type.String({
        pattern: durationPattern,
        description: `with wait: how long at most, such as 5s or 250ms, never more than 60s; left out, ${defaultTimeout}`,
      }),
    ),
  },
  { additionalProperties: false },
)
/** What the codes of a write mean. */
const codes = {
  changed: 'durable; with wait: realized',
  created: 'new and durable; with wait: realized',
  waiting: 'durable, not realized within the timeout: status.realized is false, note says so',
  deleted: 'gone for good; with wait: from every host',
  leaving: 'gone from the model, not yet from every host within the timeout',
} as const

const NoQuery = Type.Object({}, { additionalProperties: false })

type Params = Readonly<Record<string, string>>

export function addObjectRoutes(app: FastifyInstance, backing: Backing): void {
  for (const collection of declaredNames) addRoutes(app, collection, backing)
}

function addRoutes(app: FastifyInstance, collection: Declared, backing: Backing): void {
  const { store, realization } = backing
  const path = pathOf(collection)
  const title = `${(schemas[collection].object as { title?: string }).title}`
  const tags = [collections[collection].plural]
  const answer = (object: Objects[Declared]): object => ({
    ...object,
    status: realization.status(collection, object as never),
  })
  const read = { params: path.objectParams, querystring: NoQuery }

  const getSchema = { tags, ...read, response: { 200: ref(title), ...problemResponses } }
  app.get(path.object, { schema: getSchema }, async (request) => {
    const key = path.key(request.params as Params)
    const object = store.snapshot.get(collection, key)
    if (!object) throw absent(collection, key)
    if (collection !== 'port') return answer(object)
    const counters = await realization.counters(key)
    const status = realization.status(collection, object as never)
    return { ...object, status: { ...status, ...(counters && { counters }) } }
  })

  const listSchema = {
    tags,
    querystring: NoQuery,
    ...(path.listParams ? { params: path.listParams } : {}),
    response: { 200: ref(`${title}List`), ...problemResponses },
  }
  app.get(path.list, { schema: listSchema }, (request) => {
    const { snapshot } = store
    const { tenant } = request.params as Params
    if (tenant !== undefined && !snapshot.get('tenant', tenant)) throw absent('tenant', tenant)
    // '0' is the character after '/': all keys below the tenant.
    const bounds = tenant === undefined ? [] : ([`${tenant}/`, `${tenant}0`] as const)
    const items = [...snapshot.list(collection).range(...bounds)].map(([, each]) => answer(each))
    return { items, revision: snapshot.revision }
  })

  const written = {
    200: answerOf(title, codes.changed),
    201: answerOf(title, codes.created),
    202: answerOf(title, codes.waiting),
    ...problemResponses,
  }
  const putSchema = {
    tags,
    params: path.objectParams,
    querystring: WriteQuery,
    body: ref(`${title}Spec`),
    response: written,
  }
  app.put(path.object, { schema: putSchema }, async (request, reply) => {
    const key = path.key(request.params as Params)
    if (request.body === undefined) {
      throw new HttpError('body_missing', { pointer: '', expected: `a JSON object: ${title}Spec` })
    }
    const edit = { collection, key, spec: request.body } as unknown as Edit
    const { created, object } = await commitWhenFree(backing, reply, () => ({
      created: store.snapshot.get(collection, key) === undefined,
      object: store.commit([edit], { who: 'rest' }).get(collection, key) as Objects[Declared],
    }))
    const subject = { collection, key, revision: object.revision }
    const note = await waited(backing, subject, request, reply)
    backing.hooks.at('before-reply')
    reply.code(note ? 202 : created ? 201 : 200)
    return note ? { ...answer(object), note } : answer(object)
  })

  const deleteSchema = {
    tags,
    params: path.objectParams,
    querystring: WriteQuery,
    response: {
      200: answerOf('Deleted', codes.deleted),
      202: answerOf('Deleted', codes.leaving),
      ...problemResponses,
    },
  }
  app.delete(path.object, { schema: deleteSchema }, async (request, reply) => {
    const key = path.key(request.params as Params)
    const edit = { collection, key, spec: undefined } as Edit
    const { revision } = store.commit([edit], { who: 'rest' })
    const note = await waited(backing, { collection, key, revision }, request, reply)
    backing.hooks.at('before-reply')
    const realized = (request.query as WriteParams).wait ? { realized: !note } : {}
    if (note) reply.code(202)
    return { deleted: `${collection} ${key}`, revision, ...realized, ...(note ? { note } : {}) }
  })
}

interface WriteParams {
  readonly wait?: 'realized'
  readonly timeout?: string
}

/** Waits if asked to. A note when it was not realized in time, undefined otherwise. */
async function waited(
  { realization, closing }: Backing,
  subject: Parameters<typeof waitRealized>[1],
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<string | undefined> {
  const { wait, timeout = defaultTimeout } = request.query as WriteParams
  if (wait === undefined) return undefined
  const realized = await whileConnected(reply, closing, (signal) =>
    waitRealized(realization, subject, milliseconds(timeout), signal),
  )
  if (realized) return undefined
  return `kept as revision ${subject.revision}, not realized within ${timeout}`
}

function absent(collection: Declared, key: string): ModelError {
  const expected = `a ${nounOf(collection)} that exists`
  const facts = { pointer: '', value: `${nounOf(collection)} ${key}`, expected }
  return new ModelError([problem('not_found', { ...facts, collection, key })])
}
