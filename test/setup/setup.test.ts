/** Set-up as a newcomer meets it: from nothing, without a compiler, half there, interrupted. */

import { spawn } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { env, execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { copyCheckout, emptyFolder, machinePath, root, runIn, toolbox, which } from './checkout.ts'

const absent =
  /^set-up: cap: not built, no C\+\+ compiler.*: pcap ports are absent, all else runs$/m

describe('set-up on a machine with node and npm and no compiler', () => {
  const folder = emptyFolder()
  const checkout = join(folder.path, 'weft')
  let path = ''

  beforeAll(() => {
    copyCheckout(checkout, { packages: false })
    path = toolbox(join(folder.path, 'bin'), ['node', 'npm', 'sh', 'env'])
  })
  afterAll(folder.remove)

  const version = () => runIn(checkout, path, ['node', 'bin/launch.js', 'bin/weft.ts', '--version'])

  test('brings packages and a current Node, says in one line that pcap ports are absent, and runs', async () => {
    const { code, stdout, stderr } = await version()
    expect(stderr).toMatch(/^set-up: packages: npm ci, there are none yet \(\d+\.\d s\)$/m)
    expect(stderr).toMatch(absent)
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(3)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '0.1.0\n' })
  })

  test('has nothing to say the second time but that pcap ports are absent', async () => {
    const { code, stderr } = await version()
    expect(stderr).toMatch(absent)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(code).toBe(0)
  })

  test('npm start -- --check does the whole main job, without pcap ports', async () => {
    const { code, stdout } = await runIn(checkout, path, ['npm', 'start', '--', '--check'])
    expect(stdout).toMatch(/^\d+ passed, 0 failed/m)
    expect(code).toBe(0)
  })

  test('a package that is older than the lock brings npm ci, and the Node that npm ci deletes', async () => {
    const record = join(checkout, 'node_modules', '.package-lock.json')
    const installed = JSON.parse(readFileSync(record, 'utf8'))
    installed.packages['node_modules/yaml'].version = '2.0.0'
    writeFileSync(record, JSON.stringify(installed))
    const { code, stdout, stderr } = await version()
    expect(stderr).toMatch(/^set-up: packages: npm ci, 1 of \d+ are missing or old/m)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '0.1.0\n' })
  })

  test("what cannot be brought ends in npm's own words and exit code 1", async () => {
    rmSync(join(checkout, 'node_modules'), { recursive: true })
    const lock = join(checkout, 'package-lock.json')
    writeFileSync(lock, readFileSync(lock, 'utf8').replaceAll('"2.9.1"', '"2.9.999"'))
    const { code, stdout, stderr } = await version()
    expect(stderr).toMatch(/^set-up failed: npm ci .* ended with \d+\nnpm error/m)
    expect(stderr).not.toMatch(/^\s+at /m)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  })
})

describe('the launcher', () => {
  const launcher = fileURLToPath(new URL('../../bin/launch.js', import.meta.url))
  const patient = fileURLToPath(new URL('patient.ts', import.meta.url))

  /** Starts a program on the machine's own Node, sends signals when patient.ts is up, waits for the end of what it started. */
  async function interrupt(
    command: readonly string[],
    cwd: string,
    signals: readonly NodeJS.Signals[],
  ) {
    const [file = '', ...args] = command
    const child = spawn(file, args, {
      cwd,
      env: { ...env, PATH: machinePath },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      if (text.includes('ready')) for (const signal of signals) child.kill(signal)
    })
    const code = await new Promise((resolve) => child.once('close', resolve))
    return { code, stdout }
  }

  test.each([
    [['SIGTERM']],
    [['SIGINT']],
    [['SIGHUP']],
    [['SIGINT', 'SIGINT', 'SIGTERM']],
  ] as const)(
    'passes %s on, waits until the program has cleaned up, takes over its exit code',
    async (signals) => {
      const command = [which('node') ?? execPath, launcher, patient]
      expect(await interrupt(command, root, signals)).toEqual({
        code: 3,
        stdout: 'ready\ncleaned up\n',
      })
    },
  )

  test('runs the program in the folder that npm was called in: files are where one says', async () => {
    const folder = emptyFolder()
    writeFileSync(join(folder.path, 'site.yaml'), '')
    try {
      const inside = { INIT_CWD: folder.path }
      const command = [
        which('node') ?? execPath,
        launcher,
        'bin/weft.ts',
        'lab',
        'site.yaml',
      ] as const
      const { code, stderr } = await runIn(root, machinePath, command, inside)
      expect(stderr).toContain('weft: site.yaml:1:1: the document is empty')
      expect(code).toBe(1)
    } finally {
      folder.remove()
    }
  })

  test('npm start passes SIGTERM on as well, and waits', async () => {
    const folder = emptyFolder()
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const start = manifest.scripts.start.replace(
      'bin/launch.js bin/weft.ts lab',
      `${launcher} ${patient}`,
    )
    expect(start).toContain(patient)
    const file = JSON.stringify({ name: 'patient', scripts: { start } })
    writeFileSync(join(folder.path, 'package.json'), file)
    try {
      const command = ['npm', 'start', '--silent']
      const ended = await interrupt(command, folder.path, ['SIGTERM'])
      expect(ended).toEqual({ code: 3, stdout: 'ready\ncleaned up\n' })
    } finally {
      folder.remove()
    }
  })
})
