/** Ends a stream when its peer's certificate does. Neighbour: identity.ts. */
import type { Duplex } from 'node:stream'
import type { Clock } from '../../southbound/wire/clock.ts'
import type { PeerIdentity } from './identity.ts'

/** The longest that a timer of Node takes. Milliseconds. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1

/**
 * Destroys the stream once the certificate has expired and calls `onExpired` then; does nothing when the stream has
 * ended before.
 */
export function endAtExpiry(
  stream: Duplex,
  { expires }: PeerIdentity,
  clock: Clock,
  onExpired: () => void,
): void {
  const end = new AbortController()
  stream.once('close', () => end.abort())
  const wait = async (): Promise<void> => {
    for (;;) {
      // Validity has seconds and includes the last one (RFC 5280 §4.1.2.5).
      const rest = expires + 1000 - clock.wall()
      if (rest <= 0) break
      await clock.sleep(Math.min(rest, LONGEST_SLEEP_MS), end.signal)
    }
    onExpired()
    stream.destroy()
  }
  wait().catch((error: Error) => {
    if (!end.signal.aborted) stream.destroy(error)
  })
}
