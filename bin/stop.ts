/**
 * Ctrl-C and `kill` as an AbortSignal, so that a program can leave in order.
 *
 * One Ctrl-C arrives several times: from the terminal, from npm, from the launcher. All of those within
 * a second are one request. A later one is somebody who does not want to wait: the process ends at once, and
 * what a lab left behind is removed by the next lab. Neighbours: weft.ts, child.js.
 */

/** Milliseconds in which repeated signals count as the same request. */
const samePress = 1000

/** Aborts at the first SIGINT, SIGTERM or SIGHUP; its reason names the signal. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController()
  let first = 0
  const stop = (name: NodeJS.Signals): void => {
    const now = performance.now()
    if (!controller.signal.aborted) {
      first = now
      controller.abort(new Error(`stopped by ${name}`))
    } else if (now - first > samePress) {
      process.exit(130)
    }
  }
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop)
  return controller.signal
}
