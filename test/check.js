// `npm run check`: format and lint, types, fast tests. Under a minute; what one runs before every commit.
//
// All three run even when one is red, so that one run tells everything. Plain JavaScript, as bin/setup.js.
// Neighbours: biome.json, tsconfig.json, vitest.config.ts (what "fast" means).

import { join } from 'node:path'
import { run } from '../bin/child.js'
import { exitWith, root, setUp } from '../bin/setup.js'

const vitest = ['run', '--config', 'test/vitest.config.ts', '--project', 'fast']

const steps = [
  ['format and lint', 'biome', ['ci', '--error-on-warnings', '.']],
  ['types', 'tsc', ['-p', '.']],
  ['fast tests', 'vitest', vitest],
]

await exitWith(async () => {
  const { env } = await setUp()
  const red = []
  for (const [title, command, args] of steps) {
    const began = performance.now()
    const code = await run(join(root, 'node_modules', '.bin', command), args, { cwd: root, env })
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    process.stdout.write(`${title}: ${code === 0 ? 'green' : 'red'} (${seconds} s)\n`)
    if (code !== 0) red.push(title)
  }
  return red.length === 0 ? 0 : 1
})
