/** The same seed brings the same run, to the byte, in whatever process: traced-run.ts is that run, its trace is compared. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'weft-'))
afterAll(() => rmSync(folder, { recursive: true }))

const program = fileURLToPath(new URL('./traced-run.ts', import.meta.url))

/** Its own process; resolves to the trace. */
async function run(seed: number, name: string, env: Record<string, string> = {}): Promise<Buffer> {
  const file = join(folder, name)
  const child = spawn(execPath, [program, `${seed}`, file], {
    ...{ cwd: folder, env: { ...process.env, ...env } },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`seed ${seed}: ${complaint}`)
  return readFileSync(file)
}

/** Somebody else on the machine, who lets a run have the processor only now and then. */
function busy(): ChildProcess {
  return spawn(execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
}

test('one seed in two processes: checks, faults and all gives the same trace', async () => {
  const here = await run(7, 'here')
  const child = busy()
  const env = { TZ: 'Asia/Tokyo', TMPDIR: '/', LANG: 'tr_TR.UTF-8' }
  const there = await run(7, 'there', env).finally(() => child.kill())
  const first = here.toString().split('\n')
  const second = there.toString().split('\n')
  const at = first.findIndex((line, number) => line !== second[number])
  expect(at < 0 ? [] : [at, first[at], second[at]]).toEqual([])
  expect(here.equals(there)).toBe(true)
  // It was a run with something in it.
  const kinds = new Set(first.flatMap((line) => (line === '' ? [] : kindOf(JSON.parse(line)))))
  expect([...kinds].sort()).toEqual(['frame', 'openflow', 'ovsdb', 'rest', 'step', 'told'])
  const events = first.filter((line) => line.includes('"step":"event: '))
  expect(events).toHaveLength(11)
  expect(events.filter((line) => line.includes('failed'))).toEqual([])
}, 120_000)

const KINDS = ['frame', 'openflow', 'ovsdb', 'rest', 'step', 'told']
const kindOf = (line: object) => KINDS.filter((kind) => kind in line)
