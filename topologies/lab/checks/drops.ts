/**
 * The drop counters of all hosts, as the controller's REST shows them
 * (`GET /v1/infra/hosts/{id}/drops`). They lag: Open vSwitch counts up to about a second behind the
 * packets, so a sum is waited for, then given time to overshoot.
 */
import type { Lab } from '../lab.ts'

const POLL_MS = 50

/** Packets by `host reason`. */
export type Counters = ReadonlyMap<string, number>

export interface Rise {
  readonly hostId: string
  readonly reason: string
  readonly packets: number
}

export const counterKey = (hostId: string, reason: string): string => `${hostId} ${reason}`

export interface Drops {
  read(signal?: AbortSignal): Promise<Counters>
  /**
   * Counters once each of `rises` is on top of `before`, or after the patience ended, plus the lab's
   * time to settle: what is returned includes what came too much.
   */
  after(before: Counters, rises: readonly Rise[], signal?: AbortSignal): Promise<Counters>
}

interface DropEntry {
  readonly reason: string
  readonly packets: number
}

function isDropEntry(entry: unknown): entry is DropEntry {
  return (
    typeof entry === 'object' &&
    entry !== null &&
    'reason' in entry &&
    typeof entry.reason === 'string' &&
    'packets' in entry &&
    Number.isSafeInteger(entry.packets)
  )
}

/** @param patienceMs how long after() waits for counters to rise. */
export function dropsOf(
  lab: Pick<Lab, 'fetch' | 'document' | 'settleMs' | 'clock'>,
  patienceMs: number,
): Drops {
  const hosts = Object.keys(lab.document.hosts)

  async function readHost(hostId: string, counters: Map<string, number>, signal?: AbortSignal) {
    const path = `/v1/infra/hosts/${hostId}/drops`
    const response = await lab.fetch(path, signal === undefined ? {} : { signal })
    const body = (await response.json()) as { readonly drops?: unknown }
    const { drops } = body
    if (!response.ok || !Array.isArray(drops) || !drops.every(isDropEntry)) {
      throw new Error(`GET ${path}: ${response.status} ${JSON.stringify(body)}`)
    }
    for (const { reason, packets } of drops) {
      const key = counterKey(hostId, reason)
      counters.set(key, (counters.get(key) ?? 0) + packets)
    }
  }

  async function read(signal?: AbortSignal): Promise<Counters> {
    const counters = new Map<string, number>()
    await Promise.all(hosts.map((hostId) => readHost(hostId, counters, signal)))
    return counters
  }

  return {
    read,
    async after(before, rises, signal) {
      const wait = (ms: number) => lab.clock.sleep(ms, signal)
      const wanted = new Map(before)
      for (const { hostId, reason, packets } of rises) {
        const key = counterKey(hostId, reason)
        wanted.set(key, (wanted.get(key) ?? 0) + packets)
      }
      const reached = (now: Counters) => [...wanted].every(([key, n]) => (now.get(key) ?? 0) >= n)
      for (let waited = 0; waited < patienceMs; waited += POLL_MS) {
        if (reached(await read(signal))) break
        await wait(POLL_MS)
      }
      await wait(lab.settleMs)
      return read(signal)
    },
  }
}
