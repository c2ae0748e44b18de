/**
 * An error as whoever typed the command should read it. An expected failure (a refused document, a port in
 * use) is one sentence; a fault of ours keeps its stack. Neighbour: weft.ts.
 */

/** Types that nobody throws on purpose. */
const faults: readonly unknown[] = [Error, TypeError, RangeError, ReferenceError, SyntaxError]

/** The sentence, with what caused it; for a fault of ours the stack. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = isFault(error) ? (error.stack ?? error.message) : error.message
  return error.cause === undefined ? own : `${own}: ${explain(error.cause)}`
}

function isFault(error: Error): boolean {
  return faults.includes(error.constructor) && !('code' in error)
}
