/**
 * The end of a host: what the model has lost is given back as Weft found it, while the host is there or when it dials in
 * again. Who was never a host of this site is left alone, and told of. Neighbours: `removal.ts` (which rows), `departed.ts`
 * (which hosts), `host-session.ts` looks.
 */
import type { Operation } from '../../southbound/ovsdb/operation.ts'
import type { Host } from '../model/schema.ts'
import type { Store } from '../store/store.ts'
import type { Departed } from './departed.ts'
import type { EventLog } from './events.ts'
import { type HostReplica, INTEGRATION_BRIDGE } from './host-replica.ts'
import { onceEach } from './looking.ts'
import type { Refusals } from './refusals.ts'
import { removal, traces } from './removal.ts'

export interface FarewellOptions {
  readonly store: Store
  readonly events: EventLog
  /** Where the host's bridges find our OpenFlow listener: 'tcp:ADDRESS:PORT', or 'ssl:…'. */
  readonly openflowTarget: string
  /** The host that calls itself so, which the model has had and has lost. */
  readonly departed: Departed
  /** Whether the br-int of a host that the model has lost has no flows any more. */
  readonly isCleared: (hostId: string) => boolean
  /** Takes what is to be told once of a machine that keeps dialling. */
  readonly refusals: Refusals
}

export class Farewell {
  readonly #options: FarewellOptions
  readonly #replica: HostReplica
  readonly #once = onceEach()
  /** Something was taken back and nobody was told that it is all. */
  #isUnderWay = false
  #leaving: Host | undefined
  #plugged: readonly string[] = []

  constructor(options: FarewellOptions, replica: HostReplica) {
    this.#options = options
    this.#replica = replica
  }

  /** The model has lost this host and its br-int stays for now: to be driven until it has no flows. */
  get leaving(): Host | undefined {
    return this.#leaving
  }

  /** What keeps br-int there, of a host that the model has lost. */
  get plugged(): readonly string[] {
    return this.#plugged
  }

  /** It is a host of the model. */
  stays(): void {
    this.#leaving = undefined
    this.#isUnderWay = false
  }

  /** What is to be written on a machine that is no host; empty: it is as it should be, or none of our business. */
  look(
    systemId: string | undefined,
    address: string,
  ): { hostId: string; operations: readonly Operation[] } {
    const { departed, events, isCleared, openflowTarget } = this.#options
    const found = traces(this.#replica)
    const isConcerned = systemId !== undefined && (found.length > 0 || this.#isUnderWay)
    // Asked only about machines that have something: the journal may be long.
    const host = isConcerned ? departed.host(systemId, 'ovs') : undefined
    this.#leaving = undefined
    this.#plugged = []
    if (!host) {
      tellTraces(this.#options, { systemId, address, found })
      return { hostId: '', operations: [] }
    }
    const { operations, plugged, isBridgeStaying, drivenBy } = removal(
      this.#replica,
      openflowTarget,
      () => isCleared(host.id),
    )
    if (drivenBy !== undefined) {
      const message = `${host.id} is no host any longer and is left as it is: ${INTEGRATION_BRIDGE} has the controller ${drivenBy}, not ${openflowTarget}; with that one what is of Weft is taken back`
      this.#options.refusals.add('host_pending', host.id, message, {}, `${host.id} is driven`)
    }
    this.#plugged = plugged
    if (isBridgeStaying) this.#leaving = host
    const tell = (message: string) => events.add('host_removed', host.id, message)
    if (plugged.length > 0) {
      const message = `${INTEGRATION_BRIDGE} of ${host.id} stays, without flows, as long as something is plugged into it: ${plugged.join(', ')}`
      this.#once(message, () => tell(message))
    }
    if (operations.length > 0) this.#isUnderWay = true
    else if (this.#isUnderWay && !isBridgeStaying) {
      this.#isUnderWay = false
      tell(`${host.id} is as Weft found it`)
    }
    return { hostId: host.id, operations }
  }
}

/** Says what a machine has of Weft that was no host of this site; once a minute for an address. */
export function tellTraces(
  { refusals, store }: Pick<FarewellOptions, 'refusals' | 'store'>,
  {
    systemId,
    address,
    found,
  }: {
    readonly systemId: string | undefined
    /** Where it dials from, without the port. */
    readonly address: string
    readonly found: readonly string[]
  },
): void {
  if (systemId === undefined || found.length === 0) return
  const [namesake] = store.snapshot.find('hostBySystemId', systemId)
  if (namesake !== undefined) return
  const message = `${systemId} has rows of Weft (${found.join(', ')}) that this site does not know; they are left alone. Name it as a host and delete that again: then they are taken back`
  refusals.add('host_pending', systemId, message, {}, `${address} has traces`)
}
