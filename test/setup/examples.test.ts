/**
 * The examples of southbound/README.md, as a stranger would run them: the packed tarball in an empty folder, each
 * example a file there, its output the block that follows it. They talk to a real Open vSwitch of their own.
 *
 * A block that begins with `// example: NAME` (`# example: NAME` in a script) becomes the file NAME. When a `text`
 * block comes before the next example it is run, in the order of the README, and has to print that. Neighbours:
 * pack.test.ts (what is in the tarball), test/docs/links.test.ts (links).
 */

import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execPath, kill } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../needs.ts'
import { copyCheckout, emptyFolder, machinePath, root, runIn } from './checkout.ts'

interface Example {
  readonly name: string
  readonly source: string
  /** What it prints; undefined: another example starts it. */
  output?: string
}

/** The examples of a document, in order. */
function examplesOf(markdown: string): Example[] {
  const examples: Example[] = []
  for (const [, language, source = ''] of markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
    const name = /^(?:\/\/|#) example: (\S+)\n/.exec(source)?.[1]
    const last = examples.at(-1)
    if (name !== undefined) examples.push({ name, source })
    else if (language === 'text' && last && last.output === undefined) last.output = source
  }
  return examples
}

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
  const { path, remove } = emptyFolder()
  const folder = join(path, 'empty')
  const commands = `${dirname(execPath)}:${machinePath}:/usr/sbin:/sbin`
  // A nodedir that the machine set for others makes npm print a warning about itself.
  const quiet = { OVS_RUNDIR: folder, NPM_CONFIG_LOGLEVEL: 'error' }
  const run = (...command: [string, ...string[]]) => runIn(folder, commands, command, quiet)

  beforeAll(async () => {
    const checkout = join(path, 'weft')
    copyCheckout(checkout, { packages: true })
    const packed = await runIn(checkout, machinePath, ['npm', 'pack', '--pack-destination', '..'])
    expect(packed.code, packed.stderr).toBe(0)
    await runIn(path, machinePath, ['mkdir', folder])
    const tarball = 'weft-0.1.0.tgz'
    copyFileSync(join(path, tarball), join(folder, tarball))
    for (const command of [
      ['npm', 'init', '-y'],
      ['npm', 'pkg', 'set', 'type=module'],
      // The libraries need none of Weft's packages, so that what others would compile is left out.
      ['npm', 'install', '--prefer-offline', '--omit=optional', '--ignore-scripts', tarball],
    ] as const) {
      const { code, stderr } = await runIn(folder, machinePath, command)
      expect(code, stderr).toBe(0)
    }
    for (const { name, source } of examples) writeFileSync(join(folder, name), source)
  })
  afterAll(async () => {
    for (const file of ['vswitchd.pid', 'db.pid'].map((name) => join(folder, name))) {
      if (existsSync(file)) await end(Number(readFileSync(file, 'utf8')))
    }
    remove()
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
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project))
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
