/**
 * One queue of a port that is shaped: frames that wait, what it may send, what it has sent; and which of
 * two that may send goes first.
 * Neighbours: shaper.ts shares the port among them, plan.ts says with what.
 */
import { type FrameRing, frameRing } from './frame-ring.ts'
import type { QueuePlan } from './plan.ts'
import { hasCredit, refill, setRate, type TokenBucket, tokenBucket } from './token-bucket.ts'

/** Frames that wait in a queue, as Linux keeps in one by default, and their bytes. */
const QUEUE_FRAMES = 1000
const QUEUE_BYTES = 4 * 1024 * 1024
/** Bytes for a turn, by minRate: tc-htb(8), quantum = rate / r2q with its bounds. */
const SHARES = { r2q: 10, least: 1000, most: 200_000 } as const

export interface QueueCounters {
  readonly plan: QueuePlan
  /** What left. */
  readonly packets: number
  readonly bytes: number
  /** Lost for want of room. */
  readonly errors: number
  /** Milliseconds on the switch's clock. */
  readonly createdAt: number
}

export interface Queue extends QueueCounters {
  plan: QueuePlan
  packets: number
  bytes: number
  errors: number
  readonly ring: FrameRing
  /** With credit: some of its minRate is left. */
  readonly promised: TokenBucket
  /** Without credit: it has had its maxRate. */
  readonly most: TokenBucket
  /** Bytes sent within minRate and beyond, each divided by the queue's weight. */
  fulfilled: number
  borrowed: number
}

export const newQueue = (plan: QueuePlan, now: number): Queue => ({
  ...{ plan, packets: 0, bytes: 0, errors: 0, createdAt: now, fulfilled: 0, borrowed: 0 },
  ring: frameRing(QUEUE_FRAMES, QUEUE_BYTES),
  promised: tokenBucket(plan.minRate, plan.burst, now),
  most: tokenBucket(plan.maxRate, plan.burst, now),
})

/** Another plan from now on; what was counted stays. */
export function setQueuePlan(queue: Queue, plan: QueuePlan, now: number): void {
  queue.plan = plan
  setRate(queue.promised, plan.minRate, plan.burst, now)
  setRate(queue.most, plan.maxRate, plan.burst, now)
}

export function refillQueue(queue: Queue, now: number): void {
  refill(queue.promised, now)
  refill(queue.most, now)
}

/** Whether what it sends now is of its minRate. */
export const isPromised = (queue: Queue): boolean =>
  queue.plan.minRate > 0 && hasCredit(queue.promised)

/** Counts a frame that leaves. */
export function serve(queue: Queue, size: number, promised: boolean): void {
  const { minRate } = queue.plan
  const weight = Math.min(Math.max(minRate / 8 / SHARES.r2q, SHARES.least), SHARES.most)
  queue.packets++
  queue.bytes += size
  if (promised) queue.fulfilled += size / weight
  else queue.borrowed += size / weight
}

/** Whoever comes to others that wait has no credit for having been away, and no debt. */
export function join(queue: Queue, others: readonly Queue[]): void {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  let leastOfEquals = least
  let mostOfEquals = most
  for (let i = 0; i < others.length; i++) {
    const { fulfilled, borrowed, plan } = others[i]!
    least = Math.min(least, fulfilled)
    most = Math.max(most, fulfilled)
    if (plan.priority !== queue.plan.priority) continue
    leastOfEquals = Math.min(leastOfEquals, borrowed)
    mostOfEquals = Math.max(mostOfEquals, borrowed)
  }
  if (least <= most) queue.fulfilled = Math.min(Math.max(queue.fulfilled, least), most)
  if (leastOfEquals > mostOfEquals) return
  queue.borrowed = Math.min(Math.max(queue.borrowed, leastOfEquals), mostOfEquals)
}

/** What was promised first, then the smallest priority, then who had the least for its weight. */
export function isBefore(a: Queue, b: Queue): boolean {
  const promised = isPromised(a)
  if (promised !== isPromised(b)) return promised
  if (!promised && a.plan.priority !== b.plan.priority) return a.plan.priority < b.plan.priority
  return promised ? a.fulfilled < b.fulfilled : a.borrowed < b.borrowed
}
