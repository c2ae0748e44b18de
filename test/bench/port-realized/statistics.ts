/** What benches say of their samples. */

/** Milliseconds are rounded to hundredths; of few samples p99 is the longest. */
export function summary(samples: readonly number[]): {
  samples: number
  median_ms: number
  p99_ms: number
} {
  return {
    samples: samples.length,
    median_ms: quantile(samples, 0.5),
    p99_ms: quantile(samples, 0.99),
  }
}

/** The sample below which the share `q` of all samples is; NaN of none. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = Math.min(sorted.length - 1, Math.floor(sorted.length * q))
  return Math.round((sorted[at] ?? Number.NaN) * 100) / 100
}
