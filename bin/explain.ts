/**
 * An error as whoever typed the command should read it. An expected failure (a refused document, a port in
 * use) is one sentence; a fault of ours keeps its stack. Neighbour: weft.ts.
 */

/** Names of errors that say all of their cause, in words of their own. */
const complete: readonly string[] = ['DocumentError']

/** Types that nobody throws on purpose. */
const faults: readonly unknown[] = [Error, TypeError, RangeError, ReferenceError, SyntaxError]

/** The sentence, with what caused it unless the sentence has that already; for a fault of ours the stack. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = isFault(error) ? (error.stack ?? error.message) : error.message
  if (error.cause === undefined || complete.includes(error.name)) return own
  const { cause } = error
  const inside = cause instanceof Error ? cause.message : String(cause)
  return own.includes(inside) ? own : `${own}: ${explain(cause)}`
}

function isFault(error: Error): boolean {
  return faults.includes(error.constructor) && !('code' in error)
}
