/** Spans of time as OpenFlow tells them. */

/** Seconds and nanoseconds of a span of milliseconds. */
export function duration(ms: number): { duration_sec: number; duration_nsec: number } {
  const duration_sec = Math.floor(ms / 1000)
  return { duration_sec, duration_nsec: Math.floor((ms - duration_sec * 1000) * 1e6) }
}
