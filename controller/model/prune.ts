/**
 * What a document no longer has: deletions for a site, or one tenant, to be as the document says and no more. Tokens are in
 * no document and stay. Neighbours: document-edits.ts makes the edits, cascade.ts takes what hangs on what goes.
 */
import { cascade } from './cascade.ts'
import { collections, declaredNames } from './collections.ts'
import type { Declared, Edit } from './schema.ts'
import type { View } from './snapshot.ts'

/** @param edits of the document @param tenant left out: the whole site */
export function pruned(
  view: View,
  edits: readonly Edit<Declared>[],
  tenant?: string,
): Edit<Declared>[] {
  const kept = new Set(edits.map(nameOf))
  const gone = new Map<string, Edit<Declared>>()
  for (const collection of declaredNames) {
    const { parent, apart } = collections[collection]
    if (apart || (tenant !== undefined && parent !== 'tenant')) continue
    const bounds = tenant === undefined ? [] : ([`${tenant}/`, `${tenant}0`] as const)
    for (const [key] of view.list(collection).range(...bounds)) {
      const edit = { collection, key, spec: undefined } as Edit<Declared>
      if (kept.has(nameOf(edit))) continue
      // With a tenant its tokens go, which the document could not have named.
      for (const each of cascade(view, collection, key))
        if (!kept.has(nameOf(each))) gone.set(nameOf(each), each)
    }
  }
  return [...gone.values()]
}

const nameOf = ({ collection, key }: Edit): string => `${collection} ${key}`
