/**
 * Sites of the past. From the nearest site at hand (the current one, or one made before) the journal
 * is walked back or forward: that costs by what changed in between, not by the site, and shares with
 * it all that did not change.
 */
import type { Collection, Objects } from '../model/schema.ts'
import type { Site, Snapshot } from '../model/snapshot.ts'
import { type Author, Overlay, parseEntry } from './entry.ts'
import { RevisionGone, RevisionUnknown } from './error.ts'
import type { Journal, Row } from './journal.ts'

/** What one revision did, and who asked for it; frozen. */
export interface Revision extends Author {
  readonly revision: number
  /** Milliseconds since 1970. */
  readonly at: number
  /** before undefined: created; after undefined: deleted. */
  readonly changes: readonly RevisionChange[]
}
export type RevisionChange = readonly [
  collection: Collection,
  key: string,
  before: Objects[Collection] | undefined,
  after: Objects[Collection] | undefined,
]

/** Sites that are kept at hand; they share structure, so each costs by how far it is away. */
const sitesAtHand = 16

export class History {
  readonly #journal: Journal
  readonly #current: () => Site
  /** By revision; the one used last comes last. */
  readonly #made = new Map<number, Site>()

  constructor(journal: Journal, current: () => Site) {
    this.#journal = journal
    this.#current = current
  }

  /** The oldest revision whose site can be read; what changed can be read of those after it. */
  get oldest(): number {
    return this.#journal.snapshot().revision
  }

  /** @throws RevisionGone, RevisionUnknown, StoreError when the journal is damaged */
  at(revision: number): Snapshot {
    const current = this.#current()
    const { oldest } = this
    if (!(revision >= oldest)) throw new RevisionGone(`revision ${revision}`, oldest)
    if (!Number.isInteger(revision) || revision > current.revision)
      throw new RevisionUnknown(revision, current.revision)
    const site = this.#from(this.#nearest(revision, current), revision)
    if (site !== current) this.#remember(site)
    return site
  }

  /**
   * The site as it was at that time, milliseconds since 1970: after the last revision that was made
   * until then. @throws as at
   */
  atTime(ms: number): Snapshot {
    const revision = this.#journal.lastAt(ms)
    if (revision !== undefined) return this.at(Math.min(revision, this.#current().revision))
    const { revision: oldest, at } = this.#journal.snapshot()
    if (at <= ms) return this.at(oldest)
    throw new RevisionGone(`the site of ${isoTime(ms)}`, oldest)
  }

  /** @throws RevisionGone, RevisionUnknown, StoreError when the journal is damaged */
  revision(revision: number): Revision {
    const [found] = this.revisions({ from: revision, limit: 1 })
    if (!found) throw new RevisionUnknown(revision, this.#journal.head.revision)
    return found
  }

  /**
   * Published revisions in order, from `from` (the oldest that is kept when it is left out), at most
   * `limit`. @throws RevisionGone, StoreError when the journal is damaged
   */
  revisions({ from, limit = 100 }: { readonly from?: number; readonly limit?: number } = {}) {
    const first = this.oldest + 1
    const start = from ?? first
    if (!(start >= first)) throw new RevisionGone(`revision ${start}`, first)
    const end = Math.min(this.#current().revision, start + limit - 1)
    if (!Number.isInteger(start) || end < start) return []
    return [...this.#journal.rows(start, end)].map((row) => this.#read(row))
  }

  #read({ entry, hash: _, ...row }: Row): Revision {
    const { objects } = parseEntry(entry, row.revision, this.#journal.path)
    const changes = objects.map(([collection, key, before, after]) =>
      Object.freeze([collection, key, before ?? undefined, after ?? undefined] as const),
    )
    return Object.freeze({ ...row, changes: Object.freeze(changes) })
  }

  #nearest(revision: number, current: Site): Site {
    let nearest = current
    const distance = (site: Site): number => Math.abs(site.revision - revision)
    const { oldest } = this
    for (const site of this.#made.values()) {
      // From a site whose own revision is compacted there is no way on.
      if (site.revision >= oldest && distance(site) < distance(nearest)) nearest = site
    }
    return nearest
  }

  #from(site: Site, revision: number): Site {
    if (site.revision === revision) return site
    const { path } = this.#journal
    const back = revision < site.revision
    const [first, last] = back ? [revision + 1, site.revision] : [site.revision + 1, revision]
    const entries = [...this.#journal.rows(first, last)].map((row) =>
      parseEntry(row.entry, row.revision, path),
    )
    const overlay = new Overlay()
    for (const entry of back ? entries.reverse() : entries)
      overlay.entry(entry, back ? 'back' : 'forward')
    return overlay.over(site, revision)
  }

  #remember(site: Site): void {
    this.#made.delete(site.revision)
    this.#made.set(site.revision, site)
    for (const oldest of this.#made.keys()) {
      if (this.#made.size <= sitesAtHand) break
      this.#made.delete(oldest)
    }
  }
}

function isoTime(ms: number): string {
  const time = new Date(ms)
  return Number.isNaN(time.getTime()) ? String(ms) : time.toISOString()
}
