/**
 * Who is opened next. Opening a host is reading all that it has and putting it right; when a thousand dial in at once, so many
 * at a time are, and the others wait, connected and asked nothing.
 *
 *   session dials ─► hello ─► [ waits ] ─► rows read ─┐
 *   bridge dials ──► hello ─► claimed ─► [ waits ] ─► flows read, put right, barrier ─► kept up by commits
 *
 * First hosts that lack something; then those who have not said yet who they are, which is little work; then the rest, which
 * was well before a restart. Every fourth place is for who waits longest, so that nobody waits for ever.
 * A host that takes its time has its place for some seconds: then it goes on beside, since who waits for an answer costs nothing.
 * Neighbours: `reconciler.ts` (who asks), `lacking.ts` (which hosts lack something).
 */
import type { Clock } from '../../southbound/wire/clock.ts'

/** A host that lacks something; a session that has yet to say who it is; a host that lacks nothing, as far as is known. */
export type Need = 'lacking' | 'unknown' | 'complete'

export interface AdmissionOptions {
  readonly clock: Clock
  /** Hosts opened at a time. */
  readonly places?: number
  /** Ends the waiting. */
  readonly signal: AbortSignal
}

/** What a host's opening takes of our memory, and its round trips of time, decide: 16 of 20,000 flows are 200 MB. */
const PLACES = 16
/** How long an opening has its place. Milliseconds. */
const PLACE_MS = 5000
/** Of so many places one is for who waits longest. */
const FAIR = 4
const order: readonly Need[] = ['lacking', 'unknown', 'complete']

interface Waiting {
  readonly need: () => Need
  readonly enter: () => void
}

export class Admission {
  readonly #options: Required<AdmissionOptions>
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>()
  #taken = 0
  #given = 0

  constructor(options: AdmissionOptions) {
    this.#options = { places: PLACES, ...options }
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Resolves when it is one's turn, with what gives the place back. Rejects with the reason when a signal aborts first.
   * @param need asked whenever a place is free, since a commit may change it
   */
  async enter(need: () => Need, signal: AbortSignal): Promise<() => void> {
    const end = AbortSignal.any([signal, this.#options.signal])
    end.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const give = () => {
        this.#waiting.delete(waiting)
        reject(end.reason)
      }
      const waiting: Waiting = {
        need,
        enter: () => {
          end.removeEventListener('abort', give)
          resolve()
        },
      }
      end.addEventListener('abort', give, { once: true })
      this.#waiting.add(waiting)
      this.#fill()
    })
    return this.#place(end)
  }

  /** The place of who has just entered. */
  #place(signal: AbortSignal): () => void {
    const over = new AbortController()
    const leave = () => {
      if (over.signal.aborted) return
      over.abort()
      this.#taken--
      this.#fill()
    }
    const { clock } = this.#options
    clock.sleep(PLACE_MS, AbortSignal.any([signal, over.signal])).then(leave, leave)
    return leave
  }

  #fill(): void {
    while (this.#taken < this.#options.places) {
      const next = this.#next()
      if (!next) return
      this.#waiting.delete(next)
      this.#taken++
      this.#given++
      next.enter()
    }
  }

  #next(): Waiting | undefined {
    const [longest] = this.#waiting
    if (this.#given % FAIR === FAIR - 1) return longest
    let best: { readonly waiting: Waiting; readonly rank: number } | undefined
    for (const waiting of this.#waiting) {
      const rank = order.indexOf(waiting.need())
      if (!best || rank < best.rank) best = { waiting, rank }
      if (rank === 0) break
    }
    return best?.waiting
  }
}
