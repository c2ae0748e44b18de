/**
 * Two groups of tests. `fast`: everything that needs neither root nor minutes; `npm run check` runs these alone. `real`: files
 * below netns/, setup/ and slow/ (real hosts, whole installs, long runs) and *.peer.test.ts (other people's programs beside
 * ours), one file at a time and after the fast ones.
 */

import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'
import { countingReporter } from './reporter.ts'

const real = ['test/{netns,setup,slow}/**/*.test.ts', 'test/**/*.peer.test.ts']

// Vitest reads its configuration from a default export; there is no other way.
// biome-ignore lint/style/noDefaultExport: see above
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    maxWorkers: 2,
    reporters: ['default', countingReporter],
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...real],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'real',
          include: real,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
