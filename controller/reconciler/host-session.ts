/**
 * One OVSDB session: a host has dialled in, and we are the client of its database. The session knows who the host says it
 * is, keeps its rows right and reports which ports it carries. By level: every change of the replica or of the model
 * wakes one loop that looks at everything again. Neighbours: `host-line.ts` (what sessions of every kind have), `rows.ts`,
 * `bindings.ts`; `reconciler.ts` owns sessions.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import type { OvsdbClient } from '../../southbound/ovsdb/client.ts'
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { deadline } from '../../southbound/wire/clock.ts'
import type { SwitchItem } from '../compiler/program.ts'
import { TUNNEL_OFPORT } from '../compiler/stages.ts'
import type { Host } from '../model/schema.ts'
import { objectsUnder } from '../model/snapshot.ts'
import type { Adoption } from '../northbound/adoption-plan.ts'
import type { Said } from '../northbound/realization.ts'
import { adoptionOf } from './adoption.ts'
import { BridgeKeeper, type BridgeState } from './bridge-keeper.ts'
import { rememberedRevision, rememberRevision } from './confirmations.ts'
import { Farewell, type FarewellOptions } from './farewell.ts'
import { ANSWER_MS, HostLine, type LineOptions, SYSTEM_ID } from './host-line.ts'
import { HostOffers, type HostOffersOptions } from './host-offers.ts'
import { type HostReplica, INTEGRATION_BRIDGE, watchHost } from './host-replica.ts'
import { Contest, onceEach, rowsByName } from './looking.ts'
import type { SeenInterface } from './mtu-index.ts'
import { plugsOf } from './plugs.ts'
import { rowOperations, tunnelOfport } from './rows.ts'
import { saidByOvs } from './says.ts'
import { type Judgement, Takeover } from './takeover.ts'
import { underlayInterface } from './underlay-interface.ts'

const { mutate } = operations(openVSwitch)

export interface HostSessionOptions
  extends LineOptions,
    FarewellOptions,
    Omit<HostOffersOptions, 'once'> {
  /** The host at the other end; undefined while it is none that we drive. */
  readonly hostOf: (session: HostSession) => Host | undefined
  /** Called after every look: the datapath, the rows or the host may have changed. */
  readonly onLook: (session: HostSession) => void
}

export class HostSession {
  readonly kind = 'ovs'
  readonly line: HostLine
  /** Its physical networks. */
  readonly offers: HostOffers
  readonly #options: HostSessionOptions
  readonly #replica: HostReplica
  /** next_cfg of our last transaction, or of the first look: our rows are real once cur_cfg has reached it. */
  #awaited = 0
  #rowsRight = false
  readonly #warn = onceEach()
  readonly #keeper: BridgeKeeper
  readonly #bridgeContest = new Contest()
  /** Of the declared bridges, as `#awaited`. */
  #bridgesAwaited = 0
  readonly #farewell: Farewell
  readonly #takeover: Takeover
  /** Nothing of ours is on it any longer, since the last look. */
  #isReturned = false

  private constructor(
    client: OvsdbClient,
    replica: HostReplica,
    peer: string,
    options: HostSessionOptions,
  ) {
    this.#replica = replica
    this.#options = options
    this.offers = new HostOffers({ ...options, once: this.#warn }, replica)
    this.#farewell = new Farewell(options, replica)
    this.line = new HostLine({ client, peer, schema: openVSwitch }, options, {
      stale: () => {
        this.#rowsRight = false
      },
      look: () => this.#look(),
    })
    const end = new AbortController()
    void this.line.closed.then(() => end.abort(new Error('the session has ended')))
    this.#keeper = new BridgeKeeper(
      {
        ...{ replica, events: options.events, once: this.#warn },
        write: (...of) => this.#writeBridge(...of),
        failed: (error) => this.line.close(error),
      },
      end.signal,
    )
    this.#takeover = new Takeover(replica, {
      ...{ target: options.openflowTarget, clock: options.clock, signal: end.signal },
      lookAgain: () => this.line.look(),
    })
    this.#awaited = this.#root()?.next_cfg ?? 0
    replica.onChange(() => this.line.look())
  }

