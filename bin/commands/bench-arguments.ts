/** What `weft bench` is told. Neighbours: bench-options.ts, bench.ts. */
import type { OutputFormat, RestArguments } from './rest-options.ts'

export const benches = ['read', 'write'] as const

export interface BenchArguments extends RestArguments {
  readonly what: (typeof benches)[number]
  /** Of each kind. */
  readonly requests: number
  /** Of write: where ports are put. */
  readonly host: readonly string[]
  readonly output: OutputFormat
  readonly signal: AbortSignal
}
