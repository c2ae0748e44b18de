/**
 * `npm run bench -- compile`: what compiling takes on sites of 1,000, 10,000 and 100,000 ports on 10, 100 and 1,000 hosts: all
 * of it, then one port added, moved and removed, with what changed on each host; the memory of model and compiler
 * together. Each size is a process of its own. Networks have 100 ports on 20 random hosts; one is on every host, with a
 * port each. There are no routers in the model yet, so no networks are routed together. No root needed.
 *
 * The goals are held against the CPU time of our own thread; wall time beside it tells how much of the machine others had.
 * `moved` goes to another host of the network, `moved away` to any host of the site, which mostly has the network not
 * yet: all of its flows go there, and the host into the flood groups of all others.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { argv, execPath, stdout } from 'node:process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Figures } from './compile/one.ts'

const sizes = [
  { ports: 1000, hosts: 10 },
  { ports: 10_000, hosts: 100 },
  { ports: 100_000, hosts: 1000 },
] as const
/** Of each kind. */
const CHANGES = 1000
const WARM_UP = 300
const GOAL = { median: 0.3, p99: 1, fullMs: 5000, rssMib: 1536 }

const print = (line = '') => stdout.write(`${line}\n`)
const part = fileURLToPath(new URL('compile/one.ts', import.meta.url))

async function run({ ports, hosts }: { ports: number; hosts: number }): Promise<Figures> {
  const args = ['--expose-gc', part, ...[ports, hosts, CHANGES, WARM_UP].map(String)]
  const child = spawn(execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (code !== 0) throw new Error(`${ports} ports on ${hosts} hosts: ended with ${code}`)
  return JSON.parse(output)
}

const columns = (cells: readonly (string | number)[], widths: readonly number[]) =>
  cells.map((cell, at) => String(cell).padStart(widths[at] ?? 0)).join('  ')

const results: object[] = []
const missed: string[] = []
/** The largest ports that are asked for: all without an argument. */
const most = Number(argv[2] ?? Number.POSITIVE_INFINITY)
for (const size of sizes.filter(({ ports }) => ports <= most)) {
  const before = loadavg()[0] ?? Number.NaN
  const { changes, ...all } = await run(size)
  const load = `${before.toFixed(1)} to ${(loadavg()[0] ?? Number.NaN).toFixed(1)}`
  print(
    `${all.ports} ports on ${all.hosts} hosts, ${all.flows_per_host} flows a host (at most ${all.most_flows_on_a_host}); load ${load}`,
  )
  print(
    `full compile ${all.full_cpu_ms} ms of CPU time (${all.full_ms} ms); ${all.rss_mib} MiB RSS, ${all.heap_mib} MiB heap, of which the model's ${all.model.heap_mib}; peak ${all.peak_rss_mib} MiB`,
  )
  const widths = [16, 10, 5, 6, 13, 8, 9, 7, 9]
  print(
    columns(
      [
        'of',
        'change',
        'hosts',
        'items',
        'cpu median ms',
        'p99 ms',
        'median ms',
        'p99 ms',
        'lists ms',
      ],
      widths,
    ),
  )
  const name = `${all.ports} ports`
  for (const each of changes) {
    print(
      columns(
        [
          each.of,
          each.change,
          each.hosts,
          each.items,
          each.cpu_median_ms,
          each.cpu_p99_ms,
          each.median_ms,
          each.p99_ms,
          each.lists_cpu_median_ms,
        ],
        widths,
      ),
    )
    results.push({ bench: 'compile', ports: all.ports, site_hosts: all.hosts, ...each })
    if (each.cpu_median_ms > GOAL.median || each.cpu_p99_ms > GOAL.p99)
      missed.push(`${name}, ${each.of}, ${each.change}`)
  }
  if (all.full_cpu_ms > GOAL.fullMs) missed.push(`${name}, full compile`)
  if (all.rss_mib > GOAL.rssMib) missed.push(`${name}, memory`)
  results.push({ bench: 'compile', ...all, load })
  print()
}
print(missed.length === 0 ? 'goals met' : `goals missed:\n  ${missed.join('\n  ')}`)
print(JSON.stringify(results))
