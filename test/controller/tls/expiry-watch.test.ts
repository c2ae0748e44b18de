/** What is said before certificates end, with a clock of the test's own. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EventLog } from '../../../controller/reconciler/events.ts'
import { noLog } from '../../../controller/reconciler/log.ts'
import {
  type EndingCertificate,
  type ExpiryWatch,
  watchExpiry,
} from '../../../controller/tls/expiry-watch.ts'
import { type Clock, systemClock } from '../../../southbound/wire/clock.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const START = Date.UTC(2026, 10, 22)

let now: number
let slept: number[]
let wake: () => Promise<void>
let events: EventLog
let end: AbortController
beforeEach(() => {
  now = START
  slept = []
  end = new AbortController()
  events = new EventLog(clock)
})
afterEach(() => end.abort())

const clock: Clock = {
  ...systemClock,
  wall: () => now,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      slept.push(ms)
      signal?.addEventListener('abort', () => reject(signal?.reason), { once: true })
      wake = async () => {
        resolve()
        await new Promise(setImmediate)
      }
    }),
}

const certificate = (days: number, given: Partial<EndingCertificate> = {}): EndingCertificate => ({
  ...{ kind: 'host', what: 'the certificate of h1', host: 'h1', fingerprint: 'ab' },
  ...{ expires: START + days * DAY_MS, remedy: 'renew it' },
  ...given,
})
const watch = (...certificates: EndingCertificate[]): ExpiryWatch =>
  watchExpiry({ events, clock, log: noLog, signal: end.signal, certificates: () => certificates })
const said = () => events.since().map(({ type, message }) => `${type}: ${message}`)
async function onDay(days: number): Promise<void> {
  now = START + days * DAY_MS
  await wake()
}

describe('a certificate that ends', () => {
  test('is spoken of 30 days, 7 days and 1 day before, once each', async () => {
    watch(certificate(100))
    for (const day of [0, 69.9, 70, 71, 92.9, 93, 94, 98.9, 99, 99.5, 101]) await onDay(day)
    expect(said()).toEqual([
      'certificate_expiring: the certificate of h1 ends in 30 days, at 2027-03-02T00:00:00.000Z; renew it',
      'certificate_expiring: the certificate of h1 ends in 7 days, at 2027-03-02T00:00:00.000Z; renew it',
      'certificate_expiring: the certificate of h1 ends in 24 hours, at 2027-03-02T00:00:00.000Z; renew it',
    ])
  })

  test('is spoken of once when several of these have passed, and so is the next one of that host', () => {
    const { see } = watch(certificate(0.1))
    see(certificate(0.1))
    see(certificate(0.001, { fingerprint: 'cd' }))
    expect(said().map((line) => line.match(/ends in [^,]*/)?.[0])).toEqual([
      'ends in 2 hours',
      'ends in 1 minute',
    ])
  })

  test('when it has ended is an event of its own if it is ours or a CA, for no session ends then', async () => {
    watch(
      certificate(0.5),
      certificate(0.5, { kind: 'ca', what: 'the CA', host: '', fingerprint: 'ca' }),
    )
    for (const day of [0.6, 0.7]) await onDay(day)
    expect(events.since().map(({ type, kind }) => [type, kind])).toEqual([
      ['certificate_expiring', 'host'],
      ['certificate_expiring', 'ca'],
      ['certificate_expired', 'ca'],
    ])
    expect(said()[2]).toBe(
      'certificate_expired: the CA was valid until 2026-11-22T12:00:00.000Z; renew it',
    )
  })

  test('centuries ahead sets no timer that Node would cut to a millisecond, and one at a time', async () => {
    watch(certificate(200_000))
    for (const day of [1, 2, 3]) await onDay(day)
    expect(slept).toHaveLength(4)
    expect(Math.max(...slept)).toBeLessThan(2 ** 31)
    expect(said()).toEqual([])
  })
})
