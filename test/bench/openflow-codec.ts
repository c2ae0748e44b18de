/**
 * `npm run bench -- openflow-codec`: nanoseconds per flow-mod and per flow-stats entry, encoded and
 * decoded, beside os-ken (Debian python3-os-ken, skipped when absent) and @xen-orchestra/openflow (npm)
 * in the same run: rounds in turn, the median of each. CPU time on all sides, so that what
 * else runs on the machine disturbs less. That os-ken means the same is checked on the
 * bytes that it encodes.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { loadavg } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Case, cases, ENTRIES, flowModBytes, replyBytes } from './openflow-codec/cases.ts'
import { nearest } from './openflow-codec/xen-orchestra.ts'
import { quantile } from './port-realized/statistics.ts'

const ROUNDS = 9
const ROUND_MS = 60
const OS_KEN_ITEMS = 600
/** ns; what the project promises, and how many times os-ken's speed. */
const goals: Record<string, number> = { flow_mod_encode: 1000, flow_mod_decode: 2000 }
const GOAL_TIMES = 20

const print = (line: string) => process.stdout.write(`${line}\n`)

/** Calls for about ROUND_MS; nanoseconds of this thread's CPU time per item. */
function time({ run, items }: Case, ms = ROUND_MS): number {
  let calls = 0
  let sum = 0
  const began = process.threadCpuUsage()
  let used = 0
  do {
    for (let i = 0; i < 64; i++) sum += run()
    calls += 64
    const { user, system } = process.threadCpuUsage(began)
    used = user + system
  } while (used < ms * 1000)
  if (sum === 0) throw new Error('nothing was encoded or decoded')
  return (used * 1000) / (calls * items)
}

interface OsKen {
  ask(line: string): Promise<string>
  close(): void
}

/** Debian's Python, which a version manager may hide. Undefined when it has no os-ken. */
async function startOsKen(): Promise<OsKen | undefined> {
  const script = fileURLToPath(new URL('openflow-codec/os-ken.py', import.meta.url))
  const child: ChildProcess = spawn('/usr/bin/python3', [script], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  let waiting: (line: string | undefined) => void = () => {}
  lines.on('line', (line) => waiting(line))
  child.on('error', () => waiting(undefined))
  child.on('close', () => waiting(undefined))
  child.stdin?.on('error', () => {})
  const answer = (line: string) =>
    new Promise<string | undefined>((resolve) => {
      waiting = resolve
      child.stdin?.write(`${line}\n`)
    })
  const hex = Buffer.from(replyBytes).toString('hex')
  const theirs = await answer(`${hex} ${ENTRIES}\ncheck 1`)
  if (theirs === undefined) return undefined
  const ours = Buffer.from(flowModBytes)
  ours.writeUInt32BE(1, 4) // the xid
  if (theirs !== ours.toString('hex')) throw new Error(`os-ken encodes ${theirs}`)
  return {
    async ask(line) {
      const text = await answer(line)
      if (text === undefined) throw new Error('os-ken ended')
      return text
    },
    close: () => child.stdin?.end(),
  }
}

const samples = new Map<string, number[]>()
const record = (name: string, ns: number) => samples.set(name, [...(samples.get(name) ?? []), ns])
const median = (name: string) => {
  const all = samples.get(name)
  return all && Math.round(quantile(all, 0.5))
}
const osKenCases = ['flow_mod_encode', 'flow_mod_decode', 'flow_stats_decode']

const osKen = await startOsKen()
if (!osKen) print('os-ken is not installed (Debian: python3-os-ken): not compared')
const all: [string, Case][] = [
  ...Object.entries(cases),
  ...Object.entries(nearest).map(([name, { ours }]): [string, Case] => [name, ours]),
]
for (let round = -1; round < ROUNDS; round++) {
  for (const [name, one] of all) {
    const ns = time(one, round < 0 ? 3 * ROUND_MS : ROUND_MS)
    if (round >= 0) record(name, ns)
  }
  for (const [name, { theirs }] of Object.entries(nearest)) {
    const ns = time(theirs)
    if (round >= 0) record(`xo ${name}`, ns)
  }
  for (const name of osKen && round >= 0 ? osKenCases : []) {
    record(`os-ken ${name}`, Number(await osKen?.ask(`${name} ${OS_KEN_ITEMS}`)))
  }
}
osKen?.close()

const results = all.map(([name, { what }]) => {
  const ns = median(name) as number
  const [peer, peer_ns] =
    name in nearest
      ? ['@xen-orchestra/openflow (OpenFlow 1.1)', median(`xo ${name}`)]
      : ['os-ken', median(`os-ken ${name}`)]
  const goal = goals[name]
  return {
    ...{ bench: 'openflow-codec', case: name, what, ns },
    ...(goal !== undefined && { goal_ns: goal, met: ns <= goal }),
    ...(peer_ns !== undefined && { peer, peer_ns, ratio: Math.round((10 * peer_ns) / ns) / 10 }),
  }
})

print('')
print(`${'ns'.padStart(7)}   ${'peer ns'.padStart(8)}   ${'times'.padStart(6)}`)
for (const { what, ns, peer, peer_ns, ratio } of results) {
  const theirs = `${String(peer_ns ?? '').padStart(8)}   ${String(ratio ?? '').padStart(6)}`
  print(`${String(ns).padStart(7)}   ${theirs}   ${what}${peer_ns ? `; ${peer}` : ''}`)
}
const load = loadavg()[0] as number
print(`CPU time, medians of ${ROUNDS} rounds; load ${load.toFixed(1)}`)
const slow = results.filter(
  ({ met, peer, ratio }) => met === false || (peer === 'os-ken' && (ratio ?? 0) < GOAL_TIMES),
)
print(slow.length ? `goals missed: ${slow.map((one) => one.case)}` : 'goals met')
print(JSON.stringify(results.map((one) => ({ ...one, load }))))
