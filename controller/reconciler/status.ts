/**
 * What is realized: for each object, whether every host that it concerns has confirmed it. Status is asked for, never
 * stored. Answers the northbound's questions (`Realization`) from the reconciler and the compiler.
 */
import { segmentAt } from '../compiler/segment-units.ts'
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
import { apartFrom, hostsApart, portsApart } from './apart.ts'
import { costsOf } from './costs.ts'
import { readDrops } from './drops.ts'
import type { EventLog } from './events.ts'
import type { Reconciler } from './reconciler.ts'

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
    const reason = unplaced === undefined ? {} : { reason: unplaced }
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
      const check = () => {
        if (!done()) return
        stop()
        signal.removeEventListener('abort', abort)
        resolve()
      }
      signal.addEventListener('abort', abort, { once: true })
      if (signal.aborted) abort()
      else check()
    })
  }

  async counters(key: string): Promise<PortCounters | undefined> {
    const reconciler = this.#reconciler
    const { snapshot } = this.#store
    const place = reconciler.compiler.placement(key)
    const network = place && snapshot.get('network', `${place.port.tenant}/${place.port.network}`)
    if (!place || !network) return undefined
    const session = reconciler.session(place.hostId)
    if (session?.kind === 'vtep') return reconciler.counters.ofDevice(session.drops(), key)
    const connection = reconciler.channel(place.hostId)?.connection
    if (!connection) return undefined
    try {
      const counted = await reconciler.counters.read(connection, { key, place, network })
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

  /** The network of an intent `network/acme/web`; undefined for intents of other things. */
  #network(intent: string): Objects['network'] | undefined {
    const prefix = 'network/'
    if (!intent.startsWith(prefix)) return undefined
    return this.#store.snapshot.get('network', intent.slice(prefix.length))
  }

  /** Of the session that the host is driven by. */
  #certificate(hostId: string): Status['certificate'] {
    const identity = this.#reconciler.session(hostId)?.identity
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
    for (const name of session?.kind === 'ovs' ? session.foreignBridges : []) {
      if (intent === `bridge/${name}`)
        return { state: 'failed', reason: `bridge ${name} exists on ${hostId} and is not ours` }
    }
    const missing = this.#missingPhysical(hostId, concern.network ?? intent)
    if (missing !== undefined)
      return { state: 'failed', reason: `physical_network_missing: ${missing}` }
    return this.#confirmed(hostId, revision)
  }

  /** The physical network that the network of this intent needs on the host, which does not offer it. */
  #missingPhysical(hostId: string, intent: string): string | undefined {
    const session = this.#reconciler.session(hostId)
    const network = this.#network(intent)
    const needed = network && segmentAt(network, hostId)?.physicalNetwork
    if (session?.kind !== 'ovs' || needed === undefined || session.offers(needed)) return undefined
    return `${hostId} offers no bridge to ${needed}`
  }

  #vtepStatus(hostId: string, { intent, network, revision }: Concern): HostStatus {
    const session = this.#reconciler.session(hostId)
    const never = this.#notForVtep(network ?? intent)
    if (never !== undefined) return { state: 'failed', reason: never }
    if (session?.kind !== 'vtep') return { state: 'disconnected', reason: AWAY }
    const intents = [intent, network ?? intent, `host/${hostId}`]
    const objection = session.objection(intents)
    if (objection !== undefined) return { state: 'failed', reason: objection }
    return degraded(this.#confirmed(hostId, revision), session.degradation(intents))
  }

  /** What rows of hardware_vtep cannot say, whether the host is there or not; undefined: they can. */
  #notForVtep(intent: string): string | undefined {
    if (intent.startsWith('bridge/'))
      return 'unsupported: hardware_vtep has no rows for bridges; the host makes and keeps its own'
    const network = this.#network(intent)
    return network && network.type !== 'vxlan'
      ? `unsupported: hosts of kind vtep carry networks of type vxlan, and this is one of type ${network.type}`
      : undefined
  }

  #confirmed(hostId: string, revision: number): HostStatus {
    const confirmed = this.#reconciler.confirmed(hostId)
    if (confirmed === undefined)
      return { state: 'pending', reason: 'its rows are not as they should be yet' }
    if (confirmed >= revision) return { state: 'realized' }
    return { state: 'pending', reason: `confirmed up to revision ${confirmed} of ${revision}` }
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
        unplaced: compiler.placement(key) ? undefined : whyUnplaced(port),
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

/** What somebody who waits for this port has to do. */
function whyUnplaced(port: Objects['port']): string {
  const { hostId, ofport, uuid, interface: name } = port
  const slot = ofport === undefined ? name && `interface ${name}` : `ofport ${ofport}`
  if (hostId !== undefined && slot !== undefined)
    return `${slot} of ${hostId}, where it is declared, is held by another port`
  return `no host has an interface on br-int with external_ids:iface-id=${uuid}, or one with this ifalias where it is of kind vtep`
}
