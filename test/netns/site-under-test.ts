/** What the tests of faults share: the two-tenants site on real Open vSwitch, its REST, and waiting for things. */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import type { ControllerEvent } from '../../controller/northbound/realization.ts'
import { runChecks } from '../../topologies/lab/checks/checks.ts'
import { type NetnsLab, openNetnsLab } from '../../topologies/lab/netns/lab.ts'
import { fetchChecked } from '../controller/northbound/schemas.ts'
import { needs } from '../needs.ts'

export const needed = needs('root', 'netns', 'ovs', 'iproute2', 'ethtool', 'ping')

const file = fileURLToPath(new URL('../../topologies/two-tenants.yaml', import.meta.url))

export function openTwoTenants(options: { tls?: boolean } = {}): Promise<NetnsLab> {
  const document = parseDocument(readFileSync(file, 'utf8'), file)
  return openNetnsLab({ document, documentFile: file, ...options })
}

/** Asks again every 20 ms until the answer is not undefined; fails with what was waited for, also when that came too late. */
export async function eventually<T>(
  what: string,
  withinMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const began = performance.now()
  for (;;) {
    const answer = await ask()
    const took = Math.round(performance.now() - began)
    if (took > withinMs) {
      const late = answer === undefined ? 'not yet' : 'only then'
      throw new Error(`not within ${withinMs} ms: ${what} (after ${took} ms ${late})`)
    }
    if (answer !== undefined) return answer
    await delay(20)
  }
}

export async function get<T>(lab: NetnsLab, path: string): Promise<T> {
  const response = await fetchChecked(`${lab.url}${path}`)
  return (await response.json()) as T
}

export async function events(lab: NetnsLab, since = 0): Promise<readonly ControllerEvent[]> {
  return (await get<{ events: ControllerEvent[] }>(lab, `/v1/events?since=${since}`)).events
}

/** Every row of the table holds now. */
export async function expectAllChecks(lab: NetnsLab): Promise<void> {
  const results = await runChecks(lab, { signal: AbortSignal.timeout(60_000) })
  expect(results.filter(({ passed }) => !passed)).toEqual([])
  expect(results).toHaveLength(7)
}

/** Whether every workload reaches every other one of its tenant right now. */
export async function allReach(lab: NetnsLab): Promise<boolean> {
  const workloads = [...lab.workloads.values()]
  const pairs = workloads.flatMap((from) =>
    workloads
      .filter((to) => to !== from && to.tenant === from.tenant)
      .map((to) => [from, to] as const),
  )
  const answers = await Promise.all(
    pairs.map(([from, to]) => from.ping(to.address, { bytes: 56, timeoutMs: 300 })),
  )
  return answers.every(Boolean)
}

/** The flows of br-int as ovs-ofctl prints them, without counters. */
export async function flowsOf(lab: NetnsLab, hostId: string): Promise<string[]> {
  const { stdout } = await lab.host(hostId).ofctl(['dump-flows', '--no-stats', 'br-int'])
  return stdout
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('cookie='))
}
