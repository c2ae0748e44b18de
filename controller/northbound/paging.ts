/**
 * Lists page by page, all pages of one revision: a cursor names the revision and the last key, and the snapshot behind it
 * is kept for a while, which costs little since revisions share structure.
 *
 * Neighbour: lists.ts.
 */
import type { Snapshot } from '../model/snapshot.ts'
import { HttpError } from './problem.ts'

/** How many snapshots are kept for whoever pages, and for how long after the last page, milliseconds. */
const KEPT = 64
const KEPT_MS = 5 * 60_000

export interface Cursor {
  readonly revision: number
  /** Key of the last item of the page before. */
  readonly after: string
}

export const cursorText = ({ revision, after }: Cursor): string =>
  Buffer.from(JSON.stringify([revision, after])).toString('base64url')

/** @throws HttpError `parameter_invalid` */
export function parseCursor(text: string): Cursor {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    const [revision, after] = value as [unknown, unknown]
    if (Number.isSafeInteger(revision) && typeof after === 'string')
      return { revision: revision as number, after }
  } catch {
    // Said below.
  }
  const expected = '`next` of the page before'
  throw new HttpError('parameter_invalid', { parameter: 'cursor', value: text, expected })
}

/** Snapshots that clients page through. */
export class PagedSnapshots {
  readonly #kept = new Map<number, { readonly snapshot: Snapshot; readonly until: number }>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Keeps a snapshot for the next page; of too many the one that was asked for longest ago goes. */
  keep(snapshot: Snapshot): void {
    const { revision } = snapshot
    this.#kept.delete(revision)
    this.#kept.set(revision, { snapshot, until: this.#now() + KEPT_MS })
    for (const [old, { until }] of this.#kept)
      if (until <= this.#now() || this.#kept.size > KEPT) this.#kept.delete(old)
  }

  /** @throws HttpError `cursor_gone` */
  at(revision: number, current: Snapshot): Snapshot {
    if (revision === current.revision) return current
    const kept = this.#kept.get(revision)
    if (kept && kept.until > this.#now()) return kept.snapshot
    const expected = 'the list to be asked for again from its start'
    throw new HttpError('cursor_gone', { parameter: 'cursor', value: revision, expected })
  }
}
