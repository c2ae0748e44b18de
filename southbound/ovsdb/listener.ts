/**
 * Telling what has happened already: to listeners of commits, of replicas and of sessions.
 *
 * A listener that throws, or whose promise rejects, cannot undo it and keeps nobody else from hearing
 * of it: replies go out, the other listeners are told, and it is told again the next time. Its error
 * goes to `onListenerError`. Neighbours: database.ts, watch.ts, remote-database.ts.
 */

export interface ListenerOptions {
  /** What a listener threw; default: a warning of the process, which goes on. */
  onListenerError?: (error: unknown) => void
}

export function tell(listener: () => unknown, onError: (error: unknown) => void): void {
  try {
    const result = listener()
    if (result instanceof Promise) result.catch(onError)
  } catch (error) {
    onError(error)
  }
}

export function warnOfListener(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error))
}
