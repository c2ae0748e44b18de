/**
 * One size of the bench `compile`, in a process of its own with --expose-gc: `one.ts PORTS HOSTS`. Prints one JSON object.
 *
 * Times are those of our own thread's CPU beside the wall's; what the model takes for a change is not in it.
 */
import { argv, stdout } from 'node:process'
import koffi from 'koffi'
import { Compiler } from '../../../controller/compiler/compiler.ts'
import type { Touched } from '../../../controller/compiler/touched.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { quantile } from '../port-realized/statistics.ts'
import { BenchSite, type PlacedNetwork } from './site.ts'

const CHANGES = Number(argv[4] ?? 1000)
/** Of each kind before those that count. */
const WARM_UP = Number(argv[5] ?? 300)

const size = { ports: Number(argv[2]), hosts: Number(argv[3]) }
const MIB = 2 ** 20
const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})

interface Took {
  readonly cpuMs: number
  readonly ms: number
}

const CLOCK_THREAD_CPUTIME_ID = 3
const timespec = new BigInt64Array(2)
const clock_gettime = koffi.load('libc.so.6').func('int clock_gettime(int, void *)')
/** Of this thread; that of process.threadCpuUsage() ticks every 4 ms on some kernels. */
function cpuMs(): number {
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, timespec)
  return Number(timespec[0]) * 1e3 + Number(timespec[1]) / 1e6
}

function timed(run: () => void): Took {
  const [cpu, start] = [cpuMs(), performance.now()]
  run()
  const ms = performance.now() - start
  return { ms, cpuMs: cpuMs() - cpu }
}

function memory(): { rss_mib: number; heap_mib: number; buffers_mib: number } {
  collect()
  collect()
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  const mib = (bytes: number) => Math.round(bytes / MIB)
  return { rss_mib: mib(rss), heap_mib: mib(heapUsed), buffers_mib: mib(arrayBuffers) }
}

const bench = new BenchSite(size)
const model = memory()
let compiler: Compiler | undefined
const full = timed(() => {
  compiler = new Compiler(bench.site)
})
const peakMib = Math.round(process.resourceUsage().maxRSS / 1024)
const compiled = compiler as Compiler | undefined
if (!compiled) throw new Error('nothing is compiled')
const all = memory()

let flows = 0
let most = 0
for (let n = 0; n < size.hosts; n++) {
  let own = 0
  for (const { kind } of compiled.items(`h${n}`)) if (kind === 'flow') own++
  flows += own
  most = Math.max(most, own)
}

/** A kind of change: what it does to a network, given the ports that it has added before. */
interface Kind {
  readonly name: string
  edit(network: PlacedNetwork, added: string[]): Edit
}
const takeFrom = (added: string[]) => {
  const key = added.splice(Math.floor(bench.random() * added.length), 1)[0]
  if (key === undefined) throw new Error('nothing was added')
  return key
}
const kinds: readonly Kind[] = [
  {
    name: 'added',
    edit(network, added) {
      const { key, edit } = bench.added(network, bench.pick(network.hosts))
      added.push(key)
      return edit
    },
  },
  {
    name: 'moved',
    edit: (network, added) => bench.moved(bench.pick(added), bench.pick(network.hosts)),
  },
  {
    name: 'moved away',
    edit: (_, added) => bench.moved(bench.pick(added), Math.floor(bench.random() * size.hosts)),
  },
  {
    name: 'removed',
    edit: (_, added) =>
      ({ collection: 'port', key: takeFrom(added), spec: undefined }) as unknown as Edit,
  },
]

/** What every host is told, as the reconciler asks for it. */
function told(touched: Touched): number {
  let items = 0
  for (const host of touched.keys()) items += touched.get(host)?.size ?? 0
  return items
}

interface Sample {
  readonly took: Took
  readonly telling: Took
  readonly hosts: number
  readonly items: number
}

function changed(edit: Edit): Sample {
  const changes = bench.commit([edit])
  let touched: Touched | undefined
  const took = timed(() => {
    touched = compiled?.apply(changes)
  })
  let items = 0
  const telling = timed(() => {
    items = touched ? told(touched) : 0
  })
  return { took, telling, hosts: touched?.size ?? 0, items }
}

const round = (value: number) => Math.round(value * 1000) / 1000
/** To a thousandth; `quantile` rounds to hundredths. */
const share = (samples: readonly number[], q: number) =>
  round(
    quantile(
      samples.map((each) => each * 1000),
      q,
    ) / 1000,
  )

function measured(of: string, pick: () => PlacedNetwork, changes: number) {
  const samples = new Map<string, Sample[]>(kinds.map(({ name }) => [name, []]))
  for (let n = -WARM_UP; n < changes; n++) {
    const [network, added] = [pick(), [] as string[]]
    for (const kind of kinds) {
      const sample = changed(kind.edit(network, added))
      if (n >= 0) samples.get(kind.name)?.push(sample)
    }
  }
  return kinds.map(({ name }) => {
    const own = samples.get(name) ?? []
    const mean = (of: (sample: Sample) => number) =>
      Math.round(own.reduce((sum, each) => sum + of(each), 0) / own.length)
    const [cpu, wall] = [own.map(({ took }) => took.cpuMs), own.map(({ took }) => took.ms)]
    return {
      ...{ change: name, of, changes: own.length, hosts: mean((each) => each.hosts) },
      ...{ items: mean((each) => each.items) },
      ...{ cpu_median_ms: share(cpu, 0.5), cpu_p99_ms: share(cpu, 0.99) },
      ...{ median_ms: share(wall, 0.5), p99_ms: share(wall, 0.99) },
      lists_cpu_median_ms: share(
        own.map(({ telling }) => telling.cpuMs),
        0.5,
      ),
    }
  })
}

const changes = [
  ...measured('network', () => bench.pick(bench.networks), CHANGES),
  ...measured('on every host', () => bench.wide, CHANGES),
]
const figures = {
  ...size,
  full_ms: Math.round(full.ms),
  full_cpu_ms: Math.round(full.cpuMs),
  flows_per_host: Math.round(flows / size.hosts),
  most_flows_on_a_host: most,
  ...{ model, ...all, peak_rss_mib: peakMib },
  changes,
}
export type Figures = typeof figures
stdout.write(`${JSON.stringify(figures)}\n`)
