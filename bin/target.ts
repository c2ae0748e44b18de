/**
 * What a command is about: a collection, of one tenant or of all, and perhaps one object of it; and where that is in REST.
 * Without the schemas of the model, which would take longer to load than most commands take.
 *
 * Neighbours: collection-names.ts; controller/northbound/paths.ts has the same paths, and a test holds them together.
 */
import { collections } from '../controller/model/collections.ts'
import type { Declared } from '../controller/model/schema.ts'
import { declaredOf } from './collection-names.ts'
import { UsageError } from './usage.ts'

export interface Target {
  readonly collection: Declared
  readonly tenant: string | undefined
  /** 'acme/vm1', 'h1'. */
  readonly key: string | undefined
}

/** What may stand between two slashes; whether it is an id the controller says. */
const form = /^[a-z0-9-]{1,63}$/

/** @throws UsageError */
export function checkId(text: string): void {
  if (form.test(text)) return
  throw new UsageError(`${text || "''"} is no id: an id has lower-case letters, digits and hyphens`)
}

/**
 * @param plural as collectionNamed gives it @param name 'vm1' with a tenant, or 'acme/vm1'
 * @throws UsageError
 */
export function targetOf(plural: string, name?: string, tenant?: string): Target {
  const parts = name?.split('/') ?? []
  for (const part of [...parts, ...(tenant === undefined ? [] : [tenant])]) checkId(part)
  const collection = declaredOf(plural, tenant !== undefined || parts.length > 1)
  const { parent } = collections[collection]
  if (tenant !== undefined && parent !== 'tenant')
    throw new UsageError(`${plural} are of no tenant: --tenant says nothing there`)
  if (name === undefined) return { collection, tenant, key: undefined }
  const whole = tenant !== undefined && parts.length === 1 ? [tenant, ...parts] : parts
  if (whole.length !== (parent ? 2 : 1)) throw new UsageError(`${name} would be ${formOf(parent)}`)
  if (tenant !== undefined && whole[0] !== tenant)
    throw new UsageError(`${name} is not of tenant ${tenant}`)
  return { collection, tenant: parent === 'tenant' ? whole[0] : undefined, key: whole.join('/') }
}

/** The same where one object is needed. @throws UsageError */
export function objectOf(
  plural: string,
  name: string,
  tenant?: string,
): Required<Target> & { readonly key: string } {
  return targetOf(plural, name, tenant) as Required<Target> & { readonly key: string }
}

const formOf = (parent: 'tenant' | 'host' | undefined): string =>
  parent === undefined
    ? 'an id'
    : `${parent.toUpperCase()}/ID${parent === 'tenant' ? ', or ID with --tenant' : ''}`

/** '/v1/tenants/acme/ports/vm1'. @param key of checked ids */
export function objectPath(collection: Declared, key: string): string {
  const { parent } = collections[collection]
  const [tenant = '', id] = key.split('/')
  return parent === 'tenant'
    ? `${listPath(collection, tenant)}/${id}`
    : `${listPath(collection)}/${key}`
}

/** '/v1/tenants/acme/ports'. */
export function listPath(collection: Declared, tenant = ''): string {
  const { plural, parent } = collections[collection]
  if (collection === 'tenant') return '/v1/tenants'
  return parent === 'tenant' ? `/v1/tenants/${tenant}/${plural}` : `/v1/infra/${plural}`
}

/** 'acme/vm1' of an object as the API answers it. */
export function keyOf(collection: Declared, object: object): string {
  const values = object as Readonly<Record<string, unknown>>
  const { parent } = collections[collection]
  const owner = parent && values[parent]
  return owner === undefined ? `${values.id}` : `${owner}/${values.id}`
}
