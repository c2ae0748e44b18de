/** `weft lab --lab netns` as a person runs it: the table and the exit code, Ctrl-C, and what is left afterwards. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { namespacesNamed } from '../../topologies/lab/netns/namespace.ts'
import { needed } from './site-under-test.ts'

const weft = fileURLToPath(new URL('../../bin/weft.ts', import.meta.url))

interface Run {
  readonly child: ChildProcess
  /** Resolves when the output matches; rejects when the program ends first. */
  until(pattern: RegExp): Promise<RegExpExecArray>
  /** Exit code and all output. */
  readonly ended: Promise<{ code: number | null; output: string }>
}

function start(...args: string[]): Run {
  const child = spawn(process.execPath, [weft, 'lab', '--lab', 'netns', ...args])
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
    const lab = start('--check')
    const [, id] = await lab.until(/\(lab ([0-9a-f]{6})\)/)
    lab.child.stdout?.destroy()
    expect((await lab.ended).code).toBe(130)
    expect(traces(id as string)).toEqual([])
  })
})
