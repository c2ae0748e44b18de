/**
 * Who has to carry how large packets to whom: for two hosts with networks in common the longest packet that a workload may
 * send. Derived from where networks are; one host at a time, so that a large site is never held as pairs.
 * Neighbours: `prober.ts`, `mtu-status.ts`.
 */
import type { Compiler } from '../compiler/compiler.ts'
import { guestBytes } from '../model/segment.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { tunnelBetween } from '../model/tunnel.ts'
import type { Pair } from './prober.ts'

export interface NeedSources {
  readonly snapshot: () => Snapshot
  readonly compiler: Pick<Compiler, 'hostsOfNetwork' | 'networksOfHost'>
}

export class MtuNeeds {
  readonly #sources: NeedSources

  constructor(sources: NeedSources) {
    this.#sources = sources
  }

  /** Keys of the networks that are on a host, of every type. */
  networksOf(hostId: string): ReadonlySet<string> {
    return this.#sources.compiler.networksOfHost(hostId)
  }

  /** Bytes of the longest packet of a workload that has to cross between two hosts; 0: they have no VXLAN in common. */
  between(from: string, to: string): number {
    const { compiler } = this.#sources
    const snapshot = this.#sources.snapshot()
    let most = 0
    for (const key of this.networksOf(from)) {
      if (!compiler.hostsOfNetwork(key).has(to)) continue
      const network = snapshot.get('network', key)
      if (network?.type === 'vxlan') most = Math.max(most, guestBytes(network))
    }
    return most
  }

  /** What there is to probe between two hosts; undefined: nothing. */
  pair(from: string, to: string): Pair | undefined {
    const snapshot = this.#sources.snapshot()
    const [a, b] = [snapshot.get('host', from), snapshot.get('host', to)]
    if (a?.kind !== 'ovs' || b?.kind !== 'ovs') return undefined
    const bytes = this.between(from, to)
    const tunnel = bytes > 0 ? tunnelBetween(a, b) : undefined
    return tunnel && { from, to, local: tunnel.local, remote: tunnel.remote, bytes }
  }

  /** What there is to probe between all ovs hosts that `isReady`, there and back in turn: no host gets more than half of it. */
  *pairs(isReady: (hostId: string) => boolean): Iterable<Pair> {
    for (const from of this.#sources.snapshot().list('host').keys()) {
      if (!isReady(from)) continue
      for (const [to, bytes] of this.#peersAfter(from)) {
        if (!isReady(to)) continue
        const snapshot = this.#sources.snapshot()
        const [a, b] = [snapshot.get('host', from), snapshot.get('host', to)]
        const tunnel = a?.kind === 'ovs' && b?.kind === 'ovs' && tunnelBetween(a, b)
        if (!tunnel) continue
        const { local, remote } = tunnel
        yield { from, to, local, remote, bytes }
        yield { from: to, to: from, local: remote, remote: local, bytes }
      }
    }
  }

  /** Each two hosts once: those whose ids are higher. */
  #peersAfter(hostId: string): Map<string, number> {
    const { compiler } = this.#sources
    const snapshot = this.#sources.snapshot()
    const peers = new Map<string, number>()
    for (const key of this.networksOf(hostId)) {
      const network = snapshot.get('network', key)
      if (network?.type !== 'vxlan') continue
      const bytes = guestBytes(network)
      for (const peer of compiler.hostsOfNetwork(key))
        if (peer > hostId && (peers.get(peer) ?? 0) < bytes) peers.set(peer, bytes)
    }
    return peers
  }
}
