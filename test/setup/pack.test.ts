/** `npm pack`: the one place where types are stripped, and a tarball that works where there is nothing else. */

import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { strip } from '../../bin/pack.ts'
import { copyCheckout, emptyFolder, machinePath, runIn, which } from './checkout.ts'

describe('npm pack', () => {
  const folder = emptyFolder()
  const checkout = join(folder.path, 'weft')
  const elsewhere = join(folder.path, 'elsewhere')

  beforeAll(async () => {
    copyCheckout(checkout, { packages: true })
    const packed = await runIn(checkout, machinePath, ['npm', 'pack', '--pack-destination', '..'])
    expect(packed.stderr).not.toContain('npm error')
    expect(packed.code).toBe(0)
    await runIn(folder.path, machinePath, ['mkdir', elsewhere])
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
