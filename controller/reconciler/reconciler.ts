/**
 * Desired minus actual, host by host: takes commits from the store, lets the compiler say what they touch, and keeps each
 * host that dials in as it should be. An ovs host is one OVSDB session and one OpenFlow channel, joined by the datapath_id
 * that the one reports and the other announces; they may come in either order. A vtep host is an OVSDB session alone. A failing host never holds up another.
 * Neighbours: `session.ts` (rows), `flow-channel.ts` (flows), `status.ts` (what is realized), `identity-gate.ts`
 * (who may be which host).
 */
import type { Duplex } from 'node:stream'
import { Connection } from '../../southbound/openflow/connection.ts'
import { type Clock, deadline } from '../../southbound/wire/clock.ts'
import type { Random } from '../../southbound/wire/random.ts'
import { Compiler } from '../compiler/compiler.ts'
import { type Item, isRow, isSwitchItem, type Program } from '../compiler/program.ts'
import { keepRunning } from '../keep-running.ts'
import type { Bridge, Host } from '../model/schema.ts'
import type { PendingHost } from '../northbound/realization.ts'
import type { Commit, Store } from '../store/store.ts'
import type { PeerIdentity } from '../tls/identity.ts'
import { concernedBy } from './concerned.ts'
import { Departed } from './departed.ts'
import { desiredOf } from './desired.ts'
import { drive } from './drive.ts'
import type { EventLog } from './events.ts'
import type { Desired, FlowChannel } from './flow-channel.ts'
import type { HostSession } from './host-session.ts'
import { IdentityGate } from './identity-gate.ts'
import { LastDrops } from './last-drops.ts'
import type { Logger } from './log.ts'
import type { MtuStates } from './mtu-status.ts'
import { MtuWatch } from './mtu-watch.ts'
import { Openings } from './openings.ts'
import { CounterReader } from './port-counters.ts'
import { Quarantine } from './quarantine.ts'
import { Refusals } from './refusals.ts'
import { Roster } from './roster.ts'
import { openSession, type Session } from './session.ts'
import { TouchedHosts } from './touched-hosts.ts'

export interface ReconcilerOptions {
  readonly store: Store
  readonly events: EventLog
  readonly clock: Clock
  /** Left out: the system's. */
  readonly random?: Random | undefined
  readonly log: Logger
  /** The pipeline; another one only in tests that break it on purpose. */
  readonly program?: Program | undefined
}

/** Where a session comes from. */
export interface Origin {
  /** Its address, for people. */
  readonly peer: string
  /** What its certificate says; undefined when it did not come over TLS. */
  readonly identity?: PeerIdentity | undefined
}

/** How long hosts have to dial in again after the start before their ports may be taken as left. Milliseconds. */
const GRACE_MS = 60_000

export class Reconciler {
  readonly compiler: Compiler
  readonly counters: CounterReader
  readonly lastDrops: LastDrops
  readonly quarantine: Quarantine
  readonly #options: ReconcilerOptions
  readonly #refusals: Refusals
  readonly #roster: Roster
  readonly #gate: IdentityGate
  readonly #channels = new Map<string, FlowChannel>()
  readonly #touched = new TouchedHosts()
  readonly #progress = new Set<(hostId?: string) => void>()
  readonly #stop = new AbortController()
  readonly #watch: MtuWatch
  readonly #departed: Departed
  readonly #openings: Openings
  #revision: number
  /** Just after the start a host that is not back yet may still carry what it carried. */
  #inGrace = true

