/**
 * The end of patience with a controller that reads nothing: what it was told unasked and must not lose
 * (flow-removed, port status, updates of monitors) would fill memory, and without a probe nothing else
 * ends its connection. One that takes even a little is left alone.
 * Neighbours: agent.ts asks; connection.ts has a bound of its own for what waits at any moment.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import { ConnectionError } from '../../southbound/openflow/error.ts'
import type { Clock } from '../../southbound/wire/clock.ts'

/** Several short looks: a process that stood still itself has a turn to send between two of them. */
const LOOK_MS = 1000
const LOOKS = 5

/** To be called after each message that nobody asked for. `maxBytes`: what may wait all the same. */
export function patience(connection: Connection, clock: Clock, maxBytes: number): () => void {
  let cancel: (() => void) | undefined
  void connection.closed.then(() => cancel?.())
  const look = (before: number, looks: number) => {
    const { bytes, taken } = connection.backlog
    cancel = undefined
    if (bytes <= maxBytes || !connection.isOpen) return
    const left = taken === before ? looks - 1 : LOOKS
    if (left > 0) cancel = clock.after(LOOK_MS, () => look(taken, left))
    else connection.close(new ConnectionError('overflow', `the peer leaves ${bytes} bytes unread`))
  }
  return () => {
    if (!cancel) look(-1, LOOKS)
  }
}
