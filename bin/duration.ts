/** Durations as people type them. */
import { UsageError } from './usage.ts'

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** '250ms', '10s', '5m', '12h', '30d' -> milliseconds; undefined when it is none. */
export function durationMs(text: string): number | undefined {
  const [, amount, unit] = /^(\d{1,6})(ms|s|m|h|d)$/.exec(text) ?? []
  return unit === undefined ? undefined : Number(amount) * units[unit as keyof typeof units]
}

/** @param option that it was given to @throws UsageError */
export function durationOf(option: string, text: string, longestMs?: number): number {
  const ms = durationMs(text)
  if (ms === undefined)
    throw new UsageError(`${option} ${text} would be a time such as 10s or 500ms`)
  if (longestMs !== undefined && ms > longestMs)
    throw new UsageError(
      `${option} ${text} is longer than ${longestMs / 1000}s, the longest there is`,
    )
  return ms
}
