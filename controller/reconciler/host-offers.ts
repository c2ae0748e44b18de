/**
 * The physical networks of one ovs host: those that it offers, joined to br-int, those that it names a bridge for which
 * cannot lead there, and events about those that networks on it need. Neighbours: `physical-networks.ts` (the rows),
 * `host-session.ts` (whose it is).
 */
import { objectsUnder } from '../model/snapshot.ts'
import type { Store } from '../store/store.ts'
import type { EventLog } from './events.ts'
import type { HostReplica } from './host-replica.ts'
import type { onceEach } from './looking.ts'
import type { SeenInterface } from './mtu-index.ts'
import { isJoined, mappings, type Offer, type Offers, offersOf } from './physical-networks.ts'
import { outwardInterface } from './underlay-interface.ts'

export interface HostOffersOptions {
  readonly store: Store
  readonly events: EventLog
  /** Ids of the physical networks that networks on a host are on. */
  readonly physicalNetworksOf: (hostId: string) => Iterable<string>
  /** Says a thing of this host the first time only. */
  readonly once: ReturnType<typeof onceEach>
}

export class HostOffers {
  readonly #options: HostOffersOptions
  readonly #replica: HostReplica
  #joined: readonly Offer[] = []
  #refused: ReadonlyMap<string, string> = new Map()
  /** What was told of those that networks here need and it does not offer. */
  #missing: ReadonlyMap<string, string> = new Map()

  constructor(options: HostOffersOptions, replica: HostReplica) {
    this.#options = options
    this.#replica = replica
  }

  /** As the rows are now. */
  of(hostId: string): Offers {
    const { snapshot } = this.#options.store
    const bridges = [...objectsUnder(snapshot, 'bridge', hostId)]
    return offersOf(this.#replica, bridges, (id) => snapshot.get('physicalNetwork', id))
  }

  /** Looks at the rows; all else here goes by what it saw last. @returns what there is to be joined */
  look(hostId: string): readonly Offer[] {
    const { offers, refused } = this.of(hostId)
    this.#refused = refused
    this.#joined = offers.filter((offer) => isJoined(this.#replica, offer))
    return offers
  }

  /** By id of the physical network the interface that leads there, of those that are joined to br-int. */
  get interfaces(): ReadonlyMap<string, SeenInterface> {
    const found = new Map<string, SeenInterface>()
    for (const { physical, bridge } of this.#joined) {
      const row = this.#replica.table('Bridge').get(bridge._uuid)
      const outward = row && outwardInterface(this.#replica, row)
      if (outward) found.set(physical.id, outward)
    }
    return found
  }

  /** Whether the host has this physical network, joined to br-int. */
  has(physicalNetwork: string): boolean {
    return this.#joined.some(({ physical }) => physical.id === physicalNetwork)
  }

  /** Whether it names a bridge of its own for this physical network. */
  names(physicalNetwork: string): boolean {
    const [root] = this.#replica.table('Open_vSwitch').values()
    return mappings(root).some(([named]) => named === physicalNetwork)
  }

  /** What is wrong with the bridge that it has for a physical network, which it does not offer; '': there is none. */
  whyNot(physicalNetwork: string): string {
    return this.#refused.get(physicalNetwork) ?? ''
  }

  /** Tells of the physical networks that networks here need and the host does not offer, once each time. */
  review(hostId: string): void {
    const { events, once, physicalNetworksOf } = this.#options
    for (const [physicalNetwork, why] of this.#refused) {
      const message = `${hostId} names a bridge for physical network ${physicalNetwork} that cannot lead there: ${why}`
      once(message, () => events.add('offer_refused', hostId, message, { physicalNetwork }))
    }
    const missing = new Map<string, string>()
    for (const id of physicalNetworksOf(hostId)) if (!this.has(id)) missing.set(id, this.whyNot(id))
    for (const [physicalNetwork, why] of missing) {
      if (this.#missing.get(physicalNetwork) === why) continue
      const message = `${hostId} offers no bridge to physical network ${physicalNetwork}, which networks on it need${why && `: ${why}`}`
      events.add('physical_network_missing', hostId, message, { physicalNetwork })
    }
    this.#missing = missing
  }
}
