/**
 * What a cascade would take along, found as the controller finds it: by the references of model/collections.ts, over the
 * collections that have such a reference. It is a look: the answer to the deletion says what went.
 */
import { collections, declaredNames, splitKey } from '../controller/model/collections.ts'
import type { Declared, Objects } from '../controller/model/schema.ts'
import { objectIn } from './answers.ts'
import { listOf } from './commands/get.ts'
import type { Rest } from './rest.ts'
import { keyOf } from './target.ts'

/** 'port acme/vm1', whoever refers before what is referred to; without the object itself. */
export async function referrersOf(
  rest: Rest,
  collection: Declared,
  key: string,
): Promise<string[]> {
  const lists = new Map<string, Promise<readonly Objects[Declared][]>>()
  const listed = (
    of: Declared,
    tenant: string | undefined,
  ): Promise<readonly Objects[Declared][]> => {
    const name = `${of} ${tenant}`
    const asked =
      lists.get(name) ??
      listOf(rest, { collection: of, tenant }).then((all) => all.map((each) => objectIn(of, each)))
    lists.set(name, asked)
    return asked
  }
  const found = new Set<string>()
  const visit = async (to: Declared, target: string): Promise<void> => {
    const tenant = tenantOf(to, target)
    for (const from of declaredNames) {
      const references = collections[from].references.filter((each) => each.to === to)
      if (references.length === 0) continue
      for (const object of await listed(from, tenant)) {
        const refers = references.some((each) => each.key(object as never) === target)
        const name = `${from} ${keyOf(from, object)}`
        if (!refers || found.has(name)) continue
        await visit(from, keyOf(from, object))
        found.add(name)
      }
    }
  }
  await visit(collection, key)
  return [...found]
}

/** What is of a tenant is referred to within the tenant alone. */
function tenantOf(collection: Declared, key: string): string | undefined {
  if (collection === 'tenant') return key
  return collections[collection].parent === 'tenant' ? splitKey(key).parent : undefined
}
