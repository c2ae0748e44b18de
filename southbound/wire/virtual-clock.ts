/**
 * A clock that stands still until somebody moves it: timers of one moment run in the order in which they were set, so the same
 * code does the same on it each time. Neighbours: clock.ts; topologies/lab/memory moves it as fast as the work allows.
 */
import type { Clock } from './clock.ts'

export interface VirtualClock extends Clock {
  /** When the next timer is due, as `now()`; undefined when nothing waits. */
  nextAt(): number | undefined
  /** Goes to the next timer and runs that one. @returns false when nothing waits */
  step(): boolean
  /** Lets `ms` pass and runs what becomes due, in order. Work that a timer leaves to the event loop is not waited for. */
  advance(ms: number): void
}

interface Entry {
  readonly at: number
  readonly order: number
  run: (() => void) | undefined
}

const isBefore = (a: Entry, b: Entry) => a.at < b.at || (a.at === b.at && a.order < b.order)

/** @param wallMs milliseconds since 1970 at the beginning */
export function virtualClock({ startMs = 1000, wallMs = Date.UTC(2026, 0, 1) } = {}): VirtualClock {
  const heap: Entry[] = []
  let now = startMs
  let orders = 0
  let cancelled = 0

  function up(from: number): void {
    const entry = heap[from] as Entry
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent] as Entry
      if (!isBefore(entry, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = entry
  }

  function down(from: number): void {
    const entry = heap[from] as Entry
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, heap[child] as Entry)) child++
      const below = heap[child] as Entry
      if (!isBefore(below, entry)) break
      heap[at] = below
      at = child
    }
    heap[at] = entry
  }

  function pop(): Entry | undefined {
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || first === last) return first
    heap[0] = last
    down(0)
    return first
  }

  /** The first entry that was not cancelled, still in the heap. */
  function first(): Entry | undefined {
    while (heap[0] !== undefined && heap[0].run === undefined) {
      pop()
      cancelled--
    }
    return heap[0]
  }

  /** Keepalives that are set and cancelled all the time may not fill the heap. */
  function sweep(): void {
    if (++cancelled < 1024 || cancelled < heap.length / 2) return
    const alive = heap.filter(({ run }) => run !== undefined)
    heap.length = 0
    for (const entry of alive) up(heap.push(entry) - 1)
    cancelled = 0
  }

  function after(ms: number, run: () => void): () => void {
    const entry: Entry = { at: now + (Math.max(0, ms) || 0), order: orders++, run }
    up(heap.push(entry) - 1)
    return () => {
      if (entry.run === undefined) return
      entry.run = undefined
      sweep()
    }
  }

  function step(): boolean {
    const entry = first()
    if (entry === undefined) return false
    pop()
    now = entry.at
    const { run } = entry
    entry.run = undefined
    run?.()
    return true
  }

  return {
    now: () => now,
    wall: () => Math.floor(wallMs + now - startMs),
    after,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const end = () => {
          cancel()
          reject(signal?.reason)
        }
        const cancel = after(ms, () => {
          signal?.removeEventListener('abort', end)
          resolve()
        })
        signal?.addEventListener('abort', end, { once: true })
      })
    },
    nextAt: () => first()?.at,
    step,
    advance(ms) {
      const end = now + ms
      for (let next = first(); next !== undefined && next.at <= end; next = first()) step()
      now = end
    },
  }
}
