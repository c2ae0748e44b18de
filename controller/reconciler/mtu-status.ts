/**
 * What the underlay carries of what networks ask for: `mtu {configured, effective, limitedBy}` of a network or a port. Three
 * sources: MTUs of interfaces as hosts report them, our probes between ovs hosts, and those that a vtep host makes itself.
 * Each tells what is new of one host or one path; only that is judged again, and a status costs by what limits its object.
 * Neighbours: `mtu-index.ts` (what is known), `mtu-limits.ts`, `mtu-needs.ts`, `mtu-watch.ts` (listens); `status.ts` asks.
 */
import type { Network } from '../model/schema.ts'
import { guestBytes } from '../model/segment.ts'
import { type Tunnel, tunnelBetween } from '../model/tunnel.ts'
import type { MtuLimit, MtuStatus, UnknownPath } from '../northbound/realization.ts'
import type { EventLog } from './events.ts'
import { common, type LowInterface, NarrowPaths, type SeenInterface } from './mtu-index.ts'
import { interfaceLimits, pathLimit } from './mtu-limits.ts'
import { MtuNeeds, type NeedSources } from './mtu-needs.ts'
import { Narrowest } from './narrowest.ts'
import { MOST_PROBE_BYTES } from './probe.ts'

/** What a host says of the interfaces that it uses. */
export interface SeenInterfaces {
  /** Undefined: it does not say. */
  readonly underlay: SeenInterface | undefined
  /** By id of the physical network that it leads to. */
  readonly physical: ReadonlyMap<string, SeenInterface>
}

export interface MtuSources extends NeedSources {
  readonly events: Pick<EventLog, 'add'>
}

/** Limits that one status names; a network on many hosts may have more. */
const MOST_LIMITS = 20
/** Of interfaces and paths, what one review looks at; the rest comes with the next one. */
const MOST_REVIEWED = 1000

/** What an event may be about: an interface of a host, or a path. */
type Subject =
  | { readonly host: string; readonly physicalNetwork: string | undefined }
  | { readonly from: string; readonly to: string }

export class MtuStates {
  readonly needs: MtuNeeds
  readonly #sources: MtuSources
  readonly #low = new Map<string, readonly LowInterface[]>()
  readonly #paths = new NarrowPaths()
  /** On which a vtep host gets no answer at all, of whatever size: that is no size. */
  readonly #silent = new NarrowPaths()
  /** What was told of last, by subject: its sentence and host. */
  readonly #told = new Map<string, { readonly message: string; readonly host: string }>()
  /** What is to be reviewed. */
  readonly #due = new Map<string, Subject>()

  constructor(sources: MtuSources) {
    this.#sources = sources
    this.needs = new MtuNeeds(sources)
  }

