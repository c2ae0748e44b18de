/**
 * Everything with which the store refuses, one table. `{path}` is the file, `{detail}` what was found.
 *
 * Neighbours: model/errors.ts refuses what is asked for, this file what can be kept and read.
 */
const sentences = {
  // On opening
  locked: '{path} cannot be opened: another process has it open',
  newer: '{path} was written by a newer Weft (schema {detail})',
  foreign: '{path} is not a store of Weft: {detail}',
  damaged: '{path} is damaged: {detail}; `weft restore` puts a backup in its place',
  unreadable: '{path} cannot be opened: {detail}',
  // On writing; the site stays as it was, and the next write tries again
  disk_full: '{path} cannot be written: the disk is full',
  read_only: '{path} cannot be written: it is read-only',
  io_error: '{path} cannot be written: {detail}',
  closed: '{path} is closed',
  // Backup and restore
  absent: '{path} does not exist',
  exists: '{path} exists; it is replaced only by force, and kept aside',
} as const satisfies Record<string, string>

export type StoreErrorType = keyof typeof sentences

export interface StoreFacts {
  readonly path: string
  readonly detail?: string
  readonly revision?: number
  readonly cause?: unknown
}

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly type: StoreErrorType
  readonly path: string
  /** What was found, without the sentence around it. */
  readonly detail: string
  /** Of `damaged`: the first revision that cannot be trusted, where that is known. */
  readonly revision: number | undefined

  constructor(type: StoreErrorType, { path, detail = '', revision, cause }: StoreFacts) {
    const sentence = sentences[type].replaceAll('{path}', path).replaceAll('{detail}', detail)
    super(sentence, cause === undefined ? {} : { cause })
    this.type = type
    this.path = path
    this.detail = detail
    this.revision = revision
  }
}

/** The history that was asked for has been compacted. */
export class RevisionGone extends Error {
  override readonly name = 'RevisionGone'
  /** The oldest that can be asked for in the same way. */
  readonly oldest: number

  constructor(asked: string, oldest: number) {
    super(`${asked} is no longer kept; the oldest is revision ${oldest}`)
    this.oldest = oldest
  }
}

/** A revision that has not been made. */
export class RevisionUnknown extends Error {
  override readonly name = 'RevisionUnknown'
  readonly revision: number
  readonly latest: number

  constructor(revision: number, latest: number) {
    super(`revision ${revision} does not exist; the latest is revision ${latest}`)
    this.revision = revision
    this.latest = latest
  }
}

/** An object is not at the revision on which an edit was made to depend. */
export class RevisionMismatch extends Error {
  override readonly name = 'RevisionMismatch'
  readonly collection: string
  readonly key: string
  readonly expected: number | 'any' | 'none'
  /** undefined: the object does not exist. */
  readonly actual: number | undefined

  constructor(
    {
      collection,
      key,
      revision,
    }: Pick<RevisionMismatch, 'collection' | 'key'> & {
      readonly revision: number | 'any' | 'none'
    },
    actual: number | undefined,
  ) {
    const is = actual === undefined ? 'does not exist' : `is at revision ${actual}`
    super(`${collection} ${key} ${is}; expected ${revision}`)
    this.collection = collection
    this.key = key
    this.expected = revision
    this.actual = actual
  }
}

/** Primary result codes of SQLite (sqlite.org/rescode.html). */
const sqlite = { busy: 5, locked: 6, readOnly: 8, ioError: 10, corrupt: 11, full: 13, notDb: 26 }

/** What SQLite or a file throws as ours, `otherwise` when its code says no more; the rest as it is. */
export function storeError(error: unknown, path: string, otherwise: StoreErrorType): unknown {
  if (!(error instanceof Error)) return error
  const facts = { path, detail: error.message, cause: error }
  // An integer in the file that no number of ours can be.
  if ('code' in error && error.code === 'ERR_OUT_OF_RANGE') return new StoreError('damaged', facts)
  if ('code' in error && error.code === 'ENOSPC') return new StoreError('disk_full', facts)
  if ('code' in error && error.code === 'EROFS') return new StoreError('read_only', facts)
  if ('syscall' in error) return new StoreError(otherwise, facts)
  if (!('errcode' in error)) return error
  switch (Number(error.errcode) & 0xff) {
    case sqlite.busy:
    case sqlite.locked:
      return new StoreError('locked', facts)
    case sqlite.readOnly:
      return new StoreError('read_only', facts)
    case sqlite.full:
      return new StoreError('disk_full', facts)
    case sqlite.corrupt:
      return new StoreError('damaged', facts)
    // A store without its head looks like a file that never was one.
    case sqlite.notDb:
      return new StoreError('damaged', { ...facts, detail: 'no database, if it ever was a store' })
    default:
      return new StoreError(otherwise, facts)
  }
}
