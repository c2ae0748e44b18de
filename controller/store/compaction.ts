/**
 * Old revisions leave the journal: they are folded into the snapshot, which thereby moves on to the
 * last of them. That costs by what they changed, not by the site, and the chain goes on from the hash
 * that the snapshot then has.
 */
import { type Sealed, SiteDigest, seal } from './chain.ts'
import { Overlay, parseEntry } from './entry.ts'
import type { Hooks } from './hooks.ts'
import type { Journal } from './journal.ts'

/** How much history is kept; a revision beyond either bound is compacted. */
export interface Keep {
  /** At most so many revisions. */
  readonly revisions: number
  /** None made longer ago than this, milliseconds. */
  readonly ageMs: number
}

export const keepByDefault: Keep = { revisions: 100_000, ageMs: 400 * 24 * 3600 * 1000 }

/** Revisions that one transaction folds: some 10 ms when each changed one object. */
const slice = 512

/**
 * Folds at most one slice of what is beyond the bounds. @returns whether there was anything
 * @throws StoreError with nothing folded
 */
export function compact(journal: Journal, keep: Keep, now: number, hooks: Hooks): boolean {
  const base = journal.snapshot()
  const { revision: latest } = journal.head
  const byAge = (journal.firstSince(now - keep.ageMs) ?? latest + 1) - 1
  const upTo = Math.min(Math.max(latest - keep.revisions, byAge), base.revision + slice)
  if (upTo <= base.revision) return false
  journal.transaction(() => {
    fold(journal, base, upTo)
    hooks.at('before-compacted')
  })
  hooks.at('after-compacted')
  return true
}

function fold(journal: Journal, base: Sealed, upTo: number): void {
  const { database, path } = journal
  const overlay = new Overlay()
  let last = base
  for (const { entry, ...row } of journal.rows(base.revision + 1, upTo)) {
    overlay.entry(parseEntry(entry, row.revision, path), 'forward')
    last = { ...row, digest: base.digest }
  }

  const digest = new SiteDigest(base.digest)
  const objectOf = database.prepare('SELECT value FROM object WHERE collection = ? AND key = ?')
  const putObject = database.prepare('INSERT OR REPLACE INTO object VALUES (?, ?, ?)')
  const dropObject = database.prepare('DELETE FROM object WHERE collection = ? AND key = ?')
  for (const [collection, key, value] of overlay.objects()) {
    const before = objectOf.get(collection, key)
    if (before) digest.object(collection, key, String(before.value))
    if (value) {
      const text = JSON.stringify(value)
      digest.object(collection, key, text)
      putObject.run(collection, key, text)
    } else if (before) dropObject.run(collection, key)
  }
  const counterOf = database.prepare('SELECT value FROM counter WHERE name = ?')
  const putCounter = database.prepare('INSERT OR REPLACE INTO counter VALUES (?, ?)')
  const dropCounter = database.prepare('DELETE FROM counter WHERE name = ?')
  for (const [name, value] of overlay.counters()) {
    const before = counterOf.get(name)
    if (before) digest.counter(name, Number(before.value))
    if (value !== null) {
      digest.counter(name, value)
      putCounter.run(name, value)
    } else if (before) dropCounter.run(name)
  }

  database.prepare('DELETE FROM journal WHERE revision <= ?').run(upTo)
  const moved = { revision: upTo, at: last.at, hash: last.hash, digest: digest.bytes }
  database
    .prepare('UPDATE snapshot SET revision = ?, at = ?, hash = ?, digest = ?, seal = ?')
    .run(upTo, moved.at, moved.hash, moved.digest, seal(moved))
}
