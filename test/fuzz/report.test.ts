import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Branch } from './branches.ts'
import { report } from './report.ts'
import type { Unreached } from './unreached.ts'

const branch = (text: string, isTaken: boolean): Branch => ({
  ...{ file: 'some/file.ts', line: 7, text, side: 'then', functions: ['read'], isTaken },
})
function problems(branches: readonly Branch[], excused: readonly Unreached[]): string[] {
  const target = { coverage: () => [], errors: new Map() } as never
  const result = { inputs: 2, passed: 2, accepted: 1, seconds: 1, heapBefore: 0, heapAfter: 0 }
  const told = { name: 'x', seed: 1, result, target, whole: true, branches, excused }
  const { text, isGood } = report(told)
  const lines = text.split('\n').filter((line) => line.startsWith('FAILED'))
  expect(isGood).toBe(lines.length === 0)
  return lines
}

test('a branch that was not taken fails the run unless there is a reason', () => {
  const why: Unreached = ['file.ts', 'then', 'if (b)', 'because']
  expect(problems([branch('if (a) x', true), branch('if (b) x', false)], [why])).toEqual([])
  expect(problems([branch('if (a) x', false)], [])).toEqual([
    'FAILED: branch never taken: some/file.ts:7 then of if (a) x',
  ])
})

test('a reason for what is taken after all, or is gone, fails the run', () => {
  const why: Unreached = ['file.ts', 'then', 'if (b)', 'because']
  expect(problems([branch('if (b) x', true)], [why])).toHaveLength(1)
  expect(problems([branch('if (a) x', true)], [why])).toHaveLength(1)
})

test('both sides of every decision are told, also an if that is never false', () => {
  const program = `
    const { countBranches } = await import('./branches.ts')
    const counting = await countBranches(['test/fuzz/random.ts'])
    const { damage, randomOf } = await import('./random.ts')
    damage(randomOf(1), new Uint8Array([1]), new Uint8Array(0))
    const all = await counting.take()
    const told = all.map(({ functions, side, text, isTaken }) =>
      [functions.join('>'), side, text.slice(0, 18), isTaken].join(' '))
    console.log(told.join('\\n'))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    encoding: 'utf8',
  })
  const lines = stdout.split('\n')
  expect(lines, stderr).toContain('randomOf>pick then if (list.length == false')
  expect(lines).toContain('damage call function damage(ra true')
  expect(lines).toContain('damage body for (let n = rando true')
  expect(lines).toContain('randomOf>once call (n) => below(n) == false')
  // Nothing that is there is empty.
  expect(lines).toContain('randomOf>pick else if (list.length == true')
})
