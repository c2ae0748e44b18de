/**
 * Points in the life of a write at which a test may stop the process, to show that nothing
 * acknowledged is lost and no write is left half. `at` is called synchronously; doing nothing is
 * the rule.
 */
export const hookPoints = [
  /** nothing written yet */
  'before-write',
  /** the journal has the revision, the objects are not yet written */
  'after-write',
  /** all is written, COMMIT (which writes the log and calls fsync) comes next */
  'before-fsync',
  /** durable, nobody told */
  'after-fsync',
  /** everybody in the process told, the client not yet answered */
  'before-reply',
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
