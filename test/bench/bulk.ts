/**
 * `npm run bench -- bulk [ROUNDS] [iface-id]`: 0 to 1,000 and 1,000 to 5,000 ports at once, until two real Open vSwitch hosts have them all;
 * where OVN is installed beside it, on two hosts of its own, in turn. Root needed.
 *
 * Both sites are up all the time, one works while the other is idle; all is taken away between rounds. What a process
 * computed is read from /proc: `control` are weft serve, or ovn-northd, both ovn-controllers and both OVN databases (not
 * ovn-nbctl); `switches` the ovs-vswitchd and ovsdb-server of both hosts. With `iface-id` ports of Weft are nowhere until their
 * interfaces name them, which is then part of what is measured; those of OVN name theirs beforehand.
 */
import { loadavg } from 'node:os'
import { stepsTo } from '../../topologies/lab/report.ts'
import type { Contender } from './bulk/contender.ts'
import { cpuSeconds } from './bulk/cpu.ts'
import { openOvn } from './bulk/ovn.ts'
import { portsOf } from './bulk/shape.ts'
import { openWeft } from './bulk/weft.ts'
import { ovnVersion } from './port-realized/ovn-site.ts'
import { quantile } from './port-realized/statistics.ts'

const SIZES = [0, 1000, 5000]
const GOAL = 3
const rounds = Number(process.argv[2] ?? 3)
const places = process.argv[3] === 'iface-id' ? 'iface-id' : 'declared'

const print = (line: string) => process.stdout.write(`${line}\n`)
const step = stepsTo(print, () => performance.now())

interface Sample {
  readonly ms: number
  readonly control: number
  readonly switches: number
  readonly flows: readonly number[]
}

async function sampled(of: Contender, from: number, to: number): Promise<Sample> {
  const { control, switches } = of.pids
  const ports = portsOf(from, to)
  await of.plug(ports)
  const run = of.prepare(ports, to)
  const before = [cpuSeconds(control), cpuSeconds(switches)] as const
  const began = performance.now()
  await run()
  const ms = performance.now() - began
  const sample = {
    ms,
    control: cpuSeconds(control) - before[0],
    switches: cpuSeconds(switches) - before[1],
    flows: await of.flows(),
  }
  step(
    `${of.name}: ${from} to ${to} ports in ${ms.toFixed(0)} ms; CPU ${sample.control.toFixed(2)} s and ${sample.switches.toFixed(2)} s; flows ${sample.flows.join(', ')}`,
  )
  return sample
}

const samples = new Map<string, Sample[]>()
const opened: Contender[] = []
const failed = new Set<Contender>()

async function measure(contender: Contender, isLast: boolean): Promise<void> {
  for (const [i, to] of SIZES.slice(1).entries()) {
    const key = `${contender.name} ${to}`
    const sample = await sampled(contender, SIZES[i] ?? 0, to)
    samples.set(key, [...(samples.get(key) ?? []), sample])
  }
  if (!isLast) await contender.clear()
}

try {
  opened.push(await openWeft(places, step))
  const version = await ovnVersion()
  if (version === undefined) step('OVN is not installed (Debian: ovn-central ovn-host)')
  else opened.push(await openOvn(version, step))
  for (let round = 0; round < rounds; round++)
    for (const contender of opened) {
      if (failed.has(contender)) continue
      try {
        await measure(contender, round + 1 === rounds)
      } catch (error) {
        // What was measured of the other stands.
        failed.add(contender)
        process.exitCode = 1
        step(`${contender.name} failed: ${(error as Error).message.slice(0, 300)}`)
      }
    }
} finally {
  for (const contender of opened) await contender.close()
}

const median = (key: string, of: (sample: Sample) => number): number =>
  quantile((samples.get(key) ?? []).map(of), 0.5)
const results = SIZES.slice(1).flatMap((to, i) =>
  opened.flatMap(({ name }) => {
    const key = `${name} ${to}`
    if (!samples.has(key)) return []
    const ms = median(key, (each) => each.ms)
    const weft = median(`${opened[0]?.name} ${to}`, (each) => each.ms)
    return {
      bench: 'bulk',
      of: name,
      from: SIZES[i],
      to,
      rounds,
      median_ms: ms,
      least_ms: Math.round(Math.min(...(samples.get(key) ?? []).map((each) => each.ms))),
      control_cpu_s: median(key, (each) => each.control),
      switches_cpu_s: median(key, (each) => each.switches),
      flows_host: Math.round(median(key, (each) => Math.max(...each.flows))),
      times_weft: Math.round((ms / weft) * 100) / 100,
    }
  }),
)
print(
  '\n  from     to  of             ms   least ms   control CPU s   switches CPU s   flows a host   times',
)
for (const each of results) {
  const cells = [
    [each.from, 6],
    [each.to, 7],
    [`  ${each.of.padEnd(9)}`, 0],
    [each.median_ms.toFixed(0), 8],
    [each.least_ms, 11],
    [each.control_cpu_s, 16],
    [each.switches_cpu_s, 17],
    [each.flows_host, 15],
    [each.times_weft, 8],
  ] as const
  print(cells.map(([cell, width]) => String(cell).padStart(width)).join(''))
}
const missed = results.filter((each) => each.of !== 'weft' && each.times_weft < GOAL)
print(
  `load ${loadavg()[0]?.toFixed(1)}; ${missed.length === 0 ? 'goal met' : `goal missed: less than ${GOAL} times faster`}`,
)
print(JSON.stringify(results))
