/**
 * `npm run bench -- NAME [ARGUMENT…]`: runs test/bench/NAME.ts, a program that shows its progress and a table
 * and prints as its last line a JSON array of results.
 */

import { existsSync, readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { argv, stderr } from 'node:process'
import { fileURLToPath } from 'node:url'

const [name = '', ...args] = argv.slice(2)
const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url))

if (/^[a-z0-9-]+$/.test(name) && name !== 'run' && existsSync(file)) {
  argv.splice(1, argv.length, file, ...args)
  await import(file)
} else {
  const here = fileURLToPath(new URL('.', import.meta.url))
  const benches = readdirSync(here).filter((entry) => entry.endsWith('.ts') && entry !== 'run.ts')
  const names = benches.map((entry) => basename(entry, '.ts')).join(', ')
  stderr.write(
    `npm run bench -- NAME: there is no bench "${name}"; there are: ${names || 'none'}\n`,
  )
  process.exitCode = 1
}
