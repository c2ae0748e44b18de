/**
 * Changes of a replica as an async iterable that a slow reader cannot make grow.
 *
 *   for await (const changes of replica.changes({ signal })) …
 *
 * What happens while the reader is busy is merged: per row the state the reader knows and the state
 * now, nothing in between. So at most one entry waits for each row that the reader knows or that is
 * there now, however many transactions went by. Every batch ends at a state that the server had.
 * Neighbour: watch.ts feeds it.
 */
import type { AnyReplicaChange } from './replica-store.ts'

export interface ChangeReader {
  readonly batches: AsyncIterableIterator<readonly AnyReplicaChange[], undefined>
  push(changes: readonly AnyReplicaChange[]): void
  /** After what still waits: done, or with an error thrown. */
  end(error?: Error): void
}

/**
 * `first`: a batch to begin with, even an empty one. `onStop` runs once, when nobody reads any more.
 * The signal's reason is thrown at the reader.
 */
export function changeReader(
  signal: AbortSignal,
  first: readonly AnyReplicaChange[] | undefined,
  onStop: () => void,
): ChangeReader {
  let pending = new Map<string, AnyReplicaChange>()
  let due = first !== undefined
  let ended: { readonly error: Error | undefined } | undefined
  let wake = () => {}

  function push(changes: readonly AnyReplicaChange[]): void {
    for (const change of changes) {
      const key = `${change.table} ${change.uuid}`
      const known = pending.get(key)
      const before = known ? known.before : change.before
      // There and gone again, or back to the very row: nothing happened as far as this reader goes.
      if (known && before === change.after) pending.delete(key)
      else pending.set(key, known ? { ...change, before } : change)
    }
    wake()
  }
  function end(error?: Error): void {
    ended ??= { error }
    wake()
  }
  const abort = () => {
    pending.clear()
    due = false
    end(signal.reason)
    stop()
  }
  function stop(): void {
    signal.removeEventListener('abort', abort)
    onStop()
  }

  async function next(): Promise<IteratorResult<readonly AnyReplicaChange[], undefined>> {
    while (pending.size === 0 && !due && !ended) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    if (pending.size > 0 || due) {
      const value = [...pending.values()]
      pending = new Map()
      due = false
      return { done: false, value }
    }
    stop()
    const error = ended?.error
    ended = { error: undefined }
    if (error) throw error
    return { done: true, value: undefined }
  }

  if (signal.aborted) ended = { error: signal.reason }
  else signal.addEventListener('abort', abort, { once: true })
  if (first) push(first)
  const batches: AsyncIterableIterator<readonly AnyReplicaChange[], undefined> = {
    next,
    return: async () => {
      pending.clear()
      due = false
      end()
      stop()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]: () => batches,
  }
  return { batches, push, end }
}
