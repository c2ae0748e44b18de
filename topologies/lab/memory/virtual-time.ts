/**
 * Who moves the clock of a lab with a seed. Time stands still while anything is under way in the event loop: turns are run until
 * nothing is left that could run at this moment, then the clock goes to its next timer, as far away as that may be. And it moves
 * only while somebody waits for something in the lab (`run`): between two calls of a test the lab is at rest, so that what the
 * test does meanwhile, and how long it takes, changes nothing.
 *
 *     run(ask) ── lab at rest ── ask() ── turns, timers, turns … ── settled ── lab at rest ── returns
 *
 * Neighbours: southbound/wire/virtual-clock.ts (the clock itself), lab.ts.
 */
import type { Clock } from '../../../southbound/wire/clock.ts'
import { type VirtualClock, virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { whatKeepsGoing } from './runaway.ts'

export interface VirtualTime {
  /** For the parts of the lab. */
  readonly parts: Clock
  /** For who waits for the lab: its `sleep` lets time pass. */
  readonly clock: Clock
  /** ../lab.ts. Rejects when nothing of it came within `patienceMs` of virtual time, and when the lab never comes to rest. */
  run<T>(ask: () => T | Promise<T>): Promise<T>
  /** Real work (a file, a thread) that the lab waits for: time stands still as long. */
  hold<T>(work: Promise<T>): Promise<T>
  /** Time stands still for good; what waits is rejected. */
  stop(): void
}

export interface VirtualTimeOptions {
  /** Milliseconds of virtual time that a `run` may take; default an hour. */
  readonly patienceMs?: number
  /** Turns of the event loop without a rest, and timers at one moment; default 1,000,000. */
  readonly mostTurns?: number
  /** For errors: what replays this run. */
  readonly replay: string
}

interface Run {
  /** Undefined: the lab has yet to come to rest before it. */
  until: number | undefined
  readonly fail: (error: Error) => void
}

const PATIENCE_MS = 3_600_000
const MOST_TURNS = 1_000_000

/** Immediates of all drivers of this process, which are no work of a lab. */
let driving = 0

/** Something that the event loop would run at once. Timers and sockets of the process do not count. */
function isBusy(): boolean {
  let immediates = 0
  for (const name of process.getActiveResourcesInfo()) if (name === 'Immediate') immediates++
  return immediates > driving
}

export function virtualTime(options: VirtualTimeOptions): VirtualTime {
  const { patienceMs = PATIENCE_MS, mostTurns = MOST_TURNS, replay } = options
  const parts: VirtualClock = virtualClock()
  const runs = new Set<Run>()
  let resting: (() => void)[] = []
  let held = 0
  let turns = 0
  /** Timers that ran at this moment. */
  let timers = 0
  let isScheduled = false
  /** Why time stands still for good. */
  let over: Error | undefined

  const schedule = (): void => {
    if (isScheduled) return
    isScheduled = true
    driving++
    setImmediate(turn)
  }
  const fail = (reason: string): Error => {
    const error = new Error(`${reason}; ${replay}`)
    for (const { fail } of runs) fail(error)
    for (const rested of resting.splice(0)) rested()
    return error
  }

  function turn(): void {
    isScheduled = false
    driving--
    if (over || held > 0) return
    if (isBusy()) {
      if (++turns < mostTurns) return schedule()
      void whatKeepsGoing().then((what) => {
        over = fail(`the lab does not come to rest at ${parts.now()} ms: ${what}`)
      })
      return
    }
    turns = 0
    if (resting.length > 0) {
      const all = resting
      resting = []
      for (const rested of all) rested()
      return schedule()
    }
    if (runs.size === 0) return
    passTime()
    schedule()
  }

  /** To the next moment at which a timer is due; all of that moment run. */
  function passTime(): void {
    const next = parts.nextAt()
    if (next === undefined) {
      fail('the lab waits for nothing that could happen')
      return
    }
    let isAwaited = false
    for (const run of runs) {
      if (run.until === undefined) continue
      if (next <= run.until) isAwaited = true
      else run.fail(new Error(`nothing came of it within ${patienceMs / 1000} s; ${replay}`))
    }
    if (!isAwaited) return
    if (next > parts.now()) timers = 0
    while (parts.nextAt() === next) {
      parts.step()
      // One that sets itself again for now, at once or a few turns later.
      if (++timers < mostTurns) continue
      over = fail(`time does not get on at ${next} ms`)
      return
    }
  }

  const atRest = (): Promise<void> =>
    new Promise((rested) => {
      if (over) return rested()
      resting.push(rested)
      schedule()
    })

  async function run<T>(ask: () => T | Promise<T>): Promise<T> {
    if (over) throw over
    const { promise: failed, reject: fail } = Promise.withResolvers<never>()
    const run: Run = { until: undefined, fail }
    // Nobody else listens when `ask` is faster.
    failed.catch(() => undefined)
    runs.add(run)
    try {
      await Promise.race([atRest(), failed])
      run.until = parts.now() + patienceMs
      schedule()
      return await Promise.race([ask(), failed])
    } finally {
      await atRest()
      runs.delete(run)
    }
  }

  return {
    parts,
    clock: { ...parts, sleep: (ms, signal) => run(() => parts.sleep(ms, signal)) },
    run,
    async hold(work) {
      held++
      try {
        return await work
      } finally {
        held--
        schedule()
      }
    },
    stop() {
      over ??= fail('the lab is closed')
    },
  }
}
