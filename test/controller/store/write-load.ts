/** The same writes from the same seed, in groups as clients make them: whoever runs it elsewhere knows each revision. */
import { ModelError } from '../../../controller/model/errors.ts'
import type { Store } from '../../../controller/store/store.ts'
import { smallSite } from '../model/site.ts'
import { random, randomEdits } from './random-edits.ts'

const by = { who: 'load' }

/**
 * Writes `groups` groups of up to four writers and, where history is bounded, compacts now and then.
 * The store's uuids have to be `counting()` for two runs to be the same.
 */
export async function writeLoad(
  store: Store,
  groups: number,
  acknowledged: (revision: number) => void = () => {},
): Promise<void> {
  const pick = random(42)
  acknowledged(store.commit(smallSite, by).revision)
  for (let group = 0; group < groups; group++) {
    const writers = Array.from({ length: 1 + pick(4) }, async () => {
      try {
        const { snapshot } = await store.commitDurably(randomEdits(store.snapshot, pick), by)
        acknowledged(snapshot.revision)
      } catch (error) {
        if (!(error instanceof ModelError)) throw error
      }
    })
    await Promise.all(writers)
    if (group % 20 === 19) store.compact()
  }
}
