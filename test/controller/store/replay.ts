/**
 * What the journal adds up to, and what the store has: the same text when nothing is lost and
 * nothing is half.
 */
import { collectionNames } from '../../../controller/model/schema.ts'
import type { Snapshot } from '../../../controller/model/snapshot.ts'
import type { Store } from '../../../controller/store/store.ts'

/** All objects after the last revision, as JSON lines in the order of their keys. */
export function replay(store: Store): string {
  const objects = new Map<string, unknown>()
  for (const { entry } of store.journal()) {
    for (const [collection, key, value] of entry.objects) {
      if (value === null) objects.delete(`${collection} ${key}`)
      else objects.set(`${collection} ${key}`, value)
    }
  }
  return lines(objects)
}

export function contents(snapshot: Snapshot): string {
  const objects = new Map<string, unknown>()
  for (const name of collectionNames) {
    for (const [key, object] of snapshot.list(name)) objects.set(`${name} ${key}`, object)
  }
  return lines(objects)
}

function lines(objects: ReadonlyMap<string, unknown>): string {
  const sorted = [...objects].sort(([a], [b]) => (a < b ? -1 : 1))
  return sorted.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join('\n')
}
