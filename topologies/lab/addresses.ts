/** Addresses that labs and checks make up: near to real ones, and nobody's. */

/**
 * A number that differs from `like` in its last byte only and that nobody in `taken` has: an address of
 * the same subnet, a MAC of the same maker. When all are taken the last one is somebody's after all.
 */
export function unlike(like: number, taken: ReadonlySet<number>): number {
  const last = like % 256
  const others = Array.from({ length: 253 }, (_, n) => like - last + ((last + 100 + n) % 254) + 1)
  return others.find((other) => other !== like && !taken.has(other)) ?? like - last + 254
}
