/**
 * Memory labs with a seed, each in a process of its own: how long a site of 10, 100, 300 and 1,000 hosts with ten ports each takes
 * until all ports are realized, what it takes of memory, and how much faster than the wall its time then passes.
 * Arguments: the sizes, in hosts. Neighbour: lab/one.ts.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { argv, execPath, stdout } from 'node:process'
import { fileURLToPath } from 'node:url'
import { v8Options } from '../../topologies/lab/memory/v8-options.ts'
import type { Measured } from './lab/one.ts'
import { quantile } from './port-realized/statistics.ts'

const SIZES = [10, 100, 300, 1000]
const ROUNDS = 3
/** Of virtual time, after all is realized: keepalives, probes, statistics. */
const IDLE_SECONDS = 60
const GOAL = { hosts: 1000, up_ms: 30_000, peak_rss_mib: 2048 }
/** A heap that leaves room in GOAL for what is not heap. */
const V8 = [...v8Options(), '--max-old-space-size=1650']
const program = fileURLToPath(new URL('./lab/one.ts', import.meta.url))
const print = (line: string): void => void stdout.write(`${line}\n`)

type Result = Measured & { readonly rounds: number; readonly load: number }

async function inProcess(hosts: number): Promise<Measured> {
  const child = spawn(execPath, [...V8, program, `${hosts}`, `${IDLE_SECONDS}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${hosts} hosts: it ended with ${code}`)
  return JSON.parse(text) as Measured
}

async function measure(hosts: number): Promise<Result> {
  const all: Measured[] = []
  for (let round = 0; round < ROUNDS; round++) all.push(await inProcess(hosts))
  const [first] = all
  if (!first) throw new Error('nothing was measured')
  const medians = Object.keys(first).map((name) => [
    name,
    quantile(
      all.map((each) => each[name as keyof Measured]),
      0.5,
    ),
  ])
  const load = Math.round((loadavg()[0] ?? 0) * 10) / 10
  return { ...(Object.fromEntries(medians) as unknown as Measured), rounds: ROUNDS, load }
}

const columns = [
  ...['hosts', 'ports', 'up_ms', 'up_cpu_ms', 'peak_rss_mib', 'heap_mib'],
  ...['warp', 'warp_cpu', 'rounds', 'load'],
] as const satisfies (keyof Result)[]
const line = (of: (name: (typeof columns)[number]) => unknown) =>
  columns.map((name) => String(of(name)).padStart(Math.max(name.length, 5) + 2)).join('')

const asked = argv.slice(2).map(Number)
const results: Result[] = []
print(line((name) => name))
for (const hosts of asked.length > 0 ? asked : SIZES) {
  const result = await measure(hosts)
  results.push(result)
  print(line((name) => result[name]))
}
for (const { hosts, up_ms, peak_rss_mib } of results)
  if (hosts === GOAL.hosts) {
    const isMet = up_ms <= GOAL.up_ms && peak_rss_mib <= GOAL.peak_rss_mib
    print(`${hosts} hosts within 30 s and 2 GiB: ${isMet ? 'met' : 'missed'}`)
  }
print(JSON.stringify(results))
