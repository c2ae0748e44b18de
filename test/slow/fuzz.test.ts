/**
 * Each codec with 200,000 inputs of a fixed seed, by the same program as `npm run fuzz`: in a process of
 * its own, so that its memory and its branches are counted alone. Neighbour: ../fuzz/run.ts.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('../fuzz/run.ts', import.meta.url))

test.each(['openflow', 'ovsdb', 'frames', 'text'])(
  'no input of 200,000 makes %s throw anything but its typed error, and every row and branch is reached',
  (name) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, name], {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    })
    const end = stdout.slice(stdout.indexOf('branches of the decoders'))
    console.info(end)
    expect(status, `${end}\n${stderr}`).toBe(0)
  },
  600_000,
)
