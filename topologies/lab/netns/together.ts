/**
 * Work side by side, where a failure must leave nothing running: what a failed start takes away (lab.ts)
 * would otherwise be made again behind its back by what was still under way.
 */

/**
 * Starts all pieces of work and resolves with their results. When one fails, or `signal` aborts, the
 * signal that each piece got aborts; rejects with the first reason, after every piece has ended.
 */
export async function together<T>(
  signal: AbortSignal | undefined,
  pieces: readonly ((signal: AbortSignal) => Promise<T>)[],
): Promise<T[]> {
  const failure = new AbortController()
  const either = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal
  const results = await Promise.allSettled(
    pieces.map(async (piece) => {
      try {
        either.throwIfAborted()
        return await piece(either)
      } catch (error) {
        failure.abort(error)
        throw error
      }
    }),
  )
  if (failure.signal.aborted) throw failure.signal.reason
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
}
