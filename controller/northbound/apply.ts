/**
 * `:apply`: a whole document at once, as one revision or not at all; with `?mode=plan` what that would do. `:export`: the
 * document that makes a site, or a tenant, as it is now.
 *
 * Neighbours: model/document-edits.ts reads documents, tenant-document.ts bounds those of a tenant, plan.ts says what they change.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { stringify } from 'yaml'
import type { Need } from '../access/rights.ts'
import { isDeclared } from '../model/collections.ts'
import { type DocumentEdits, parseEdits } from '../model/document-edits.ts'
import { ModelError } from '../model/errors.ts'
import { documentOf } from '../model/export.ts'
import { pruned } from '../model/prune.ts'
import { Id } from '../model/values.ts'
import { noTenant } from './guard.ts'
import { authorOf, type Backing } from './objects.ts'
import { problemResponses, ref, responseOf } from './openapi.ts'
import { planEdits, planIdParameter } from './plan.ts'
import { HttpError } from './problem.ts'
import { commitWhenFree } from './quarantine.ts'
import { checkLength, editsOfTenant, LONGEST_OF_TENANT } from './tenant-document.ts'
import { type Subject, type WriteParams, WriteQuery, waited } from './wait.ts'

/** A document of 100,000 ports has some 10 MB. */
const LONGEST_DOCUMENT = 64 * 1024 * 1024
const documentTypes = ['application/yaml', 'application/x-yaml', 'text/yaml', 'application/json']

const ApplyQuery = Type.Object(
  {
    ...WriteQuery.properties,
    mode: Type.Optional(
      Type.Union([Type.Literal('apply'), Type.Literal('plan')], {
        description: "'plan': say what would happen, and do nothing; left out, apply",
      }),
    ),
    prune: Type.Optional(
      Type.Literal('true', {
        description: "'true': what the document does not have is deleted, tokens excepted",
      }),
    ),
    planId: planIdParameter,
  },
  { additionalProperties: false },
)
interface ApplyParams extends WriteParams {
  readonly mode?: 'apply' | 'plan'
  readonly prune?: 'true'
  readonly planId?: string
}

/** '::' is a colon in a route; the pattern ends the parameter before it. */
const tenantVerb = (verb: string): string => `/v1/tenants/:tenant(^[a-z0-9-]+)::${verb}`

export function addApply(app: FastifyInstance, backing: Backing): void {
  // Documents come as text, so that a refusal can say the line; only these routes take them so.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(documentTypes, { parseAs: 'string' }, (_, body, done) => {
      done(null, body)
    })
    addRoutes(scope, backing, { tenants: false, need: 'infra:write', see: 'infra:read' })
    addRoutes(scope, backing, { tenants: true, need: 'tenant:write', see: 'tenant:read' })
  })
}

interface Scope {
  readonly tenants: boolean
  readonly need: Need
  readonly see: Need
}

function addRoutes(app: FastifyInstance, backing: Backing, { tenants, need, see }: Scope): void {
  const { store } = backing
  const tags = ['documents']
  const params = tenants ? { params: Type.Object({ tenant: Id }) } : {}
  const whole = tenants ? 'a tenant' : 'the site'
  const url = (verb: string): string => (tenants ? tenantVerb(verb) : `/v1::${verb}`)
  const applySchema = {
    tags,
    ...params,
    querystring: ApplyQuery,
    operationId: tenants ? 'applyTenant' : 'applySite',
    summary: `Make ${whole} as a document says, or say what that would change`,
    body: { content: Object.fromEntries(documentTypes.map(documentContent)) },
    response: {
      200: responseOf('Plan', 'durable, or planned; with wait: realized'),
      202: responseOf('Plan', 'durable, not realized within the timeout'),
      ...problemResponses,
    },
  }
  const config = { needs: need }
  const options = {
    schema: applySchema,
    config,
    bodyLimit: tenants ? LONGEST_OF_TENANT : LONGEST_DOCUMENT,
  }
  app.post(url('apply'), options, (request, reply) => apply(backing, request, reply))

  const exportSchema = {
    tags,
    ...params,
    operationId: tenants ? 'exportTenant' : 'exportSite',
    summary: `Read ${whole} as the document that makes it`,
    querystring: Type.Object({}, { additionalProperties: false }),
    response: {
      200: { description: 'YAML', content: { 'application/yaml': { schema: { type: 'string' } } } },
      ...problemResponses,
    },
  }
  app.get(url('export'), { schema: exportSchema, config: { needs: see } }, (request, reply) => {
    const { tenant } = request.params as { readonly tenant?: string }
    if (tenant !== undefined && !store.snapshot.get('tenant', tenant)) throw noTenant(tenant)
    void reply.type('application/yaml').serializer(String)
    return stringify(documentOf(store.snapshot, tenant), { lineWidth: 0 })
  })
}

const documentContent = (type: string): [string, object] => {
  const isJson = type === 'application/json'
  const text = { type: 'string', description: 'a document as in topologies/*.yaml' }
  return [type, { schema: isJson ? ref('Document') : text }]
}

async function apply(
  backing: Backing,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object> {
  const { tenant } = request.params as { readonly tenant?: string }
  const { mode = 'apply' } = request.query as ApplyParams
  const reader = tenant === undefined ? 'operator' : 'tenant'
  const text = textOf(request)
  if (request.principal.tenant !== undefined) checkLength(text)
  const document = parseEdits(text, 'document', reader)
  try {
    if (mode === 'plan') return { mode, ...planned(backing, request, document).answer }
    return await commitPlanned(backing, request, reply, document)
  } catch (error) {
    throw error instanceof ModelError ? document.explain(error) : error
  }
}

async function commitPlanned(
  backing: Backing,
  request: FastifyRequest,
  reply: FastifyReply,
  document: DocumentEdits,
): Promise<object> {
  const { store, hooks } = backing
  const done = await commitWhenFree(backing, reply, async () => {
    const { answer, edits, changes } = planned(backing, request, document)
    const { revision } = store.commit(edits, authorOf(request))
    return { answer: { ...answer, revision }, changes }
  })
  const { revision } = done.answer
  const declared = done.changes.filter(({ collection }) => isDeclared(collection))
  const subjects = declared.map(({ collection, key }) => ({ collection, key, revision }) as Subject)
  const note = await waited(backing, { subjects, revision }, request, reply)
  hooks.at('before-reply')
  if (note) reply.code(202)
  const { planId: _, ...answer } = done.answer
  return { mode: 'apply', ...answer, ...(note && { note }) }
}

/** What the document would do to the site as it is now. */
function planned(backing: Backing, request: FastifyRequest, document: DocumentEdits) {
  const { store } = backing
  const { tenant } = request.params as { readonly tenant?: string }
  const { prune, planId: given } = request.query as ApplyParams
  // Whoever waits for the disk goes first, so that nothing comes between the look and the write.
  store.commit([], authorOf(request))
  const base = store.snapshot
  if (tenant !== undefined && !base.get('tenant', tenant)) throw noTenant(tenant)
  const asked =
    tenant === undefined ? document.edits : editsOfTenant(document, tenant, request.principal, base)
  const edits = prune ? [...asked, ...pruned(base, asked, tenant)] : asked
  const isOperators = tenant === undefined
  const { planId, plan, changes } = planEdits(backing, edits, { isOperators, given })
  return { answer: { planId, revision: base.revision, ...plan }, edits, changes }
}

function textOf({ body }: FastifyRequest): string {
  if (typeof body === 'string' && body.trim() !== '') return body
  throw new HttpError('body_missing', { pointer: '', expected: 'a document as YAML or JSON' })
}
