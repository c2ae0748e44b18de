/**
 * The OpenAPI 3.1 document, made by @fastify/swagger from the very schemas that validate. Each spec
 * and object is a named component; routes refer to them.
 */
import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { type TObject, Type } from 'typebox'
import { declaredNames } from '../model/collections.ts'
import { documentSchema } from '../model/document-schema.ts'
import { schemas } from '../model/schema.ts'
import { patchSchema, referring } from './openapi-schemas.ts'
import { PlanSchema } from './plan.ts'
import { ProblemSchema } from './problem.ts'
import { StatusSchema } from './status-schema.ts'

const DeletedSchema = Type.Object(
  {
    deleted: Type.String({ description: "what was deleted: 'port acme/vm1'" }),
    cascaded: Type.Optional(
      Type.Array(Type.String(), { description: 'with cascade: what went with it' }),
    ),
    revision: Type.Integer({ description: 'the revision that no longer has it' }),
    realized: Type.Optional(Type.Boolean({ description: 'with wait: no host has it any longer' })),
    note: Type.Optional(Type.String()),
  },
  { title: 'Deleted' },
)

export const ref = (title: string): { $ref: string } => ({ $ref: `${title}#` })

const etag = { etag: { type: 'string', description: 'the revision of the object: \'"42"\'' } }
const quota = {
  'quota-limit': { type: 'integer', description: 'how many of these the tenant may have' },
  'quota-used': { type: 'integer', description: 'how many it has' },
}
const headersOf = { object: etag, written: { ...etag, ...quota }, none: undefined } as const

/** A response of a schema that has no name. */
export const answering = (description: string, schema: object): object => ({
  description,
  content: { 'application/json': { schema } },
})

/** A response of that component, with what its code says. */
export const responseOf = (
  title: string,
  description: string,
  headers: keyof typeof headersOf = 'none',
): object => ({
  description,
  ...(headersOf[headers] && { headers: headersOf[headers] }),
  content: { 'application/json': { schema: ref(title) } },
})

/** A response of one of these components. */
export const responseOfEither = (titles: readonly string[], description: string): object => ({
  description,
  content: { 'application/json': { schema: { anyOf: titles.map(ref) } } },
})

const content = { 'application/problem+json': { schema: ref('Problem') } }
const refusal = {
  'retry-after': { type: 'integer', description: 'with 429: seconds' },
  'www-authenticate': { type: 'string', description: 'with 401: how to say who asks' },
}
export const problemResponses = {
  '4xx': { description: 'refused; nothing has changed', headers: refusal, content },
  '5xx': { description: 'not the fault of the request', content },
}

/** To be called before the routes are added. */
export async function addOpenapi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Weft',
        version,
        description: 'Tenants, networks, subnets and ports; hosts, bridges and physical networks.',
      },
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            description: 'the secret of a token object, or a JWT',
          },
        },
      },
    },
    // Who may is written once, where the guard reads it.
    transform: ({ schema, url, route }) => {
      const isPublic = route.config?.needs === 'public'
      return { url, schema: { ...schema, security: isPublic ? [] : [{ bearer: [] }] } }
    },
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, at) => `${json.$id ?? `schema-${at}`}`,
    },
  })
  for (const schema of componentSchemas()) app.addSchema(schema)
  const hidden = { schema: { hide: true }, config: { needs: 'public' } } as const
  app.get('/openapi.json', hidden, () => app.swagger())
}

type Titled = { readonly title: string }
const specTitles = declaredNames.map((name) => `${(schemas[name].spec as unknown as Titled).title}`)

function componentSchemas(): Record<string, unknown>[] {
  const named = (schema: object): Record<string, unknown> => {
    return { ...schema, $id: (schema as Titled).title }
  }
  const components = [
    named(StatusSchema),
    named(ProblemSchema),
    named(DeletedSchema),
    named(PlanSchema),
    named(referring(documentSchema, specTitles)),
  ]
  for (const collection of declaredNames) {
    const { spec, object } = schemas[collection]
    const { title } = object as unknown as Titled
    components.push(named(spec), named(answerSchema(object, title)))
    components.push(named({ ...patchSchema(spec), title: `${title}Patch` }))
    components.push({
      $id: `${title}List`,
      type: 'object',
      required: ['items', 'revision'],
      properties: {
        items: { type: 'array', items: ref(title) },
        revision: { type: 'integer', description: 'of the site that the page is of' },
        next: { type: 'string', description: '`cursor` of the next page; absent on the last' },
      },
    })
  }
  return components
}

/** An object as GET answers it: with its status, and a note where a write has one. */
function answerSchema(object: TObject, title: string): TObject {
  return {
    ...object,
    title,
    required: [...(object.required ?? []), 'status'],
    properties: { ...object.properties, status: ref('Status'), note: { type: 'string' } },
  } as unknown as TObject
}
