/** How much room a store needs. Neighbours: site-controller.ts, store.ts. */
import { bad, type Finding, ok, warn } from './check.ts'

const MIB = 1 << 20
/** Below this a write may fail at any moment. */
const LEAST = 16 * MIB

/** @param bytes that the store takes itself */
export function diskFinding({ freeBytes, bytes }: { freeBytes: number; bytes: number }): Finding {
  const seen = `${inMib(freeBytes)} free, the store takes ${inMib(bytes)}`
  const todo = 'make room on its disk: what cannot be made durable is refused'
  if (freeBytes < LEAST) return bad(seen, todo)
  // Migration and backup make a copy beside it.
  return freeBytes < 2 * bytes ? warn(seen, todo) : ok(seen)
}

const inMib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`
