/** Of the tests on virtual machines alone, which `npm test` leaves out: run.ts calls it. */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// Vitest reads its configuration from a default export; there is no other way.
// biome-ignore lint/style/noDefaultExport: see above
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/vagrant/**/*.test.ts'],
    fileParallelism: false,
    hookTimeout: 60_000,
  },
})
