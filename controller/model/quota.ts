/**
 * How much a tenant may have. A lower quota takes nothing away: it holds for what is new. Neighbours: check.ts asks,
 * northbound/ tells what is left.
 */
import { collections } from './collections.ts'
import { type Problem, problem } from './errors.ts'
import type { Declared, Objects } from './schema.ts'
import type { View } from './snapshot.ts'

export interface Use {
  readonly used: number
  readonly limit: number
}

/** Of objects of this collection; undefined: there is no limit. Costs O(log n). */
export function useOf(view: View, collection: Declared, tenant: string): Use | undefined {
  const { quota } = view.get('tenant', tenant) ?? {}
  const limit = quota?.[collections[collection].plural as keyof typeof quota]
  if (limit === undefined) return undefined
  return { used: view.list(collection).count(`${tenant}/`, `${tenant}0`), limit }
}

/** Of a new object, on the draft that has it. */
export function checkQuota(collection: Declared, object: Objects[Declared], view: View): Problem[] {
  if (!('tenant' in object)) return []
  const { tenant } = object
  const use = useOf(view, collection, tenant)
  if (!use || use.used <= use.limit) return []
  const { plural } = collections[collection]
  const expected = `one to be deleted first, or an operator to allow more than ${use.limit}`
  return [
    problem('quota_exceeded', {
      pointer: '',
      value: `${use.limit} ${plural}`,
      by: tenant,
      expected,
    }),
  ]
}
