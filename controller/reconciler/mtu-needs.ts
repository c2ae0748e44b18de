/**
 * Who has to carry how large packets to whom: for each host that has networks, its peers in them with the longest packet
 * that a workload may send. Derived from where networks are; one host at a time, so that a large site is never held as
 * pairs. Neighbours: `prober.ts`, `mtu-status.ts`.
 */
import type { Compiler } from '../compiler/compiler.ts'
import type { Host } from '../model/schema.ts'
import { guestBytes } from '../model/segment.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { type Tunnel, tunnelBetween } from '../model/tunnel.ts'

/** What a host has to carry to a peer. */
export interface Need {
  readonly peer: Host
  readonly tunnel: Tunnel
  /** Bytes of the longest packet of a workload. */
  readonly bytes: number
}

/** Networks of type vxlan by the hosts that carry them. */
export function networksByHost(snapshot: Snapshot, compiler: Compiler): Map<string, string[]> {
  const byHost = new Map<string, string[]>()
  for (const [key, { type }] of snapshot.list('network')) {
    if (type !== 'vxlan') continue
    for (const hostId of compiler.hostsOfNetwork(key)) {
      const keys = byHost.get(hostId)
      if (keys) keys.push(key)
      else byHost.set(hostId, [key])
    }
  }
  return byHost
}

/** What a host has to carry in these networks, by id of the peer. */
export function needsOf(
  host: Host,
  networks: readonly string[],
  { snapshot, compiler }: { readonly snapshot: Snapshot; readonly compiler: Compiler },
): Map<string, Need> {
  const needs = new Map<string, Need>()
  for (const key of networks) {
    const network = snapshot.get('network', key)
    if (!network) continue
    const bytes = guestBytes(network)
    for (const peerId of compiler.hostsOfNetwork(key)) {
      if (peerId === host.id || (needs.get(peerId)?.bytes ?? 0) >= bytes) continue
      const peer = snapshot.get('host', peerId)
      const tunnel = peer && tunnelBetween(host, peer)
      if (tunnel) needs.set(peerId, { peer, tunnel, bytes })
    }
  }
  return needs
}
