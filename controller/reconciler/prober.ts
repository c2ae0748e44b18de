/**
 * Finds what crosses the underlay between the hosts of a network: sends a frame of exactly the size that its networks
 * need from each host to each peer, round after round, and where it is lost looks for the largest one that passes.
 *
 *   round: every pair ─► passes? ─► (twice lost) ─► search, 16 sizes at a time ─► found ─► next round
 *
 * A round takes at least 5 s and never sends more than 200 probes a second over the whole site, searches aside: n pairs
 * are asked every max(5 s, n / 200 s), so 1,000 of them every 5 s and 12,000 once a minute. Each costs one packet-out of
 * its size and one packet-in. Neighbours: `probe.ts` (one probe), `mtu-needs.ts` (the pairs), `mtu-status.ts` (tells).
 */
import { largest } from '../../southbound/agent/path-mtu.ts'
import type { Clock } from '../clock.ts'
import type { Path } from './probe.ts'

/** Two hosts with a network in common, in one direction. */
export interface Pair extends Path {
  /** VTEP address of `from`. */
  readonly local: string
  /** The longest packet of a workload that has to cross, in bytes. */
  readonly bytes: number
}

/** A pair that does not carry all that it should: bytes of the largest packet that passes; 0: none at all. */
export interface Narrow extends Pair {
  readonly passes: number
}

export interface ProberOptions {
  /** The pairs to ask now; asked for anew in every round. */
  readonly pairs: () => Iterable<Pair>
  readonly passes: (path: Path, bytes: number, signal: AbortSignal) => Promise<boolean | undefined>
  readonly clock: Clock
  /** After each pair whose answer is another one, and after each round. */
  readonly changed: () => void
}

/** Milliseconds that a round takes at least. */
const ROUND_MS = 5000
/** Pairs that are asked at the same time, and how long each of them takes at least: 200 a second. */
const TOGETHER = 16
const EACH_MS = 80

export class Prober {
  /** By 'FROM TO'. */
  readonly narrow = new Map<string, Narrow>()
  readonly #options: ProberOptions
  #wake: () => void = () => {}

  constructor(options: ProberOptions) {
    this.#options = options
  }

  /** The next round begins now: something has changed. */
  soon(): void {
    this.#wake()
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, changed } = this.#options
    while (!signal.aborted) {
      const began = clock.now()
      const isWoken = new AbortController()
      this.#wake = () => isWoken.abort()
      const asked = await this.#round(signal)
      for (const key of this.narrow.keys()) if (!asked.has(key)) this.narrow.delete(key)
      changed()
      const rest = Math.max(0, ROUND_MS - (clock.now() - began))
      await clock.sleep(rest, AbortSignal.any([signal, isWoken.signal])).catch(() => {})
    }
  }

  /** Gives those of the narrow pairs that were asked again. */
  async #round(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const pairs = this.#options.pairs()[Symbol.iterator]()
    const asked = new Set<string>()
    const worker = async () => {
      for (;;) {
        const { value: pair, done } = pairs.next()
        if (done || signal.aborted) return
        const key = `${pair.from} ${pair.to}`
        await Promise.all([
          this.#look(key, pair, signal),
          this.#options.clock.sleep(EACH_MS, signal),
        ])
        if (this.narrow.has(key)) asked.add(key)
      }
    }
    await Promise.all(Array.from({ length: TOGETHER }, worker)).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
    return asked
  }

  async #look(key: string, pair: Pair, signal: AbortSignal): Promise<void> {
    let isUnknown = false
    const passes = async (bytes: number) => {
      const answer = await this.#options.passes(pair, bytes, signal)
      isUnknown ||= answer === undefined
      return answer === true
    }
    const before = this.narrow.get(key)?.passes
    let now: number | undefined
    // Twice: a switch drops the first frame to a VTEP whose MAC it does not know.
    if (!(await passes(pair.bytes)) && !(await passes(pair.bytes))) {
      const isSame = before && before < pair.bytes && (await passes(before))
      now = isSame && !(await passes(before + 1)) ? before : await largest(passes, pair.bytes - 1)
    }
    if (isUnknown) return
    if (now === undefined) this.narrow.delete(key)
    else this.narrow.set(key, { ...pair, passes: now })
    if (now !== before) this.#options.changed()
  }
}
