// `npm test [-- --full] [-- FILE…]`: brings what the tests need, runs them, ends with one line that counts them.
//
// Plain JavaScript for Node 20, as bin/setup.js; the tests run on Node 24 or newer. `--full` (npm run test:full) sets
// WEFT_TEST_FULL=1, which makes property tests and long runs use their full sizes.
// Neighbours: debian.js, bin/setup.js, vitest.config.ts, reporter.ts (counts).

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../bin/child.js'
import { exitWith, root, setUp } from '../bin/setup.js'
import { installDebianPackages } from './debian.js'

await exitWith(async () => {
  await installDebianPackages()
  const { node, env } = await setUp()
  const folder = mkdtempSync(join(tmpdir(), 'weft-test-'))
  try {
    const result = join(folder, 'result.json')
    const code = await run(node, vitest(process.argv.slice(2)), {
      cwd: root,
      env: { ...env, ...full(), WEFT_TEST_RESULT: result },
    })
    const none = { passed: 0, failed: 1, skipped: 0 }
    const counts = existsSync(result) ? JSON.parse(readFileSync(result, 'utf8')) : none
    // A run that vitest calls red may not end with "0 failed".
    const failed = code === 0 ? counts.failed : Math.max(counts.failed, 1)
    process.stdout.write(`\n${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped\n`)
    return failed === 0 ? code : code || 1
  } finally {
    rmSync(folder, { recursive: true })
  }
})

function vitest(args) {
  const own = args.filter((arg) => arg !== '--full')
  const program = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  return [program, 'run', '--config', join(root, 'test', 'vitest.config.ts'), ...own]
}

function full() {
  return process.argv.includes('--full') ? { WEFT_TEST_FULL: '1' } : {}
}
