/**
 * `npm run bench -- flow-push`: 100,000 flows into a real Open vSwitch as one bundle, beside
 * `ovs-ofctl --bundle add-flows` with the same flows in the same run: rounds in turn, the switch empty
 * before each. Ours starts from values and includes encoding them; theirs includes reading the text,
 * and its start is measured apart with a file of one flow and taken off. No root needed.
 *
 * Beside the rate: how long our event loop was not free. `loop` is what perf_hooks' monitorEventLoopDelay
 * saw, which counts the time that other processes had our CPU; `busy` the CPU time that our own thread
 * spent between two turns of a 1 ms timer; `control` what monitorEventLoopDelay saw of a loop that
 * computes half a millisecond at a time and does nothing else, in the same run.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { commitBundle } from '../../southbound/openflow/bundle.ts'
import type { Connection } from '../../southbound/openflow/connection.ts'
import { encodeFlow, type Flow } from '../../southbound/openflow/flow.ts'
import { flowMod, type Outgoing } from '../../southbound/openflow/message.ts'
import { allFlows } from '../../southbound/openflow/multipart.ts'
import { formatFlow } from '../../southbound/openflow/text.ts'
import { type OpenVswitch, startOpenVswitch } from '../southbound/openflow/open-vswitch.ts'
import { quantile } from './port-realized/statistics.ts'

const FLOWS = 100_000
const ROUNDS = 7
const GOAL_RATIO = 0.9
const GOAL_LOOP_MS = 20
/** What monitorEventLoopDelay calls a delay includes the interval of its timer. */
const TIMER_MS = 1

const print = (line: string) => process.stdout.write(`${line}\n`)

/** As the controller's L2 table: 1,024 networks, a MAC each. */
const flowOf = (n: number): Flow => ({
  table_id: 5,
  priority: 100,
  cookie: 0x57n,
  match: { reg1: 1 + (n & 1023), eth_dst: 0x020000000000 + n },
  instructions: [
    { kind: 'apply_actions', actions: [{ kind: 'set_field', field: 'reg3', value: n }] },
    { kind: 'goto_table', table_id: 6 },
  ],
})

function* mods(): Generator<Outgoing> {
  for (let n = 0; n < FLOWS; n++) yield flowMod('add', encodeFlow(flowOf(n)))
}

interface Push {
  readonly ms: number
  readonly loopMs: number
  readonly busyMs: number
}

async function push(connection: Connection): Promise<Push> {
  const delay = monitorEventLoopDelay({ resolution: TIMER_MS })
  let busy = 0
  let before = process.threadCpuUsage()
  const timer = setInterval(() => {
    const now = process.threadCpuUsage()
    busy = Math.max(busy, now.user + now.system - before.user - before.system)
    before = now
  }, TIMER_MS)
  delay.enable()
  const began = performance.now()
  await commitBundle(connection, mods())
  const ms = performance.now() - began
  delay.disable()
  clearInterval(timer)
  return { ms, loopMs: delay.max / 1e6 - TIMER_MS, busyMs: busy / 1000 }
}

async function control(): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: TIMER_MS })
  delay.enable()
  const end = performance.now() + 1000
  while (performance.now() < end) {
    const turn = performance.now() + 0.5
    while (performance.now() < turn);
    await new Promise(setImmediate)
  }
  delay.disable()
  return delay.max / 1e6 - TIMER_MS
}

async function ofctl(ovs: OpenVswitch, file: string): Promise<number> {
  const began = performance.now()
  await ovs.ofctl('add-flows', file, '--bundle')
  return performance.now() - began
}

async function emptied(ovs: OpenVswitch, connection: Connection, had: number): Promise<void> {
  const [sum] = await connection.multipart({ kind: 'aggregate', body: allFlows() })
  if (sum?.flow_count !== had) throw new Error(`${sum?.flow_count} flows instead of ${had}`)
  await ovs.ofctl('del-flows')
  await connection.barrier()
}

