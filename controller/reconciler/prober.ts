/**
 * Finds what crosses the underlay between the hosts of a network: sends a frame of exactly the size that its networks
 * need from each host to each peer, round after round, and where it is lost looks for the largest one that passes.
 *
 *   well:    every pair ─► passes? ─► (twice lost) ─► search ─► narrow        200 pairs a second
 *   narrow:  every narrow pair ─► what passed still, and one byte more not?   100 pairs a second
 *
 * The two go round on their own, so that no number of narrow pairs keeps a path from being found that narrows later; a
 * round takes at least 5 s. n pairs are asked every max(5 s, n / 200 s): 1,000 of them every 5 s and 12,000 once a minute.
 * A search tries 16 sizes at a time, first those that other pairs were found to carry: a link that is too small for many
 * is too small by the same size. Neighbours: `probe.ts` (one probe), `mtu-needs.ts` (the pairs), `mtu-status.ts` (tells).
 */
import { setMaxListeners } from 'node:events'
import { largest, SMALLEST } from '../../southbound/agent/path-mtu.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
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
  /** The pairs that can be asked now; asked for anew in every round. */
  readonly pairs: () => Iterable<Pair>
  /** A pair as it is now, whether it can be asked or not; undefined: there is nothing to carry any more. */
  readonly pair: (from: string, to: string) => Pair | undefined
  /** Undefined: it could not be asked, or nothing follows from the answer. */
  readonly passes: (path: Path, bytes: number, signal: AbortSignal) => Promise<boolean | undefined>
  readonly clock: Clock
  /** A pair carries another size than was known. `passes` undefined: all that it should, or it is a pair no more. */
  readonly changed: (pair: Path, passes: number | undefined) => void
}

/** Milliseconds that a round takes at least, and between batches of pairs. */
const [ROUND_MS, BATCH_MS] = [5000, 80]
/** Pairs of a batch: 200 and 100 a second. A narrow one costs two probes. */
const BATCH = { well: 16, narrow: 8 } as const
/** Searches at the same time, and those that wait for it; whoever finds no place is asked again in the next round. */
const [SEARCHES, MOST_WAITING] = [32, 1000]
/** Sizes that a search begins with, each with one byte more. */
const GUESSES = 8
/** Pairs that are passed over without letting others have a turn. */
const MOST_SKIPPED = 1000

type Ask = (bytes: number) => Promise<boolean>

/** One of the two that go round. */
interface Lane {
  readonly pairs: () => Iterable<Pair>
  readonly isIn: (key: string) => boolean
  readonly batch: number
  /** @returns what passes now; undefined: all that should */
  readonly look: (pair: Pair, ask: Ask) => Promise<number | undefined>
}

/** Thrown where nothing follows from the answers. */
const UNKNOWN = Symbol('unknown')

export class Prober {
  /** By 'FROM TO'. */
  readonly narrow = new Map<string, Narrow>()
  readonly #options: ProberOptions
  readonly #wakes = new Set<() => void>()
  /** Pairs that are being asked. */
  readonly #busy = new Set<string>()
  /** Of the narrow pairs: size that passes -> how many. */
  readonly #sizes = new Map<number, number>()
  readonly #waiting: (() => void)[] = []
  #searching = 0

  constructor(options: ProberOptions) {
    this.#options = options
  }

