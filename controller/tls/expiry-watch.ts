/**
 * Says that certificates end before they do: our own, those of our CA file, those of hosts that are connected. By level:
 * every ten minutes all of them are looked at, however they came; each is spoken of once a threshold.
 * Neighbours: secure-listeners.ts, expiry.ts (ends the sessions).
 */
import type { Clock } from '../../southbound/wire/clock.ts'
import { keepRunning } from '../keep-running.ts'
import type { EventLog } from '../reconciler/events.ts'
import type { Logger } from '../reconciler/log.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** The last one is the end itself; nobody else speaks of that one for certificates that no session ends with. */
const THRESHOLDS_DAYS = [30, 7, 1, 0] as const
const LOOK_MS = 10 * MINUTE_MS
/** Certificates that have been spoken of; more than this and the oldest is forgotten. */
const MOST = 10_000

export interface EndingCertificate {
  readonly kind: 'controller' | 'ca' | 'host'
  /** For the sentence: 'the certificate of h1'. */
  readonly what: string
  /** The host's id; '' for those that are ours. */
  readonly host: string
  /** SHA-256, which tells one certificate from the next of the same name. */
  readonly fingerprint: string
  /** Milliseconds since the epoch. */
  readonly expires: number
  /** What to do, as the end of the sentence. */
  readonly remedy: string
}

export interface ExpiryWatchOptions {
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
  /** Ends the watch. */
  readonly signal: AbortSignal
  /** All that are in use now. */
  readonly certificates: () => Iterable<EndingCertificate>
}

export interface ExpiryWatch {
  /** One that has just come; it need not wait for the next look. */
  see(certificate: EndingCertificate): void
}

/** Looks at once, and until the signal aborts. */
export function watchExpiry(options: ExpiryWatchOptions): ExpiryWatch {
  const { events, clock, log, signal, certificates } = options
  /** Fingerprint -> the threshold that was spoken of, in days. */
  const said = new Map<string, number>()
  const see = (certificate: EndingCertificate) => {
    const { fingerprint, expires, kind, host } = certificate
    const leftMs = expires - clock.wall()
    const due = THRESHOLDS_DAYS.findLast((days) => leftMs <= days * DAY_MS)
    if (due === undefined || due >= (said.get(fingerprint) ?? Number.POSITIVE_INFINITY)) return
    // A session that ends with its host's certificate says so itself.
    if (due === 0 && kind === 'host') return
    said.set(fingerprint, due)
    const [oldest] = said.keys()
    if (said.size > MOST && oldest !== undefined) said.delete(oldest)
    const type = due === 0 ? 'certificate_expired' : 'certificate_expiring'
    events.add(type, host, sentence(certificate, leftMs), {
      ...{ kind, certificateFingerprint: fingerprint, expires: new Date(expires).toISOString() },
    })
  }
  const look = async () => {
    while (!signal.aborted) {
      for (const certificate of certificates()) see(certificate)
      await clock.sleep(LOOK_MS, signal)
    }
  }
  void keepRunning(look, { name: 'watch on certificates', clock, log, signal })
  return { see }
}

function sentence({ what, expires, remedy }: EndingCertificate, leftMs: number): string {
  const when = new Date(expires).toISOString()
  if (leftMs <= 0) return `${what} was valid until ${when}; ${remedy}`
  return `${what} ends in ${span(leftMs)}, at ${when}; ${remedy}`
}

/** '6 days', '23 hours', '5 minutes'; rounded down. */
export function span(ms: number): string {
  const [count, unit] =
    ms >= 2 * DAY_MS
      ? [ms / DAY_MS, 'day']
      : ms >= HOUR_MS
        ? [ms / HOUR_MS, 'hour']
        : [ms / MINUTE_MS, 'minute']
  const whole = Math.floor(count)
  return `${whole} ${unit}${whole === 1 ? '' : 's'}`
}
