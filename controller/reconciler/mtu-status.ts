/**
 * What the underlay carries of what networks ask for: `mtu {configured, effective, limitedBy}` of a network or a port. Three
 * sources: MTUs of interfaces as hosts report them, our probes between ovs hosts, and those that a vtep host makes itself.
 * Neighbours: `prober.ts`, `mtu-needs.ts`; `status.ts` asks, `reconciler.ts` owns it.
 */
import type { Compiler } from '../compiler/compiler.ts'
import type { Host, Network } from '../model/schema.ts'
import { guestBytes } from '../model/segment.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { type Tunnel, tunnelBetween } from '../model/tunnel.ts'
import type { MtuLimit, MtuStatus } from '../northbound/realization.ts'
import type { EventLog } from './events.ts'
import { needsOf, networksByHost } from './mtu-needs.ts'
import type { Pair } from './prober.ts'

/** What a host says of the interface that carries its tunnels. */
export interface UnderlayInterface {
  readonly interface: string
  readonly mtuBytes: number
}

export interface MtuSources {
  readonly snapshot: () => Snapshot
  readonly compiler: Compiler
  readonly events: EventLog
  /** Undefined: the host is away, or does not say. */
  readonly underlay: (hostId: string) => UnderlayInterface | undefined
  /** Bytes of the largest packet of a workload that our probes got across; undefined: all that is needed, or not known. */
  readonly probed: (from: string, to: string) => number | undefined
  /** Bytes of the largest outer packet that a vtep host got to a VTEP; undefined: not known. */
  readonly reported: (from: string, remote: string) => number | undefined
  /** Hosts whose probes are lost, each perhaps more than once. */
  readonly suspects: () => readonly string[]
  /** Whether probes can be sent to and from the host now. */
  readonly isProbed: (hostId: string) => boolean
}

/** Limits that one status names; a network on many hosts may have more. */
const MOST_LIMITS = 20

export class MtuStates {
  readonly #sources: MtuSources
  /** What was told of last: limit -> its sentence and host. */
  #told = new Map<string, { readonly message: string; readonly host: string }>()
  /** Hosts that may limit anything; all others are well, and cost nobody who asks anything. */
  #troubled: ReadonlySet<string> = new Set()

  constructor(sources: MtuSources) {
    this.#sources = sources
  }

