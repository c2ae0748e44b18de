/** Guests that ping while something happens to their hosts: what was lost, and when they reach each other again. */
import { once } from 'node:events'
import { formatIpv4 } from '../../southbound/wire/address.ts'
import type { Workload } from '../lab/lab.ts'
import type { RealWorkload, Running } from '../lab/real.ts'
import type { ScenarioLab } from './scenario.ts'

export type Way = readonly [from: string, to: string]

/** Seconds between two echo requests. */
const INTERVAL = 0.02

/** For processes to start and to be found again on a busy machine. */
export const PATIENCE_MS = 40_000

export interface Pinging {
  /** Ends it, and gives the numbers of those that were not answered; what was sent in the last second may be under way. */
  stop(): Promise<{ readonly sent: number; readonly lost: readonly number[] }>
}

/** Echo requests, one every 20 ms, until they are stopped. */
export function startPing(lab: ScenarioLab, [from, to]: Way): Pinging {
  return pingFrom(lab.real().workload(from), lab.guest(to))
}

/** The same between guests that are in no scenario. */
export function pingFrom(from: RealWorkload, to: Pick<Workload, 'address' | 'name'>): Pinging {
  const child = from.launch(['ping', '-n', '-i', String(INTERVAL), formatIpv4(to.address)])
  const said = collect(child)
  // Not its exit: what it has said may still be on the way.
  const closed = once(child, 'close')
  return {
    async stop() {
      child.kill('SIGINT')
      await closed
      const sent = Number(/(\d+) packets transmitted/.exec(said())?.[1])
      if (!(sent > 0))
        throw new Error(`ping ${from.name} -> ${to.name} said: ${said().slice(-500)}`)
      const answered = new Set([...said().matchAll(/icmp_seq=(\d+)/g)].map(([, n]) => Number(n)))
      const last = Math.max(0, ...answered)
      const settled = (sent - last) * INTERVAL <= 1 ? last : sent
      const numbers = Array.from({ length: settled }, (_, i) => i + 1)
      return { sent, lost: numbers.filter((n) => !answered.has(n)) }
    },
  }
}

/** What a process says on both streams, so far. */
export function collect({ stdout, stderr }: Pick<Running, 'stdout' | 'stderr'>): () => string {
  let text = ''
  for (const stream of [stdout, stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  return () => text
}

/** Does the work while guests ping; an error unless every request of every way was answered. */
export async function lossless(
  lab: ScenarioLab,
  ways: readonly Way[],
  work: () => Promise<void>,
): Promise<void> {
  for (const way of ways) await reaches(lab, ...way)
  const pings = ways.map((way) => ({ way, ping: startPing(lab, way) }))
  try {
    await work()
  } finally {
    const results = await Promise.all(pings.map(({ ping }) => ping.stop()))
    const problems = results.flatMap(({ sent, lost }, i) =>
      lost.length > 0 ? `${ways[i]?.join(' -> ')}: lost ${lost.join(', ')} of ${sent}` : [],
    )
    // biome-ignore lint/correctness/noUnsafeFinally: lost packets are what this is about
    if (problems.length > 0) throw new Error(problems.join('; '))
  }
  for (const way of ways) await reaches(lab, ...way)
}

export const reaches = (lab: ScenarioLab, from: string, to: string): Promise<void> =>
  lab.until(`${from} reaches ${to}`, () =>
    lab.guest(from).ping(lab.guest(to).address, { bytes: 56, timeoutMs: 500 }),
  )

/** Resolves when the ports of all guests are. */
export async function realized(lab: ScenarioLab): Promise<void> {
  for (const { tenant, portId, name } of lab.real().workloads.values()) {
    const path = `tenants/${tenant}/ports/${portId}`
    const ask = async () => (await lab.get<{ status: { realized: boolean } }>(path)).status.realized
    await lab.until(`${name} is realized`, ask, PATIENCE_MS)
  }
}

/** Resolves when the process has ended by itself or by the signal. */
export async function finish(
  child: Running,
  signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL',
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}
