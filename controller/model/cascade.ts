/**
 * Deleting an object with all that needs it: what refers to it, what refers to that, each once, whoever is referred to
 * after who refers. Costs by what goes. Neighbours: check.ts refuses a deletion without.
 */
import { referrersOf } from './check.ts'
import type { Declared, Edit, Objects } from './schema.ts'
import type { View } from './snapshot.ts'

/** One deletion of each; the object itself last. Empty when it does not exist. */
export function cascade(view: View, collection: Declared, key: string): Edit<Declared>[] {
  const found = new Map<string, Edit<Declared>>()
  const visit = (at: Declared, of: string): void => {
    const object = view.get(at, of)
    if (!object || found.has(`${at} ${of}`)) return
    const edit = { collection: at, key: of, spec: undefined } as Edit<Declared>
    found.set(`${at} ${of}`, edit)
    for (const referrer of referrersOf(at, of, object as Objects[Declared], view)) {
      const space = referrer.indexOf(' ')
      visit(referrer.slice(0, space) as Declared, referrer.slice(space + 1))
    }
    // Found again behind those that need it.
    found.delete(`${at} ${of}`)
    found.set(`${at} ${of}`, edit)
  }
  visit(collection, key)
  return [...found.values()]
}
