/** `weft lab --backend netns` as a person runs it: the table and the exit code, Ctrl-C, and what is left afterwards; and `weft lab up`. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TestResult } from '../../bin/lab/test-run.ts'
import { namespacesNamed } from '../../topologies/lab/netns/namespace.ts'
import { type LabShell, labShell } from '../bin/lab-run.ts'
import { blocksOf } from '../bin/pcapng-blocks.ts'
import { needed } from './site-under-test.ts'

const weft = fileURLToPath(new URL('../../bin/weft.ts', import.meta.url))

interface Run {
  readonly child: ChildProcess
  /** Resolves when the output matches; rejects when the program ends first. */
  until(pattern: RegExp): Promise<RegExpExecArray>
  /** Exit code and all output. */
  readonly ended: Promise<{ code: number | null; output: string }>
}

const start = (...args: string[]): Run => startLab('--backend', 'netns', ...args)

function startLab(...args: string[]): Run {
  const child = spawn(process.execPath, [weft, 'lab', ...args])
  let output = ''
  const looks = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      for (const look of looks) look()
    })
  }
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, output }))
  const until = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(output)
        if (match) resolve(match)
      }
      looks.add(look)
      look()
      ended.then(() => reject(new Error(`ended without ${pattern}:\n${output}`)), reject)
    })
  return { child, until, ended }
}

/** Namespaces and run directories with the lab's id. */
function traces(id: string): string[] {
  return [
    ...namespacesNamed(`weft-${id}`),
    ...readdirSync(tmpdir()).filter((name) => name.includes(`weft-${id}`)),
  ]
}

describe('weft lab on real Open vSwitch', needed, () => {
  test('--check shows every row and exits with 0', async () => {
    const { code, output } = await start('--check').ended
    expect(output).toMatch(/7 passed, 0 failed/)
    expect(code).toBe(0)
  })

  test('Ctrl-C while it serves leaves no namespace, process or file', async () => {
    const lab = start()
    const [, id] = await lab.until(/\(lab ([0-9a-f]{6})\)/)
    const [, url] = await lab.until(/REST is at (\S+)\/v1/)
    const hosts = (await (await fetch(`${url}/v1/infra/hosts`)).json()) as { items: unknown[] }
    expect(hosts.items).toHaveLength(2)
    expect(traces(id as string).length).toBeGreaterThan(5)
    lab.child.kill('SIGINT')
    expect((await lab.ended).code).toBe(0)
    expect(traces(id as string)).toEqual([])
  })

  test('Ctrl-C while it comes up leaves nothing either', async () => {
    const lab = start()
    const [, id] = await lab.until(/\(lab ([0-9a-f]{6})\)/)
    lab.child.kill('SIGINT')
    const { code, output } = await lab.ended
    expect({ code, last: output.trim().split('\n').at(-1) }).toEqual({
      code: 130,
      last: 'weft: stopped',
    })
    expect(traces(id as string)).toEqual([])
  })

  test('a reader that goes away (weft lab | head) leaves nothing either', async () => {
    // As the option was called once.
    const lab = startLab('--lab', 'netns', '--check')
    const [, id] = await lab.until(/\(lab ([0-9a-f]{6})\)/)
    lab.child.stdout?.destroy()
    expect((await lab.ended).code).toBe(130)
    expect(traces(id as string)).toEqual([])
  })
})

describe('weft lab up on real Open vSwitch', needed, () => {
  let shell: LabShell
  beforeAll(() => {
    shell = labShell()
  })
  afterAll(async () => {
    await shell.weft(['down', '--all'])
    shell.close()
  })

  test('a lab of its own process: commands in guests and on hosts, a capture with VXLAN, a test, and nothing left', async () => {
    const { weft: lab, start: goOn, left, folder } = shell
    const { stdout: site } = await lab([
      'generate',
      '--hosts',
      '2',
      '--tenants',
      '1',
      '--ports',
      '2',
    ])
    const up = await lab(['up', '-', '--backend', 'netns', '--name', 'n'], site)
    const [, id] = /\(lab ([0-9a-f]{6})\)/.exec(up.stdout) ?? []
    expect(up).toMatchObject({ code: 0, stderr: '' })
    const guest = 't1-n1-vm1'
    const file = join(folder, 'n.pcapng')
    const capture = goOn(['capture', guest, 'underlay', '--guest', guest, '-w', file])
    await capture.until(/Capturing at 3 places/)
    const ping = await lab(['exec', guest, '--', 'ping', '-c', '1', '10.0.0.2'])
    expect(ping).toMatchObject({ code: 0, stdout: expect.stringContaining('0% packet loss') })
    capture.child.kill('SIGINT')
    expect(await capture.ended).toMatchObject({ code: 0 })
    const { packets } = blocksOf(readFileSync(file))
    const ways = packets.map(({ comment = '' }) => comment)
    expect(ways).toContainEqual(expect.stringMatching(/^host h[12], underlay: sent; .*t1\/n1, VNI/))
    expect(ways).toContainEqual(
      expect.stringMatching(/^host h[12], underlay: arrives; .*VNI 5001$/),
    )
    expect(ways).toContainEqual(expect.stringMatching(/guest t1-n1-vm1: sent by the guest/))

    expect(await lab(['exec', 'h1', 'ovs-vsctl', 'br-exists', 'br-int'])).toMatchObject({ code: 0 })
    expect(await lab(['exec', 'h1', '--', 'sh', '-c', 'exit 7'])).toMatchObject({ code: 7 })
    expect((await lab(['exec', guest, 'cat'], 'typed')).stdout).toBe('typed')

    const tested = await lab(['test', 'n', '-o', 'json'])
    const { matrix, checks } = JSON.parse(tested.stdout) as TestResult
    expect(matrix.cells.map(({ seen }) => seen)).toEqual(['reached', 'reached'])
    expect(checks.filter(({ passed, applicable }) => applicable && !passed)).toEqual([])
    expect(tested.code).toBe(0)

    expect(await lab(['down'])).toMatchObject({ code: 0, stderr: '' })
    expect(traces(id as string)).toEqual([])
    expect(left()).toEqual(['n.pcapng'])
  })
})
