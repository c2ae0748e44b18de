/**
 * Where each host is in its life, and what still runs on one that is draining. All of it is derived: from the object, from
 * whether it is connected, and from what is placed there. Neighbours: `status.ts` answers it, `leaving.ts` has those that are
 * gone from the model.
 *
 *   pending ─► approved ─► active ─► draining ─► (deleted) removing ─► as Weft found it
 *                            ▲ │ away
 *                            └─┘
 */
import type { Host } from '../model/schema.ts'
import type { Change } from '../model/snapshot.ts'
import type { Drain, HostPhase } from '../northbound/realization.ts'
import type { Store } from '../store/store.ts'
import type { EventLog } from './events.ts'

/** Ports that an answer lists. */
const LISTED = 1000

export interface HostLifeOptions {
  readonly store: Store
  readonly events: EventLog
  /** Keys of the ports that are on a host now. */
  readonly portsOn: (hostId: string) => ReadonlySet<string>
  readonly isConnected: (hostId: string) => boolean
}

export class HostLife {
  readonly #options: HostLifeOptions
  /** Hosts that have been as they should be since the start. */
  readonly #been = new Set<string>()
  /** Hosts that the model had at the start: whether they were there before nobody remembers. */
  readonly #atStart: Set<string>
  /** Hosts that are draining -> whether they were empty when last looked at. */
  readonly #draining = new Map<string, boolean>()

  /** To be made once the commits of the store are compiled before it hears of them. */
  constructor(options: HostLifeOptions) {
    this.#options = options
    const { store, events } = options
    this.#atStart = new Set(store.snapshot.list('host').keys())
    for (const { id, draining } of store.snapshot.list('host').values())
      if (draining) this.#draining.set(id, this.drain(id).empty)
    events.onEvent(({ type, host }) => {
      if (type === 'host_connected' && host !== undefined) this.#been.add(host)
    })
    store.onCommit(({ changes }) => this.#committed(changes))
  }

  phase({ id, draining }: Pick<Host, 'id' | 'draining'>): HostPhase {
    if (!this.wasThere(id)) return 'approved'
    if (!this.#options.isConnected(id)) return 'away'
    return draining ? 'draining' : 'active'
  }

  /** Whether it has been as it should be, as far as that is known. */
  wasThere(hostId: string): boolean {
    if (this.#been.has(hostId)) return true
    for (const _ of this.#options.store.snapshot.find('bindingByHost', hostId)) return true
    return false
  }

  /** Whether it may have something of ours, there or not. */
  mayHaveBeen(hostId: string): boolean {
    return this.#atStart.has(hostId) || this.wasThere(hostId)
  }

  drain(hostId: string): Drain {
    const ports = this.#options.portsOn(hostId)
    const of = { network: [] as string[], bridge: [] as string[] }
    for (const referrer of this.#options.store.snapshot.find('referrer', `host ${hostId}`)) {
      const [collection = '', key = ''] = referrer.split(' ')
      if (collection === 'network' || collection === 'bridge') of[collection].push(key)
    }
    return {
      empty: ports.size === 0 && of.network.length === 0,
      ports: [...ports].sort().slice(0, LISTED),
      joins: of.network,
      bridges: of.bridge,
    }
  }

  #committed(changes: readonly Change[]): void {
    const { events } = this.#options
    for (const { collection, key, before, after } of changes) {
      if (collection === 'host') {
        if (!after) for (const known of [this.#been, this.#atStart]) known.delete(key)
        if (!after?.draining) this.#draining.delete(key)
        else if (!before?.draining) this.#draining.set(key, false)
      }
      if (collection !== 'binding' || !after || before?.hostId === after.hostId) continue
      if (this.#draining.has(after.hostId)) this.#tellNews(after.hostId, key)
    }
    for (const [hostId, wasEmpty] of this.#draining) {
      // A host with ports is not empty: the list of them is for those who ask.
      const empty = this.#options.portsOn(hostId).size === 0 && this.drain(hostId).empty
      this.#draining.set(hostId, empty)
      if (!empty || wasEmpty) continue
      events.add('host_drained', hostId, `nothing runs on ${hostId} any longer: it may be removed`)
    }
  }

  #tellNews(hostId: string, uuid: string): void {
    const { store, events } = this.#options
    const [port] = store.snapshot.find('portByUuid', uuid)
    const message = `${port ?? 'a port'} was plugged in on ${hostId}, which is draining; it is served there`
    events.add('host_draining', hostId, message, { port })
  }
}