  /** Of a network, or of what one of its ports on this host meets. */
  of(key: string, network: Network, hostId?: string): MtuStatus {
    const configured = network.mtuBytes
    const bytes = guestBytes(network)
    const tags = bytes - configured
    const snapshot = this.#sources.snapshot()
    const hosts = this.#sources.compiler.hostsOfNetwork(key)
    const found = new Narrowest<MtuLimit>(MOST_LIMITS)
    for (const host of common(hosts, this.#low))
      for (const low of this.#low.get(host) ?? [])
        for (const limit of interfaceLimits(snapshot, low, network, { hosts, hostId }))
          found.add(limit)
    const isNews = (passes: number) => passes < bytes && found.takes(passes)
    if (network.type === 'vxlan')
      for (const [from, to, passes] of this.#paths.between(hosts, hostId, isNews)) {
        if (!isNews(passes)) continue
        const limit = this.#byPath(from, to, passes, bytes)
        if (limit) found.add(limit)
      }
    const limitedBy = found
      .items()
      .map((limit) => ({ ...limit, packetBytes: Math.max(0, limit.packetBytes - tags) }))
    const effective = Math.min(configured, limitedBy[0]?.packetBytes ?? configured)
    const isUnprobed = network.type === 'vxlan' && bytes > MOST_PROBE_BYTES
    const probed = isUnprobed ? { probedBytes: MOST_PROBE_BYTES - tags } : {}
    const unknown = network.type === 'vxlan' ? this.#unknown(hosts, hostId) : []
    const silent = unknown.length > 0 ? { unknown } : {}
    return { configured, effective, limitedBy, ...silent, ...probed }
  }

  #unknown(hosts: ReadonlySet<string>, hostId: string | undefined): UnknownPath[] {
    const snapshot = this.#sources.snapshot()
    const found: UnknownPath[] = []
    for (const [from, to] of this.#silent.between(hosts, hostId, () => true)) {
      const [a, b] = [snapshot.get('host', from), snapshot.get('host', to)]
      const tunnel = a && b && tunnelBetween(a, b)
      if (!tunnel) continue
      const { local, remote } = tunnel
      const message = `what gets from ${from} (${local}) to ${to} (${remote}) is not known: no echo request of any size is answered`
      found.push({ from, to, vteps: [local, remote], message })
      if (found.length === MOST_LIMITS) break
    }
    return found
  }

  /** Takes what a host says of its interfaces. @returns whether one is another than before, or has another MTU */
  looked(hostId: string, seen: SeenInterfaces): boolean {
    const { snapshot } = this.#sources
    const host = snapshot().get('host', hostId)
    const low: LowInterface[] = []
    if (host && seen.underlay && seen.underlay.mtuBytes < host.underlayMtuBytes)
      low.push({ host: hostId, ...seen.underlay })
    for (const [physicalNetwork, each] of seen.physical)
      if (each.mtuBytes < (snapshot().get('physicalNetwork', physicalNetwork)?.mtuBytes ?? 0))
        low.push({ host: hostId, physicalNetwork, ...each })
    const before = this.#low.get(hostId) ?? []
    if (JSON.stringify(before) === JSON.stringify(low)) return false
    if (low.length > 0) this.#low.set(hostId, low)
    else this.#low.delete(hostId)
    for (const { physicalNetwork } of [...before, ...low])
      this.#review({ host: hostId, physicalNetwork })
    // An interface may explain a path, or no longer.
    for (const [from, to] of this.#paths.of(hostId)) this.#review({ from, to })
    return true
  }

  /** Takes the largest packet of a workload that gets from one host to another, in bytes; undefined: all that is needed. */
  path(from: string, to: string, passes: number | undefined): void {
    if (this.#paths.set(from, to, passes)) this.#review({ from, to })
  }

  /** Takes all that a vtep host says of its paths: bytes of the largest outer packet by VTEP, up to what its networks need. */
  reported(hostId: string, outer: ReadonlyMap<string, number>): void {
    const snapshot = this.#sources.snapshot()
    const host = snapshot.get('host', hostId)
    const left = new Set([...this.#paths.peersOf(hostId), ...this.#silent.peersOf(hostId)])
    const hear = (peerId: string, passes: number | undefined, isSilent: boolean) => {
      this.path(hostId, peerId, passes)
      this.#silent.set(hostId, peerId, isSilent ? 0 : undefined)
    }
    for (const [vtep, outerBytes] of host ? outer : []) {
      const [peerId] = snapshot.find('hostByVtep', vtep)
      const peer = peerId === undefined ? undefined : snapshot.get('host', peerId)
      const tunnel = host && peer && tunnelBetween(host, peer)
      if (peerId === undefined || tunnel?.remote !== vtep) continue
      const passes = Math.max(0, outerBytes - tunnel.overheadBytes)
      if (passes >= this.needs.between(hostId, peerId)) continue
      left.delete(peerId)
      if (outerBytes === 0) hear(peerId, undefined, true)
      else hear(peerId, passes, false)
    }
    for (const peerId of left) hear(peerId, undefined, false)
  }

  /** The model is another one: networks may need more or less of what limits them, and hosts may be gone. */
  changed(): void {
    const snapshot = this.#sources.snapshot()
    for (const [hostId, low] of this.#low) {
      for (const { physicalNetwork } of low) this.#review({ host: hostId, physicalNetwork })
      if (!snapshot.get('host', hostId)) this.#low.delete(hostId)
    }
    const gone = [...this.#paths.hosts()].filter((hostId) => !snapshot.get('host', hostId))
    for (const hostId of gone)
      for (const [from, to] of [...this.#paths.of(hostId)]) this.path(from, to, undefined)
    for (const hostId of [...this.#silent.hosts()].filter((id) => !snapshot.get('host', id)))
      for (const [from, to] of [...this.#silent.of(hostId)]) this.#silent.set(from, to, undefined)
  }

  /** Tells by events what limits now and did not before, and the other way round. @returns whether there is more to review */
  review(): boolean {
    const { events } = this.#sources
    let left = MOST_REVIEWED
    for (const [key, subject] of this.#due) {
      if (left-- === 0) return true
      this.#due.delete(key)
      const host = 'host' in subject ? subject.host : subject.from
      const message = this.#limitOf(subject)?.message
      const before = this.#told.get(key)
      if (message === before?.message) continue
      if (message !== undefined) {
        this.#told.set(key, { message, host })
        events.add('mtu_limited', host, message)
      } else if (before) {
        this.#told.delete(key)
        events.add('mtu_restored', host, `no longer so: ${before.message}`)
      }
    }
    return false
  }

  /** Whether there is something to review. */
  get isDue(): boolean {
    return this.#due.size > 0
  }

  #review(subject: Subject): void {
    const key =
      'host' in subject
        ? `${subject.host} ${subject.physicalNetwork ?? ''}`
        : `${subject.from} > ${subject.to}`
    this.#due.set(key, subject)
  }

  /** What is to be told of: of an interface where most is needed. */
  #limitOf(subject: Subject): MtuLimit | undefined {
    const { snapshot, compiler } = this.#sources
    if ('from' in subject) {
      const { from, to } = subject
      const passes = this.#paths.get(from, to)
      const bytes = passes === undefined ? 0 : this.needs.between(from, to)
      return passes !== undefined && passes < bytes
        ? this.#byPath(from, to, passes, bytes)
        : undefined
    }
    const low = this.#low
      .get(subject.host)
      ?.find(({ physicalNetwork }) => physicalNetwork === subject.physicalNetwork)
    let most: MtuLimit | undefined
    let mostBytes = 0
    for (const key of low ? this.needs.networksOf(low.host) : []) {
      const network = snapshot().get('network', key)
      if (!low || !network || guestBytes(network) <= mostBytes) continue
      const hosts = compiler.hostsOfNetwork(key)
      const limits = [...interfaceLimits(snapshot(), low, network, { hosts })]
      if (limits.length === 0) continue
      mostBytes = guestBytes(network)
      most = limits.at(-1)
    }
    return most
  }

  /** Undefined where an interface explains it: that is no news about the path. */
  #byPath(from: string, to: string, passes: number, bytes: number): MtuLimit | undefined {
    const snapshot = this.#sources.snapshot()
    const [a, b] = [snapshot.get('host', from), snapshot.get('host', to)]
    const tunnel = a && b && tunnelBetween(a, b)
    if (!tunnel || passes >= Math.min(this.#room(from, tunnel), this.#room(to, tunnel)))
      return undefined
    return pathLimit({ from, to, tunnel, passes, bytes })
  }

  /** What the interface of a host lets through such a tunnel, as far as it is low. */
  #room(hostId: string, { overheadBytes }: Tunnel): number {
    const low = this.#low.get(hostId)?.find(({ physicalNetwork }) => physicalNetwork === undefined)
    return low ? low.mtuBytes - overheadBytes : Number.POSITIVE_INFINITY
  }
}
