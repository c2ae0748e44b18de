/** What an interface or a path costs a network, in words. Neighbour: `mtu-status.ts` says which of them there are. */
import { segmentAt } from '../compiler/segment-units.ts'
import type { Family } from '../model/overhead.ts'
import type { Host, Network } from '../model/schema.ts'
import { guestBytes } from '../model/segment.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { familiesOf, type Tunnel, tunnelBetween } from '../model/tunnel.ts'
import type { MtuLimit } from '../northbound/realization.ts'
import type { LowInterface } from './mtu-index.ts'

/** The hosts of a network; with `hostId` what a port on this one meets. */
interface Among {
  readonly hosts: ReadonlySet<string>
  readonly hostId?: string | undefined
}

/** What an interface costs a network; of tunnels once for each address family that they have, dearer ones last. */
export function* interfaceLimits(
  snapshot: Snapshot,
  low: LowInterface,
  network: Network,
  { hosts, hostId }: Among,
): Iterable<MtuLimit> {
  const { host, physicalNetwork } = low
  const bytes = guestBytes(network)
  if (physicalNetwork !== undefined) {
    if (segmentAt(network, host)?.physicalNetwork === physicalNetwork && low.mtuBytes < bytes)
      yield interfaceLimit(low, low.mtuBytes, bytes)
    return
  }
  if (network.type !== 'vxlan') return
  const peers = hostId === undefined || hostId === host ? hosts : [hostId]
  for (const overheadBytes of tunnelOverheads(snapshot, host, peers))
    if (low.mtuBytes < bytes + overheadBytes)
      yield interfaceLimit(low, low.mtuBytes - overheadBytes, bytes + overheadBytes)
}

/** @param at what passes from one host to another of what is needed, in bytes of a workload's packet */
export function pathLimit(at: {
  readonly from: string
  readonly to: string
  readonly tunnel: Tunnel
  readonly passes: number
  readonly bytes: number
}): MtuLimit {
  const { from, to, passes, bytes } = at
  const { local, remote } = at.tunnel
  const what = passes === 0 ? 'no packet' : `no packet over ${passes} bytes`
  return {
    ...{ kind: 'path', from, to, vteps: [local, remote], packetBytes: passes },
    message: `${what} gets from ${from} (${local}) to ${to} (${remote}), and ${bytes} bytes are needed`,
  }
}

/** What tunnels of a host to these others cost, in bytes, ascending. */
function tunnelOverheads(
  snapshot: Snapshot,
  hostId: string,
  peers: Iterable<string>,
): readonly number[] {
  const host = snapshot.get('host', hostId)
  if (!host) return []
  const found = new Map<Family, number>()
  // Whom it can reach in one way alone it needs no second peer to tell of.
  const most = familiesOf(host) === '46' && hasOnly6(snapshot) ? 2 : 1
  for (const peerId of peers) {
    const peer: Host | undefined = peerId === hostId ? undefined : snapshot.get('host', peerId)
    const tunnel = peer && tunnelBetween(host, peer)
    if (tunnel) found.set(tunnel.family, tunnel.overheadBytes)
    if (found.size === most) break
  }
  return [...found.values()].sort((a, b) => a - b)
}

function interfaceLimit(
  { host, interface: name, mtuBytes, physicalNetwork }: LowInterface,
  roomBytes: number,
  needed: number,
): MtuLimit {
  const where = physicalNetwork === undefined ? '' : ` to physical network ${physicalNetwork}`
  return {
    ...{ kind: 'interface', host, interface: name, mtuBytes, packetBytes: Math.max(0, roomBytes) },
    message: `interface ${name} of host ${host} carries ${mtuBytes} bytes${where}, and ${needed} are needed`,
  }
}

/** Whether some host has no IPv4 VTEP. */
function hasOnly6(snapshot: Snapshot): boolean {
  for (const _ of snapshot.index('hostByUnderlayMtu').range('6 ', '6!')) return true
  return false
}