const ovs = await startOpenVswitch()
const dir = mkdtempSync(join(tmpdir(), 'weft-flow-push-'))
const ours: Push[] = []
const theirs: number[] = []
const starts: number[] = []
const controls: number[] = []
try {
  const connection = await ovs.connect()
  const lines = Array.from({ length: FLOWS }, (_, n) => formatFlow(encodeFlow(flowOf(n))))
  const [all, one] = [join(dir, 'all'), join(dir, 'one')]
  writeFileSync(all, lines.join('\n'))
  writeFileSync(one, lines[0] as string)
  for (let round = -1; round < ROUNDS; round++) {
    const pushed = await push(connection)
    await emptied(ovs, connection, FLOWS)
    const start = await ofctl(ovs, one)
    await emptied(ovs, connection, 1)
    const added = await ofctl(ovs, all)
    await emptied(ovs, connection, FLOWS)
    if (round < 0) continue // the switch's memory and our code are warm from here on
    controls.push(await control())
    ours.push(pushed)
    starts.push(start)
    theirs.push(added - start)
    const ratio = ((added - start) / pushed.ms).toFixed(2)
    print(
      `round ${round + 1}: ${pushed.ms.toFixed(0)} ms, ovs-ofctl ${added.toFixed(0)} ms, ${ratio} times its rate; ` +
        `loop ${pushed.loopMs.toFixed(1)} ms, busy ${pushed.busyMs.toFixed(1)} ms, control ${controls.at(-1)?.toFixed(1)} ms`,
    )
  }
  connection.close()
} finally {
  await ovs.close()
  rmSync(dir, { recursive: true })
}

const perSecond = (ms: readonly number[]) => Math.round((FLOWS * 1000) / quantile(ms, 0.5))
const rounded = (value: number) => Math.round(value * 100) / 100
const max = (values: readonly number[]) => rounded(Math.max(...values))
const result = {
  bench: 'flow-push',
  flows: FLOWS,
  rounds: ROUNDS,
  flows_per_second: perSecond(ours.map(({ ms }) => ms)),
  peer: 'ovs-ofctl --bundle add-flows',
  peer_flows_per_second: perSecond(theirs),
  peer_start_ms: quantile(starts, 0.5),
  /** Each round's own, since what else runs changes from round to round. */
  ratio: quantile(
    theirs.map((ms, i) => ms / (ours[i] as Push).ms),
    0.5,
  ),
  loop_max_ms: max(ours.map(({ loopMs }) => loopMs)),
  busy_max_ms: max(ours.map(({ busyMs }) => busyMs)),
  control_max_ms: max(controls),
  load: rounded(loadavg()[0] as number),
}
print('')
print('           flows/s   ratio   loop max ms   busy max ms   control max ms')
const cells = [result.ratio, result.loop_max_ms, result.busy_max_ms, result.control_max_ms]
const [ratio, loop, busy, still] = cells.map((cell) => cell.toFixed(2))
print(
  `Weft       ${String(result.flows_per_second).padStart(7)}   ${ratio?.padStart(5)}   ${loop?.padStart(11)}   ${busy?.padStart(11)}   ${still?.padStart(14)}`,
)
print(`ovs-ofctl  ${String(result.peer_flows_per_second).padStart(7)}`)
const missed = [
  result.ratio < GOAL_RATIO && `ratio below ${GOAL_RATIO}`,
  result.busy_max_ms > GOAL_LOOP_MS && `our thread was busy over ${GOAL_LOOP_MS} ms`,
  result.loop_max_ms > GOAL_LOOP_MS &&
    `the loop was late by over ${GOAL_LOOP_MS} ms (one that only computes: ${result.control_max_ms} ms)`,
].filter((words) => words !== false)
print(`load ${result.load}; ${missed.length ? `goals missed: ${missed.join('; ')}` : 'goals met'}`)
print(JSON.stringify([result]))
