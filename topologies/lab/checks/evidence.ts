/**
 * What the eyes and the counters say about the frames that were sent: one sentence per problem, which
 * frame, seen where, counters before and after; no sentence when all is as claimed.
 */
import type { Delivery, Refusal } from './claims.ts'
import { type Counters, counterKey, type Rise } from './drops.ts'
import type { Site } from './site.ts'
import { UNDERLAY, type Watch } from './watch.ts'

/** Frames of each refusal: more than one, so that a counter that only notices a change does not pass. */
export const FRAMES = 3
/** Problems of one kind that a row spells out. */
const SPELLED_OUT = 2

/** A frame on its way. */
export interface Sent {
  readonly what: string
  readonly frame: Uint8Array
  readonly mark: Uint8Array
  readonly tolerated?: readonly string[] | undefined
}

/** A delivery and the frames that were sent for it. */
export interface Attempts {
  readonly delivery: Delivery
  readonly sent: Sent[]
}

/** True when one of the frames was seen everywhere that it should be. */
export function arrived(watch: Watch, { delivery, sent }: Attempts): boolean {
  return sent.some((one) => {
    const places = new Set(foreign(watch, one).map(({ where }) => where))
    return [...wantedPlaces(delivery)].every((where) => places.has(where))
  })
}

function wantedPlaces({ to, crossesUnderlay }: Delivery): ReadonlySet<string> {
  return new Set([...to, ...(crossesUnderlay ? [UNDERLAY] : [])])
}

/** Sightings of a frame, without the injected frame itself where it was put on the underlay. */
function foreign(watch: Watch, { frame, mark }: Sent) {
  return watch
    .seen(mark)
    .filter(
      (sighting) => sighting.where !== UNDERLAY || Buffer.compare(sighting.frame, frame) !== 0,
    )
}

/** What is wrong with what was seen of a delivery. */
export function strays(watch: Watch, { delivery, sent }: Attempts): string[] {
  const { what, to, tolerated = [] } = delivery
  const wanted = wantedPlaces(delivery)
  const sightings = sent.flatMap((one) => foreign(watch, one))
  const places = new Set(sightings.map(({ where }) => where))
  const missing = [...wanted].filter((where) => !places.has(where))
  const extra = [...places].filter((where) => !wanted.has(where) && !tolerated.includes(where))
  const twice = to.filter((name) => sent.some(({ mark }) => count(watch, mark, name) > 1))
  const answer = sightings.find(({ where }) => where === to[0])
  const complaint = answer && delivery.complaint?.(answer.frame)
  const elsewhere = extra.length > 0 ? `but at ${list(extra)}` : 'nor anywhere it should not be'
  return [
    ...(missing.length > 0 ? [`${what}: not seen at ${list(missing)}, ${elsewhere}`] : []),
    ...(missing.length === 0 && extra.length > 0 ? [`${what}: also seen at ${list(extra)}`] : []),
    ...(twice.length > 0 ? [`${what}: seen twice at ${list(twice)}`] : []),
    ...(complaint ? [`${what}: ${complaint}`] : []),
  ]
}

const list = (names: Iterable<string>): string => [...names].join(', ')

const count = (watch: Watch, mark: Uint8Array, name: string) =>
  watch.seen(mark).filter(({ where }) => where === name).length

/** Refused frames that somebody saw all the same. */
export function leaks(watch: Watch, refused: readonly Sent[]): string[] {
  const leaked = refused.flatMap((sent) => {
    const places = new Set(foreign(watch, sent).map(({ where }) => where))
    for (const where of sent.tolerated ?? []) places.delete(where)
    return places.size > 0 ? [{ what: sent.what, places }] : []
  })
  return [...Map.groupBy(leaked, ({ what }) => what)].map(([what, frames]) => {
    const places = new Set(frames.flatMap((frame) => [...frame.places]))
    return `${what}: ${frames.length} of ${FRAMES} frames seen, at ${list(places)}`
  })
}

/** How far each counter must rise. */
export function sumRises(refusals: readonly Refusal[]): Rise[] {
  const counted = refusals.filter(({ uncounted }) => uncounted === undefined)
  const groups = Map.groupBy(counted, ({ hostId, reason }) => counterKey(hostId, reason))
  return [...groups.values()].flatMap((group) =>
    group.slice(0, 1).map(({ hostId, reason }) => {
      return { hostId, reason, packets: FRAMES * group.length }
    }),
  )
}

/** Every host's counter of every reason in play, also where it must not rise. */
export function miscounts(site: Site, before: Counters, after: Counters, rises: readonly Rise[]) {
  const wanted = new Map(rises.map((r) => [counterKey(r.hostId, r.reason), r.packets]))
  const reasons = new Set(rises.map((rise) => rise.reason))
  const keys = Object.keys(site.lab.document.hosts).flatMap((hostId) =>
    [...reasons].map((reason) => counterKey(hostId, reason)),
  )
  return keys.flatMap((key) => {
    const [was, is] = [before.get(key) ?? 0, after.get(key) ?? 0]
    const should = was + (wanted.get(key) ?? 0)
    return is === should ? [] : [`counter ${key}: ${was} -> ${is}, should be ${should}`]
  })
}

/** `18 valid frames arrived, 36 refused; port_security h1 +24 h2 +12`, then what some hosts do differently. */
export function summary(
  delivered: readonly Attempts[],
  refused: readonly Sent[],
  rises: readonly Rise[],
  notes: readonly string[],
): string {
  const all = [outline(delivered, refused, rises), ...new Set(notes)]
  return all.filter((part) => part !== '').join('; ')
}

function outline(
  delivered: readonly Attempts[],
  refused: readonly Sent[],
  rises: readonly Rise[],
): string {
  const outcomes = Map.groupBy(delivered, ({ delivery }) => delivery.outcome)
  const arrivals = [...outcomes].map(([outcome, those]) => `${those.length} ${outcome}`).join(', ')
  if (refused.length === 0) return arrivals
  const byReason = Map.groupBy(rises, (rise) => rise.reason)
  const counts = [...byReason].map(([reason, those]) => {
    return `${reason} ${those.map((rise) => `${rise.hostId} +${rise.packets}`).join(' ')}`
  })
  return `${arrivals}, ${refused.length} refused; ${counts.join(', ')}`
}

/** Different problems only, the first few and the number of the others. */
export function shorten(problems: readonly string[]): string[] {
  const different = [...new Set(problems)]
  const rest = different.length - SPELLED_OUT
  return rest <= 0 ? different : [...different.slice(0, SPELLED_OUT), `and ${rest} more like it`]
}
