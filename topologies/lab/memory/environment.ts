/**
 * Time and chance of a memory lab: the machine's, or with a seed its own. Neighbours: virtual-time.ts, chance.ts; lab.ts hands
 * them on to every part.
 */
import { type Clock, systemClock } from '../../../southbound/wire/clock.ts'
import type { Random } from '../../../southbound/wire/random.ts'
import type { Lab } from '../lab.ts'
import { realTime } from '../real-time.ts'
import { chanceOf } from './chance.ts'
import { type VirtualTimeOptions, virtualTime } from './virtual-time.ts'

export interface Environment {
  /** Of the lab's parts. */
  readonly clock: Clock
  random(purpose: string): Random
  /** Of whoever uses the lab. */
  readonly outside: Pick<Lab, 'clock' | 'run' | 'random'>
  /** Waits for work that the machine does in its own time. */
  hold<T>(work: Promise<T>): Promise<T>
  stop(): void
}

/** @param replay what is said of a failure: how to have it again */
export function environment(seed: number | undefined, options: VirtualTimeOptions): Environment {
  if (seed === undefined)
    return {
      clock: systemClock,
      random: realTime.random,
      outside: realTime,
      hold: (work) => work,
      stop() {},
    }
  const random = chanceOf(seed)
  const { parts, clock, run, hold, stop } = virtualTime(options)
  return { clock: parts, random, outside: { clock, run, random }, hold, stop }
}
