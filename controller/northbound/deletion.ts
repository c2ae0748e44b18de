/**
 * DELETE of one object, with `?cascade=true` of all that refers to it, and with `?mode=plan` what that would do: objects, and for
 * operators rows and flows on each host. Neighbours: objects.ts has the other methods, plan.ts plans, model/cascade.ts finds what refers.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { verdict } from '../access/rights.ts'
import { cascade } from '../model/cascade.ts'
import { collections, nounOf } from '../model/collections.ts'
import type { Declared, Edit } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { absent, authorOf, type Backing, Preconditions } from './objects.ts'
import { problemResponses, responseOf, responseOfEither } from './openapi.ts'
import { needsOf, pathOf } from './paths.ts'
import { planEdits, planIdParameter } from './plan.ts'
import { checkPreconditions } from './preconditions.ts'
import { type WriteParams, WriteQuery, waited } from './wait.ts'

const DeleteQuery = Type.Object(
  {
    ...WriteQuery.properties,
    cascade: Type.Optional(
      Type.Literal('true', { description: "'true': what refers to it is deleted too" }),
    ),
    mode: Type.Optional(
      Type.Union([Type.Literal('delete'), Type.Literal('plan')], {
        description: "'plan': say what would go, and do nothing; left out, delete",
      }),
    ),
    planId: planIdParameter,
  },
  { additionalProperties: false },
)
interface DeleteParams extends WriteParams {
  readonly cascade?: 'true'
  readonly mode?: 'delete' | 'plan'
  readonly planId?: string
}

export function addDeletions(
  app: FastifyInstance,
  backing: Backing,
  names: readonly Declared[],
): void {
  for (const collection of names) {
    const path = pathOf(collection)
    const schema = {
      tags: [collections[collection].plural],
      params: path.objectParams,
      querystring: DeleteQuery,
      headers: Preconditions,
      operationId: `delete${path.title}`,
      summary: `Delete a ${nounOf(collection)}, or say what would go with it`,
      response: {
        200: responseOfEither(
          ['Deleted', 'Plan'],
          'gone for good; with wait: from every host; with mode=plan: what would go',
        ),
        202: responseOf(
          'Deleted',
          'gone from the model, not yet from every host within the timeout',
        ),
        ...problemResponses,
      },
    }
    const config = { needs: needsOf[collection].write }
    app.delete(path.object, { schema, config }, (request, reply) => {
      const key = path.key(request.params as Readonly<Record<string, string>>)
      const deletion = { collection, key, ...(request.query as DeleteParams) }
      return deletion.mode === 'plan'
        ? planned(backing, deletion, request).answer
        : remove(backing, deletion, request, reply)
    })
  }
}

interface Deletion extends DeleteParams {
  readonly collection: Declared
  readonly key: string
}

async function remove(
  backing: Backing,
  deletion: Deletion,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object> {
  const { store, hooks } = backing
  const { collection, key, cascade, planId, wait } = deletion
  const author = authorOf(request)
  let edits: readonly Edit<Declared>[] = []
  const asked = (site: Snapshot): readonly Edit<Declared>[] => {
    edits = editsOf(site, deletion, request)
    return edits
  }
  let { revision } = store.snapshot
  if (planId === undefined) revision = (await store.commitDurably(asked, author)).snapshot.revision
  else {
    edits = planned(backing, deletion, request).edits
    revision = store.commit(edits, author).revision
  }
  const subjects = edits.map((each) => ({ ...each, revision }))
  const note = await waited(backing, { subjects, revision }, request, reply)
  hooks.at('before-reply')
  if (note) reply.code(202)
  return {
    deleted: `${collection} ${key}`,
    ...(cascade && {
      cascaded: edits.slice(0, -1).map((each) => `${each.collection} ${each.key}`),
    }),
    revision,
    ...(wait && { realized: !note }),
    ...(note && { note }),
  }
}

/** What would be done to the site as it is now. @throws ModelError, HttpError `plan_stale` */
function planned(backing: Backing, deletion: Deletion, request: FastifyRequest) {
  const { store } = backing
  // Whoever waits for the disk goes first, so that nothing comes between the look and the write.
  store.commit([], authorOf(request))
  const edits = editsOf(store.snapshot, deletion, request)
  const isOperators = verdict(request.principal, 'infra:read', undefined) === 'allowed'
  const { planId, base, plan } = planEdits(backing, edits, { isOperators, given: deletion.planId })
  return { edits, answer: { mode: 'plan', planId, revision: base, ...plan } }
}

/** Whoever refers goes before what is referred to; the object itself is last. */
function editsOf(
  site: Snapshot,
  { collection, key, cascade: isCascade }: Deletion,
  request: FastifyRequest,
): readonly Edit<Declared>[] {
  const before = site.get(collection, key)
  if (!before) throw absent(collection, key)
  checkPreconditions(request, before)
  const alone = { collection, key, spec: undefined } as Edit<Declared>
  return isCascade ? cascade(site, collection, key) : [alone]
}
