/**
 * Puts together what is known of the underlay's MTU: listens to what hosts report, sends probes, tells by events what has
 * changed. Neighbours: `mtu-status.ts` (judges), `prober.ts`, `probe.ts`; `reconciler.ts` owns it.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import type { MessageOf } from '../../southbound/openflow/message.ts'
import type { Clock } from '../clock.ts'
import type { Compiler } from '../compiler/compiler.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { EventLog } from './events.ts'
import { MtuStates } from './mtu-status.ts'
import { Probes } from './probe.ts'
import { Prober } from './prober.ts'
import type { Session } from './session.ts'

export interface MtuWatchOptions {
  readonly snapshot: () => Snapshot
  readonly compiler: Compiler
  readonly events: EventLog
  readonly clock: Clock
  readonly session: (hostId: string) => Session | undefined
  /** The connection of a bridge that has all its flows; undefined: probes would be lost or miscounted. */
  readonly settled: (hostId: string) => Connection | undefined
}

export class MtuWatch {
  readonly states: MtuStates
  readonly #probes: Probes
  readonly #prober: Prober
  /** What each host said last. */
  readonly #said = new Map<string, string>()

  constructor({ settled, session, clock, ...options }: MtuWatchOptions) {
    this.#probes = new Probes(settled, clock)
    this.#prober = new Prober({
      pairs: () => this.states.pairs(),
      passes: (path, bytes, signal) => this.#probes.passes(path, bytes, signal),
      clock,
      changed: () => this.states.review(),
    })
    const { narrow } = this.#prober
    this.states = new MtuStates({
      ...options,
      underlay: (hostId) => session(hostId)?.underlay,
      probed: (from, to) => narrow.get(`${from} ${to}`)?.passes,
      reported: (from, remote) => {
        const host = session(from)
        return host?.kind === 'vtep' ? host.pathMtu(remote) : undefined
      },
      suspects: () => [...narrow.values()].flatMap(({ from, to }) => [from, to]),
      isProbed: (hostId) => settled(hostId) !== undefined,
    })
  }

  /** Probes until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#prober.run(signal)
  }

  /** A packet-in of a host's bridge; gives whether it was a probe. */
  arrived(hostId: string, message: MessageOf<'packet_in'>): boolean {
    return this.#probes.arrived(hostId, message)
  }

  /** A host was looked at: what it says of its MTU may be another one. */
  looked(hostId: string, session: Session): void {
    const { underlay } = session
    const paths = session.kind === 'vtep' ? session.pathMtus : ''
    const said = `${underlay?.interface} ${underlay?.mtuBytes} ${paths}`
    if (this.#said.get(hostId) === said) return
    this.#said.set(hostId, said)
    this.states.review()
    this.#prober.soon()
  }
}
