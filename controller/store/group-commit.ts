/**
 * Several writers, one order, one fsync: who asks while others wait goes into the same transaction.
 * Each set of edits is held against the site as those before it left it; what it depends on may be
 * refused by the disk, so nobody is answered before all is durable.
 */
import type { Clock } from '../../southbound/wire/clock.ts'
import { applyEdits } from '../model/edit.ts'
import type { Collection, Edit } from '../model/schema.ts'
import type { Change, Site, Snapshot } from '../model/snapshot.ts'
import type { Linked } from './chain.ts'
import { type Author, entryOf, writable } from './entry.ts'
import { RevisionMismatch } from './error.ts'

/** One published revision; of a write that changed nothing, the site as it found it. */
export interface Commit extends Author {
  readonly snapshot: Snapshot
  readonly changes: readonly Change[]
  /** Milliseconds since 1970. */
  readonly at: number
}

/** The revision at which an object must be; 'any': it exists, 'none': it does not. */
export interface IfRevision {
  readonly collection: Collection
  readonly key: string
  readonly revision: number | 'any' | 'none'
}

export interface Conditions extends Author {
  readonly ifRevisions?: readonly IfRevision[]
}

/** What to write; as a function, of the site that it is written onto. What that throws refuses. */
export type Edits = readonly Edit[] | ((site: Snapshot) => readonly Edit[])

export interface Request {
  readonly edits: Edits
  readonly by: Conditions
  readonly accept: (commit: Commit) => void
  readonly refuse: (error: unknown) => void
}

/** What becomes of a request once the group is durable. */
export interface Outcome {
  readonly request: Request
  readonly commit?: Commit
  readonly error?: unknown
}

export interface Staged {
  readonly site: Site
  /** In the order of the requests. */
  readonly outcomes: readonly Outcome[]
  readonly revisions: readonly Linked[]
}

/** Applies requests in order, each wholly or not at all. Writes nothing. */
export function stage(
  site: Site,
  requests: readonly Request[],
  { uuid, clock }: { readonly uuid: () => string; readonly clock: Clock },
): Staged {
  let staged = site
  const revisions: Linked[] = []
  const outcomes = requests.map((request): Outcome => {
    const { ifRevisions = [] } = request.by
    const author = writable(request.by)
    try {
      for (const each of ifRevisions) checkRevision(staged, each)
      const { edits } = request
      const asked = typeof edits === 'function' ? edits(staged) : edits
      const edited = applyEdits(staged, asked, uuid)
      const { changes, counters } = edited
      const commit: Commit = { ...author, at: clock.wall(), snapshot: edited.site, changes }
      if (edited.site !== staged) {
        const entry = JSON.stringify(entryOf(staged, changes, counters))
        revisions.push({ ...author, revision: edited.site.revision, at: commit.at, entry })
        staged = edited.site
      }
      return { request, commit }
    } catch (error) {
      return { request, error }
    }
  })
  return { site: staged, outcomes, revisions }
}

function checkRevision(site: Site, expected: IfRevision): void {
  const { collection, key, revision } = expected
  const actual = site.get(collection, key)?.revision
  const met =
    revision === 'any'
      ? actual !== undefined
      : revision === 'none'
        ? actual === undefined
        : actual === revision
  if (!met) throw new RevisionMismatch(expected, actual)
}
