/**
 * What is realized: for each object, whether every host that it concerns has confirmed it. Status is asked for, never
 * stored. Answers the northbound's questions (`Realization`) from the reconciler and the compiler.
 */
import type { Declared, Objects } from '../model/schema.ts'
import type { Change } from '../model/snapshot.ts'
import type { Adoption } from '../northbound/adoption-plan.ts'
import type {
  ControllerEvent,
  DropCount,
  HostCosts,
  Inspection,
  InspectionChoice,
  PendingHost,
  PortCounters,
  Realization,
  Status,
  StatusOptions,
} from '../northbound/realization.ts'
import type { Store } from '../store/store.ts'
import { type Counted, inject } from '../trace/injection.ts'
import { traceSite } from '../trace/site.ts'
import { type Trace, type TraceRequest, trace, type WalkOf } from '../trace/trace.ts'
import { costsOf } from './costs.ts'
import { readDrops } from './drops.ts'
import type { EventLog } from './events.ts'
import { HostLife } from './host-life.ts'
import { inspectHost } from './inspection.ts'
import { Leaving } from './leaving.ts'
import { ObjectStatus } from './object-status.ts'
import type { Reconciler } from './reconciler.ts'

export class SiteStatus implements Realization {
  readonly #store: Store
  readonly #reconciler: Reconciler
  readonly #events: EventLog
  readonly #life: HostLife
  readonly #leaving: Leaving
  readonly #objects: ObjectStatus

  constructor(store: Store, reconciler: Reconciler, events: EventLog) {
    this.#store = store
    this.#reconciler = reconciler
    this.#events = events
    const isConnected = (hostId: string) => reconciler.session(hostId) !== undefined
    // Before the life of hosts, which forgets those that are deleted.
    this.#leaving = new Leaving({
      ...{ store, events },
      hasOurs: (hostId) => this.#life.mayHaveBeen(hostId) || isConnected(hostId),
      sessionsNamed: (systemId) => reconciler.sessionsNamed(systemId),
    })
    const portsOn = (hostId: string) => reconciler.compiler.portsOn(hostId)
    this.#life = new HostLife({ store, events, portsOn, isConnected })
    const lifeOf = (host: Objects['host']) => this.#lifeOf(host)
    this.#objects = new ObjectStatus({ store, reconciler, events, lifeOf })
  }

  status<C extends Declared>(collection: C, object: Objects[C], options?: StatusOptions): Status {
    return this.#objects.status(collection, object, options)
  }

  trace(request: TraceRequest): Trace {
    const { compiler } = this.#reconciler
    const { snapshot } = this.#store
    return trace(traceSite(compiler, snapshot), request, (edits) => {
      const { site, changes } = this.#store.preview(edits)
      return traceSite(compiler, site, compiler.preview(changes, snapshot))
    })
  }

  inject(walk: WalkOf, signal: AbortSignal): Promise<readonly Counted[] | undefined> {
    const connection = (hostId: string) => this.#reconciler.channel(hostId)?.connection
    const { clock } = this.#reconciler
    return inject(walk, { connection, clock, signal })
  }

  preview(changes: readonly Change[]): Readonly<Record<string, HostCosts>> {
    const preview = this.#reconciler.compiler.preview(changes, this.#store.snapshot)
    return Object.fromEntries([...preview].map(([hostId, items]) => [hostId, costsOf(items)]))
  }

  async whenRealized(
    collection: Declared,
    key: string,
    revision: number,
    signal: AbortSignal,
  ): Promise<void> {
    const done = (): boolean => {
      const object = this.#store.snapshot.get(collection, key)
      if (object) return object.revision >= revision && this.#objects.isRealized(collection, object)
      // Gone: every host that its removal touched has to be past it; when that is long ago, every host of the site.
      const hosts = this.#reconciler.touchedBy(revision) ?? this.#store.snapshot.list('host').keys()
      for (const hostId of hosts) {
        const known = this.#store.snapshot.get('host', hostId) !== undefined
        if (known && (this.#reconciler.confirmed(hostId) ?? 0) < revision) return false
      }
      return true
    }
    await new Promise<void>((resolve, reject) => {
      const stop = this.#reconciler.onProgress(() => check())
      const abort = () => {
        stop()
        reject(signal.reason)
      }
      const end = (settle: () => void) => {
        stop()
        signal.removeEventListener('abort', abort)
        settle()
      }
      // Called by whatever makes progress, which a wait that fails must not stop.
      const check = () => {
        try {
          if (done()) end(resolve)
        } catch (error) {
          end(() => reject(error))
        }
      }
      signal.addEventListener('abort', abort, { once: true })
      if (signal.aborted) abort()
      else check()
    })
  }

  whenFree(quarantine: string, signal: AbortSignal): Promise<boolean> {
    return this.#reconciler.quarantine.whenFree(quarantine, signal)
  }

  async counters(key: string): Promise<PortCounters | undefined> {
    const reconciler = this.#reconciler
    const place = reconciler.compiler.placement(key)
    if (!place) return undefined
    const session = reconciler.session(place.hostId)
    const connection = reconciler.channel(place.hostId)?.connection
    if (session?.kind !== 'vtep' && !connection) return undefined
    const asked = { key, place }
    try {
      const counted =
        session?.kind === 'vtep'
          ? await reconciler.counters.readDevice(session, asked)
          : connection && (await reconciler.counters.read(connection, asked))
      if (!counted) return undefined
      const lastDrop = reconciler.lastDrops.of(key)
      return { ...counted, ...(lastDrop && { lastDrop }) }
    } catch {
      return undefined
    }
  }

  async drops(hostId: string, signal: AbortSignal): Promise<readonly DropCount[] | undefined> {
    const session = this.#reconciler.session(hostId)
    if (session?.kind === 'vtep') return session.drops()
    const channel = this.#reconciler.channel(hostId)
    return (
      channel && (await readDrops(channel.connection, this.#reconciler.desired(hostId), signal))
    )
  }

  inspect(hostId: string, choice: InspectionChoice, signal: AbortSignal): Promise<Inspection> {
    return inspectHost(this.#reconciler, hostId, choice, signal)
  }

  confirmed(hostId: string): number | undefined {
    return this.#reconciler.confirmed(hostId)
  }

  onEvent(listener: (event: ControllerEvent) => void): () => void {
    return this.#events.onEvent(listener)
  }

  events(since?: number): readonly ControllerEvent[] {
    return this.#events.since(since)
  }

  pendingHosts(): readonly PendingHost[] {
    const leaving = this.#leaving.list()
    const isLeaving = (id: string) => leaving.some(({ systemId }) => systemId === id)
    const waiting = this.#reconciler.pendingHosts()
    return [...waiting.filter(({ systemId }) => !isLeaving(systemId)), ...leaving]
  }

  async adoption(hostId: string, signal: AbortSignal): Promise<Adoption | undefined> {
    const session = this.#reconciler.session(hostId)
    const host = this.#store.snapshot.get('host', hostId)
    if (session?.kind === 'vtep') return { host: hostId, state: 'free', rows: [], ports: [] }
    return host && session?.adoption(host, this.#reconciler.desired(hostId).items(), signal)
  }

  #lifeOf(host: Objects['host']): Partial<Status> {
    const session = this.#reconciler.session(host.id)
    const version = session?.kind === 'ovs' ? session.version : undefined
    return {
      phase: this.#life.phase(host),
      workloads: this.#reconciler.compiler.portsOn(host.id).size,
      ...(version !== undefined && { version }),
      ...(host.draining && { drain: this.#life.drain(host.id) }),
    }
  }
}
