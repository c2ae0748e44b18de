/** What a client would have to PUT to get an object. Neighbours: schema.ts, export.ts, northbound/merge-patch.ts. */
import { type Declared, type Objects, schemas } from './schema.ts'

/** The properties of an object that a spec may have. */
export function specOf(collection: Declared, object: Objects[Declared]): object {
  const { properties } = schemas[collection].spec
  return Object.fromEntries(Object.entries(object).filter(([name]) => name in properties))
}
