/**
 * Holds every answer of a REST server against its own /openapi.json: the status must be one that the route declares, the
 * body of a media type that it declares, and fit that schema; a property that no schema names is wrong unless the schema
 * says `additionalProperties`. Neighbour: client.ts; tests of labs use `fetchChecked` as they would use fetch.
 */
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

interface Operation {
  readonly responses: Readonly<Record<string, Declared>>
}
interface Declared {
  readonly content?: Readonly<Record<string, { readonly schema: Json }>>
}
type Json = Readonly<Record<string, unknown>>
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Json>> }
}

export interface Answered {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly status: number
  /** Content-Type; '' when there is none. */
  readonly type: string
  readonly text: string
}

/** What is wrong with an answer; undefined: nothing. */
export type Checker = (answer: Answered) => string | undefined

/** fetch, which throws when the answer is not what /openapi.json of the same server says. Streams are not read. */
export function fetchChecked(url: string, init: RequestInit = {}): Promise<Response> {
  const { origin, pathname, search } = new URL(url)
  const ask: Ask = (path, asked) => fetch(`${origin}${path}`, asked)
  return fetchLab({ url: origin, fetch: ask }, `${pathname}${search}`, init)
}

type Ask = (path: string, init?: RequestInit) => Promise<Response>

/** The same of a lab, whether its REST listens somewhere or not. */
export async function fetchLab(
  server: { readonly url: string; readonly fetch: Ask },
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  const response = await server.fetch(path, init)
  const type = response.headers.get('content-type') ?? ''
  const isStream = type.startsWith('text/event-stream')
  const text = isStream ? '' : await response.clone().text()
  const method = init.method ?? 'GET'
  const wrong = (await checkerAt(server.url, server.fetch))({
    method,
    path,
    status: response.status,
    type,
    text,
  })
  if (wrong !== undefined) throw new Error(wrong)
  return response
}

const checkers = new Map<string, Promise<Checker>>()
const byDocument = new Map<string, Checker>()

/** Asks a server once for its document. @param origin 'http://127.0.0.1:8080' */
export function checkerAt(
  origin: string,
  ask: Ask = (path) => fetch(`${origin}${path}`),
): Promise<Checker> {
  const known = checkers.get(origin)
  if (known) return known
  const asked = ask('/openapi.json').then(async (response) => {
    const text = await response.text()
    const checker = byDocument.get(text) ?? checkerOf(JSON.parse(text))
    byDocument.set(text, checker)
    return checker
  })
  checkers.set(origin, asked)
  asked.catch(() => checkers.delete(origin))
  return asked
}

/** By an OpenAPI document. */
export function checkerOf(document: Document): Checker {
  const routes = Object.entries(document.paths)
    .map(([path, methods]) => ({ path, methods, pattern: patternOf(path) }))
    .sort((a, b) => parametersOf(a.path) - parametersOf(b.path))
  const compiled = new Map<string, ReturnType<typeof Compile>>()
  const problem = { content: { 'application/problem+json': { schema: refTo('Problem') } } }

  return ({ method, path, status, type, text }) => {
    const [bare = '', query = ''] = path.split('?')
    const route = routes.find(({ pattern }) => pattern.test(bare))
    const operation = route?.methods[method.toLowerCase()]
    if (method === 'HEAD' || unlisted.has(bare)) return undefined
    const name = `${method} ${path}: ${status}`
    // What is at no path of the document may be refused and nothing else.
    const responses: Operation['responses'] = operation?.responses ?? { '4XX': problem }
    const declared = responses[status] ?? responses[`${Math.floor(status / 100)}XX`]
    if (!declared) return `${name} is not declared`
    const media = type.replace(/;.*$/s, '')
    const content = declared.content?.[media]
    if (!content) return `${name} has a body of type ${media}, which is not declared`
    if (!media.endsWith('json')) return undefined

    const asked = new URLSearchParams(query)
    const part = status >= 300 ? '' : asked.has('fields') ? 'fields' : asked.has('at') ? 'at' : ''
    const key = `${part} ${JSON.stringify(content.schema)}`
    const check =
      compiled.get(key) ??
      Compile(closed(content.schema, document.components.schemas, left[part]) as TSchema)
    compiled.set(key, check)
    const body: unknown = JSON.parse(text)
    if (check.Check(body)) return undefined
    const errors = [...check.Errors(body)].map((error) => JSON.stringify(error)).slice(0, 5)
    return `${name} does not fit its schema:\n${errors.join('\n')}\n${text.slice(0, 2000)}`
  }
}

/** Not of the API: the document itself, and its page. */
const unlisted = new Set(['/openapi.json', '/docs'])

/** Required properties that a part of an object leaves out: with `fields` all may be absent, of the past the status. */
const left = {
  '': () => false,
  fields: () => true,
  at: (name: string) => name === 'status',
} as const
type Left = (name: string) => boolean

const refTo = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })

/** The schema without references, closed to properties that it does not name. */
function closed(schema: unknown, components: Readonly<Record<string, Json>>, left: Left): unknown {
  if (typeof schema !== 'object' || schema === null) return schema
  if (Array.isArray(schema)) return schema.map((each) => closed(each, components, left))
  const { $ref, ...own } = schema as Json
  if (typeof $ref === 'string') {
    const name = $ref.slice($ref.lastIndexOf('/') + 1)
    if (!Object.hasOwn(components, name)) throw new Error(`no schema at ${$ref}`)
    return closed(components[name], components, left)
  }
  const within = (named: unknown): object =>
    Object.fromEntries(
      Object.entries(named as object).map(([name, each]) => [name, closed(each, components, left)]),
    )
  const { properties, required, items, anyOf, additionalProperties, ...rest } = own
  return {
    ...rest,
    ...(properties !== undefined && { properties: within(properties) }),
    ...(Array.isArray(required) && { required: required.filter((name) => !left(name)) }),
    ...(items !== undefined && { items: closed(items, components, left) }),
    ...(anyOf !== undefined && { anyOf: closed(anyOf, components, left) }),
    ...(additionalProperties !== undefined
      ? { additionalProperties: closed(additionalProperties, components, left) }
      : properties !== undefined && { additionalProperties: false }),
  }
}

const parametersOf = (path: string): number => path.split('{').length

function patternOf(path: string): RegExp {
  const parts = path.split(/(\{\w+\})/)
  const text = parts.map((part) => (part.startsWith('{') ? '[^/:]+' : part.replaceAll('.', '\\.')))
  return new RegExp(`^${text.join('')}$`)
}
