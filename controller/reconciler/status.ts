/**
 * What is realized: for each object, whether every host that it concerns has confirmed it. Status is asked for, never
 * stored. Answers the northbound's questions (`Realization`) from the reconciler and the compiler.
 */
import type { Declared, Objects } from '../model/schema.ts'
import type {
  ControllerEvent,
  DropCount,
  PendingHost,
  Realization,
  Status,
} from '../northbound/realization.ts'
import type { Store } from '../store/store.ts'
import { readDrops } from './drops.ts'
import type { EventLog } from './events.ts'
import type { Reconciler } from './reconciler.ts'

type HostStatus = Status['hosts'][string]

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
    for (const hostId of concern.hosts)
      hosts[hostId] = this.#hostStatus(hostId, concern.intent, concern.revision)
    const { unplaced } = concern
    const realized =
      unplaced === undefined && Object.values(hosts).every(({ state }) => state === 'realized')
    const reason = unplaced === undefined ? {} : { reason: unplaced }
    const certificate = collection === 'host' ? this.#certificate(object.id) : undefined
    return {
      realized,
      revision: object.revision,
      ...reason,
      hosts,
      ...(certificate && { certificate }),
    }
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

  async drops(hostId: string, signal: AbortSignal): Promise<readonly DropCount[] | undefined> {
    const channel = this.#reconciler.channel(hostId)
    return (
      channel && (await readDrops(channel.connection, this.#reconciler.desired(hostId), signal))
    )
  }

  events(since?: number): readonly ControllerEvent[] {
    return this.#events.since(since)
  }

  pendingHosts(): readonly PendingHost[] {
    return this.#reconciler.pendingHosts()
  }

  /** Of the session that the host is driven by. */
  #certificate(hostId: string): Status['certificate'] {
    const identity = this.#reconciler.session(hostId)?.identity
    if (!identity) return undefined
    const { name, fingerprint, expires } = identity
    return { name, fingerprint, expires: new Date(expires).toISOString() }
  }

  #hostStatus(hostId: string, intent: string, revision: number): HostStatus {
    const channel = this.#reconciler.channel(hostId)
    if (!channel) {
      const reason = this.#reconciler.session(hostId)
        ? 'its database is connected, its br-int has not dialled OpenFlow (ovs-vswitchd, datapath_type?)'
        : 'the host is not connected; it keeps what it had'
      return { state: 'disconnected', reason }
    }
    for (const { from, reason } of channel.failed.values()) {
      // What every host has is the host's own concern.
      if (from.includes(intent) || (from.includes('site') && intent === `host/${hostId}`))
        return { state: 'failed', reason }
    }
    for (const name of this.#reconciler.session(hostId)?.foreignBridges ?? []) {
      if (intent === `bridge/${name}`)
        return { state: 'failed', reason: `bridge ${name} exists on ${hostId} and is not ours` }
    }
    const confirmed = this.#reconciler.confirmed(hostId)
    if (confirmed === undefined)
      return { state: 'pending', reason: 'its rows are not as they should be yet' }
    if (confirmed >= revision) return { state: 'realized' }
    return { state: 'pending', reason: `confirmed up to revision ${confirmed} of ${revision}` }
  }

  /** The hosts that an object has to reach, the intent that its items name, and the revision to confirm. */
  #concern<C extends Declared>(collection: C, object: Objects[C]) {
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

/** What somebody who waits for this port has to do. */
function whyUnplaced(port: Objects['port']): string {
  const { hostId, ofport, uuid } = port
  if (hostId !== undefined && ofport !== undefined)
    return `ofport ${ofport} of ${hostId}, where it is declared, is held by another port`
  return `no host has an interface on br-int with external_ids:iface-id=${uuid}`
}
