/**
 * One OVSDB session: a host has dialled in, and we are the client of its database. The session knows who the host says it
 * is, keeps its rows right and reports which ports it carries. By level: every change of the replica or of the model
 * wakes one loop that looks at everything again. Neighbours: `rows.ts`, `bindings.ts`; `reconciler.ts` owns sessions.
 */
import type { OvsdbClient } from '../../southbound/ovsdb/client.ts'
import { OvsdbError } from '../../southbound/ovsdb/error.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { Clock } from '../clock.ts'
import { TUNNEL_OFPORT } from '../compiler/stages.ts'
import type { Bridge, Host } from '../model/schema.ts'
import type { Store } from '../store/store.ts'
import type { PeerIdentity } from '../tls/identity.ts'
import { nothingReported, reportBindings } from './bindings.ts'
import { foreignBridges } from './declared-bridges.ts'
import type { EventLog } from './events.ts'
import { type HostReplica, INTEGRATION_BRIDGE, watchHost } from './host-replica.ts'
import type { Logger } from './log.ts'
import { Contest, Looking, onceEach } from './looking.ts'
import type { UnderlayInterface } from './mtu-status.ts'
import { isJoined, offersOf } from './physical-networks.ts'
import { plugsOf } from './plugs.ts'
import { rowOperations, tunnelOfport } from './rows.ts'
import { underlayInterface } from './underlay-interface.ts'

/** What a system-id may be; anything else is none. */
export const SYSTEM_ID = /^[A-Za-z0-9._:-]{1,128}$/

export interface HostSessionOptions {
  readonly store: Store
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
  /** Where the host's bridges find our OpenFlow listener: 'tcp:ADDRESS:PORT', or 'ssl:…'. */
  readonly openflowTarget: string
  /** What the host's certificate says; undefined when it did not come over TLS. */
  readonly identity?: PeerIdentity | undefined
  /** The host at the other end; undefined while it is none that we drive. */
  readonly hostOf: (session: HostSession) => Host | undefined
  /** Whether a binding of another host still holds, or may: then this host does not take it at first sight. */
  readonly isHeld: (ifaceId: string, byHost: string) => boolean
  /** Ids of the physical networks that networks on a host are on. */
  readonly physicalNetworksOf: (hostId: string) => Iterable<string>
  /** Called after every look: the datapath, the rows or the host may have changed. */
  readonly onLook: (session: HostSession) => void
}

/** How long a host may take to answer before it is given up. Milliseconds. */
const ANSWER_MS = 10_000
/** Between attempts at rows that the host refused, or that somebody keeps changing back. Milliseconds. */
const RETRY_MS = 1000

export class HostSession {
  readonly kind = 'ovs'
  /** Where it dials from, for people. */
  readonly peer: string
  readonly since: number
  readonly #options: HostSessionOptions
  readonly #client: OvsdbClient
  readonly #replica: HostReplica
  readonly #reported = nothingReported()
  readonly #end = new AbortController()
  /** next_cfg of our last transaction, or of the first look: our rows are real once cur_cfg has reached it. */
  #awaited = 0
  #rowsRight = false
  readonly #contest = new Contest()
  readonly #warn = onceEach()
  readonly #looking: Looking
  #foreign: readonly string[] = []
  #offered: ReadonlySet<string> = new Set()
  #missing: ReadonlySet<string> = new Set()