  /** The next rounds begin now: something has changed. */
  soon(): void {
    for (const wake of this.#wakes) wake()
  }

  /** Runs until the signal aborts. Rejects with what goes wrong, and may be run again then. */
  async run(signal: AbortSignal): Promise<void> {
    const end = new AbortController()
    const inner = AbortSignal.any([signal, end.signal])
    setMaxListeners(0, inner)
    const looks = new Set<Promise<void>>()
    const well: Lane = {
      pairs: this.#options.pairs,
      isIn: (key) => !this.narrow.has(key),
      batch: BATCH.well,
      look: (pair, ask) => this.#look(pair, ask),
    }
    const narrow: Lane = {
      pairs: () => this.#narrowPairs(),
      isIn: () => true,
      batch: BATCH.narrow,
      look: (pair, ask) => this.#recheck(pair, ask),
    }
    try {
      await new Promise<never>((_, reject) => {
        for (const lane of [well, narrow]) {
          const add = (look: Promise<void>) => {
            looks.add(look)
            look.catch(reject).finally(() => looks.delete(look))
          }
          this.#rounds(lane, add, inner).catch(reject)
        }
      })
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      end.abort()
      for (const go of this.#waiting.splice(0)) go()
      await Promise.allSettled(looks)
    }
  }

  /** Never resolves. */
  async #rounds(lane: Lane, add: (look: Promise<void>) => void, signal: AbortSignal) {
    const { clock } = this.#options
    for (;;) {
      const began = clock.now()
      const woken = new AbortController()
      const wake = () => woken.abort()
      this.#wakes.add(wake)
      let [asked, skipped] = [0, 0]
      for (const pair of lane.pairs()) {
        const key = keyOf(pair)
        if (this.#busy.has(key) || !lane.isIn(key)) {
          if (++skipped % MOST_SKIPPED === 0) await clock.sleep(0, signal)
          continue
        }
        this.#busy.add(key)
        add(this.#judge(pair, lane, signal).finally(() => this.#busy.delete(key)))
        if (++asked % lane.batch === 0) await clock.sleep(BATCH_MS, signal)
      }
      const rest = Math.max(BATCH_MS, ROUND_MS - (clock.now() - began))
      await clock.sleep(rest, AbortSignal.any([signal, woken.signal])).catch((error: unknown) => {
        if (signal.aborted || !woken.signal.aborted) throw error
      })
      this.#wakes.delete(wake)
    }
  }

  async #judge(pair: Pair, { look }: Lane, signal: AbortSignal): Promise<void> {
    const ask = async (bytes: number) => {
      const answer = await this.#options.passes(pair, bytes, signal)
      if (answer === undefined) throw UNKNOWN
      return answer
    }
    try {
      this.#found(pair, await look(pair, ask))
    } catch (error) {
      if (error !== UNKNOWN) throw error
    }
  }

  async #look({ bytes }: Pair, ask: Ask): Promise<number | undefined> {
    // Twice: a switch drops the first frame to a VTEP whose MAC it does not know.
    if ((await ask(bytes)) || (await ask(bytes))) return undefined
    if (this.#searching >= SEARCHES) {
      if (this.#waiting.length >= MOST_WAITING) throw UNKNOWN
      await new Promise<void>((go) => this.#waiting.push(go))
    }
    this.#searching++
    try {
      return await largest(ask, bytes - 1, this.#guesses())
    } finally {
      this.#searching--
      this.#waiting.shift()?.()
    }
  }

  /** Both sizes at once: while nothing changes one of the two is waited for in vain. */
  async #recheck(pair: Pair, ask: Ask): Promise<number | undefined> {
    const before = this.narrow.get(keyOf(pair))?.passes ?? 0
    if (before < pair.bytes) {
      const [still, more] = await Promise.all([
        before === 0 || ask(before),
        ask(Math.max(before + 1, SMALLEST)),
      ])
      if (still && !more) return before
    }
    return await this.#look(pair, ask)
  }

  /** Those that are still pairs of the same VTEPs; the others are forgotten. */
  *#narrowPairs(): Iterable<Pair> {
    for (const { passes, ...known } of this.narrow.values()) {
      const pair = this.#options.pair(known.from, known.to)
      if (pair?.local === known.local && pair.remote === known.remote) yield pair
      else this.#found(known, undefined)
    }
  }

  #found(pair: Pair, passes: number | undefined): void {
    const key = keyOf(pair)
    const before = this.narrow.get(key)?.passes
    if (passes === undefined) this.narrow.delete(key)
    else this.narrow.set(key, { ...pair, passes })
    if (passes === before) return
    this.#count(before, -1)
    this.#count(passes, 1)
    this.#options.changed(pair, passes)
  }

  #count(size: number | undefined, by: 1 | -1): void {
    if (!size) return
    const count = (this.#sizes.get(size) ?? 0) + by
    if (count > 0) this.#sizes.set(size, count)
    else this.#sizes.delete(size)
  }

  /** The sizes that most narrow pairs carry. */
  #guesses(): number[] {
    const most = [...this.#sizes].sort(([, a], [, b]) => b - a).slice(0, GUESSES)
    return most.map(([size]) => size)
  }
}

const keyOf = ({ from, to }: Path): string => `${from} ${to}`
