/**
 * Reads a whole file once and holds every row against the chain: the site of the snapshot against
 * its digest, the journal from there to its head, hash by hash. What passes is what was written.
 *
 * In steps, so that a file of any size can be verified beside a running controller.
 */
import { SiteDigest, sameBytes } from './chain.ts'
import { storeError } from './error.ts'
import type { Journal, Row } from './journal.ts'

/** Told of every row, in the order: objects, counters, revisions. */
export interface Visitor {
  object?(collection: string, key: string, value: string): void
  counter?(name: string, value: number): void
  revision?(row: Row): void
}

const rowsPerStep = 1000

/**
 * Yields how many rows are done, about every 1000. @throws StoreError naming the first revision that
 * cannot be trusted; what the visitor was told until then is worth nothing
 */
export function* verify(journal: Journal, visitor: Visitor = {}): Generator<number, void> {
  try {
    let done = 0
    for (const _ of steps(journal, visitor)) if (++done % rowsPerStep === 0) yield done
    yield done
  } catch (error) {
    throw storeError(error, journal.path, 'damaged')
  }
}

function* steps(journal: Journal, visitor: Visitor): Generator<void, void> {
  const { revision: base, digest } = journal.snapshot()
  const found = new SiteDigest()
  const objects = journal.database.prepare('SELECT collection, key, value FROM object')
  for (const { collection, key, value } of objects.iterate() as Iterable<Record<string, string>>) {
    found.object(collection!, key!, value!)
    visitor.object?.(collection!, key!, value!)
    yield
  }
  const counters = journal.database.prepare('SELECT name, value FROM counter')
  for (const row of counters.iterate()) {
    const { name, value } = row as { name: string; value: number }
    found.counter(name, value)
    visitor.counter?.(name, value)
    yield
  }
  if (!sameBytes(found.bytes, digest)) {
    throw journal.damaged(`the snapshot of revision ${base} is not what was written`, base)
  }

  let last = { revision: base, hash: journal.snapshot().hash }
  const { head } = journal
  const end = Math.max(head.revision, lastKept(journal))
  for (const row of journal.rows(base + 1, end)) {
    visitor.revision?.(row)
    last = row
    yield
  }
  if (last.revision !== head.revision || !sameBytes(last.hash, head.hash)) {
    throw journal.damaged(`the journal does not end with revision ${last.revision}`, last.revision)
  }
}

/** The rows may go on behind the head, and begin before the snapshot: both is damage. */
function lastKept(journal: Journal): number {
  const { revision: base } = journal.snapshot()
  const { first, last } = journal.database
    .prepare('SELECT min(revision) AS first, max(revision) AS last FROM journal')
    .get() as { first: number | null; last: number | null }
  if (first !== null && first <= base)
    throw journal.damaged(`revision ${first} lies before the snapshot of revision ${base}`, first)
  return last ?? base
}