  private constructor(
    client: OvsdbClient,
    replica: HostReplica,
    peer: string,
    options: HostSessionOptions,
  ) {
    this.#client = client
    this.#replica = replica
    this.peer = peer
    this.#options = options
    this.since = options.clock.now()
    this.#looking = new Looking(
      () => this.#look(),
      this.#end.signal,
      (error) => this.close(error),
    )
    this.#awaited = this.#root()?.next_cfg ?? 0
    replica.onChange(() => this.look())
    void client.closed.then((reason) =>
      this.#end.abort(reason ?? new Error('the host ended the session')),
    )
  }

  /** Opens the session; rejects when the host does not answer. */
  static async open(
    client: OvsdbClient,
    peer: string,
    options: HostSessionOptions,
  ): Promise<HostSession> {
    const replica = await watchHost(client, AbortSignal.timeout(ANSWER_MS))
    return new HostSession(client, replica, peer, options)
  }

  get closed(): Promise<Error | undefined> {
    return this.#client.closed
  }

  close(reason?: Error): void {
    this.#client.close(reason)
  }

  /** Where it dials from, without the port. */
  get address(): string {
    return addressOf(this.peer)
  }

  /** What the host says it is; undefined while it says nothing that could be a system-id. */
  get systemId(): string | undefined {
    const systemId = this.#root()?.external_ids['system-id']
    return systemId !== undefined && SYSTEM_ID.test(systemId) ? systemId : undefined
  }

  /** Whether the host was last seen with an interface of this iface-id. */
  carries(ifaceId: string): boolean {
    return this.#reported.bindings.has(ifaceId)
  }

  get identity(): PeerIdentity | undefined {
    return this.#options.identity
  }

  /** All bridges of the host that have a datapath: datapath_id -> name. */
  bridges(): ReadonlyMap<string, string> {
    const bridges = new Map<string, string>()
    for (const { datapath_id, name } of this.#replica.table('Bridge').values())
      if (datapath_id !== undefined) bridges.set(datapath_id, name)
    return bridges
  }

  /** datapath_id of br-int, 16 hexadecimal digits; undefined while there is none. */
  get datapathId(): string | undefined {
    for (const bridge of this.#replica.table('Bridge').values()) {
      if (bridge.name === INTEGRATION_BRIDGE) return bridge.datapath_id
    }
    return undefined
  }

  /** The interface that carries its tunnels, as its database tells. */
  get underlay(): UnderlayInterface | undefined {
    return underlayInterface(this.#replica)
  }

  /** The rows are as they should be and ovs-vswitchd has carried them out. */
  get rowsRealized(): boolean {
    return this.#rowsRight && (this.#root()?.cur_cfg ?? 0) >= this.#awaited
  }

  /** Declared bridges that are there and not ours, by name: they are left alone and not realized. */
  get foreignBridges(): readonly string[] {
    return this.#foreign
  }

  /** Whether the host has this physical network, joined to br-int. */
  offers(physicalNetwork: string): boolean {
    return this.#offered.has(physicalNetwork)
  }

  /** Tells of the physical networks that networks here need and the host does not offer, once each time. */
  reviewPhysicalNetworks(): void {
    // A patch port has its number once the switch has made it.
    const host = this.rowsRealized ? this.#options.hostOf(this) : undefined
    if (!host) return
    const missing = new Set<string>()
    for (const id of this.#options.physicalNetworksOf(host.id))
      if (!this.offers(id)) missing.add(id)
    for (const physicalNetwork of missing) {
      if (this.#missing.has(physicalNetwork)) continue
      this.#options.events.add(
        'physical_network_missing',
        host.id,
        `${host.id} offers no bridge to physical network ${physicalNetwork}, which networks on it need`,
        { physicalNetwork },
      )
    }
    this.#missing = missing
  }

  /** Looks as if for the first time: what was left to others may be ours after all. */
  lookAfresh(): void {
    // What it carried it still carries, for others who look.
    this.#reported.first = true
    this.look()
  }

  /** Looks at everything again, soon; until then nothing is said to be right. */
  look(): void {
    this.#rowsRight = false
    this.#looking.again()
  }

  async #look(): Promise<void> {
    const host = this.#options.hostOf(this)
    if (host) {
      const beliefs = { ...this.#options, reported: this.#reported }
      reportBindings(plugsOf(this.#replica), host.id, beliefs)
      await this.#mendRows(host)
      this.reviewPhysicalNetworks()
    }
    this.#options.onLook(this)
  }

  async #mendRows(host: Host): Promise<void> {
    const { store, events, log, openflowTarget } = this.#options
    const bridges: Bridge[] = []
    for (const bridge of store.snapshot.list('bridge').values())
      if (bridge.host === host.id) bridges.push(bridge)
    this.#foreign = foreignBridges(this.#replica, bridges)
    for (const name of this.#foreign) {
      this.#warn(`bridge ${name}`, () =>
        events.add(
          'rows_failed',
          host.id,
          `bridge ${name} on ${host.id} exists and is not ours; it is left alone`,
        ),
      )
    }
    const offers = offersOf(this.#replica, bridges, (id) =>
      store.snapshot.get('physicalNetwork', id),
    )
    const joined = offers.filter((offer) => isJoined(this.#replica, offer))
    this.#offered = new Set(joined.map(({ physical }) => physical.id))
    const desired = { host, bridges, offers, openflowTarget }
    const operations = rowOperations(this.#replica, desired)
    if (operations.length === 0) {
      this.#rowsRight = this.#tunnelRight(host)
      return
    }
    const text = JSON.stringify(operations)
    if (this.#contest.isOn(text, this.#options.clock.now())) {
      this.#warn('contested', () =>
        events.add(
          'rows_contested',
          host.id,
          `somebody else keeps changing the rows of ${host.id} that are ours`,
        ),
      )
      await this.#options.clock.sleep(RETRY_MS, this.#end.signal)
    }
    this.#looking.again()
    const next = (this.#root()?.next_cfg ?? 0) + 1
    try {
      const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(ANSWER_MS)])
      await this.#client.transact(openVSwitch, operations, { signal })
      this.#awaited = next
      this.#contest.wrote(text, this.#options.clock.now())
      log.info({ host: host.id, operations: operations.length }, 'rows written')
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error
      this.#warn(error.message, () =>
        events.add('rows_failed', host.id, `${host.id} refused its rows: ${error.message}`),
      )
      await this.#options.clock.sleep(RETRY_MS, this.#end.signal)
    }
  }

  /** Shared flows name the tunnel by its number: a host that gave it another one is not realized. */
  #tunnelRight(host: Host): boolean {
    const ofport = tunnelOfport(this.#replica)
    if (ofport === undefined || ofport === TUNNEL_OFPORT) return ofport !== undefined
    this.#warn(`tunnel ${ofport}`, () =>
      this.#options.events.add(
        'rows_failed',
        host.id,
        `the tunnel port of ${host.id} is ${ofport}, not ${TUNNEL_OFPORT}: another port has that number, or it cannot be made`,
      ),
    )
    return false
  }

  #root() {
    const [root] = this.#replica.table('Open_vSwitch').values()
    return root
  }
}

/** '192.0.2.1' of '192.0.2.1:6640'; a name without a port stays as it is. */
export function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '')
}
