/**
 * `npm pack`: the one place where types are stripped, and a tarball that works where there is nothing else, in a project that
 * tests a topology of its own (topologies/example). WEFT_WRITE_DOCS=1 writes what a failing test says into the README.
 */

import {
  cpSync,
  existsSync,
  globSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { execPath } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { strip } from '../../bin/pack.ts'
import { copyCheckout, emptyFolder, machinePath, root, runIn, which } from './checkout.ts'
import { examplesOf } from './examples.ts'

describe('npm pack', () => {
  const folder = emptyFolder()
  const checkout = join(folder.path, 'weft')
  const elsewhere = join(folder.path, 'elsewhere')

  beforeAll(async () => {
    copyCheckout(checkout, { packages: true })
    const packed = await runIn(checkout, machinePath, ['npm', 'pack', '--pack-destination', '..'])
    expect(packed.stderr).not.toContain('npm error')
    expect(packed.code).toBe(0)
    cpSync(join(checkout, 'topologies', 'example'), elsewhere, { recursive: true })
    const tarball = join(folder.path, 'weft-0.1.0.tgz')
    const installed = await runIn(elsewhere, machinePath, [
      'npm',
      'install',
      '--prefer-offline',
      tarball,
    ])
    expect(installed.code, installed.stderr).toBe(0)
  })
  afterAll(folder.remove)

  test('leaves nothing in the checkout', () => {
    expect(existsSync(join(checkout, 'dist'))).toBe(false)
    expect(globSync('*.tgz', { cwd: checkout })).toEqual([])
  })

  test('packs JavaScript, declarations and documents, no TypeScript and no tests', () => {
    const weft = join(elsewhere, 'node_modules', 'weft')
    expect(readdirSync(weft).sort()).toEqual(
      ['LICENSE', 'README.md', 'dist', 'package.json'].filter(
        (name) => name !== 'README.md' || existsSync(join(checkout, name)),
      ),
    )
    const typescript = globSync('dist/**/*.ts', { cwd: weft })
    expect(typescript.filter((name) => !name.endsWith('.d.ts'))).toEqual([])
    expect(typescript).toContain('dist/southbound/openflow/connection.d.ts')
    expect(typescript).toContain('dist/topologies/vitest/lab.d.ts')
    expect(typescript.filter((name) => name.includes('/bin/'))).toEqual([])
    expect(globSync('dist/**/*.md', { cwd: weft })).toEqual(
      expect.arrayContaining(
        ['', 'openflow/', 'ovsdb/'].map((folder) => `dist/southbound/${folder}README.md`),
      ),
    )
    expect(existsSync(join(weft, 'dist', 'test'))).toBe(false)
  })

  test('asks for the Node that it needs, and the checkout for the one that it starts on', () => {
    const engines = (folder: string) =>
      JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).engines
    expect(engines(join(elsewhere, 'node_modules', 'weft'))).toEqual({ node: '>=24' })
    expect(engines(checkout)).toEqual({ node: '>=20' })
  })

  test('npx weft --version works in the folder that installed the tarball', async () => {
    const { code, stdout } = await runIn(elsewhere, machinePath, ['npx', 'weft', '--version'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '0.1.0\n' })
  })

  test('the installed weft prints units that start it', async () => {
    const program = join(elsewhere, 'node_modules', 'weft', 'dist', 'bin', 'weft.js')
    const command = [execPath, program, 'unit', 'serve'] as const
    const { code, stdout } = await runIn(elsewhere, machinePath, command)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ExecStart=\S+node \S+\/weft\/dist\/bin\/weft\.js serve --config /m)
  })

  test('the installed weft does the whole main job on Node 24', async () => {
    const program = join(elsewhere, 'node_modules', 'weft', 'dist', 'bin', 'weft.js')
    const command = [execPath, program, 'lab', '--check'] as const
    const { code, stdout, stderr } = await runIn(elsewhere, machinePath, command)
    expect(stdout, stderr).toMatch(/^\d+ passed, 0 failed/m)
    expect(code).toBe(0)
  })

  const modern = `${dirname(execPath)}${delimiter}${machinePath}`

  test('a project of its own tests its topology with weft/lab, types and all', async () => {
    const site = readFileSync(join(elsewhere, 'site.yaml'), 'utf8')
    expect(existsSync(join(elsewhere, /schema=(\S+)/.exec(site)?.[1] ?? 'none'))).toBe(true)
    const compiled = await runIn(elsewhere, modern, ['npx', 'tsc', '-p', '.'])
    expect(compiled).toMatchObject({ code: 0, stdout: '' })
    const plain = { NO_COLOR: '1' }
    const { code, stdout, stderr } = await runIn(elsewhere, modern, ['npm', 'test'], plain)
    expect(stdout, stderr).toMatch(/Tests {2}2 passed \(2\)/)
    expect(code).toBe(0)
  })

  test('what it writes wrongly does not compile', async () => {
    const wrong = [
      "import { expect } from 'vitest'",
      "import { lab, type Site } from 'weft/lab'",
      "const site: Site = await lab({ name: 'x' })",
      "await expect(site.guest('h1.web')).toReach(5)",
      "site.frame({ from: 'h1.web', to: 'h2.db', bytes: 'most' })",
      "await lab('site.yaml', { backend: 'cloud' })",
    ]
    writeFileSync(join(elsewhere, 'wrong.ts'), wrong.join('\n'))
    const { stdout } = await runIn(elsewhere, modern, ['npx', 'tsc', '-p', '.'])
    rmSync(join(elsewhere, 'wrong.ts'))
    expect([...stdout.matchAll(/^wrong\.ts\((\d+)/gm)].map(([, line]) => line)).toEqual([
      '4',
      '5',
      '6',
    ])
  })

  test('a test that fails says what the README shows', async () => {
    const file = join(root, 'README.md')
    const readme = readFileSync(file, 'utf8')
    const [section = ''] = /^## Tests of your own\n[\s\S]*?^## /m.exec(readme) ?? []
    const [first = ''] = [...section.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code)
    expect(readFileSync(join(elsewhere, 'site.test.ts'), 'utf8').startsWith(first)).toBe(true)
    const [example] = examplesOf(section)
    writeFileSync(join(elsewhere, 'wrong.test.ts'), example?.source ?? '')
    const command = ['npm', 'test', '--', 'wrong.test.ts'] as const
    const { code, stdout, stderr } = await runIn(elsewhere, modern, command, { NO_COLOR: '1' })
    rmSync(join(elsewhere, 'wrong.test.ts'))
    const said = [...stderr.matchAll(/^Error: [\s\S]*?(?=^ ❯ )/gm)].map(([text]) => text)
    expect(said, stdout + stderr).toHaveLength(2)
    expect(said.flatMap((text) => text.split('\n').filter((line) => line.length > 110))).toEqual([])
    const block = /^```text\n[\s\S]*?^```$/gm
    const texts = said.values()
    const written = section.replaceAll(block, () => `\`\`\`text\n${texts.next().value}\`\`\``)
    if (process.env.WEFT_WRITE_DOCS)
      writeFileSync(
        file,
        readme.replace(section, () => written),
      )
    else expect(section).toBe(written)
    expect(code).toBe(1)
  })

  test('an older Node than 24 is told in one sentence what to do', async ({ skip }) => {
    const own = await runIn(elsewhere, machinePath, [which('node') ?? 'node', '--version'])
    const recent = Number.parseInt(own.stdout.slice(1), 10) >= 24
    skip(recent, `this machine's own Node is ${own.stdout.trim()}, no older one is there`)
    const { code, stderr } = await runIn(elsewhere, machinePath, ['npx', 'weft', 'lab', '--check'])
    expect(stderr).toContain(
      `weft: needs Node 24 or newer, this is ${own.stdout.trim().slice(1)}: npm install node@24 in this folder`,
    )
    expect(code).toBe(1)
    await runIn(elsewhere, machinePath, ['npm', 'install', '--prefer-offline', 'node@24'])
    const now = await runIn(elsewhere, machinePath, ['npx', 'weft', 'lab', '--check'])
    expect(now.stdout, now.stderr).toMatch(/^\d+ passed, 0 failed/m)
  })
})

describe('stripping types', () => {
  test('keeps every line in its place and names the .js beside it', () => {
    const source = [
      "import { a, type B } from './a.ts'",
      "import type { C } from '../c.ts'",
      'export interface D {',
      '  e: B',
      '}',
      'export const f = (g: number): C => a(g)',
      "new Worker(new URL('./h.ts', import.meta.url))",
      "const text = 'a.ts'",
    ]
    const lines = strip(source.join('\n')).split('\n')
    expect(lines).toHaveLength(source.length)
    expect(lines[0]).toMatch(/^import { a, +} from '.\/a.js'$/)
    expect(lines[1]?.trim()).toBe('')
    expect(lines[5]).toMatch(/^export const f = \(g +\) +=> a\(g\)$/)
    expect(lines[6]).toBe("new Worker(new URL('./h.js', import.meta.url))")
    expect(lines[7]).toBe("const text = 'a.ts'")
  })
})
