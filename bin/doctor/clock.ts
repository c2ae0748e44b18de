/** How far a clock may be off. Neighbours: site-controller.ts, host-system.ts. */
import { bad, type Finding, ok, warn } from './check.ts'

/** The date of an answer has whole seconds. Milliseconds. */
const [SMALL_MS, LARGE_MS] = [3000, 60_000] as const
const ADVICE = 'set both by NTP: certificates and logs go by them'

/** @param differenceMs of the other clock to ours */
export function clockFinding(differenceMs: number, whose: string): Finding {
  const away = Math.abs(differenceMs)
  const seconds = Math.round(away / 1000)
  if (away < SMALL_MS) return ok(`that of ${whose} goes alike`)
  const seen = `that of ${whose} is ${seconds} s ${differenceMs > 0 ? 'ahead' : 'behind'}`
  return away < LARGE_MS ? warn(seen, ADVICE) : bad(seen, ADVICE)
}
