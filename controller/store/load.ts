/** From the file to the site in memory: what the snapshot holds, and the journal on top of it. */
import type { Collection, Objects } from '../model/schema.ts'
import type { Site } from '../model/snapshot.ts'
import { Overlay, parseEntry, parseFrozen } from './entry.ts'
import type { Journal } from './journal.ts'
import { verify } from './verify.ts'

/** The site at the head of the journal. @throws StoreError when anything is damaged */
export function load(journal: Journal): Site {
  const { path } = journal
  const overlay = new Overlay()
  const steps = verify(journal, {
    object(collection, key, value) {
      const detail = `${collection} ${key} is not JSON`
      const object = parseFrozen(value, { path, detail }) as Objects[Collection]
      overlay.object(collection as Collection, key, object)
    },
    counter: (name, value) => overlay.counter(name, value),
    revision: ({ revision, entry }) => overlay.entry(parseEntry(entry, revision, path), 'forward'),
  })
  while (!steps.next().done);
  return overlay.site(journal.head.revision)
}
