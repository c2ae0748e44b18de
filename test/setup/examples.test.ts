/**
 * The examples of southbound/README.md, as a stranger would run them: the packed tarball in an empty folder, each
 * example a file there, its output the block that follows it. They talk to a real Open vSwitch of their own.
 * Neighbours: examples.ts (how they are found), pack.test.ts (what is in the tarball), test/docs/links.test.ts (links).
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execPath, kill } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../needs.ts'
import { machinePath, root, runIn } from './checkout.ts'
import { examplesOf, installTarball } from './examples.ts'

/** Resolves when the daemon, whose parent we are not, is gone. */
async function end(pid: number): Promise<void> {
  try {
    for (kill(pid); ; kill(pid, 0)) await sleep(50)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const examples = examplesOf(readFileSync(join(root, 'southbound', 'README.md'), 'utf8'))

describe('the examples of southbound/README.md', needs('ovs'), () => {
  let installed: Awaited<ReturnType<typeof installTarball>>
  const commands = `${dirname(execPath)}:${machinePath}:/usr/sbin:/sbin`
  const run = (...command: [string, ...string[]]) => {
    // A nodedir that the machine set for others makes npm print a warning about itself.
    const quiet = { OVS_RUNDIR: installed.folder, NPM_CONFIG_LOGLEVEL: 'error' }
    return runIn(installed.folder, commands, command, quiet)
  }

  beforeAll(async () => {
    // The libraries need none of Weft's packages, so that what others would compile is left out.
    installed = await installTarball('--omit=optional')
    for (const { name, source } of examples) writeFileSync(join(installed.folder, name), source)
  })
  afterAll(async () => {
    if (installed === undefined) return
    for (const file of ['vswitchd.pid', 'db.pid'].map((name) => join(installed.folder, name))) {
      if (existsSync(file)) await end(Number(readFileSync(file, 'utf8')))
    }
    installed.remove()
  })

  test('there are some, and every program is run, by itself or by a script', () => {
    const scripts = examples.filter(({ output }) => output !== undefined)
    const started = scripts.map(({ name, source }) => (name.endsWith('.sh') ? source : name))
    expect(examples.length).toBeGreaterThan(7)
    expect(examples.filter(({ name }) => !started.some((one) => one.includes(name)))).toEqual([])
  })

  test('they compile with the declarations of the tarball', async () => {
    const modern = { module: 'nodenext', target: 'es2024', strict: true, noEmit: true }
    const compilerOptions = {
      ...{ ...modern, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true },
      ...{ types: ['node'], typeRoots: [join(root, 'node_modules', '@types')] },
    }
    const project = { compilerOptions, include: ['*.ts'] }
    writeFileSync(join(installed.folder, 'tsconfig.json'), JSON.stringify(project))
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const { code, stdout } = await run('node', compiler, '-p', 'tsconfig.json')
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  })

  test.each(examples.filter(({ output }) => output !== undefined))(
    '$name prints what the README says',
    async ({ name, output }) => {
      const { stdout, stderr, code } = await run(name.endsWith('.sh') ? 'sh' : 'node', name)
      expect(stderr + stdout).toBe(output)
      expect(code).toBe(0)
    },
  )
})

test('an example is a named block, and its output the next block of text', () => {
  const block = (language: string, ...lines: string[]) => ['```', language, '\n', ...lines, '```\n']
  const markdown = [
    ...block('ts', '// example: a.ts\n', 'let a\n'),
    ...block('ts', 'not one\n'),
    ...block('sh', '# example: a.sh\n', 'node a.ts\n'),
    ...block('text', 'printed\n'),
    ...block('text', 'not printed\n'),
  ]
  const found = examplesOf(markdown.join('')).map(({ name, output }) => [name, output])
  expect(found).toEqual([
    ['a.ts', undefined],
    ['a.sh', 'printed\n'],
  ])
})
