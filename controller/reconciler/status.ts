/**
 * What is realized: for each object, whether every host that it concerns has confirmed it. Status is asked for, never
 * stored. Answers the northbound's questions (`Realization`) from the reconciler and the compiler.
 */
import { joinersLeft } from '../model/quarantine.ts'
import type { Declared, Objects } from '../model/schema.ts'
import type { Change } from '../model/snapshot.ts'
import type {
  ControllerEvent,
  DropCount,
  HostCosts,
  PendingHost,
  PortCounters,
  Realization,
  Status,
} from '../northbound/realization.ts'
import type { Store } from '../store/store.ts'
import { type Counted, inject } from '../trace/injection.ts'
import { traceSite } from '../trace/site.ts'
import { type Trace, type TraceRequest, trace, type WalkOf } from '../trace/trace.ts'
import { apartFrom, hostsApart, portsApart } from './apart.ts'
import { costsOf } from './costs.ts'
import { readDrops } from './drops.ts'
import type { EventLog } from './events.ts'
import type { Reconciler } from './reconciler.ts'
import { segmentFault } from './segment-status.ts'

type HostStatus = Status['hosts'][string]

const AWAY = 'the host is not connected; it keeps what it had'

/** What an object has to reach, and what is said of it there. */
interface Concern {
  readonly hosts: Iterable<string>
  readonly intent: string
  /** The intent of its network, without which a port is nothing. */
  readonly network?: string
  /** The revision to confirm. */
  readonly revision: number
  readonly unplaced: string | undefined
}

export class SiteStatus implements Realization {
  readonly #store: Store
  readonly #reconciler: Reconciler
  readonly #events: EventLog

  constructor(store: Store, reconciler: Reconciler, events: EventLog) {
    this.#store = store
    this.#reconciler = reconciler
    this.#events = events
  }

  status<C extends Declared>(collection: C, object: Objects[C]): Status {
    const concern = this.#concern(collection, object)
    const hosts: Record<string, HostStatus> = {}
    const apart = this.#apart(collection, object, concern)
    for (const hostId of concern.hosts)
      hosts[hostId] = degraded(this.#hostStatus(hostId, concern), apart(hostId))
    const { unplaced } = concern
    const realized =
      unplaced === undefined && Object.values(hosts).every(({ state }) => state === 'realized')
    const reason = unplaced === undefined ? {} : { reason: this.#whyWaiting(object, unplaced) }
    const certificate = collection === 'host' ? this.#certificate(object.id) : undefined
    const underlay = collection === 'host' ? this.#underlay(object.id) : undefined
    return {
      realized,
      revision: object.revision,
      ...reason,
      hosts,
      ...(certificate && { certificate }),
      ...(collection === 'port' && this.#binding((object as Objects['port']).uuid)),
      ...this.#mtu(collection, object),
      ...(underlay && { underlay }),
    }
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
    return inject(walk, { connection, signal })
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
      if (object) return object.revision >= revision && this.status(collection, object).realized
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
    return this.#reconciler.pendingHosts()
  }

  /** What of its network the object does not reach from a host, though all is realized there. */
  #apart(
    collection: Declared,
    object: Objects[Declared],
    { hosts, intent, network: within = intent }: Concern,
  ): (hostId: string) => string[] {
    const { snapshot } = this.#store
    const network = this.#network(within)
    if (!network) return () => []
    const apart = hostsApart(snapshot, network, hosts)
    const reasons = (others: readonly string[], ports: readonly string[] = []) =>
      [apartFrom('no_common_family', others), apartFrom('same_trunk', ports)].filter(
        (reason) => reason !== undefined,
      )
    if (collection !== 'port') return (hostId) => reasons(apart(hostId))
    const { compiler } = this.#reconciler
    const port = object as Objects['port']
    const home = compiler.placement(`${port.tenant}/${port.id}`)?.hostId
    return (hostId) =>
      hostId === home
        ? reasons(
            apart(hostId),
            portsApart(snapshot, port, (key) => compiler.placement(key)),
          )
        : reasons(apart(hostId).filter((other) => other === home))
  }

  /** Of a port that is nowhere yet: also what it will go without wherever it comes to be, said before anybody plugs it in. */
  #whyWaiting(port: Objects[Declared], unplaced: string): string {
    const { snapshot } = this.#store
    const ports = portsApart(snapshot, port as Objects['port'], () => undefined)
    const without = apartFrom('same_trunk', ports)
    const hosts = without === undefined ? [] : [...snapshot.list('host').values()]
    const isLikely = hosts.length === 0 || hosts.some(({ kind }) => kind === 'ovs')
    return without !== undefined && isLikely
      ? `${unplaced}; on a host of kind ovs it will be Degraded: ${without}`
      : unplaced
  }

  /** The network of an intent `network/acme/web`; undefined for intents of other things. */
  #network(intent: string): Objects['network'] | undefined {
    const prefix = 'network/'
    if (!intent.startsWith(prefix)) return undefined
    return this.#store.snapshot.get('network', intent.slice(prefix.length))
  }

