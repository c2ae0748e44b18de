/**
 * Whether a network's place on a physical network can be reached from a host: what the host offers, and the VLANs that the
 * bridge there carries. Part of `status.ts`; neighbour: `physical-networks.ts`.
 */
import { segmentAt } from '../compiler/segment-units.ts'
import type { Network } from '../model/schema.ts'
import type { View } from '../model/snapshot.ts'
import { hasVid } from '../model/vids.ts'
import type { Session } from './session.ts'

/** Why the network is not on its physical network from this host; undefined: it is, or it need not be. */
export function segmentFault(
  view: View,
  network: Network | undefined,
  hostId: string,
  session: Session | undefined,
): string | undefined {
  const segment = network && segmentAt(network, hostId)
  if (!segment) return undefined
  const { physicalNetwork, vid } = segment
  if (session?.kind === 'ovs' && !session.offers.has(physicalNetwork)) {
    const why = session.offers.whyNot(physicalNetwork)
    const lead = `physical_network_missing: ${hostId} offers no bridge to ${physicalNetwork}`
    return why === '' ? lead : `${lead}: ${why}`
  }
  const [key = ''] = view.find('bridgeByPhysicalNetwork', `${hostId} ${physicalNetwork}`)
  const bridge = view.get('bridge', key)
  if (vid === undefined || bridge?.vids === undefined || hasVid(bridge.vids, vid)) return undefined
  return `vid_not_carried: bridge ${bridge.id} of ${hostId} carries VIDs ${bridge.vids.join(', ')} and not ${vid}`
}
