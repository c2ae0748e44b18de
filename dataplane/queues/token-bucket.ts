/**
 * A rate kept by tokens: bits that may pass now. Two ways to spend them: on credit, for what can
 * wait (one frame may pass while there is no debt, so that a frame longer than the burst passes too,
 * and the rate is exact over time), or in cash, for what cannot. Nothing is allocated once it is made.
 * Neighbours: shaper.ts, policer.ts; pipeline/meters.ts counts for itself, in packets too.
 */

export interface TokenBucket {
  /** Bits in a millisecond. */
  rate: number
  /** Bits that it holds at most. */
  burst: number
  /** Below 0: debt. */
  tokens: number
  /** Milliseconds on the switch's clock. */
  filledAt: number
}

/** What sums of fractions may be wrong by, bits. */
const SLACK = 0.01

/** A full one. @param rate bit/s @param burst bits */
export function tokenBucket(rate: number, burst: number, now: number): TokenBucket {
  return { rate: rate / 1000, burst, tokens: burst, filledAt: now }
}

/** Another rate from now on, bit/s; what was saved stays, as far as it fits. */
export function setRate(bucket: TokenBucket, rate: number, burst: number, now: number): void {
  refill(bucket, now)
  bucket.rate = rate / 1000
  bucket.burst = burst
  bucket.tokens = Math.min(bucket.tokens, burst)
}

export function refill(bucket: TokenBucket, now: number): void {
  const gained = bucket.tokens + (now - bucket.filledAt) * bucket.rate
  bucket.tokens = Math.min(gained, bucket.burst)
  bucket.filledAt = now
}

/** Whether a frame may pass on credit; of a bucket that was refilled. */
export const hasCredit = (bucket: TokenBucket): boolean => bucket.tokens > -SLACK

/** Milliseconds until a frame may pass on credit; 0 = now. */
export const creditWait = (bucket: TokenBucket): number =>
  hasCredit(bucket) ? 0 : -bucket.tokens / bucket.rate