  /** Of the session that the host is driven by. */
  #certificate(hostId: string): Status['certificate'] {
    const identity = this.#reconciler.session(hostId)?.line.identity
    if (!identity) return undefined
    const { name, fingerprint, expires } = identity
    return { name, fingerprint, expires: new Date(expires).toISOString() }
  }

  /** Where a host was seen to carry the port. */
  #binding(uuid: string): Pick<Status, 'binding'> {
    const bound = this.#store.snapshot.get('binding', uuid)
    if (!bound) return {}
    const { hostId, ofport, interface: name, vid } = bound
    return { binding: ofport === undefined ? { hostId, interface: name, vid } : { hostId, ofport } }
  }

  /** What the underlay carries of it. */
  #mtu(collection: Declared, object: Objects[Declared]): Pick<Status, 'mtu'> {
    const { compiler, mtu } = this.#reconciler
    if (collection === 'network') {
      const network = object as Objects['network']
      return { mtu: mtu.of(`${network.tenant}/${network.id}`, network) }
    }
    if (collection !== 'port') return {}
    const { tenant, id, network: networkId } = object as Objects['port']
    const network = this.#store.snapshot.get('network', `${tenant}/${networkId}`)
    const hostId = compiler.placement(`${tenant}/${id}`)?.hostId
    return network ? { mtu: mtu.of(`${tenant}/${networkId}`, network, hostId) } : {}
  }

  /** As the host says itself. */
  #underlay(hostId: string): Status['underlay'] {
    return this.#reconciler.session(hostId)?.underlay
  }

  #hostStatus(hostId: string, concern: Concern): HostStatus {
    const session = this.#reconciler.session(hostId)
    const isVtep = this.#store.snapshot.get('host', hostId)?.kind === 'vtep'
    if (isVtep) return this.#vtepStatus(hostId, concern)
    const { intent, revision } = concern
    const channel = this.#reconciler.channel(hostId)
    if (!channel) {
      const reason = session
        ? 'its database is connected, its br-int has not dialled OpenFlow (ovs-vswitchd, datapath_type?)'
        : AWAY
      return { state: 'disconnected', reason }
    }
    for (const { from, reason } of channel.failed.values()) {
      // What every host has is the host's own concern.
      if (from.includes(intent) || (from.includes('site') && intent === `host/${hostId}`))
        return { state: 'failed', reason }
    }
    const [, bridge] = /^bridge\/(.+)$/.exec(intent) ?? []
    const state =
      bridge !== undefined && session?.kind === 'ovs' ? session.bridgeState(bridge) : undefined
    if (state) return state
    const fault = this.#segmentFault(hostId, concern)
    if (fault !== undefined) return { state: 'failed', reason: fault }
    return this.#stillJoined(hostId, concern) ?? this.#confirmed(hostId, revision)
  }

  #segmentFault(hostId: string, { intent, network: within = intent }: Concern): string | undefined {
    const network = this.#network(within)
    return segmentFault(this.#store.snapshot, network, hostId, this.#reconciler.session(hostId))
  }

  /** What keeps this host from joining a network to a VLAN: another that may do so still. */
  #stillJoined(
    hostId: string,
    { intent, network: within = intent }: Concern,
  ): HostStatus | undefined {
    const network = this.#network(within)
    if (network?.extension?.hostId !== hostId) return undefined
    const left = joinersLeft(this.#store.snapshot, network)
    const away = left.find((other) => !this.#reconciler.session(other))
    if (away !== undefined)
      return { state: 'failed', reason: `still joined at ${away}, which is away` }
    return left.length > 0 ? { state: 'pending', reason: `still joined at ${left[0]}` } : undefined
  }

  #vtepStatus(hostId: string, concern: Concern): HostStatus {
    const { intent, network, revision } = concern
    const session = this.#reconciler.session(hostId)
    if (session?.kind !== 'vtep') return { state: 'disconnected', reason: AWAY }
    const intents = [intent, network ?? intent, `host/${hostId}`]
    const fault = session.objection(intents) ?? this.#segmentFault(hostId, concern)
    if (fault !== undefined) return { state: 'failed', reason: fault }
    const joined = this.#stillJoined(hostId, concern)
    return joined ?? degraded(this.#confirmed(hostId, revision), session.degradation(intents))
  }

  #confirmed(hostId: string, revision: number): HostStatus {
    const confirmed = this.#reconciler.confirmed(hostId)
    if (confirmed === undefined)
      return { state: 'pending', reason: 'its rows are not as they should be yet' }
    if (confirmed >= revision) return { state: 'realized' }
    return { state: 'pending', reason: `confirmed up to revision ${confirmed} of ${revision}` }
  }

  #whyUnplaced(port: Objects['port']): string {
    const key = port.parent === undefined ? '' : `${port.tenant}/${port.parent}`
    const trunk = this.#store.snapshot.get('port', key)
    if (!trunk || this.#reconciler.compiler.placement(key)) return whyUnplaced(port)
    return `its trunk ${key} is not plugged in: ${whyUnplaced(trunk)}`
  }

  /** The hosts that an object has to reach, the intent that its items name, and the revision to confirm. */
  #concern<C extends Declared>(collection: C, object: Objects[C]): Concern {
    const { compiler } = this.#reconciler
    const { revision } = object
    const of = (hosts: Iterable<string>, intent: string) => ({
      hosts,
      intent,
      revision,
      unplaced: undefined as string | undefined,
    })
    if (collection === 'port') {
      const port = object as Objects['port']
      const key = `${port.tenant}/${port.id}`
      const binding = this.#store.snapshot.get('binding', port.uuid)
      return {
        hosts: compiler.hostsOfNetwork(`${port.tenant}/${port.network}`),
        intent: `port/${key}`,
        network: `network/${port.tenant}/${port.network}`,
        revision: Math.max(revision, binding?.revision ?? 0),
        unplaced: compiler.placement(key) ? undefined : this.#whyUnplaced(port),
      }
    }
    if (collection === 'network') {
      const { tenant, id } = object as Objects['network']
      return of(compiler.hostsOfNetwork(`${tenant}/${id}`), `network/${tenant}/${id}`)
    }
    if (collection === 'subnet') {
      const { tenant, network } = object as Objects['subnet']
      return of(compiler.hostsOfNetwork(`${tenant}/${network}`), `network/${tenant}/${network}`)
    }
    if (collection === 'host') return of([object.id], `host/${object.id}`)
    if (collection === 'bridge')
      return of([(object as Objects['bridge']).host], `bridge/${object.id}`)
    return of([], `tenant/${object.id}`)
  }
}

/** A status that is realized, with what it goes without. */
function degraded(status: HostStatus, without: readonly string[]): HostStatus {
  if (status.state !== 'realized' || without.length === 0) return status
  const { reason } = status
  const lead = reason === undefined ? 'Degraded: ' : `${reason}, `
  return { ...status, reason: lead + without.join(', ') }
}

/** What somebody who waits for this port has to do; of a sub-port its trunk is plugged in. */
function whyUnplaced(port: Objects['port']): string {
  const { hostId, ofport, uuid, interface: name, vid, tenant, parent } = port
  if (parent !== undefined)
    return `VID ${vid} of its trunk ${tenant}/${parent} is held by another port, or the frames of that trunk are tagged already`
  if (hostId !== undefined && name !== undefined && vid !== undefined)
    return `interface_held: interface ${name} of ${hostId} carries a port of another tenant, who has all VIDs of it`
  const slot = ofport === undefined ? name && `interface ${name}` : `ofport ${ofport}`
  if (hostId !== undefined && slot !== undefined)
    return `${slot} of ${hostId}, where it is declared, is held by another port`
  return `no host has an interface on br-int with external_ids:iface-id=${uuid}, or one with this ifalias where it is of kind vtep`
}