  constructor(options: ReconcilerOptions) {
    this.#options = options
    const { store, program, events } = options
    this.#refusals = new Refusals(events, options.clock)
    this.#roster = new Roster(store, this.#refusals)
    this.#gate = new IdentityGate({
      ...options,
      signal: this.#stop.signal,
      session: (hostId) => this.#ovsSession(hostId),
    })
    const background = { ...options, signal: this.#stop.signal }
    void keepRunning(() => this.#endGrace(), { name: 'end of grace', ...background })
    this.#departed = new Departed(store)
    this.compiler = new Compiler(store.snapshot, program)
    this.#openings = new Openings({
      ...{ ...background, compiler: this.compiler },
      session: (hostId) => this.#ovsSession(hostId),
      complete: (hostId) =>
        this.#channels.get(hostId)?.refused.size === 0 ? this.confirmed(hostId) : undefined,
    })
    this.counters = new CounterReader(options.clock)
    this.lastDrops = new LastDrops(() => store.snapshot, events, options.clock)
    this.#watch = new MtuWatch({
      ...options,
      snapshot: () => store.snapshot,
      compiler: this.compiler,
      // Paths can wait until hosts have what they should.
      settled: (hostId) => (this.#openings.waiting > 0 ? undefined : this.#settled(hostId)),
      isCurrent: (hostId) => this.confirmed(hostId) === this.#revision,
    })
    void this.#watch.run(this.#stop.signal)
    this.#revision = store.snapshot.revision
    store.onCommit((commit) => this.#committed(commit))
    this.quarantine = new Quarantine({
      ...{ store, log: options.log, signal: this.#stop.signal },
      confirmed: (hostId) => this.#cleared(hostId),
      isAway: (hostId) => this.#roster.session(hostId) === undefined,
    })
  }

  /** Serves a host's database. @param openflowTarget where its bridges shall dial: 'tcp:ADDRESS:PORT', or 'ssl:…' */
  async acceptOvsdb(
    duplex: Duplex,
    { peer, identity, openflowTarget }: Origin & { readonly openflowTarget: string },
  ): Promise<void> {
    const { log } = this.#options
    let leave = () => {}
    try {
      const session = await openSession(duplex, peer, {
        ...this.#options,
        openflowTarget,
        identity,
        hostOf: (session) => this.#hostOf(session),
        isHeld: (ifaceId, byHost) => this.#isHeld(ifaceId, byHost),
        desiredRows: (hostId) => this.#desired(hostId, isRow),
        departed: this.#departed,
        isCleared: (hostId) => this.#channels.get(hostId)?.confirmed === this.#revision,
        physicalNetworksOf: (hostId) => this.compiler.physicalNetworksOf(hostId),
        turn: async (signal) => {
          leave = await this.#openings.session(signal)
        },
        onLook: (session) => {
          leave()
          this.#join(session)
        },
        refusals: this.#refusals,
      })
      if (this.#stop.signal.aborted) return session.line.close()
      this.#roster.add(session)
      session.line.look()
      const reason = await session.line.closed
      const hostId = this.#roster.hostId(session)
      this.#roster.remove(session)
      this.#tellProgress(hostId)
      log.info({ peer, reason: reason?.message }, 'ovsdb session ended')
    } catch (error) {
      duplex.destroy()
      log.warn({ peer, reason: (error as Error).message }, 'ovsdb session refused')
    } finally {
      leave()
    }
  }

  /** Serves a bridge's OpenFlow connection. */
  async acceptOpenflow(duplex: Duplex, { peer, identity }: Origin): Promise<void> {
    const { log } = this.#options
    try {
      const { clock } = this.#options
      const signal = AbortSignal.any([this.#stop.signal, deadline(clock, 10_000)])
      const connection = await Connection.open(duplex, { signal, clock })
      const features = await connection.request({ type: 'features_request' }, { signal })
      const datapathId = features.datapath_id.toString(16).padStart(16, '0')
      this.#gate.wait({ datapathId, connection, identity, peer })
      for (const session of this.#roster.sessions())
        if (session.kind === 'ovs' && session.datapathId === datapathId) this.#joinOrClose(session)
      const reason = await connection.closed
      log.info({ peer, datapathId, reason: reason?.message }, 'openflow connection ended')
    } catch (error) {
      duplex.destroy()
      log.warn({ peer, reason: (error as Error).message }, 'openflow connection refused')
    }
  }

  /** The revision that the compiler has compiled. */
  get revision(): number {
    return this.#revision
  }

  get clock(): Clock {
    return this.#options.clock
  }

  /** What the underlay carries. */
  get mtu(): MtuStates {
    return this.#watch.states
  }

  channel(hostId: string): FlowChannel | undefined {
    return this.#channels.get(hostId)
  }

  /** Up to which revision a host is confirmed; undefined while it is away or its rows are not real. */
  confirmed(hostId: string): number | undefined {
    const session = this.#roster.session(hostId)
    if (session?.kind === 'vtep') return session.confirmed
    const channel = this.#channels.get(hostId)
    return channel && session?.rowsRealized ? channel.confirmed : undefined
  }

  /** The OVSDB session of a host; undefined while it is away. */
  session(hostId: string): Session | undefined {
    return this.#roster.session(hostId)
  }

  pendingHosts(): PendingHost[] {
    return this.#roster.pending()
  }

  /** The sessions that say they are this, driven or not. */
  sessionsNamed(systemId: string): Session[] {
    return [...this.#roster.sessions()].filter((session) => session.systemId === systemId)
  }

  /** The hosts that a revision touched; undefined when it is too long ago to know. */
  touchedBy(revision: number): readonly string[] | undefined {
    return this.#touched.by(revision)
  }

  /** Called whenever a host has confirmed something or has come or gone. Gives the way to stop. */
  onProgress(listener: (hostId?: string) => void): () => void {
    this.#progress.add(listener)
    return () => this.#progress.delete(listener)
  }

  /** What should be on an ovs host. */
  desired(hostId: string): Desired {
    return this.#desired(hostId, isSwitchItem)
  }

  close(): void {
    this.#stop.abort(new Error('the controller is stopping'))
    for (const session of this.#roster.sessions()) session.line.close()
    for (const channel of this.#channels.values()) channel.connection.close()
    this.#gate.close()
  }

  #desired<I extends Item>(hostId: string, isOfKind: (item: Item) => item is I): Desired<I> {
    return desiredOf(this.compiler, hostId, {
      isOfKind,
      revision: () => this.#revision,
      requests: (after) => this.#touched.requests(hostId, after),
    })
  }

  #ovsSession(hostId: string): HostSession | undefined {
    const session = this.#roster.session(hostId)
    return session?.kind === 'ovs' ? session : undefined
  }

  #committed({ snapshot, changes, who, requestId, via }: Commit): void {
    const touched = this.compiler.apply(changes)
    this.#revision = snapshot.revision
    this.#openings.touched(touched.keys(), snapshot.revision)
    this.#watch.committed()
    const bridgeHosts = changes.flatMap(({ collection, before, after }) =>
      collection === 'bridge' ? ((before ?? after) as Bridge).host : [],
    )
    const { revision } = snapshot
    this.#touched.note(revision, [...touched.keys(), ...bridgeHosts], requestId)
    this.#options.log.info({ revision, who, requestId, via, hosts: touched.size }, 'committed')
    for (const [hostId, channel] of this.#channels) channel.touch(touched.get(hostId))
    for (const session of this.#roster.sessions()) {
      if (session.kind !== 'vtep') {
        if (touched.has(this.#roster.hostId(session) ?? '')) session.reviewPhysicalNetworks()
        continue
      }
      session.touch(touched.get(this.#roster.hostId(session) ?? ''))
      if (session.confirmed === this.#revision) this.#tellProgress(this.#roster.hostId(session))
    }
    const concerned = concernedBy(changes)
    if (concerned) {
      for (const session of this.#roster.sessions())
        if (concerned(session, this.#roster.hostId(session))) session.line.look()
    }
    for (const { collection, key } of changes) {
      const channel = collection === 'host' ? this.#channels.get(key) : undefined
      if (channel) this.#gate.review(channel.connection, snapshot.get('host', key))
    }
    // Unplugged here: whoever still has an older plug of the same port has the port again.
    for (const { collection, key, after } of changes) {
      if (collection !== 'binding' || after) continue
      for (const session of this.#roster.sessions())
        if (session.line.carries(key)) session.line.look()
    }
  }

  /** The host that a session is driven as; undefined while it is none. */
  #hostOf(session: Session): Host | undefined {
    if (this.#gate.refuses(session)) return undefined
    const before = this.#roster.hostId(session)
    const host = this.#roster.place(session)
    // Another host now: its bridge shall dial again and be driven as that one. A host that the site has lost keeps its
    // channel, by which its flows are taken away.
    if (before !== undefined && host && before !== host.id) {
      const reason = new Error(`${before} is ${host.id} now`)
      this.#channels.get(before)?.connection.close(reason)
    }
    return host
  }

  /** A host that is there says itself what it carries; one that has not come back since the start may still carry it. */
  #isHeld(ifaceId: string, byHost: string): boolean {
    const session = this.#roster.session(byHost)
    if (session) return session.line.carries(ifaceId)
    return this.#inGrace && this.#options.store.snapshot.get('host', byHost) !== undefined
  }

  async #endGrace(): Promise<void> {
    await this.#options.clock.sleep(GRACE_MS, this.#stop.signal)
    this.#inGrace = false
    for (const session of this.#roster.sessions()) session.line.lookAfresh()
  }

  /** As `#join`, on behalf of another peer: what is wrong with this session ends this session. */
  #joinOrClose(session: Session): void {
    try {
      this.#join(session)
    } catch (error) {
      session.line.close(error as Error)
    }
  }

  /** Gives a host the OpenFlow connection of its bridge, once both are there. */
  #join(session: Session): void {
    const hostId = this.#roster.hostId(session)
    this.#tellProgress(hostId)
    if (hostId !== undefined) this.#watch.looked(hostId, session)
    if (hostId !== undefined && session.kind === 'vtep')
      this.lastDrops.shown(hostId, session.shownDrops(), session.line.since)
    if (session.kind !== 'ovs') return
    const { datapathId, line, takeover } = session
    const driven =
      hostId === undefined ? undefined : this.#options.store.snapshot.get('host', hostId)
    const host = driven ?? session.leaving
    if (datapathId === undefined || !host || takeover === 'none') return
    const connection = this.#gate.claim(datapathId, host, line.address)
    if (!connection) return
    if (takeover === 'read') void session.read(connection)
    else this.#drive(host.id, connection)
  }

  /** The connection of a bridge that has all its flows and rows. */
  #settled(hostId: string): Connection | undefined {
    return this.confirmed(hostId) === this.#revision
      ? this.#channels.get(hostId)?.connection
      : undefined
  }

  /** As `confirmed`; not while the bridge has refused to take something away. */
  #cleared(hostId: string): number | undefined {
    for (const id of this.#channels.get(hostId)?.refused.ids() ?? [])
      if (!this.compiler.lookup(hostId, id)) return undefined
    return this.confirmed(hostId)
  }

  #tellProgress(hostId?: string): void {
    this.quarantine.review()
    for (const notify of this.#progress) notify(hostId)
  }

  #drive(hostId: string, connection: Connection): void {
    const { store, events } = this.#options
    this.#channels.get(hostId)?.connection.close(new Error('the bridge dialled again'))
    const onProgress = () => {
      this.#tellProgress(hostId)
      for (const session of this.#roster.sessions())
        if (session.kind === 'ovs' && session.leaving?.id === hostId) session.line.look()
    }
    const channel = drive({
      ...{ ...this.#options, hostId, connection, desired: this.desired(hostId), onProgress },
      openings: this.#openings,
      onPacketIn: (message) => {
        if (!this.#watch.arrived(hostId, message)) this.lastDrops.sampled(hostId, message)
      },
      onEnd: ({ confirmed, refused }, { message }) => {
        if (this.#channels.get(hostId) !== channel) return
        this.#channels.delete(hostId)
        this.#openings.left(hostId, refused.size > 0 ? 0 : confirmed)
        if (store.snapshot.get('host', hostId))
          events.add('host_disconnected', hostId, `${hostId}: ${message}; it keeps forwarding`)
        onProgress()
      },
    })
    this.#channels.set(hostId, channel)
  }
}
