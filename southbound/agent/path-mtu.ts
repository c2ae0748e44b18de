/**
 * The path MTU to each VTEP in use, found by probes that may not be fragmented: the size that its networks need is
 * asked for again and again, and where it does not pass the largest one that does is looked for. A link in between
 * that loses long packets tells nobody else. Neighbours: backend.ts probes, agent.ts says which VTEPs, report.ts
 * writes what was found.
 */
import { isIPv4 } from 'node:net'
import type { Clock } from '../wire/clock.ts'
import type { Report } from './backend.ts'
import { type Desired, type Network, vtepsOf } from './desired.ts'

/** Whether an IP packet of `bytes` gets to the VTEP and back. */
export type Probe = (
  local: string,
  remote: string,
  bytes: number,
  signal: AbortSignal,
) => Promise<boolean>

export interface PathMtus {
  /** Bytes of the largest IP packet that passes, at most what is needed; 0: no probe of any size is answered. By VTEP. */
  readonly found: ReadonlyMap<string, number>
  /** Who is to be probed from now on; who is new, or needs another size than before, at once. */
  want(needs: Needs): void
  close(): void
}

export interface Needs {
  readonly local: string | undefined
  readonly underlayMtuBytes: number | undefined
  /** Bytes of the longest IP packet of its networks, by VTEP. */
  readonly bytes: ReadonlyMap<string, number>
}

export interface PathMtuOptions {
  readonly probe: Probe
  readonly clock: Clock
  /** Something else was found. */
  readonly changed: () => void
  /** A probe could not be made at all; it is tried again in the next round. */
  readonly failed: (error: Error) => void
}

/** A round is this long for each VTEP, and within these bounds: 1,200 VTEPs are asked once a minute. */
const [EACH_MS, LEAST_MS, MOST_MS] = [50, 3000, 60_000]
/** What is too small is searched anew so often, as it may have grown without being enough. */
const SEARCH_MS = 60_000
/** VTEPs that are probed at the same time, and sizes that are tried at the same time. */
const [TOGETHER, WAYS] = [8, 16]
/** Of a VLAN tag of a guest, which rides inside the tunnel. */
const TAG_BYTES = 4
/** RFC 791: every link carries it. */
export const SMALLEST = 68

/** With what VXLAN and tags of guests add to the MTU of a network, outer Ethernet left out. */
export function needsOf(desired: Desired, local: string | undefined, report: Report): Needs {
  const mtus = new Map(report.networks.map(({ vni, mtuBytes }) => [vni, mtuBytes]))
  const bytes = new Map<string, number>()
  for (const network of desired.networks) {
    const mtuBytes = mtus.get(network.vni)
    if (mtuBytes === undefined || network.local === undefined) continue
    const size = mtuBytes + tagsOf(network) * TAG_BYTES + (isIPv4(network.local) ? 50 : 70)
    for (const vtep of vtepsOf(network)) bytes.set(vtep, Math.max(size, bytes.get(vtep) ?? 0))
  }
  return { local, underlayMtuBytes: report.underlay?.mtuBytes, bytes }
}

/** Tags that a frame of the network may have. */
function tagsOf({ vlanTransparent }: Pick<Network, 'vlanTransparent'>): number {
  if (vlanTransparent === 'qinq') return 2
  return vlanTransparent ? 1 : 0
}

export function pathMtus({ probe, clock, changed, failed }: PathMtuOptions): PathMtus {
  const stop = new AbortController()
  const found = new Map<string, number>()
  const searchedAt = new Map<string, number>()
  let needs: Needs = { local: undefined, underlayMtuBytes: undefined, bytes: new Map() }
  let cancel = () => {}
  let isRunning = false
  let isOverdue = false

  async function look(local: string, remote: string, bytes: number): Promise<void> {
    const passes = (size: number) => probe(local, remote, size, stop.signal)
    const before = found.get(remote)
    let now = before
    // Twice: one probe may be lost.
    if ((await passes(bytes)) || (await passes(bytes))) now = bytes
    else {
      const isFresh = clock.now() - (searchedAt.get(remote) ?? Number.NEGATIVE_INFINITY) < SEARCH_MS
      const isSame = isFresh && before !== undefined && before > 0 && before < bytes
      if (!isSame || !(await passes(before))) {
        now = await largest(passes, bytes - 1)
        searchedAt.set(remote, clock.now())
      }
    }
    if (stop.signal.aborted || needs.bytes.get(remote) !== bytes || needs.local !== local) return
    if (now === undefined || now === before) return
    found.set(remote, now)
    changed()
  }

  async function round(): Promise<void> {
    const { local, bytes } = needs
    const left = local === undefined ? [] : [...bytes]
    const worker = async () => {
      for (let next = left.shift(); next && local; next = left.shift()) await look(local, ...next)
    }
    await Promise.all(Array.from({ length: TOGETHER }, worker))
  }

  function run(): void {
    cancel()
    if (isRunning) {
      isOverdue = true
      return
    }
    isRunning = true
    isOverdue = false
    void round()
      .catch((error: Error) => {
        if (!stop.signal.aborted) failed(error)
      })
      .finally(() => {
        isRunning = false
        if (stop.signal.aborted) return
        if (isOverdue) return run()
        const { size } = needs.bytes
        if (size === 0) return
        cancel = clock.after(Math.min(Math.max(size * EACH_MS, LEAST_MS), MOST_MS), run)
      })
  }

  return {
    found,
    want(next) {
      const before = needs
      needs = next
      for (const remote of found.keys()) {
        const [now = Number.POSITIVE_INFINITY, then = 0] = [next.bytes, before.bytes].map((bytes) =>
          bytes.get(remote),
        )
        // What was found for less says nothing about more.
        if (now <= then && next.local === before.local) continue
        found.delete(remote)
        searchedAt.delete(remote)
      }
      const isNew = [...next.bytes].some(([remote, bytes]) => before.bytes.get(remote) !== bytes)
      const isOther =
        next.local !== before.local || next.underlayMtuBytes !== before.underlayMtuBytes
      if (isNew || isOther) run()
    },
    close() {
      stop.abort()
      cancel()
    },
  }
}

/**
 * The largest size up to `most` that passes, by a search of sixteen sizes at a time; 0: not even the smallest.
 * @param guesses sizes that it may well be: tried first, each with one byte more
 */
export async function largest(
  passes: (bytes: number) => Promise<boolean>,
  most: number,
  guesses: readonly number[] = [],
): Promise<number> {
  if (!(await passes(SMALLEST))) return 0
  let low = SMALLEST
  let high = most
  let sizes = [...new Set(guesses.flatMap((size) => [size, size + 1]))]
    .filter((size) => size > low && size <= high)
    .sort((a, b) => a - b)
  while (low < high) {
    if (sizes.length === 0) sizes = grid(low, high)
    const passed = await Promise.all(sizes.map(passes))
    const last = passed.lastIndexOf(true)
    high = last + 1 < sizes.length ? (sizes[last + 1] ?? high) - 1 : high
    low = last < 0 ? low : (sizes[last] ?? low)
    sizes = []
  }
  return low
}

function grid(low: number, high: number): number[] {
  const step = Math.max(1, Math.ceil((high - low) / WAYS))
  const sizes: number[] = []
  for (let size = low + step; size <= high; size += step) sizes.push(size)
  return sizes
}
