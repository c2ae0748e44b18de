/**
 * Puts together what is known of the underlay's MTU: listens to what hosts report, sends probes, tells by events what has
 * changed, once a second. Neighbours: `mtu-status.ts` (judges), `prober.ts`, `probe.ts`; `reconciler.ts` owns it.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import type { MessageOf } from '../../southbound/openflow/message.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
import type { Random } from '../../southbound/wire/random.ts'
import { keepRunning } from '../keep-running.ts'
import type { Logger } from './log.ts'
import { type MtuSources, MtuStates } from './mtu-status.ts'
import { Probes } from './probe.ts'
import { Prober } from './prober.ts'
import type { Session } from './session.ts'

export interface MtuWatchOptions extends MtuSources {
  readonly clock: Clock
  readonly random?: Random | undefined
  readonly log: Logger
  /** The connection of a bridge that has all its flows; undefined: probes would be lost or miscounted. */
  readonly settled: (hostId: string) => Connection | undefined
  /** Whether a host has confirmed all that it should have. */
  readonly isCurrent: (hostId: string) => boolean
}

/** Between reviews: however much changes, an event about it costs once. Milliseconds. */
const REVIEW_MS = 1000

export class MtuWatch {
  readonly states: MtuStates
  readonly #options: MtuWatchOptions
  readonly #probes: Probes
  readonly #prober: Prober
  /** What each vtep host said of its paths when it was judged last. */
  readonly #heard = new WeakMap<Session, ReadonlyMap<string, number>>()
  #isModelNew = true
  #wake: () => void = () => {}

  constructor(options: MtuWatchOptions) {
    const { settled, clock } = options
    this.#options = options
    this.#probes = new Probes(settled, options)
    this.states = new MtuStates(options)
    const { needs } = this.states
    this.#prober = new Prober({
      pairs: () => needs.pairs((hostId) => settled(hostId) !== undefined),
      pair: (from, to) => needs.pair(from, to),
      passes: (path, bytes, signal) => this.#probes.passes(path, bytes, signal),
      clock,
      changed: ({ from, to }, passes) => {
        this.states.path(from, to, passes)
        this.#wake()
      },
    })
  }

  /** Probes and tells until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    const common = { clock, log, signal }
    await Promise.all([
      keepRunning((end) => this.#prober.run(end), { name: 'probes', ...common }),
      keepRunning((end) => this.#tell(end), { name: 'review of MTUs', ...common }),
    ])
  }

  /** A packet-in of a host's bridge; gives whether it was a probe. */
  arrived(hostId: string, message: MessageOf<'packet_in'>): boolean {
    return this.#probes.arrived(hostId, message)
  }

  /** A host was looked at: what it says of its MTU may be another one. */
  looked(hostId: string, session: Session): void {
    const { underlay, physical } = session
    if (this.states.looked(hostId, { underlay, physical })) this.#prober.soon()
    // What it says of paths is up to what its networks need: those that it knows of.
    if (session.kind === 'vtep' && this.#options.isCurrent(hostId)) {
      const { pathMtus } = session
      if (this.#heard.get(session) !== pathMtus) this.states.reported(hostId, pathMtus)
      this.#heard.set(session, pathMtus)
    }
    this.#wake()
  }

  /** The model is another one. */
  committed(): void {
    this.#isModelNew = true
    this.#wake()
  }

  async #tell(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#isModelNew && !this.states.isDue) await this.#news(signal)
      if (this.#isModelNew) {
        this.#isModelNew = false
        this.states.changed()
      }
      this.states.review()
      await this.#options.clock.sleep(REVIEW_MS, signal)
    }
  }

  #news(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake)
        this.#wake = () => {}
        resolve()
      }
      this.#wake = wake
      signal.addEventListener('abort', wake, { once: true })
    })
  }
}
