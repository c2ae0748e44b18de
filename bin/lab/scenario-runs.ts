/** The scenarios of a topology, on a lab of it: which run there, why others do not, what came of them. Neighbours: test-run.ts, ../../topologies/scenarios. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { ARP_REQUEST } from '../../southbound/wire/arp.ts'
import { deadline } from '../../southbound/wire/clock.ts'
import { arpFrame } from '../../southbound/wire/frame.ts'
import type { Lab } from '../../topologies/lab/lab.ts'
import { SEARCH_PATH } from '../../topologies/lab/netns/run.ts'
import { files } from '../../topologies/scenarios/all.ts'
import { openScenario } from '../../topologies/scenarios/open-scenario.ts'
import type { Scenario } from '../../topologies/scenarios/scenario.ts'

export interface ScenarioResult {
  readonly file: string
  readonly name: string
  readonly state: 'passed' | 'failed' | 'skipped'
  /** Why it failed or was skipped. */
  readonly why?: string
  readonly durationMs: number
}

const TIMEOUT_MS: Readonly<Record<Lab['backend'], number>> = {
  ...{ memory: 20_000, netns: 90_000, vagrant: 300_000 },
}

export interface ScenarioRunOptions {
  readonly signal: AbortSignal
  /** One begins: what it takes from the lab may be gone from now on. */
  readonly onBegin: () => void
  readonly onResult: (result: ScenarioResult) => void
}

/** Runs those of the lab's document one after the other; those that take a lab apart come last. */
export async function runScenarios(
  lab: Lab,
  { signal, onBegin, onResult }: ScenarioRunOptions,
): Promise<ScenarioResult[]> {
  const results: ScenarioResult[] = []
  announce(lab)
  for (const [file, all] of Object.entries(files))
    for (const scenario of all) {
      const { topology, also = [] } = scenario
      if (![topology, ...also].includes(lab.document.name)) continue
      const began = lab.clock.now()
      const outcome = await judge(lab, scenario, { signal, onBegin })
      signal.throwIfAborted()
      const durationMs = lab.clock.now() - began
      const result = { file, name: scenario.name, ...outcome, durationMs }
      results.push(result)
      onResult(result)
    }
  return results
}

async function judge(
  lab: Lab,
  scenario: Scenario,
  { signal, onBegin }: Pick<ScenarioRunOptions, 'signal' | 'onBegin'>,
): Promise<Pick<ScenarioResult, 'state' | 'why'>> {
  const why = scenario.not?.[lab.backend] ?? (await missing(scenario))
  if (why !== undefined) return { state: 'skipped', why }
  onBegin()
  const timeoutMs = scenario.timeoutMs ?? TIMEOUT_MS[lab.backend]
  const ends = AbortSignal.any([signal, deadline(lab.clock, timeoutMs)])
  const seen = openScenario(lab, ends)
  try {
    await Promise.race([lab.run(() => scenario.run(seen)), aborted(ends)])
    return { state: 'passed' }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    const late = ends.aborted ? `not done within ${timeoutMs / 1000} s: ` : ''
    return { state: 'failed', why: late + (error instanceof Error ? error.message : String(error)) }
  } finally {
    seen.close()
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(signal.reason)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}

/** As guests do when they start: a bridge floods what is for a MAC that it has never heard. */
function announce({ workloads }: Lab): void {
  for (const { mac, address, send } of workloads.values())
    send(arpFrame({ op: ARP_REQUEST, sha: mac, spa: address, tha: 0, tpa: address }))
}

type Need = NonNullable<Scenario['needs']>[number]

/** What is missing of a need, in words. */
const needs: Readonly<Record<Need, () => Promise<string | undefined>>> = {
  iperf3: async () =>
    SEARCH_PATH.split(':').some((folder) => existsSync(`${folder}/iperf3`)) ? undefined : 'iperf3',
  pythonOvs: () =>
    promisify(execFile)('/usr/bin/python3', ['-c', 'import ovs.db.idl']).then(
      () => undefined,
      () => "Open vSwitch's library for Debian's Python (python3-openvswitch)",
    ),
}

async function missing({ needs: wanted = [] }: Scenario): Promise<string | undefined> {
  const words = await Promise.all(wanted.map((need) => needs[need]()))
  const found = words.filter((each) => each !== undefined)
  return found.length === 0 ? undefined : `needs ${found.join('; ')}`
}
