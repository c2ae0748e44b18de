/** Where each collection is under `/v1`, from the rows of model/collections.ts. */
import { type TObject, Type } from 'typebox'
import type { Need } from '../access/rights.ts'
import { collections } from '../model/collections.ts'
import { type Declared, schemas } from '../model/schema.ts'
import { idPattern, idRule } from '../model/values.ts'

export interface CollectionPath {
  /** Of its object in OpenAPI: 'PhysicalNetwork'. */
  readonly title: string
  /** Of one object. */
  readonly object: string
  readonly list: string
  readonly objectParams: TObject
  readonly listParams?: TObject
  /** Key of the object that the parameters name. */
  readonly key: (params: Readonly<Record<string, string>>) => string
}

/** What it takes to look at a collection, and to write. */
export const needsOf: Readonly<Record<Declared, { readonly read: Need; readonly write: Need }>> = {
  tenant: { read: 'tenant:read', write: 'tenants:write' },
  network: { read: 'tenant:read', write: 'tenant:write' },
  subnet: { read: 'tenant:read', write: 'tenant:write' },
  port: { read: 'tenant:read', write: 'tenant:write' },
  token: { read: 'tenant:admin', write: 'tenant:admin' },
  siteToken: { read: 'access:write', write: 'access:write' },
  physicalNetwork: { read: 'infra:read', write: 'infra:write' },
  vniPool: { read: 'infra:read', write: 'infra:write' },
  host: { read: 'infra:read', write: 'infra:write' },
  bridge: { read: 'infra:read', write: 'infra:write' },
}

const segment = Type.String({ pattern: idPattern, description: idRule })
const params = (...names: string[]): TObject =>
  Type.Object(Object.fromEntries(names.map((name) => [name, segment])))

export function pathOf(collection: Declared): CollectionPath {
  const { title } = schemas[collection].object as { readonly title?: string }
  return { title: `${title}`, ...placeOf(collection) }
}

function placeOf(collection: Declared): Omit<CollectionPath, 'title'> {
  const { plural, parent } = collections[collection]
  if (collection === 'tenant') {
    return {
      object: '/v1/tenants/:tenant',
      list: '/v1/tenants',
      objectParams: params('tenant'),
      key: ({ tenant }) => `${tenant}`,
    }
  }
  if (parent === 'tenant') {
    return {
      object: `/v1/tenants/:tenant/${plural}/:id`,
      list: `/v1/tenants/:tenant/${plural}`,
      objectParams: params('tenant', 'id'),
      listParams: params('tenant'),
      key: ({ tenant, id }) => `${tenant}/${id}`,
    }
  }
  if (parent === 'host') {
    return {
      object: `/v1/infra/${plural}/:host/:id`,
      list: `/v1/infra/${plural}`,
      objectParams: params('host', 'id'),
      key: ({ host, id }) => `${host}/${id}`,
    }
  }
  return {
    object: `/v1/infra/${plural}/:id`,
    list: `/v1/infra/${plural}`,
    objectParams: params('id'),
    key: ({ id }) => `${id}`,
  }
}

/** Which methods a path takes, to tell 405 from 404. Filled while routes are added. */
export class MethodTable {
  readonly #routes = new Map<string, { pattern: RegExp; methods: Set<string> }>()

  add(url: string, methods: string | readonly string[]): void {
    const row = this.#routes.get(url) ?? {
      pattern: patternOf(url),
      methods: new Set(),
    }
    for (const method of [methods].flat()) row.methods.add(method)
    this.#routes.set(url, row)
  }

  /** Empty when there is nothing at the path. */
  allowed(path: string): readonly string[] {
    const methods = new Set<string>()
    for (const route of this.#routes.values()) {
      if (route.pattern.test(path)) for (const method of route.methods) methods.add(method)
    }
    return [...methods].sort()
  }
}

/** ':id' is a parameter, ':id(^form)' one with a form of its own, '::' a colon. */
function patternOf(url: string): RegExp {
  const parts = url.matchAll(/::|:[a-z]+(\([^)]*\))?|[^:]+/g)
  const text = [...parts].map(([part]) => {
    if (part === '::') return ':'
    return part.startsWith(':') ? '[^/]+' : part.replaceAll('.', '\\.')
  })
  return new RegExp(`^${text.join('')}$`)
}