  /** Of a network, or of what one of its ports on this host meets. */
  of(key: string, network: Network, hostId?: string): MtuStatus {
    const configured = network.mtuBytes
    if (network.type !== 'vxlan') return { configured, effective: configured, limitedBy: [] }
    const hosts = this.#sources.compiler.hostsOfNetwork(key)
    const limits: MtuLimit[] = []
    const tags = guestBytes(network) - configured
    for (const a of this.#troubled) {
      if (!hosts.has(a)) continue
      for (const b of hostId === undefined || hostId === a ? hosts : [hostId]) {
        if (a !== b) limits.push(...this.#between(a, b, guestBytes(network)))
      }
    }
    const found = new Map(limits.map((limit) => [limit.message, limit]))
    const limitedBy = [...found.values()]
      .map((limit) => ({ ...limit, packetBytes: Math.max(0, limit.packetBytes - tags) }))
      .sort((a, b) => a.packetBytes - b.packetBytes)
    const effective = Math.min(configured, limitedBy[0]?.packetBytes ?? configured)
    return { configured, effective, limitedBy: limitedBy.slice(0, MOST_LIMITS) }
  }

  /** Every pair of ovs hosts that can be probed, with what it has to carry. */
  *pairs(): Iterable<Pair> {
    const { compiler, isProbed } = this.#sources
    const snapshot = this.#sources.snapshot()
    for (const [hostId, networks] of networksByHost(snapshot, compiler)) {
      const host = snapshot.get('host', hostId)
      if (!host || !isProbed(hostId)) continue
      for (const { peer, tunnel, bytes } of needsOf(host, networks, this.#latest()).values()) {
        const { local, remote } = tunnel
        if (isProbed(peer.id)) yield { from: hostId, to: peer.id, local, remote, bytes }
      }
    }
  }

  /** Tells by events what limits now and did not before, and the other way round. */
  review(): void {
    const { compiler, events, suspects } = this.#sources
    const snapshot = this.#sources.snapshot()
    const now = new Map<string, { message: string; host: string }>()
    const troubled = new Set(suspects())
    for (const host of snapshot.list('host').values())
      if (this.#mayLimit(host)) troubled.add(host.id)
    this.#troubled = troubled
    const networksOf = troubled.size > 0 ? networksByHost(snapshot, compiler) : new Map()
    for (const hostId of troubled) {
      const host = snapshot.get('host', hostId)
      const networks = networksOf.get(hostId)
      if (!host || !networks) continue
      for (const { peer, bytes } of needsOf(host, networks, this.#latest()).values()) {
        for (const { message } of this.#between(hostId, peer.id, bytes))
          now.set(message, { message, host: hostId })
      }
    }
    for (const [key, { message, host }] of now)
      if (!this.#told.has(key)) events.add('mtu_limited', host, message)
    for (const [key, { message, host }] of this.#told)
      if (!now.has(key)) events.add('mtu_restored', host, `no longer so: ${message}`)
    this.#told = now
  }

  #latest() {
    return { snapshot: this.#sources.snapshot(), compiler: this.#sources.compiler }
  }

  /** The model has no network that does not fit what a host is declared to carry. */
  #mayLimit({ id, kind, underlayMtuBytes }: Host): boolean {
    return (
      kind === 'vtep' ||
      (this.#sources.underlay(id)?.mtuBytes ?? underlayMtuBytes) < underlayMtuBytes
    )
  }

  /** What limits packets of this size between two hosts, in both directions: interfaces, else the path. */
  #between(a: string, b: string, bytes: number): MtuLimit[] {
    const snapshot = this.#sources.snapshot()
    const [hostA, hostB] = [snapshot.get('host', a), snapshot.get('host', b)]
    const tunnel = hostA && hostB && tunnelBetween(hostA, hostB)
    if (!tunnel) return []
    const limits = [this.#byInterface(a, tunnel, bytes), this.#byInterface(b, tunnel, bytes)]
      .filter((limit) => limit !== undefined)
      .sort((x, y) => x.packetBytes - y.packetBytes)
    // What an interface explains is no news about the path.
    const explained = limits[0]?.packetBytes ?? bytes
    const there = this.#byPath([a, b], tunnel, bytes)
    const back = this.#byPath(
      [b, a],
      { ...tunnel, local: tunnel.remote, remote: tunnel.local },
      bytes,
    )
    for (const limit of [there, back])
      if (limit && limit.packetBytes < explained) limits.push(limit)
    return limits
  }

  #byInterface(host: string, { overheadBytes }: Tunnel, bytes: number): MtuLimit | undefined {
    const underlay = this.#sources.underlay(host)
    const needed = bytes + overheadBytes
    if (!underlay || underlay.mtuBytes >= needed) return undefined
    const { interface: name, mtuBytes } = underlay
    return {
      kind: 'interface',
      host,
      interface: name,
      mtuBytes,
      packetBytes: Math.max(0, mtuBytes - overheadBytes),
      message: `interface ${name} of host ${host} carries ${mtuBytes} bytes, and ${needed} are needed`,
    }
  }

  #byPath(
    [from, to]: readonly [string, string],
    { local, remote, overheadBytes }: Tunnel,
    bytes: number,
  ): MtuLimit | undefined {
    const outer = this.#sources.reported(from, remote)
    const passed = outer === undefined ? this.#sources.probed(from, to) : outer - overheadBytes
    if (passed === undefined || passed >= bytes) return undefined
    const packetBytes = Math.max(0, passed)
    const vteps = [local, remote] as const
    const what = packetBytes === 0 ? 'no packet' : `no packet over ${packetBytes} bytes`
    return {
      kind: 'path',
      from,
      to,
      vteps,
      packetBytes,
      message: `${what} gets from ${from} (${local}) to ${to} (${remote}), and ${bytes} bytes are needed`,
    }
  }
}
