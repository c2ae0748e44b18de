/**
 * `/docs`: the OpenAPI document as a page for people, made of it and of nothing else: no script, no font and no picture, so
 * that it works where there is no internet. Its policy allows its own style alone. Neighbour: openapi.ts.
 */
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'

interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly required?: readonly string[]
}
interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
  readonly description?: string
}
interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly security: readonly object[]
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly description?: string
    readonly schema: Schema
  }[]
  readonly requestBody?: Content
  readonly responses: Readonly<Record<string, Content>>
}
interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

/** To be called when all routes are added, openapi.ts before. */
export function addDocumentation(app: FastifyInstance): void {
  let page: string | undefined
  const options = { schema: { hide: true }, config: { needs: 'public' } } as const
  app.get('/docs', options, (_, reply) => {
    page ??= pageOf(app.swagger() as unknown as Document)
    void reply.header('content-security-policy', policy)
    return reply.type('text/html; charset=utf-8').serializer(String).send(page)
  })
}

const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
code{font:14px/1.5 ui-monospace,monospace}table{border-collapse:collapse;margin:.5rem 0}
td{border-top:1px solid #8884;padding:.2rem .8rem .2rem 0;vertical-align:top}
details{border:1px solid #8884;border-radius:4px;padding:.3rem .8rem;margin:.4rem 0}
:root{color-scheme:light dark}`
const digest = createHash('sha256').update(style).digest('base64')
// In place of that of other answers, which would send who follows a link to https, where there may be nobody.
const policy = `default-src 'none';style-src 'sha256-${digest}';base-uri 'none';frame-ancestors 'none'`

/** A whole page of HTML. */
export function pageOf({ info, paths, components }: Document): string {
  const rows = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const tags = [...new Set(rows.flatMap(({ operation }) => operation.tags))].sort()
  const sections = tags.map((tag) => {
    const own = rows.filter(({ operation }) => operation.tags.includes(tag))
    const parts = own.map(({ path, method, operation }) => operationOf(path, method, operation))
    return `<h2 id="${text(tag)}">${text(tag)}</h2>${parts.join('')}`
  })
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<details id="${text(name)}"><summary><code>${text(name)}</code></summary>${propertiesOf(schema)}</details>`,
  )
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${text(info.title)}</title>`,
    '<meta name="viewport" content="width=device-width">',
    `<style>${style}</style></head><body><h1>${text(info.title)} ${text(info.version)}</h1>`,
    `<p>${text(info.description)} For programs: <a href="/openapi.json">/openapi.json</a>.</p>`,
    `<p>${tags.map((tag) => `<a href="#${text(tag)}">${text(tag)}</a>`).join(' · ')}</p>`,
    ...sections,
    `<h2 id="schemas">Schemas</h2>${schemas.join('')}</body></html>`,
  ].join('\n')
}

function operationOf(path: string, method: string, operation: Operation): string {
  const { operationId, summary, parameters = [], requestBody, responses, security } = operation
  const parameterRows = parameters.map(({ name, in: place, description = '', schema }) =>
    row(code(name), text(place), typeOf(schema), text(description)),
  )
  const responseRows = Object.entries(responses).map(([status, response]) =>
    row(code(status), contentOf(response), text(response.description ?? '')),
  )
  return [
    `<details id="${text(operationId)}"><summary><code>${method.toUpperCase()} ${text(path)}</code>`,
    ` ${text(summary)}</summary>`,
    `<p>${code(operationId)}, ${security.length === 0 ? 'for everybody' : 'with a bearer token'}</p>`,
    table(parameterRows),
    requestBody ? `<p>Body: ${contentOf(requestBody)}</p>` : '',
    table(responseRows),
    '</details>',
  ].join('')
}

const contentOf = ({ content = {} }: Content): string =>
  Object.entries(content)
    .map(([media, { schema }]) => `${typeOf(schema)} as ${code(media)}`)
    .join('<br>')

function propertiesOf({ properties = {}, required = [] }: Schema): string {
  const rows = Object.entries(properties).map(([name, schema]) => {
    const isRequired = required.includes(name)
    const described = text(schema.description ?? '')
    return row(code(name), typeOf(schema), isRequired ? 'required' : '', described)
  })
  return table(rows)
}

/** The type in a few words, in HTML; what has properties of its own in full. */
function typeOf(schema: Schema): string {
  const { $ref, type, items, anyOf, properties, additionalProperties: others } = schema
  if ($ref !== undefined) {
    const name = text($ref.slice($ref.lastIndexOf('/') + 1))
    return `<a href="#${name}">${name}</a>`
  }
  if (schema.enum) return schema.enum.map((value) => code(JSON.stringify(value))).join(' | ')
  if (anyOf) return anyOf.map(typeOf).join(' or ')
  if (items) return `list of ${typeOf(items)}`
  if (properties) return propertiesOf(schema)
  if (typeof others === 'object') return `object of ${typeOf(others)}`
  return text([type ?? 'any'].flat().join(' or '))
}

const row = (...cells: string[]): string => `<tr><td>${cells.join('</td><td>')}</td></tr>`
const table = (rows: readonly string[]): string =>
  rows.length === 0 ? '' : `<table>${rows.join('')}</table>`
const code = (value: string): string => `<code>${text(value)}</code>`
const text = (value: string): string =>
  value.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
