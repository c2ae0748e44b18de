/** JSON Merge Patch, RFC 7396: what a patch leaves out stays, null takes away. Neighbour: objects.ts. */
import { type Declared, type Objects, schemas } from '../model/schema.ts'

/** What a client would have to PUT to get this object: its properties that a spec may have. */
export function specOf(collection: Declared, object: Objects[Declared]): object {
  const { properties } = schemas[collection].spec
  return Object.fromEntries(Object.entries(object).filter(([name]) => name in properties))
}

/** RFC 7396 §2. Neither argument is changed; arrays are replaced as a whole. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const merged = new Map(Object.entries(isObject(target) ? target : {}))
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name)
    else merged.set(name, mergePatch(merged.get(name), value))
  }
  return Object.fromEntries(merged)
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
