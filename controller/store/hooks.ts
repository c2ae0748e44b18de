/**
 * Points in the life of a store at which a test may stop the process, to show that nothing
 * acknowledged is lost and nothing is left half. `at` is called synchronously; doing nothing is
 * the rule.
 */

/** In the order of a write. */
export const writePoints = [
  /** nothing written yet */
  'before-write',
  /** one more revision of the group is in the journal, others may follow, none is committed */
  'after-write',
  /** all is written, COMMIT (which writes the log and calls fsync) comes next */
  'before-fsync',
  /** durable, nobody told */
  'after-fsync',
  /** everybody in the process told, the client not yet answered */
  'before-reply',
] as const

export const hookPoints = [
  ...writePoints,
  /** revisions are folded into the snapshot and taken out of the journal, COMMIT comes next */
  'before-compacted',
  'after-compacted',
  /** the copy of the older store is durable, the store itself untouched */
  'migration-copied',
  /** all tables are rewritten, COMMIT comes next */
  'before-migrated',
  'after-migrated',
  /** the backup has all pages, under its provisional name, and is not verified */
  'backup-copied',
  /** the backup is verified and durable, still under its provisional name */
  'backup-verified',
  /** the backup to restore lies beside the store, verified and durable */
  'restore-verified',
  /** the old store also has the name under which it is kept */
  'restore-aside',
  /** the backup has the store's name; the log of the old one may still lie beside it */
  'restore-renamed',
] as const
export type HookPoint = (typeof hookPoints)[number]

export interface Hooks {
  at(point: HookPoint): void
}

export const noHooks: Hooks = { at: () => {} }

/**
 * For tests of a whole controller: `after-write:137` runs `strike` (SIGKILL to itself) when that
 * point is reached for the 137th time. @throws RangeError for a text of another form
 */
export function strikeAt(text: string, strike: () => void): Hooks {
  const [point, count] = text.split(':')
  let left = Number(count)
  if (!hookPoints.includes(point as HookPoint) || !Number.isInteger(left) || left < 1) {
    throw new RangeError(
      `'${text}' is no hook point; expected one of ${hookPoints}, ':' and a count`,
    )
  }
  return {
    at(here) {
      if (here === point && --left === 0) strike()
    },
  }
}
