/** The time and chance of labs that run beside the clock on the wall. Neighbour: memory/virtual-time.ts has the other ones. */
import { systemClock } from '../../southbound/wire/clock.ts'
import { systemRandom } from '../../southbound/wire/random.ts'
import type { Lab } from './lab.ts'

export const realTime: Pick<Lab, 'clock' | 'run' | 'random'> = {
  clock: systemClock,
  run: async (ask) => ask(),
  random: () => systemRandom,
}
