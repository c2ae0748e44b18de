/**
 * Ctrl-C, `kill` and a reader that went away (`weft lab | head`) as an AbortSignal, so that a program can leave
 * in order.
 *
 * One Ctrl-C arrives several times: from the terminal, from npm, from the launcher. All of those within
 * a second are one request. A later one is somebody who does not want to wait: the process ends at once, and
 * what a lab left behind is removed by the next lab. Neighbours: weft.ts, child.js.
 */

/** Milliseconds in which repeated signals count as the same request. */
const samePress = 1000

/** Aborts at the first SIGINT, SIGTERM, SIGHUP or write to a closed pipe; its reason says which. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController()
  let first = 0
  const abort = (reason: Error): void => {
    if (controller.signal.aborted) return
    first = performance.now()
    controller.abort(reason)
  }
  const stop = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted && performance.now() - first > samePress) process.exit(130)
    abort(new Error(`stopped by ${name}`))
  }
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop)
  const unread = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error
    abort(new Error('stopped because nobody reads the output', { cause: error }))
  }
  process.stdout.on('error', unread)
  process.stderr.on('error', unread)
  return controller.signal
}

/** Whether an error is what an aborted signal makes of work under way, and no failure of its own. */
export function isStop(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted || !(error instanceof Error)) return false
  return error === signal.reason || error.name === 'AbortError' || isStop(error.cause, signal)
}
