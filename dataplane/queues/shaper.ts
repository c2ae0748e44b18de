/**
 * The queues of a port that is shaped: a frame over a rate waits in its queue, and is lost only when
 * that is full. As linux-htb shares a port: each queue up to its minRate first; of the rest the
 * smallest priority as much as it can use; equals by the weight of their minRate. No queue passes its
 * maxRate, and all together not the port's, whatever was promised.
 *
 * While nothing waits a frame goes straight out: no copy, no timer. One timer per port wakes it when
 * the first frame that waits may go.
 * Neighbours: plan.ts (rates), queue.ts (one of them), token-bucket.ts, egress.ts.
 */
import { DROP } from '../packet/drop.ts'
import { SENT } from '../tunnel/underlay.ts'
import type { ShapePlan } from './plan.ts'
import {
  isBefore,
  isPromised,
  join,
  newQueue,
  type Queue,
  type QueueCounters,
  refillQueue,
  serve,
  setQueuePlan,
} from './queue.ts'
import { creditWait, hasCredit, refill, setRate, tokenBucket } from './token-bucket.ts'

/** Bytes that wait in all queues of a port. */
const PORT_BYTES = 16 * 1024 * 1024
/** Longest a timer is set for, ms: it is set again then. */
const LONGEST_MS = 60_000

export interface Shaper {
  readonly plan: ShapePlan
  /** By queue_id. */
  readonly queues: ReadonlyMap<number, QueueCounters>
  /** Frames that wait. */
  readonly waiting: number
  /** Other rates and queues from now on. What waits in a queue that goes, waits in queue 0. */
  use(plan: ShapePlan): void
  /** SENT: it has left, or waits; or a drop reason. A queue that is not there is queue 0. */
  send(queueId: number, bytes: Uint8Array, start: number, end: number): number
  /** What waits leaves at once, in order. */
  flush(): void
  /** What waits is lost. */
  close(): void
}

export interface ShaperOptions {
  readonly clock: { now(): number; after(ms: number, run: () => void): () => void }
  /** Sends a frame, borrowed for the call; SENT or a drop reason. */
  transmit(bytes: Uint8Array, start: number, end: number): number
  /** A frame that had waited was dropped. */
  lost(reason: number): void
}

export function shaper(first: ShapePlan, options: ShaperOptions): Shaper {
  const { clock } = options
  const queues = new Map<number, Queue>()
  /** Those in which something waits. */
  const backlog: Queue[] = []
  const total = tokenBucket(first.maxRate, first.burst, clock.now())
  let plan = first
  let held = 0
  let draining = false
  let cancel: (() => void) | undefined

  const waiting = () => backlog.reduce((sum, { ring }) => sum + ring.frames, 0)
  const leaveBacklog = (queue: Queue) => {
    const at = backlog.indexOf(queue)
    backlog.copyWithin(at, at + 1)
    backlog.pop()
  }

  /** Charges for the frame and sends it; what is not sent costs nothing. */
  const transmit = (queue: Queue, bytes: Uint8Array, start: number, end: number): number => {
    const size = end - start
    const bits = size * 8
    // Before it is sent: what is sent may come back by a patch port within the call.
    const promised = isPromised(queue)
    if (promised) queue.promised.tokens -= bits
    queue.most.tokens -= bits
    total.tokens -= bits
    const result = options.transmit(bytes, start, end)
    if (result === SENT) {
      serve(queue, size, promised)
      return SENT
    }
    if (promised) queue.promised.tokens += bits
    queue.most.tokens += bits
    total.tokens += bits
    return result
  }

  /** The first frame of a queue, which may be sent, or lost where it leaves. */
  const release = (queue: Queue) => {
    const { ring } = queue
    const { bytes, start, end } = ring
    const result = transmit(queue, bytes, start, end)
    held -= end - start
    ring.shift()
    if (ring.frames === 0) leaveBacklog(queue)
    if (result !== SENT) options.lost(result)
  }

  const next = (): Queue | undefined => {
    let best: Queue | undefined
    for (let i = 0; i < backlog.length; i++) {
      const queue = backlog[i]!
      if (hasCredit(queue.most) && (!best || isBefore(queue, best))) best = queue
    }
    return best
  }

  const drain = () => {
    if (draining) return
    draining = true
    cancel?.()
    cancel = undefined
    const now = clock.now()
    refill(total, now)
    for (let i = 0; i < backlog.length; i++) refillQueue(backlog[i]!, now)
    while (hasCredit(total)) {
      const queue = next()
      if (!queue) break
      release(queue)
    }
    draining = false
    wake()
  }

  /** Sets the timer for the first frame that may go. */
  const wake = () => {
    if (backlog.length === 0) return
    let wait = LONGEST_MS
    for (let i = 0; i < backlog.length; i++) {
      wait = Math.min(wait, creditWait(backlog[i]!.most))
    }
    cancel = clock.after(Math.min(Math.max(wait, creditWait(total)), LONGEST_MS), drain)
  }

  const keep = (queue: Queue, bytes: Uint8Array, start: number, end: number): boolean => {
    const size = end - start
    if (held + size > PORT_BYTES || !queue.ring.push(bytes, start, end)) {
      queue.errors++
      return false
    }
    held += size
    if (queue.ring.frames > 1) return true
    join(queue, backlog)
    backlog.push(queue)
    return true
  }

  const setPlan = (to: ShapePlan) => {
    const now = clock.now()
    plan = to
    setRate(total, to.maxRate, to.burst, now)
    for (const of of to.queues) {
      const queue = queues.get(of.queue_id)
      if (queue) setQueuePlan(queue, of, now)
      else queues.set(of.queue_id, newQueue(of, now))
    }
    const ids = new Set(to.queues.map(({ queue_id }) => queue_id))
    const gone = [...queues.values()].filter(({ plan: { queue_id } }) => !ids.has(queue_id))
    for (const queue of gone) {
      queues.delete(queue.plan.queue_id)
      if (queue.ring.frames > 0) leaveBacklog(queue)
      for (; queue.ring.frames > 0; queue.ring.shift()) {
        const { bytes, start, end } = queue.ring
        held -= end - start
        if (!keep(queues.get(0)!, bytes, start, end)) options.lost(DROP.queue_full)
      }
    }
    drain()
  }
  setPlan(first)

  return {
    get plan() {
      return plan
    },
    queues,
    get waiting() {
      return waiting()
    },
    use: setPlan,
    send(queueId, bytes, start, end) {
      const queue = queues.get(queueId) ?? queues.get(0)!
      if (backlog.length === 0) {
        const now = clock.now()
        refill(total, now)
        refillQueue(queue, now)
        if (hasCredit(total) && hasCredit(queue.most)) return transmit(queue, bytes, start, end)
      }
      if (!keep(queue, bytes, start, end)) return DROP.queue_full
      // Whoever waits already is woken by the timer.
      if (queue.ring.frames === 1) drain()
      return SENT
    },
    flush() {
      cancel?.()
      draining = true
      // Not more: a frame that comes back while another leaves must not go round for ever.
      for (let left = waiting(); left > 0; left--) {
        release(backlog.reduce((a, b) => (isBefore(b, a) ? b : a)))
      }
      draining = false
    },
    close() {
      cancel?.()
      for (const { ring } of backlog) {
        for (; ring.frames > 0; ring.shift()) options.lost(DROP.port_down)
      }
      backlog.length = 0
      held = 0
    },
  }
}
