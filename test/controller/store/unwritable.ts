/**
 * Fills the disk that the store is on, and tells what the store made of it: `node unwritable.ts PATH [BALLAST]`. BALLAST is a
 * file whose removal gives room again. Prints one JSON object.
 */
import { rmSync } from 'node:fs'
import { argv } from 'node:process'
import { StoreError } from '../../../controller/store/error.ts'
import { Store } from '../../../controller/store/store.ts'
import { put, smallSite } from '../model/site.ts'
import { contents, replay } from './replay.ts'

const [path = '', ballast] = argv.slice(2)
const by = { who: 'test' }
const store = Store.open(path)
let told = 0
store.onCommit(() => told++)
store.commit(smallSite, by)

let refused: unknown
let written = ''
for (let n = 0; n < 100_000 && !refused; n++) {
  written = contents(store.snapshot)
  try {
    const tenants = Array.from({ length: 50 }, (_, m) => put('tenant', `t${n}-${m}`, {}))
    store.commit(tenants, by)
  } catch (error) {
    refused = error
  }
}
const { revision } = store.snapshot
const group = await Promise.allSettled(
  ['a', 'b'].map((id) =>
    store.commitDurably(
      Array.from({ length: 400 }, (_, m) => put('tenant', `${id}${m}`, {})),
      by,
    ),
  ),
)
const typeOf = (error: unknown) => (error instanceof StoreError ? error.type : String(error))
const result = {
  refused: typeOf(refused),
  group: group.map((each) => (each.status === 'rejected' ? typeOf(each.reason) : 'written')),
  problem: store.problem?.type,
  told: told === revision,
  unchanged: store.snapshot.revision === revision && contents(store.snapshot) === written,
  readable: replay(store) === written && store.revision(revision).revision === revision,
}
let recovered: unknown
if (ballast) {
  rmSync(ballast)
  recovered = {
    next: store.commit([put('tenant', 'room', {})], by).revision === revision + 1,
    problem: store.problem ?? 'none',
  }
}
const last = contents(store.snapshot)
store.close()
let reopened: unknown
try {
  const again = Store.open(path)
  reopened = contents(again.snapshot) === last
  again.close()
} catch (error) {
  reopened = typeOf(error)
}
process.stdout.write(JSON.stringify({ ...result, recovered, reopened }))
