/**
 * Three groups of tests, one after the other. `fast`: everything that needs neither root nor minutes; `npm run check` runs these
 * alone. `real`: files below setup/ and slow/ (whole installs, long runs) and *.peer.test.ts (other people's programs beside
 * ours). `hosts`: files below netns/, sites of real hosts in namespaces of their own.
 * Those of virtual machines (vagrant/) are run by `npm run test:vagrant` alone.
 */

import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { countingReporter } from './reporter.ts'

const real = ['test/{setup,slow}/**/*.test.ts', 'test/**/*.peer.test.ts']
const hosts = ['test/netns/**/*.test.ts']
const machines = ['test/vagrant/**']
/** These take a good part of their group's time each. */
const LONGEST = /\/(netns\/scenarios|slow\/fuzz)\.test\.ts$/

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const first = sorted.filter(({ moduleId }) => LONGEST.test(moduleId))
    return [...first, ...sorted.filter((each) => !first.includes(each))]
  }
}

const patience = { testTimeout: 180_000, hookTimeout: 180_000 }

// Vitest reads its configuration from a default export; there is no other way.
// biome-ignore lint/style/noDefaultExport: see above
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    reporters: ['default', countingReporter],
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...real, ...hosts, ...machines],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'real',
          include: real,
          ...patience,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'hosts',
          include: hosts,
          ...patience,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