  /** Opens the session; rejects when the host does not answer. */
  static async open(
    client: OvsdbClient,
    peer: string,
    options: HostSessionOptions,
  ): Promise<HostSession> {
    const replica = await watchHost(client, deadline(options.clock, ANSWER_MS))
    return new HostSession(client, replica, peer, options)
  }

  /** What the host says it is; undefined while it says nothing that could be a system-id. */
  get systemId(): string | undefined {
    const systemId = this.#root()?.external_ids['system-id']
    return systemId !== undefined && SYSTEM_ID.test(systemId) ? systemId : undefined
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
  get underlay(): SeenInterface | undefined {
    return underlayInterface(this.#replica)
  }

  /** By id of the physical network the interface that leads there. */
  get physical(): HostOffers['interfaces'] {
    return this.offers.interfaces
  }

  /** A host that the model has lost whose br-int stays for now: to be driven until it has no flows. */
  get leaving(): Host | undefined {
    return this.#farewell.leaving
  }

  /** Up to which revision it has once had everything, as it remembers; undefined: none. */
  get remembered(): number | undefined {
    return rememberedRevision(this.#replica)
  }

  /** Lets it remember that it has everything up to a revision. */
  remember(revision: number): Promise<void> {
    return this.line.tell(rememberRevision(this.#replica, revision))
  }

  /** The rows are as they should be and ovs-vswitchd has carried them out. */
  get rowsRealized(): boolean {
    return this.#rowsRight && this.#isReal
  }

  /** ovs-vswitchd has carried out what was written last. */
  get #isReal(): boolean {
    return (this.#root()?.cur_cfg ?? 0) >= this.#awaited
  }

  /** Why it is not driven as it is; undefined: it is, or nothing is against it. */
  get objection(): Takeover['objection'] {
    return this.#takeover.objection
  }

  /** Whether its br-int is somebody else's, whose connection is at most read. */
  get takeover(): 'none' | 'read' | 'driven' {
    if (this.#takeover.isReading) return 'read'
    return this.#takeover.state.kind === 'free' ? 'driven' : 'none'
  }

  /** Reads a br-int that is not ours. Never rejects. */
  read(connection: Connection): Promise<void> {
    return this.#takeover.read(connection)
  }

  /** Nothing of ours is on it: it was given back, or has never had anything. */
  get isReturned(): boolean {
    return this.#isReturned
  }

  /** Of Open vSwitch, as it says. */
  get version(): string | undefined {
    return this.#root()?.ovs_version?.slice(0, 64)
  }

  /** For whoever makes a host object of it. */
  get says(): Said {
    return saidByOvs(this.#replica, this.line.peer)
  }

  /** Interfaces that somebody has plugged into a br-int which stays for them, though the model has lost the host. */
  get plugged(): readonly string[] {
    return this.#farewell.plugged
  }

  /** What taking its br-int over would do, as it is now. @param desired what should be on the host */
  async adoption(
    host: Host,
    desired: Iterable<SwitchItem>,
    signal: AbortSignal,
  ): Promise<Adoption> {
    const { store, openflowTarget } = this.#options
    const { objection } = this.#takeover
    const actual = objection && (await this.#takeover.look(signal))
    const { offers } = this.offers.of(host.id)
    return adoptionOf({
      ...{ hostId: host.id, why: this.#takeover.objection?.reason, replica: this.#replica },
      operations: rowOperations(this.#replica, { host, offers, openflowTarget }),
      ...{ actual, desired, snapshot: store.snapshot },
    })
  }

  /** What a declared bridge is instead; undefined: as declared. */
  bridgeState(name: string): BridgeState | undefined {
    const isReal = (this.#root()?.cur_cfg ?? 0) >= this.#bridgesAwaited
    const waits = { state: 'pending', reason: 'ovs-vswitchd has not carried it out yet' } as const
    return this.#keeper.state(name) ?? (isReal ? undefined : waits)
  }

  /** Tells of the physical networks that networks here need and the host does not offer, once each time. */
  reviewPhysicalNetworks(): void {
    // A patch port has its number once the switch has made it.
    const host = this.rowsRealized ? this.#options.hostOf(this) : undefined
    if (host) this.offers.review(host.id)
  }

  async #look(): Promise<void> {
    const host = this.#options.hostOf(this)
    this.#isReturned = false
    if (host) {
      this.#farewell.stays()
      const judged = this.#takeover.judge(host, this.#isReal)
      if (judged.kind === 'free') {
        this.line.report(plugsOf(this.#replica), host.id)
        await this.#mendRows(host)
        this.reviewPhysicalNetworks()
      } else await this.#leaveAlone(host, judged)
    } else {
      this.#takeover.forget()
      const { hostId, operations } = this.#farewell.look(this.systemId, this.line.address)
      if (operations.length > 0) await this.#write(hostId, operations)
      else this.#isReturned = this.leaving === undefined
    }
    this.#options.onLook(this)
  }

  /** A br-int that is somebody else's, or that may be: nothing on the host is changed, nothing in it is a port of ours. */
  async #leaveAlone(host: Host, judged: Exclude<Judgement, { readonly kind: 'free' }>) {
    const { events } = this.#options
    if (judged.kind === 'foreign') {
      this.line.report([], host.id)
      const fields = { adoption: `/v1/infra/hosts/${host.id}/adoption` }
      const message = `${host.id}: ${judged.why}`
      this.#warn(message, () => events.add('bridge_foreign', host.id, message, fields))
    }
    const { operations } = judged
    const root = this.#root()
    if (operations.length === 0 || !root) return
    const counted = [...operations, mutate('Open_vSwitch', root._uuid, 'next_cfg', '+=', 1)]
    await this.#write(host.id, counted, (why) => this.#takeover.refused(why))
  }

  async #mendRows(host: Host): Promise<void> {
    const { store, openflowTarget } = this.#options
    const bridges = [...objectsUnder(store.snapshot, 'bridge', host.id)]
    this.#keeper.look(host.id, bridges)
    const offers = this.offers.look(host.id)
    const desired = { host, offers, openflowTarget }
    const operations = rowOperations(this.#replica, desired)
    if (operations.length === 0) {
      this.#rowsRight = this.#tunnelRight(host)
      return
    }
    await this.#write(host.id, operations)
  }

  async #write(
    hostId: string,
    operations: readonly Operation[],
    onRefusal: (why: string) => void = () => {},
  ): Promise<void> {
    let next = 0
    const isTaken = await this.line.write({
      hostId,
      operations: () => {
        next = (this.#root()?.next_cfg ?? 0) + 1
        return operations
      },
      text: rowsByName(operations, namesOf(this.#replica)),
      count: operations.length,
      ...{ once: this.#warn, onRefusal },
    })
    // Declared bridges may have counted it up meanwhile.
    if (isTaken) this.#awaited = Math.max(next, this.#root()?.next_cfg ?? 0)
  }

  async #writeBridge(
    hostId: string,
    operations: readonly Operation[],
    onRefusal: (why: string) => void,
  ): Promise<void> {
    const root = this.#root()
    if (!root) return
    const counted = [...operations, mutate('Open_vSwitch', root._uuid, 'next_cfg', '+=', 1)]
    const isTaken = await this.line.write({
      ...{ hostId, operations: () => counted, count: operations.length, once: this.#warn },
      text: rowsByName(operations, namesOf(this.#replica)),
      ...{ contest: this.#bridgeContest, onRefusal },
    })
    if (isTaken) this.#bridgesAwaited = this.#root()?.next_cfg ?? 0
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

/** uuid -> name of the rows that have one. */
function namesOf(replica: HostReplica): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const table of ['Bridge', 'Port', 'Interface'] as const)
    for (const { _uuid, name } of replica.table(table).values())
      names.set(_uuid, `${table} ${name}`)
  return names
}
