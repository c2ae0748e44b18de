/**
 * Desired minus actual, host by host: takes commits from the store, lets the compiler say what they touch, and keeps each
 * host that dials in as it should be. A host is one OVSDB session and one OpenFlow channel, joined by the datapath_id that
 * the one reports and the other announces; they may come in either order. A failing host never holds up another.
 * Neighbours: `host-session.ts` (rows), `flow-channel.ts` (flows), `status.ts` (what is realized).
 */
import type { Duplex } from 'node:stream'
import { Connection } from '../../southbound/openflow/connection.ts'
import type { Clock } from '../clock.ts'
import { Compiler } from '../compiler/compiler.ts'
import type { Program } from '../compiler/program.ts'
import type { Host } from '../model/schema.ts'
import type { PendingHost } from '../northbound/realization.ts'
import type { Commit, Store } from '../store/store.ts'
import type { EventLog } from './events.ts'
import { type Desired, FlowChannel } from './flow-channel.ts'
import { HostSession } from './host-session.ts'
import type { Logger } from './log.ts'

export interface ReconcilerOptions {
  readonly store: Store
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
  /** The pipeline; another one only in tests that break it on purpose. */
  readonly program?: Program | undefined
}

/** OpenFlow connections of bridges that no host has claimed yet: more than this and the oldest goes. */
const MAX_UNCLAIMED = 1024

export class Reconciler {
  readonly compiler: Compiler
  readonly #options: ReconcilerOptions
  readonly #sessions = new Set<HostSession>()
  /** host id -> its session. */
  readonly #hosts = new Map<string, HostSession>()
  readonly #channels = new Map<string, FlowChannel>()
  /** datapath_id -> a connection that waits for its host to say that it is its bridge. */
  readonly #unclaimed = new Map<string, Connection>()
  readonly #pending = new Map<HostSession, string>()
  readonly #progress = new Set<() => void>()
  readonly #stop = new AbortController()
  #revision: number

