/**
 * What the journal adds up to, and what the store has: the same text when nothing is lost and
 * nothing is half.
 */
import { collectionNames } from '../../../controller/model/schema.ts'
import type { Snapshot } from '../../../controller/model/snapshot.ts'
import type { Store } from '../../../controller/store/store.ts'

/**
 * All objects after the last revision, as JSON lines in the order of their keys: what the oldest
 * kept site had, and every kept revision on top.
 */
export function replay(store: Store): string {
  const objects = objectsOf(store.at(store.oldestRevision))
  for (const { entry } of store.journal()) {
    for (const [collection, key, before, after] of entry.objects) {
      const name = `${collection} ${key}`
      if (JSON.stringify(objects.get(name) ?? null) !== JSON.stringify(before))
        throw new Error(`the journal has another ${name} before a change than after the last`)
      if (after === null) objects.delete(name)
      else objects.set(name, after)
    }
  }
  return lines(objects)
}

export function contents(snapshot: Snapshot): string {
  return lines(objectsOf(snapshot))
}

function objectsOf(snapshot: Snapshot): Map<string, unknown> {
  const objects = new Map<string, unknown>()
  for (const name of collectionNames) {
    for (const [key, object] of snapshot.list(name)) objects.set(`${name} ${key}`, object)
  }
  return objects
}

function lines(objects: ReadonlyMap<string, unknown>): string {
  const sorted = [...objects].sort(([a], [b]) => (a < b ? -1 : 1))
  return sorted.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join('\n')
}
