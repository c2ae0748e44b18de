/** A store of an older Weft opens as it was, and stays beside the new one. */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'
import { StoreError } from '../../../controller/store/error.ts'
import { type Commit, Store } from '../../../controller/store/store.ts'
import { drop, put, smallSite } from '../model/site.ts'
import { random, randomEdits } from './random-edits.ts'
import { contents, replay } from './replay.ts'
import { writeSchema1 } from './schema-1.ts'

const folder = mkdtempSync(join(tmpdir(), 'weft-migration-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const by = { who: 'test' }

/** What a store of now was told, and its site at each revision. */
function written(revisions: number): { commits: Commit[]; states: string[] } {
  const pick = random(revisions)
  const store = Store.open(':memory:')
  const commits: Commit[] = []
  store.onCommit((commit) => commits.push(commit))
  store.commit(smallSite, { who: 'host h1' })
  while (commits.length < revisions) {
    try {
      store.commit(randomEdits(store.snapshot, pick), by)
    } catch {
      // A refused write makes no revision.
    }
  }
  return { commits, states: commits.map(({ snapshot }) => contents(snapshot)) }
}

const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

test('a store of schema 1 opens with every object, number, revision, time and author', () => {
  const path = join(folder, 'old.db')
  const { commits, states } = written(60)
  writeSchema1(path, commits)
  const old = digest(path)
  const store = Store.open(path)
  expect(digest(`${path}.schema1.bak`)).toBe(old)
  expect(store.snapshot.revision).toBe(60)
  expect(replay(store)).toBe(contents(store.snapshot))
  states.forEach((state, n) => {
    expect(contents(store.at(n + 1))).toBe(state)
  })
  expect(store.revision(1)).toMatchObject({ who: 'host h1', at: 1_790_000_000_001 })
  expect(store.at(0).revision).toBe(0)
  const { number = 0 } = store.snapshot.get('network', 'acme/web') ?? {}
  store.commit([put('network', 'acme/next', {})], by)
  expect(store.snapshot.get('network', 'acme/next')?.number).toBeGreaterThan(number)
  store.close()
  const again = Store.open(path)
  expect(again.snapshot.revision).toBe(61)
  expect(existsSync(`${path}.schema1.bak-2`)).toBe(false)
  again.close()
}, 60_000)

test('the kept copy is a store itself, and is never overwritten by the next', () => {
  const path = join(folder, 'twice.db')
  const { commits, states } = written(5)
  writeSchema1(path, commits)
  Store.open(path).close()
  const first = digest(`${path}.schema1.bak`)
  rmSync(path)
  writeSchema1(path, commits.slice(0, 3))
  Store.open(path).close()
  expect(digest(`${path}.schema1.bak`)).toBe(first)
  const kept = Store.open(`${path}.schema1.bak-2`)
  expect(contents(kept.snapshot)).toBe(states[2])
  kept.close()
})

test('a damaged store of schema 1 is refused as it is, with the first bad revision', () => {
  const { commits } = written(8)
  const damages = {
    "UPDATE journal SET who = 'mallory' WHERE revision = 4": /revision 4 does not follow/,
    'DELETE FROM journal WHERE revision = 6': /revision 6 does not follow/,
    'DELETE FROM journal WHERE revision = 8': /is not what the journal says at revision 7/,
    "UPDATE object SET value = '{}' WHERE key = 'acme'": /tenant acme is not what the journal says/,
    "DELETE FROM object WHERE key = 'globex'": /tenant globex is not what the journal says/,
    'UPDATE counter SET value = value + 1': /counter \S+ is not what the journal says/,
  }
  Object.entries(damages).forEach(([sql, reason], n) => {
    const path = join(folder, `damaged-${n}.db`)
    writeSchema1(path, commits)
    const database = new DatabaseSync(path)
    database.exec(sql)
    database.close()
    const before = digest(path)
    expect(() => Store.open(path)).toThrow(StoreError)
    expect(() => Store.open(path)).toThrow(reason)
    expect(digest(path)).toBe(before)
    expect(existsSync(`${path}.schema1.bak`)).toBe(false)
  })
})

test('an empty store of schema 1 opens as an empty site', () => {
  const path = join(folder, 'empty.db')
  writeSchema1(path, [])
  const store = Store.open(path)
  expect(store.snapshot.revision).toBe(0)
  store.commit([...smallSite, put('tenant', 'a', {})], by)
  store.commit([drop('tenant', 'a')], by)
  expect(replay(store)).toBe(contents(store.snapshot))
  store.close()
})
