/**
 * Whether a peer is still there, asked at intervals: by whole messages that come of it, by real
 * progress with a large one, or, while it has not read what we sent, by reading it. A byte now and
 * then is no sign of life. Neighbour: json-rpc.ts owns one of these.
 */
import { type Clock, every } from '../wire/clock.ts'
import { type OvsdbError, ovsdbError } from './error.ts'

/** Of a message that is not whole yet: what has to come in each interval. */
const LEAST_BYTES = 16 * 1024
/** Of an interval: when it took longer we were busy ourselves, and may have heard nobody. */
const LATE = 1.1
/** Intervals in which a peer may read nothing of what waits for it. */
const MOST_UNREAD = 12

export interface Line {
  /** Bytes of a message that is not whole yet. */
  readonly heldBytes: number
  /** Bytes that came so far. */
  readonly arrivedBytes: number
  /** Whole messages that came so far. */
  readonly messages: number
  /** Bytes that the peer was sent, read or not. */
  readonly sentBytes: number
  readonly unreadBytes: number
}

/** Asks at each interval; `probe` asks the peer for a message, `end` is called once. Returns the stop. */
export function watchLiveness(
  line: () => Line,
  intervalMs: number,
  { clock, probe, end }: { readonly clock: Clock; probe(): void; end(reason: OvsdbError): void },
): () => void {
  let seen = { messages: 0, arrived: 0, read: 0 }
  let unreadFor = 0
  let isExcused = true
  let last = clock.now()
  let isStopped = false
  let isDue = false
  function check(): void {
    isDue = false
    if (isStopped) return
    const now = clock.now()
    if (now - last > LATE * intervalMs) isExcused = true
    last = now
    const { messages, arrivedBytes: arrived, sentBytes, unreadBytes, heldBytes } = line()
    const here = { messages, arrived, read: sentBytes - unreadBytes }
    const isReceiving = heldBytes > 0 && arrived - seen.arrived >= LEAST_BYTES
    const spoke = isExcused || messages !== seen.messages || isReceiving
    unreadFor = unreadBytes === 0 || here.read !== seen.read ? 0 : unreadFor + 1
    seen = here
    isExcused = unreadBytes > 0
    if (unreadFor > MOST_UNREAD) {
      const details = `peer left ${unreadBytes} bytes unread for ${MOST_UNREAD * intervalMs} ms`
      end(ovsdbError('timed out', details))
    } else if (spoke) probe()
    else if (unreadBytes === 0) {
      end(ovsdbError('timed out', `peer silent for ${2 * intervalMs} ms`))
    }
  }
  const cancel = every(clock, intervalMs, () => {
    // Intervals that end in one turn of the event loop are one: nothing could be read between them.
    if (isDue) return
    isDue = true
    // What has come by now and is not read yet is read before.
    setImmediate(check)
  })
  return () => {
    isStopped = true
    cancel()
  }
}
