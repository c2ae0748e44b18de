/** Collections as the command line calls them: 'ports' and 'port', 'physical-networks', 'tokens' of a tenant or of the site. */
import { collections, declaredNames } from '../controller/model/collections.ts'
import type { Declared } from '../controller/model/schema.ts'

const plurals = declaredNames.map((name) => collections[name].plural)

/** Each once. */
export const collectionNames: readonly string[] = [...new Set(plurals)]

const singular = (plural: string): string => plural.replace(/s$/, '')

/** 'port' or 'ports' -> 'ports'; undefined: there is none of that name. */
export const collectionNamed = (text: string): string | undefined =>
  collectionNames.find((plural) => text === plural || text === singular(plural))

/** @param isOfTenant tokens are those of a tenant, or of the site */
export function declaredOf(plural: string, isOfTenant: boolean): Declared {
  const all = declaredNames.filter((name) => collections[name].plural === plural)
  const found = all.find((name) => (collections[name].parent === 'tenant') === isOfTenant) ?? all[0]
  if (!found) throw new RangeError(`no collection ${plural}`)
  return found
}
