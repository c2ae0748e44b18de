/**
 * How a row is shown: all its claims are sent together, so that it waits once for slow counters and not
 * per frame. Controls first; what is refused only after they arrived.
 * Neighbours: claims.ts (what is claimed), watch.ts and drops.ts (eyes), evidence.ts (the judgement).
 */
import type { Clock } from '../../../southbound/wire/clock.ts'
import type { Claims, Delivery } from './claims.ts'
import type { Drops } from './drops.ts'
import {
  type Attempts,
  arrived,
  FRAMES,
  leaks,
  miscounts,
  type Sent,
  shorten,
  strays,
  summary,
  sumRises,
} from './evidence.ts'
import type { Site } from './site.ts'
import type { Watch } from './watch.ts'

/**
 * A VTEP may lose the first frame to a peer whose MAC it has yet to resolve: what did not arrive in a
 * share of the patience is sent again.
 */
const ATTEMPTS = 4
const SHARE_OF_PATIENCE = 0.1
/** Between two sends: bursts of jumbo frames overrun a packet socket's buffer. */
const PAUSE_MS = 1

/** What a row's claims came to; the row holds when there are no problems. */
export interface Proof {
  /** What was seen, with numbers. */
  readonly seen: string
  readonly problems: readonly string[]
  /** What of it a device decides by itself. */
  readonly leftOut?: readonly string[]
}

/** What every row works with. */
export interface CheckContext {
  readonly site: Site
  readonly watch: Watch
  readonly drops: Drops
  readonly clock: Clock
  /** Milliseconds that a drop counter may lag behind its packets. */
  readonly patienceMs: number
  readonly signal: AbortSignal
}

/** Sends all that is claimed and waits for eyes and counters. Rejects when REST does not answer. */
export async function prove(
  context: CheckContext,
  { deliveries = [], refusals = [], leftOut = [] }: Claims,
): Promise<Proof> {
  const { watch, drops, clock, signal } = context
  const controls = refusals.map((refusal) => refusal.control)
  const delivered = await deliver(context, [...new Set([...deliveries, ...controls])])

  const before = await drops.read(signal)
  const refused: Sent[] = []
  for (const refusal of refusals) {
    for (let frame = 0; frame < FRAMES; frame++) {
      refused.push(send(watch, { ...refusal, from: refusal.control.from }))
    }
    await clock.sleep(PAUSE_MS, signal)
  }
  const rises = sumRises(refusals)
  const after = await drops.after(before, rises, signal)

  const problems = [
    shorten(leaks(watch, refused)),
    shorten(miscounts(context.site, before, after, rises)),
    shorten(delivered.flatMap((attempts) => strays(watch, attempts))),
  ]
  const notes = [
    ...delivered.flatMap(({ delivery }) => delivery.note ?? []),
    ...refusals.flatMap((refusal) => refusal.uncounted ?? []),
  ]
  return { seen: summary(delivered, refused, rises, notes), problems: problems.flat(), leftOut }
}

function send(watch: Watch, claim: Pick<Delivery, 'what' | 'frame' | 'from' | 'tolerated'>): Sent {
  const mark = watch.mark()
  const frame = claim.frame(mark)
  claim.from.send(frame)
  return { what: claim.what, frame, mark, tolerated: claim.tolerated }
}

/** Sends each until all its recipients saw one and the same frame; strays() judges what was seen. */
async function deliver(
  { watch, clock, signal, patienceMs }: CheckContext,
  deliveries: readonly Delivery[],
): Promise<Attempts[]> {
  const all: Attempts[] = deliveries.map((delivery) => ({ delivery, sent: [] }))
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const open = all.filter((one) => !arrived(watch, one))
    if (open.length === 0) break
    for (const { delivery, sent } of open) {
      sent.push(send(watch, delivery))
      await clock.sleep(PAUSE_MS, signal)
    }
    const timeoutMs = patienceMs * SHARE_OF_PATIENCE
    await watch.until(() => open.every((one) => arrived(watch, one)), { timeoutMs, signal })
  }
  return all
}