  constructor(options: ReconcilerOptions) {
    this.#options = options
    const { store, program } = options
    this.compiler = new Compiler(store.snapshot, program)
    this.#revision = store.snapshot.revision
    store.onCommit((commit) => this.#committed(commit))
  }

  /** Serves a host's database. @param openflowTarget where its bridges shall dial: 'tcp:ADDRESS:PORT' */
  async acceptOvsdb(
    duplex: Duplex,
    { peer, openflowTarget }: { peer: string; openflowTarget: string },
  ): Promise<void> {
    const { log } = this.#options
    try {
      const session = await HostSession.open(duplex, peer, {
        ...this.#options,
        openflowTarget,
        hostOf: (session) => this.#hostOf(session),
        onLook: (session) => this.#join(session),
      })
      if (this.#stop.signal.aborted) return session.close()
      this.#sessions.add(session)
      session.look()
      const reason = await session.closed
      this.#forget(session)
      log.info({ peer, reason: reason?.message }, 'ovsdb session ended')
    } catch (error) {
      duplex.destroy()
      log.warn({ peer, reason: (error as Error).message }, 'ovsdb session refused')
    }
  }

  /** Serves a bridge's OpenFlow connection. */
  async acceptOpenflow(duplex: Duplex, { peer }: { peer: string }): Promise<void> {
    const { log } = this.#options
    try {
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(10_000)])
      const connection = await Connection.open(duplex, { signal })
      const features = await connection.request({ type: 'features_request' }, { signal })
      if (features.type !== 'features_reply')
        throw new Error(`the switch answered ${features.type} for its features`)
      const datapathId = features.datapath_id.toString(16).padStart(16, '0')
      this.#unclaimed.get(datapathId)?.close()
      this.#unclaimed.set(datapathId, connection)
      for (const [oldest, waiting] of this.#unclaimed) {
        if (this.#unclaimed.size <= MAX_UNCLAIMED) break
        this.#unclaimed.delete(oldest)
        waiting.close(new Error('too many bridges that belong to no known host'))
      }
      for (const session of this.#hosts.values()) this.#join(session)
      const reason = await connection.closed
      if (this.#unclaimed.get(datapathId) === connection) this.#unclaimed.delete(datapathId)
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

  channel(hostId: string): FlowChannel | undefined {
    return this.#channels.get(hostId)
  }

  /** Up to which revision a host is confirmed; undefined while it is away or its rows are not real. */
  confirmed(hostId: string): number | undefined {
    const channel = this.#channels.get(hostId)
    return channel && this.#hosts.get(hostId)?.rowsRealized ? channel.confirmed : undefined
  }

  pendingHosts(): PendingHost[] {
    return [...this.#pending].map(([session, systemId]) => ({
      systemId,
      address: session.peer,
      since: new Date(session.since).toISOString(),
    }))
  }

  /** Called whenever a host has confirmed something or has come or gone. Gives the way to stop. */
  onProgress(listener: () => void): () => void {
    this.#progress.add(listener)
    return () => this.#progress.delete(listener)
  }

  /** What should be on a host. */
  desired(hostId: string): Desired {
    return {
      items: () => this.compiler.items(hostId),
      lookup: (id) => this.compiler.lookup(hostId, id),
      revision: () => this.#revision,
    }
  }

  close(): void {
    this.#stop.abort(new Error('the controller is stopping'))
    for (const session of this.#sessions) session.close()
    for (const channel of this.#channels.values()) channel.connection.close()
    for (const connection of this.#unclaimed.values()) connection.close()
  }

  #committed({ snapshot, changes }: Commit): void {
    const touched = this.compiler.apply(changes)
    this.#revision = snapshot.revision
    for (const [hostId, channel] of this.#channels) channel.touch(touched.get(hostId))
    if (changes.some(({ collection }) => collection === 'host' || collection === 'bridge')) {
      for (const session of this.#sessions) session.look()
    }
  }

  /** The host that a session is; one that the model does not name is listed as pending and gets nothing. */
  #hostOf(session: HostSession): Host | undefined {
    const { store, events } = this.#options
    const { systemId } = session
    const [hostId] = systemId === undefined ? [] : store.snapshot.find('hostBySystemId', systemId)
    const host = hostId === undefined ? undefined : store.snapshot.get('host', hostId)
    for (const [known, claimed] of this.#hosts) {
      if (claimed !== session || known === host?.id) continue
      this.#hosts.delete(known)
      // Another host now: its bridge shall dial again and be driven as that one. A host that the site has lost keeps its
      // channel, by which its flows are taken away.
      if (host) this.#channels.get(known)?.connection.close(new Error(`${known} is ${host.id} now`))
    }
    if (!host) {
      if (systemId !== undefined && this.#pending.get(session) !== systemId) {
        this.#pending.set(session, systemId)
        events.add(
          'host_pending',
          systemId,
          `${systemId} dialled in from ${session.peer}; the model names no such host`,
        )
      }
      return undefined
    }
    this.#pending.delete(session)
    const other = this.#hosts.get(host.id)
    if (other !== session) {
      // The newest session is the host: the one before is a connection that has not noticed its end.
      this.#hosts.set(host.id, session)
      other?.close(new Error(`${host.id} dialled in again from ${session.peer}`))
    }
    return host
  }

  /** Gives a host the OpenFlow connection of its bridge, once both are there. */
  #join(session: HostSession): void {
    for (const notify of this.#progress) notify()
    const { datapathId } = session
    const connection = datapathId === undefined ? undefined : this.#unclaimed.get(datapathId)
    if (!connection || datapathId === undefined) return
    for (const [hostId, claimed] of this.#hosts) {
      if (claimed !== session) continue
      this.#unclaimed.delete(datapathId)
      this.#drive(hostId, connection)
    }
  }

  #drive(hostId: string, connection: Connection): void {
    const { events, clock, log } = this.#options
    this.#channels.get(hostId)?.connection.close(new Error('the bridge dialled again'))
    const onProgress = () => {
      for (const notify of this.#progress) notify()
    }
    const channel = new FlowChannel({
      hostId,
      connection,
      desired: this.desired(hostId),
      events,
      clock,
      log,
      onProgress,
    })
    this.#channels.set(hostId, channel)
    const end = new AbortController()
    void connection.closed.then((reason) =>
      end.abort(reason ?? new Error('the bridge ended the connection')),
    )
    channel.run(end.signal).catch((reason: Error) => {
      connection.close(reason)
      if (this.#channels.get(hostId) !== channel) return
      this.#channels.delete(hostId)
      events.add('host_disconnected', hostId, `${hostId}: ${reason.message}; it keeps forwarding`)
      onProgress()
    })
  }

  #forget(session: HostSession): void {
    this.#sessions.delete(session)
    this.#pending.delete(session)
    for (const [hostId, claimed] of this.#hosts) if (claimed === session) this.#hosts.delete(hostId)
    for (const notify of this.#progress) notify()
  }
}
