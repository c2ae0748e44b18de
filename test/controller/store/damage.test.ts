/** A file that is not as it was written is refused, whatever happened to it, or it still says the same. */
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { StoreError } from '../../../controller/store/error.ts'
import { Store } from '../../../controller/store/store.ts'
import { put, smallSite } from '../model/site.ts'
import { random, randomEdits } from './random-edits.ts'
import { contents } from './replay.ts'

const folder = mkdtempSync(join(tmpdir(), 'weft-damage-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const by = { who: 'test' }
const whole = join(folder, 'whole.db')
const victim = join(folder, 'victim.db')
let right = ''

/** 60 revisions, the first 30 compacted; closed, so that the file has everything. */
beforeAll(() => {
  const pick = random(11)
  const store = Store.open(whole, { keep: { revisions: 30 } })
  store.commit(smallSite, by)
  while (store.snapshot.revision < 60) {
    try {
      store.commit(randomEdits(store.snapshot, pick), by)
    } catch {
      // A refused write makes no revision.
    }
  }
  store.compact()
  right = everything(store)
  store.close()
})

/** The site, and what is kept of its history. */
function everything(store: Store): string {
  const { snapshot } = store
  const counters = ['network.number', 'port.number', 'vni'].map((name) => snapshot.counter(name))
  return JSON.stringify([snapshot.revision, counters, contents(snapshot), store.revisions()])
}

/** What opening it gives: the reason of the refusal, or everything that it says, and says again after a write. */
function opened(path: string): { refused?: StoreError; says?: string } {
  let store: Store
  try {
    store = Store.open(path)
  } catch (error) {
    if (error instanceof StoreError) return { refused: error }
    throw error
  }
  const says = everything(store)
  store.commit([put('tenant', 'next', {})], by)
  const next = everything(store)
  store.close()
  store = Store.open(path)
  expect(everything(store)).toBe(next)
  store.close()
  return { says }
}

function fresh(): string {
  for (const end of ['-wal', '-shm', '-journal']) rmSync(victim + end, { force: true })
  copyFileSync(whole, victim)
  return victim
}

test.each([
  ["UPDATE journal SET who = 'mallory' WHERE revision = 41", 41, /revision 41 does not follow/],
  ["UPDATE journal SET via = 'x' WHERE revision = 41", 41, /revision 41 does not follow/],
  ['UPDATE journal SET at = at + 1 WHERE revision = 60', 60, /revision 60 does not follow/],
  [
    "UPDATE journal SET entry = entry || ' ' WHERE revision = 31",
    31,
    /revision 31 does not follow/,
  ],
  ['UPDATE journal SET hash = zeroblob(32) WHERE revision = 50', 50, /revision 50 does not follow/],
  ['DELETE FROM journal WHERE revision = 45', 45, /revision 45 does not follow/],
  ['DELETE FROM journal WHERE revision > 55', 56, /revision 56 does not follow/],
  ['DELETE FROM journal', 31, /revision 31 does not follow/],
  ['UPDATE journal SET revision = 70 WHERE revision = 60', 60, /revision 60 does not follow/],
  ['UPDATE journal SET revision = 3 WHERE revision = 60', 3, /revision 3 lies before the snapshot/],
  ['UPDATE head SET revision = 59', 60, /does not end with revision 60/],
  ['UPDATE head SET revision = 61', 61, /revision 61 does not follow/],
  ['UPDATE head SET hash = zeroblob(32)', 60, /does not end with revision 60/],
  ['DELETE FROM head', undefined, /where the journal ends is missing/],
  ['DELETE FROM snapshot', undefined, /its snapshot is damaged/],
  ['UPDATE snapshot SET revision = 29', undefined, /its snapshot is damaged/],
  ['UPDATE snapshot SET digest = zeroblob(32)', undefined, /its snapshot is damaged/],
  ["UPDATE object SET value = replace(value, '5001', '5002')", 30, /snapshot of revision 30/],
  ["UPDATE object SET value = '{' WHERE key = 'acme'", undefined, /tenant acme is not JSON/],
  ["UPDATE object SET key = 'acme2' WHERE key = 'acme'", 30, /snapshot of revision 30/],
  ["DELETE FROM object WHERE key = 'acme'", 30, /snapshot of revision 30/],
  ['UPDATE counter SET value = value + 1', 30, /snapshot of revision 30/],
  ['DELETE FROM counter', 30, /snapshot of revision 30/],
  ['CREATE TRIGGER t AFTER INSERT ON journal BEGIN DELETE FROM object; END', undefined, /table t /],
  ['ALTER TABLE journal ADD COLUMN more TEXT', undefined, /table journal is not as it is made/],
  ['DROP TABLE counter', undefined, /table counter is not as it is made/],
  ['PRAGMA application_id = 7', undefined, /not a store of Weft/],
  ['PRAGMA user_version = 1', undefined, /not a store of Weft/],
  ['PRAGMA user_version = 0', undefined, /not a store of Weft/],
] as const)('%s is refused with the first revision that it touches', (sql, revision, reason) => {
  const path = fresh()
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
  const { refused } = opened(path)
  expect(refused?.message).toMatch(reason)
  expect(refused?.revision).toBe(revision)
  if (refused?.type === 'damaged') expect(refused.message).toMatch(/weft restore/)
})

test('a file cut off anywhere, to nothing as well, is refused', () => {
  const { length } = readFileSync(whole)
  const pick = random(5)
  for (const at of [
    0,
    1,
    100,
    4096,
    length - 4096,
    length - 1,
    ...Array.from({ length: 20 }, () => pick(length)),
  ]) {
    const path = fresh()
    truncateSync(path, at)
    expect({ at, type: opened(path).refused?.type }).toEqual({ at, type: 'damaged' })
  }
})

test('a file whose header would refuse the first write is refused on opening', () => {
  const path = fresh()
  const bytes = readFileSync(path)
  bytes[18] = 3 // the version of the format for writing
  writeFileSync(path, bytes)
  expect(opened(path).refused?.message).toMatch(/is damaged: its header forbids writing/)
})

test('a log whose file is gone is refused, not taken for a new site', () => {
  const path = fresh()
  const store = Store.open(path)
  store.commit([put('tenant', 'late', {})], by)
  copyFileSync(`${path}-wal`, join(folder, 'alone.db-wal'))
  store.close()
  expect(opened(join(folder, 'alone.db')).refused?.message).toMatch(/only its log .* is there/)
})

test('flipped bytes anywhere in the file never give another site or another history', () => {
  const bytes = readFileSync(whole)
  const outcomes = { refused: 0, same: 0 }
  for (let seed = 1; seed <= 120; seed++) {
    const pick = random(seed)
    const path = fresh()
    const flipped = Uint8Array.from(bytes)
    // Every third in the header and the first page, where a byte says most.
    const range = seed % 3 === 0 ? 1024 : bytes.length
    for (let count = 1 + pick(8); count > 0; count--) flipped[pick(range)]! ^= 1 << pick(8)
    writeFileSync(path, flipped)
    const { refused, says } = opened(path)
    if (refused) outcomes.refused++
    else {
      expect({ seed, says }).toEqual({ seed, says: right })
      outcomes.same++
    }
  }
  // What is not refused was a byte that says nothing: free space, a counter of SQLite's own.
  expect(outcomes.refused).toBeGreaterThan(outcomes.same)
}, 120_000)

test('a log that was begun anew over an older one is not taken for a damaged one', () => {
  const path = join(folder, 'again.db')
  const store = Store.open(path)
  const begun = new Set<string>()
  for (let n = 0; n < 60; n++) {
    const tenants = Array.from({ length: 600 }, (_, m) => put('tenant', `t${n}-${m}`, {}))
    store.commit(tenants, by)
    fresh()
    copyFileSync(path, victim)
    copyFileSync(`${path}-wal`, `${victim}-wal`)
    begun.add(readFileSync(`${path}-wal`).toString('hex', 16, 24))
    if (n % 4 !== 3) continue
    const again = Store.open(victim)
    expect(again.snapshot.revision).toBe(n + 1)
    expect(again.snapshot.list('tenant').size).toBe(store.snapshot.list('tenant').size)
    again.close()
  }
  store.close()
  expect(begun.size).toBeGreaterThan(1)
}, 60_000)

test('a flipped byte in the log of a killed process costs at most its last transaction, and never in silence more', () => {
  const path = join(folder, 'killed.db')
  const store = Store.open(path)
  const states = [contents(store.snapshot)]
  store.onCommit(({ snapshot }) => states.push(contents(snapshot)))
  store.commit(smallSite, by)
  const pick = random(23)
  while (states.length <= 25) {
    try {
      store.commit(randomEdits(store.snapshot, pick), by)
    } catch {
      // A refused write makes no revision.
    }
  }
  const [file, log] = [readFileSync(path), readFileSync(`${path}-wal`)]
  store.close()
  const outcomes = { refused: 0, whole: 0 }
  for (let seed = 1; seed <= 120; seed++) {
    const choose = random(seed)
    const flipped = Uint8Array.from(log)
    // Every fourth in the header, in which all of the log stands or falls.
    flipped[choose(seed % 4 === 0 ? 32 : log.length)]! ^= 1 << choose(8)
    fresh()
    writeFileSync(victim, file)
    writeFileSync(`${victim}-wal`, flipped)
    try {
      const again = Store.open(victim)
      const { revision } = again.snapshot
      expect(revision).toBeGreaterThanOrEqual(24)
      expect(contents(again.snapshot)).toBe(states[revision])
      again.close()
      outcomes.whole++
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      expect(error.message).toMatch(/is damaged: (the header|frame \d+) of its log/)
      outcomes.refused++
    }
  }
  expect(outcomes.refused).toBeGreaterThan(outcomes.whole)
}, 60_000)
