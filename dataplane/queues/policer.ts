/**
 * A limit without a queue: what is over the rate is dropped (QoS type egress-policer). One bucket, as
 * the single-rate meter of DPDK that Open vSwitch uses; sizes count without the Ethernet header.
 * Neighbours: plan.ts, token-bucket.ts, egress.ts.
 */
import { ethernet } from '../../southbound/wire/ethernet.ts'
import type { PolicePlan } from './plan.ts'
import { refill, setRate, tokenBucket } from './token-bucket.ts'

export interface Policer {
  use(plan: PolicePlan, now: number): void
  /** Whether a frame of `size` bytes is within the rate; it is charged then. */
  pass(size: number, now: number): boolean
}

export function policer({ rate, burst }: PolicePlan, start: number): Policer {
  const bucket = tokenBucket(rate, burst, start)
  return {
    use: (plan, now) => setRate(bucket, plan.rate, plan.burst, now),
    pass(size, now) {
      refill(bucket, now)
      const cost = (size - ethernet.size) * 8
      if (bucket.tokens < cost) return false
      bucket.tokens -= cost
      return true
    },
  }
}
