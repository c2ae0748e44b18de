/**
 * Random tables, groups and frames through our two matchers and a real Open vSwitch, by the same program
 * as `npm run fuzz -- switch`. Neighbour: ../fuzz/switch/main.ts.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { needs } from '../needs.ts'

const program = fileURLToPath(new URL('../fuzz/run.ts', import.meta.url))

describe('the switch beside Open vSwitch', needs('ovs'), () => {
  test('20,000 frames over 200 sets of tables and more come out the same, frame by frame', () => {
    const args = [program, 'switch', '--packets', '20000', '--seed', '20263']
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    })
    console.info(stdout.trim().split('\n').at(-1))
    expect(status, `${stdout.slice(-20_000)}\n${stderr}`).toBe(0)
  }, 120_000)
})
